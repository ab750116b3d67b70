"""What an exercise is: what its functions are tried on, what they should give, and how it looks when they err.

What should come out is never computed by the formula that is asked for. A forward comes from its definition, by
quadrature or by enumeration; a gradient comes from differences of that forward.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae.coursework.mistakes import MISTAKES, Mistake
from npvae.coursework.variants import Variant
from npvae.types import Array

ONE, SEVERAL, EXTREMES = "one example", "several examples", "extreme values"


@dataclass(frozen=True)
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
    """What the student reads, as the end of a sentence."""


Results = dict[str, Any]
"""By the name of each thing that is asked for: an array, or a `Failure`."""
Functions = Sequence[Callable[..., Any]]


@dataclass(frozen=True)
class Slip:
    """A mistake, as what it makes of the things that are asked for."""

    name: str
    """Its name, that of an entry of `MISTAKES` where there is one."""
    what: str
    """What it looks like: says what is wrong, never what is right."""
    wrong: Callable[[Probe, Mapping[str, Array]], Results]
    """What comes out, given a probe and the right results for it; what it leaves right need not be named."""


@dataclass(frozen=True)
class Exercise:
    """One exercise; `npvae.coursework.exercises.EXERCISES` has them all."""

    name: str
    title: str
    section: str
    """Title of the section of the notes."""
    functions: tuple[str, ...]
    """What the student defines, in the order in which `run` takes it."""
    points: Callable[[Variant], Mapping[str, int]]
    """By part: the name of a result, SEVERAL or EXTREMES."""
    probes: Callable[[Variant, np.random.Generator], list[Probe]]
    run: Callable[[Functions, Probe], Results]
    """Calls the student's functions. It knows no right answer, so that it can run where they run."""
    expected: Callable[[Variant, Probe], dict[str, Array]]
    slips: Callable[[Variant], list[Slip]]
    properties: Mapping[str, str]
    """By result: what holds for a right one, as a sentence that ends a hint."""
    textbook: str = ""
    """What an answer to the textbook's question does: "it takes a log-variance"."""
    bonus: bool = field(default=False)


# Calling the student's functions.


def attempt(call: Callable[..., Any], *args: Any) -> Any:
    """What the call gives, or a `Failure` that says what went wrong in one line."""
    try:
        with np.errstate(all="ignore"):
            return call(*args)
    except NotImplementedError:
        return Failure("blank", "is still to be written")
    except Exception as error:
        return Failure("raises", f"raises {type(error).__name__}: {' '.join(str(error).split())[:200]}")


def unchanged(call: Callable[..., Any], *args: Any) -> Any:
    """As `attempt`, and a `Failure` where the call changes what it was given."""
    before = copy.deepcopy(args)
    value = attempt(call, *args)
    for i, (old, new) in enumerate(zip(before, args, strict=True), 1):
        if isinstance(old, np.ndarray) and not np.array_equal(old, new, equal_nan=True):
            return Failure("changes", f"changes its argument number {i}: work on a copy")
    return value


def several(value: Any, names: Sequence[str]) -> Results:
    """The named parts of what a function returned, or a `Failure` for each where their number is not right."""
    if isinstance(value, Failure):
        return dict.fromkeys(names, value)
    parts = value if isinstance(value, tuple | list) else (value,)
    if len(parts) != len(names):
        came = f"{len(parts)} things" if isinstance(value, tuple | list) else "one thing"
        return dict.fromkeys(names, Failure("number", f"returns {came}, expected {len(names)}: {', '.join(names)}"))
    return dict(zip(names, parts, strict=True))


def run_pair(names: Sequence[str]) -> Callable[[Functions, Probe], Results]:
    """Run for a forward that returns (out, cache) and a backward that returns the named gradients."""

    def run(functions: Functions, probe: Probe) -> Results:
        forward, *rest = functions
        returned = unchanged(forward, *copy.deepcopy(probe.args))
        if not isinstance(returned, Failure) and not (isinstance(returned, tuple) and len(returned) == 2):
            returned = Failure("number", f"returns {type(returned).__name__}, expected two things: out, cache")
        if isinstance(returned, Failure):
            return {"forward": returned, **dict.fromkeys(names if rest else (), NEEDS_FORWARD)}
        out, cache = returned
        results = {"forward": copy.deepcopy(out)}
        if not same(out, attempt(lambda: forward(*copy.deepcopy(probe.args))[0])):
            results["forward"] = UNSTEADY
        for backward in rest:
            attempt(forward, *(0.5 * arg if is_float(arg) else arg for arg in probe.args))  # must not touch the cache
            dout = copy.deepcopy(probe.dout)
            first = several(copy.deepcopy(unchanged(backward, dout, cache)), names)
            again = several(attempt(backward, dout, cache), names)
            results |= {name: first[name] if same(first[name], again[name]) else UNSTEADY for name in names}
        return results

    return run


NEEDS_FORWARD = Failure("needs", "needs a forward that works")
UNSTEADY = Failure(
    "unsteady", "gives something else when it is called again: it draws something, or changes its cache"
)


def same(a: Any, b: Any) -> bool:
    """Whether two results are the same, bit for bit."""
    if isinstance(a, Failure) or isinstance(b, Failure):
        return isinstance(a, Failure) and isinstance(b, Failure) and a == b
    return attempt(np.array_equal, a, b, True) is True or attempt(np.array_equal, a, b) is True


def is_float(value: Any) -> bool:
    """Whether it is an array of floats."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


# What should come out.

STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Central differences of fourth order."""


def differences(f: Callable[..., Array], args: Sequence[Any], i: int, dout: Array, step: float = 1e-3) -> Array:
    """Gradient of sum(dout * f(*args)) by the argument number i."""
    arg = np.asarray(args[i], np.float64)
    gradient = np.zeros(arg.shape)
    for entry in np.ndindex(arg.shape):
        for offset, weight in STENCIL:
            moved = arg.copy()
            moved[entry] += offset * step
            with np.errstate(all="ignore"):
                out = f(*args[:i], moved, *args[i + 1 :])
            gradient[entry] += weight * float(np.sum(dout * out)) / step
    return gradient


def truth_of(f: Callable[..., Array], names: Mapping[str, int]) -> Callable[[Probe], dict[str, Array]]:
    """Forward and gradients that belong to f; names gives the position of each gradient's argument."""

    def expected(probe: Probe) -> dict[str, Array]:
        gradients = {name: differences(f, probe.args, i, probe.dout) for name, i in names.items()}
        with np.errstate(all="ignore"):
            return {"forward": f(*probe.args), **gradients}

    return expected


# What a wrong answer would give.


def alike(name: str, what: str, f: Callable[..., Array], names: Mapping[str, int]) -> Slip:
    """A wrong forward, and the gradients that belong to it: a gradient check stays green."""
    wrong = truth_of(f, names)
    return Slip(name, what, lambda probe, right: wrong(probe))


def table_slips(rights: Mapping[str, Callable[..., Any]], run: Callable[[Functions, Probe], Results]) -> list[Slip]:
    """The entries of `MISTAKES` that stand in for some of the textbook's functions, by dotted name."""

    def slip(mistake: Mistake) -> Slip:
        functions = [mistake.wrong.get(name, right) for name, right in rights.items()]
        return Slip(mistake.name, symptom(mistake.what), lambda probe, right: run(functions, probe))

    return [slip(mistake) for mistake in MISTAKES.values() if set(mistake.wrong) <= set(rights)]


def symptom(what: str) -> str:
    """What is wrong and what comes of it, without what is right: from "wrong -> right: symptom"."""
    wrong, _, rest = what.partition(" -> ")
    _, _, consequence = rest.partition(": ")
    return f"{wrong}: {consequence}".rstrip(".:, ") if consequence else wrong.rstrip(".")


def spread(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    """Numbers of both signs, none within a twentieth of zero: away from every kink, and no factor hides."""
    values = scale * rng.standard_normal(shape)
    return values + 0.05 * np.sign(values)
