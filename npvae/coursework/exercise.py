"""What an exercise is: what its functions are tried on, what they should give, and how it looks when they err.

What should come out is never computed by the formula that is asked for. A forward comes from its definition, by
quadrature or by enumeration; a gradient comes from differences of that forward.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from npvae.coursework.mistakes import MISTAKES, Mistake
from npvae.coursework.sandbox.calls import Functions, Probe, Results
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

ONE, SEVERAL, EXTREMES = "one example", "several examples", "extreme values"


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
    expected: Callable[[Variant, Probe], dict[str, Array]]
    slips: Callable[[Variant], list[Slip]]
    properties: Mapping[str, str]
    """By result: what holds for a right one, as a sentence that ends a hint."""
    bonus: bool = False
    choices: Mapping[str, Iterable[Any]] = field(default_factory=dict)
    """By slot of a variant that it asks by: all options, the textbook's first. New ones go to the end."""

    @property
    def run(self) -> Callable[[Functions, Probe], Results]:
        """Calls the student's functions. It knows no right answer, so that it can run where they run."""
        return RUN[self.name]


# What should come out.

STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""Central differences of fourth order."""
STEP = 1e-3


def differences(f: Callable[..., Array], args: Sequence[Any], i: int, dout: Array, step: float = STEP) -> Array:
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


def truth_of(
    f: Callable[..., Array], names: Mapping[str, int], steps: Mapping[str, float] = MappingProxyType({})
) -> Callable[[Probe], dict[str, Array]]:
    """Forward and gradients that belong to f.

    Parameters
    ----------
    f : callable
        The forward.
    names : mapping
        The position of each gradient's argument.
    steps : mapping
        Of the differences, where the usual one is not wanted.
    """

    def expected(probe: Probe) -> dict[str, Array]:
        gradients = {
            name: differences(f, probe.args, i, probe.dout, steps.get(name, STEP)) for name, i in names.items()
        }
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
