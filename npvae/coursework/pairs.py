"""What should come out of an exercise, and what of a wrong answer.

What should come out is never computed by the formula that is asked for. A forward comes from its definition, by
quadrature or by enumeration; a gradient comes from differences of that forward.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from npvae.coursework.exercise import Mistake
from npvae.coursework.sandbox.calls import Probe
from npvae.internals.types import Array

Forward = Callable[..., Array]
Rows = list[tuple[str, Forward]]
"""Words of mistakes, each with what is computed in the place of something right."""
STENCIL = ((1, 2 / 3), (2, -1 / 12))
"""Central differences of fourth order: steps to both sides, and the weight of what differs."""
STEP, SMALLER_STEP = 1e-3, 5e-4
"""The second is for wrong forwards, which may bend more sharply than right ones."""


def differences(f: Forward, args: Sequence[Any], i: int, dout: Array | float = 1.0, step: float = STEP) -> Array:
    """Gradient of sum(dout * f(*args)) with respect to the argument number i."""
    arg = np.asarray(args[i], np.float64)

    def at(entry: tuple[int, ...], shift: float) -> float:
        moved = arg.copy()
        moved[entry] += shift
        return float(np.sum(dout * f(*args[:i], moved, *args[i + 1 :])))

    gradient = np.zeros(arg.shape)
    with np.errstate(all="ignore"):
        for entry in np.ndindex(arg.shape):
            for steps, weight in STENCIL:  # exactly 0 where f does not depend on the entry
                gradient[entry] += weight * (at(entry, steps * step) - at(entry, -steps * step)) / step
    return gradient


def slope(f: Forward, a: Array) -> Array:
    """The derivative of a function of single numbers."""
    return differences(f, (a,), 0)


def pair(f: Forward, by: Mapping[str, int], probe: Probe, **steps: float) -> dict[str, Array]:
    """Forward and gradients that belong to f.

    Parameters
    ----------
    f : callable
        The forward.
    by : mapping
        The position of each gradient's argument.
    probe : Probe
    **steps : float
        Of the differences, where the usual one is not wanted.
    """
    gradients = {name: differences(f, probe.args, i, probe.dout, steps.get(name, STEP)) for name, i in by.items()}
    with np.errstate(all="ignore"):
        return {"forward": f(*probe.args), **gradients}


def alike(what: str, f: Forward, by: Mapping[str, int]) -> Mistake:
    """A wrong forward, and the gradients that belong to it: a gradient check stays green."""
    return Mistake(what, lambda probe, right: pair(f, by, probe, **dict.fromkeys(by, SMALLER_STEP)), f)


def forward_alone(what: str, f: Forward) -> Mistake:
    """A wrong forward beside right gradients."""
    return Mistake(what, lambda probe, right: {"forward": np.asarray(f(*probe.args))})


def exchanged(one: str, other: str) -> Mistake:
    """Two gradients, each in the place of the other."""
    what = "the two gradients stand in the wrong order"
    return Mistake(what, lambda probe, right: {one: right[other], other: right[one]}, whole=True)


def summed(f: Forward) -> Forward:
    """One number per example, of a function that gives one for each of its entries."""
    return lambda *args: np.sum(f(*args), axis=-1)


def spread(rng: np.random.Generator, *shape: int, scale: float = 1.0) -> Array:
    """Numbers of both signs, none within a twentieth of zero: away from every kink, and no factor hides."""
    values = scale * rng.standard_normal(shape)
    return values + 0.05 * np.sign(values)
