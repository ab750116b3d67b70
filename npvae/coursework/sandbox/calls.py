"""Calling a student's function: what comes back, or one line that says why nothing did."""

import copy
import inspect
import linecache
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
OURS = (os.path.dirname(__file__), os.path.dirname(np.__file__))
"""Where code is that no student wrote."""


@dataclass(frozen=True, eq=False)
class Probe:
    """One set of arguments on which an exercise's functions are tried."""

    where: str
    """What is special about it, in words for the student."""
    args: tuple[Any, ...]
    dout: Any = None
    """Upstream gradient, where there is one."""


@dataclass(frozen=True)
class Failure:
    """What stands in the place of an array that did not come."""

    name: str
    """Of its kind: "blank", "raises", "changes", "number", "unsteady", "needs"."""
    what: str
    """What the student reads, as the end of a sentence that begins with the function or its result."""


Results = dict[str, Any]
"""By the name of each thing that is asked for: an array, or a `Failure`."""


Functions = Sequence[Callable[..., Any]]


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """What the call gives, or a `Failure` that says what went wrong in one line."""
    try:
        with np.errstate(all="ignore"):
            return call(*args)
    except NotImplementedError:
        return Failure("blank", "is still to be written")
    except (Exception, SystemExit) as error:
        return Failure("raises", f"raises {described(error)}{line_of(error)}")


def described(error: BaseException) -> str:
    """Kind and message in a line, whatever the error's own methods do."""
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    except BaseException:
        return type(error).__name__


def line_of(error: BaseException) -> str:
    """The student's line that an error comes from, where its text is known."""
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    written = [place for place in places if not place[0].startswith(OURS)]
    text = linecache.getline(*written[-1]).strip()[:100] if written else ""
    return f", in the line `{text}`" if text else ""


def unchanged(call: Callable[..., Any], *args: Any, inside: Mapping[str, Array] | None = None) -> Any:
    """As `attempt`, and a `Failure` where the call changes what it was given, or arrays inside it."""
    watched = [(name_of(call, i), arg) for i, arg in enumerate(args) if isinstance(arg, np.ndarray)]
    watched += (inside or {}).items()
    before = [arg.copy() for _, arg in watched]
    value = attempt(call, *args)
    for (name, now), old in zip(watched, before, strict=True):
        if not np.array_equal(old, now, equal_nan=True):
            return Failure("changes", f"changes {name}: work on a copy")
    return value


def name_of(call: Callable[..., Any], i: int) -> str:
    """What the student calls an argument."""
    try:
        return list(inspect.signature(call).parameters)[i]
    except (TypeError, ValueError, IndexError):
        return f"its argument number {i + 1}"


def kept(value: Any) -> Any:
    """A copy of what a function returned, which no later call can change."""
    copied = attempt(copy.deepcopy, value)
    if isinstance(copied, Failure) and not isinstance(value, Failure):
        return Failure("type", not_numbers(value))
    return copied


def not_numbers(value: Any) -> str:
    """What a value is that is not an array of real numbers, as the end of a sentence."""
    if value is None:
        return "is None: is a return missing?"
    return f"is {kind_of(value)}, expected an array of real numbers"


def kind_of(value: Any) -> str:
    """What a value is, with an article."""
    kind = f"array of {value.dtype}" if type(value) is np.ndarray else type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def several(value: Any, names: Sequence[str]) -> Results:
    """The named parts of what a function returned, or a `Failure` for each where their number is not right."""
    if value is None or isinstance(value, Failure):
        return dict.fromkeys(names, value or NOTHING)
    if len(names) == 1 and not isinstance(value, tuple):
        return {names[0]: value}
    parts = value if isinstance(value, tuple | list) else (value,)
    if len(parts) != len(names):
        came = f"{len(parts)} things" if isinstance(value, tuple | list) else "one thing"
        return dict.fromkeys(names, Failure("number", f"returns {came}, expected {len(names)}: {', '.join(names)}"))
    return dict(zip(names, parts, strict=True))


def run_pair(names: Sequence[str]) -> Callable[[Functions, Probe], Results]:
    """Run for a forward that returns (out, cache) and a backward that returns the named gradients."""

    def run(functions: Functions, probe: Probe) -> Results:
        forward, *rest = functions
        out, cache = several(unchanged(forward, *copy.deepcopy(probe.args)), ("out", "cache")).values()
        if isinstance(out, Failure):
            return {"forward": out, **dict.fromkeys(names if rest else (), NEEDS_FORWARD)}
        results = {"forward": kept(out)}
        if not same(out, attempt(lambda: forward(*copy.deepcopy(probe.args))[0])):
            results["forward"] = UNSTEADY
        for backward in rest:
            first = several(kept(unchanged(backward, copy.deepcopy(probe.dout), cache)), names)
            attempt(forward, *(0.5 * arg if is_float(arg) else arg for arg in probe.args))  # must not touch the cache
            results |= steady(first, several(kept(attempt(backward, copy.deepcopy(probe.dout), cache)), names))
        return results

    return run


NOTHING = Failure("number", "returns None: is a return missing?")
NEEDS_FORWARD = Failure("needs", "needs a forward that works")
UNSTEADY = Failure(
    "unsteady",
    "gives something else when it is called again: it draws something, changes its cache, or reads a variable that "
    "another call has changed",
)


def steady(first: Results, again: Results) -> Results:
    """The results of the first of two calls, where they failed or the second gave the same."""
    return {
        name: value if isinstance(value, Failure) or same(value, again[name]) else UNSTEADY
        for name, value in first.items()
    }


def same(a: Any, b: Any) -> bool:
    """Whether two results are the same, bit for bit. Where neither is numbers, nothing is compared."""
    if not (holds_numbers(a) or holds_numbers(b)):
        return True
    return attempt(np.array_equal, a, b, True) is True or attempt(np.array_equal, a, b) is True


def holds_numbers(value: Any) -> bool:
    """Whether it is, or makes, an array of numbers."""
    return attempt(lambda: np.asarray(value).dtype.kind in "biufc") is True


def is_float(value: Any) -> bool:
    """Whether it is an array of floats."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
