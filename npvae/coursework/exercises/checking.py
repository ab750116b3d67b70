"""A gradient checker, tried on gradients that are right and on gradients that are not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.coursework.exercise import Exercise, Slip
from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.sandbox.cases import run_checker
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

RIGHT = range(7)
"""The pairs that are right, by their place in `cases`; of the others four are blatantly wrong, five hardly."""
LISTS = {"accepts": [*RIGHT, 7], "rejects": [7, 8, 9, 10, 0], "subtle": [11, 12, 13, 14, 15, 0], "arguments": [0, 7]}
"""By result. Each list holds both kinds: a checker that always says the same earns nothing."""


def expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    _, lists = probe.args
    return {name: np.array([float(i in RIGHT) for i in listed]) for name, listed in lists.items()}


def probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    shuffled = {name: rng.permutation(listed) for name, listed in LISTS.items()}
    return [Probe("the pairs it is tried on", (int(rng.integers(2**31)), shuffled))]


def checker(
    *,
    upstream_of_ones: bool = False,
    absolute: bool = False,
    floor: float = 0.01,
    first_argument: bool = False,
    first_entry: bool = False,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    dtype: Any = np.float64,
    restores: bool = True,
    norms: bool = False,
) -> Callable[..., bool]:
    """A gradient checker with one weakness, or several."""

    def is_right(forward: Any, backward: Any, args: Any) -> bool:
        args = tuple(np.array(arg, dtype) for arg in args) if restores else args
        out, cache = forward(*args)
        dout = np.ones_like(out) if upstream_of_ones else np.random.default_rng(0).standard_normal(out.shape)
        gradients = backward(dout, cache)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        analytic: Any
        numeric: Any
        for analytic, arg in list(zip(gradients, args, strict=True))[: 1 if first_argument else None]:
            numeric = np.zeros(arg.shape)
            for entry in np.ndindex(arg.shape):
                here = arg[entry]
                arg[entry] = here + step
                above = np.sum((dout * forward(*args)[0]).astype(dtype))
                arg[entry] = here - step
                below = np.sum((dout * forward(*args)[0]).astype(dtype))
                arg[entry] = here if restores else here - step
                numeric[entry] = (above - below) / (2 * step)
            if first_entry:
                analytic, numeric = analytic.flat[0], numeric.flat[0]
            if norms:
                analytic, numeric = np.linalg.norm(analytic), np.linalg.norm(numeric)
            scale = 1.0 if absolute else np.abs(numeric) + floor * np.max(np.abs(numeric))
            with np.errstate(all="ignore"):
                error = np.abs(analytic - numeric) / scale
            if not np.all(error < tolerance):  # 0 / 0 is refused with the rest
                return False
        return True

    return is_right


def slips(variant: Variant) -> list[Slip]:
    weak: dict[str, tuple[str, Callable[..., Any]]] = {
        "accepts_everything": ("it says yes to everything", lambda *_: True),
        "refuses_everything": (
            "it says no to everything: a step or a precision that leaves only rounding does that too",
            lambda *_: False,
        ),
        "upstream_of_ones": (
            "its upstream gradient is all ones: what cancels in a sum is not seen",
            checker(upstream_of_ones=True),
        ),
        "absolute_error": (
            "its error is absolute: small gradients pass whatever they are, large ones are refused",
            checker(absolute=True),
        ),
        "relative_error_without_a_floor": (
            "its error is relative to each entry alone: where a gradient is 0, rounding looks like a mistake",
            checker(floor=0.0),
        ),
        "first_argument_only": ("it looks at the gradient of the first argument only", checker(first_argument=True)),
        "one_entry_only": ("it looks at one entry only", checker(first_entry=True)),
        "norms_compared": ("it compares norms: the direction may be wrong", checker(norms=True)),
        "differences_in_float32": (
            "it computes in float32: the difference is lost in rounding",
            checker(dtype=np.float32, step=1e-5),
        ),
        "arguments_moved": ("it moves the arguments and does not put them back", checker(restores=False)),
        "tolerance_too_loose": ("its tolerance is so loose that one percent passes", checker(tolerance=0.05)),
        "tolerance_too_tight": ("its tolerance is tighter than differences can be", checker(tolerance=1e-13)),
        "step_too_small": ("its step is so small that the difference is all rounding", checker(step=1e-14)),
        "step_too_large": ("its step is so large that the difference is not the slope", checker(step=0.3)),
    }

    def slip(name: str, what: str, function: Callable[..., Any]) -> Slip:
        return Slip(name, what, lambda probe, right: run_checker([function], probe))

    return [slip(name, what, function) for name, (what, function) in weak.items()]


GRADIENT_CHECKER = Exercise(
    name="gradient_is_right",
    title="A gradient checker",
    section="Loss",
    functions=("gradient_is_right",),
    points=lambda variant: {"accepts": 4, "rejects": 3, "subtle": 3, "arguments": 2},
    probes=probes,
    expected=expected,
    slips=slips,
    properties={
        "accepts": "a right gradient is accepted, be it tiny, large, partly zero or given in float32",
        "rejects": "a wrong factor, a wrong sign, a zero in any argument is refused",
        "subtle": "one wrong entry in one argument is enough, and what cancels in a sum is wrong too",
        "arguments": "the arguments are afterwards what they were",
    },
)
