"""A mistake put in the place of the right thing, everywhere. Run as a script: which check rejects which mistake."""

import contextlib
import functools
import sys
import time
from pathlib import Path
from unittest.mock import patch

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1]), str(Path(__file__).parent)]

from wrong_versions import WRONG_VERSIONS

REJECTIONS = AssertionError, ArithmeticError, ValueError  # what a wrong number or shape ends in; a typo does not


def swapped(value, right, wrong):
    """The value with the wrong object for the right one, also within tuples and lists."""
    if value is right:
        return wrong
    if isinstance(value, tuple | list):
        entries = [swapped(entry, right, wrong) for entry in value]
        make = getattr(type(value), "_make", type(value))
        return make(entries) if any(a is not b for a, b in zip(entries, value, strict=True)) else value
    return value


def swaps(owner, right, wrong):
    """Patches that put the wrong object in the place of the right one wherever a module or a class holds it."""
    for key, value in list(vars(owner).items()):
        if isinstance(value, dict):
            new = {name: swapped(entry, right, wrong) for name, entry in value.items()}
            if any(new[name] is not value[name] for name in value):
                yield patch.dict(value, new)
        elif (new := swapped(value, right, wrong)) is not value:
            yield patch.object(owner, key, new)


@functools.cache
def holders(right):
    """Every module of the package, and every class in one, that holds this."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == "npvae"]
    classes = [
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == module.__name__
    ]
    return [owner for owner in (*modules, *classes) if any(swaps(owner, right, object()))]


@contextlib.contextmanager
def in_place(mistake):
    """The package with this mistake in it, in every module and class that holds the right thing."""
    with contextlib.ExitStack() as stack:
        for right, wrong in mistake.wrong.items():
            for owner in holders(right):
                for swap in swaps(owner, right, wrong):
                    stack.enter_context(swap)
        yield


def rejects(check):
    """Whether a check fails, here and now."""
    try:
        check()
    except REJECTIONS:
        return True
    return False


def print_matrix(checks):
    """Print a row a mistake, a column a check; returns the names of mistakes that no check rejects."""
    for i, check in enumerate(checks):
        print(" " * 62 + "| " * i + check.__name__)
    survivors = []
    for mistake in WRONG_VERSIONS.values():
        with in_place(mistake):
            row = [rejects(check) for check in checks]
        cells = " ".join("x" if killed else "." for killed in row)
        print(f"{mistake.name:57} {mistake.number or '':>3} {cells} {sum(row):3}", flush=True)
        survivors += [] if any(row) else [mistake.name]
    return survivors


def main():
    import warnings

    from checks import CHECKS

    warnings.simplefilter("ignore")
    started = time.perf_counter()
    assert not any(rejects(check) for check in CHECKS), "a check rejects the right code"
    survivors = print_matrix(CHECKS)
    print(f"{len(WRONG_VERSIONS)} mistakes, {len(CHECKS)} checks, {time.perf_counter() - started:.0f} s", end=", ")
    print(f"not rejected: {', '.join(survivors)}" if survivors else "all rejected")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
