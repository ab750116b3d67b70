"""A gradient checker, tried on gradients that are right and on gradients that are not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npvae.coursework.compare import entries_agree
from npvae.coursework.exercise import Exercise, Mistake, Shape
from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.sandbox.cases import DRAWS, run_checker
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

RIGHT = (
    "sines",
    "a softmax",
    "a quadratic form",
    "most entries of a gradient 0",
    "values around 1e-9",
    "values around 1e6",
    "arguments in float32",
)
"""The pairs that are right, in the order of `cases`."""
WRONG = (
    "wrong in every way",
    "the first of two gradients doubled",
    "both gradients with the wrong sign",
    "zeros for a large gradient",
    "the second of two gradients doubled",
    "the first of two gradients halved",
    "one entry one percent too large, in the second of two gradients",
    "one entry one percent too small, in the first of two gradients",
    "zeros where an upstream gradient of ones shows nothing",
    "one of two gradients transposed",
    "a factor 1.5 where values are around 1e-9",
    "one entry one percent off where values are around 1e-9",
    "one entry one percent off where values are around 1e6",
    "a third of a gradient that is mostly 0",
)
"""Those that are not, behind them."""
YES, NO = 0, len(RIGHT)
"""A right pair and a wrong one: a checker that always says the same earns nothing."""
LISTS = {
    "accepts": [*range(len(RIGHT)), NO],
    "rejects": [*range(NO + 1, NO + 6), YES],
    "subtle": [*range(NO + 6, NO + len(WRONG)), YES],
    "arguments": [YES, NO, NO + 1, NO - 1],
}
"""The pairs for each result."""


def expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    _, lists, asked = probe.args
    right = {name: np.repeat([float(i < NO) for i in listed], DRAWS) for name, listed in lists.items()}
    told = np.repeat([float(i < NO) for i in asked], DRAWS)
    return right | {"arguments": np.concatenate([np.ones(len(right["arguments"])), told])}


def probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    shuffled = {name: rng.permutation(listed) for name, listed in LISTS.items()}
    return [Probe("the pairs it is tried on", (int(rng.integers(2**31)), shuffled, rng.permutation([YES, NO])))]


def which_pairs(key: Any, name: str, cases: Sequence[Any]) -> Shape:
    """Of which pairs a checker says the wrong thing."""
    (case,) = cases
    _, lists, asked = case.probe.args
    listed = np.repeat(lists[name], DRAWS)
    wrong = ~entries_agree(case.came, case.should)
    if name == "arguments":
        if moved := labels(listed[wrong[: len(listed)]]):
            return Shape("moved", "are not afterwards what they were, to the last digit", f": {moved}")
        listed, wrong = np.repeat(asked, DRAWS), wrong[len(listed) :]
    refused, accepted = labels(listed[wrong & (listed < NO)]), labels(listed[wrong & (listed >= NO)])
    if refused and accepted:
        what = ": it refuses what is right and accepts what is wrong"
    else:
        what = ": it refuses what is right" if refused else ": it accepts what is wrong"
    return Shape("pairs", what, f" ({'; '.join(filter(None, (refused, accepted)))})")


def labels(indices: Array) -> str:
    """The pairs in words."""
    return ", ".join((*RIGHT, *WRONG)[i] for i in sorted(set(indices.tolist())))


def drawn(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(0).standard_normal(shape)


def size(numeric: Array) -> Array:
    """What an error is relative to."""
    return np.abs(numeric) + 0.01 * np.max(np.abs(numeric))


def checker(
    upstream: Callable[[tuple[int, ...]], Array] = drawn,
    size: Callable[[Array], Any] = size,
    seen: Callable[[Array], Any] = np.asarray,
    arguments: int | None = None,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    restores: bool = True,
) -> Callable[..., bool]:
    """A gradient checker; each argument is for one weakness."""

    def is_right(forward: Any, backward: Any, args: Any) -> bool:
        args = tuple(np.array(arg, np.float64) for arg in args) if restores else args
        out, cache = forward(*args)
        dout = upstream(out.shape)
        gradients = backward(dout, cache)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        for gradient, arg in list(zip(gradients, args, strict=True))[:arguments]:
            numeric = np.zeros(arg.shape)
            for entry in np.ndindex(arg.shape):
                here = arg[entry]
                arg[entry] = here + step
                above = np.sum(dout * forward(*args)[0])
                arg[entry] = here - step
                below = np.sum(dout * forward(*args)[0])
                arg[entry] = here if restores else here - step
                numeric[entry] = (above - below) / (2 * step)
            with np.errstate(all="ignore"):
                error = np.abs(seen(gradient) - seen(numeric)) / size(seen(numeric))
            if not np.all(error < tolerance):  # 0 / 0 is refused with the rest
                return False
        return True

    return is_right


ABSOLUTE = "its error is absolute: small gradients pass whatever they are, large ones fail"
AS_ALLCLOSE = "its tolerance has an absolute part, as 1e-8 in np.allclose: small gradients pass whatever they are"
RELATIVE = "its error is relative to each entry: where that is 0, rounding looks like a mistake"


def mistakes(variant: Variant) -> list[Mistake]:
    weak: list[tuple[str, Callable[..., Any]]] = [
        ("it says yes to everything", lambda *_: True),
        ("it says no to everything, as does a step that leaves only rounding, or a missing return", lambda *_: False),
        ("its upstream gradient is all ones: what cancels in a sum is not seen", checker(np.ones)),
        (ABSOLUTE, checker(size=np.ones_like)),
        (AS_ALLCLOSE, checker(size=lambda numeric: np.abs(numeric) + 1e-3, tolerance=1e-5)),
        (RELATIVE, checker(size=np.abs)),
        ("it looks at the gradient of the first argument only", checker(arguments=1)),
        ("it looks at one entry only", checker(seen=lambda gradient: gradient.flat[0])),
        ("it compares norms: the direction may be wrong", checker(seen=np.linalg.norm)),
        ("it moves the arguments and does not put them back", checker(restores=False)),
        ("one entry may be one percent off: a loose tolerance, or a mean of the errors", checker(tolerance=0.05)),
        ("its step is so large that the difference is not the slope", checker(step=0.3)),
    ]

    def weakness(what: str, function: Callable[..., Any]) -> Mistake:
        return Mistake(what, lambda probe, right: run_checker([function], probe), whole=True)

    return [weakness(what, function) for what, function in weak]


GRADIENT_CHECKER = Exercise(
    name="gradient_is_right",
    title="A gradient checker",
    lesson="00_gradients_by_hand",
    functions=("gradient_is_right",),
    points=lambda variant: {"accepts": 4, "rejects": 3, "subtle": 3, "arguments": 2},
    probes=probes,
    expected=expected,
    mistakes=mistakes,
    describe=which_pairs,
    properties={
        "accepts": "a right gradient is accepted, be it tiny, large, partly zero or given in float32",
        "rejects": "a wrong factor, a wrong sign, a zero in any argument is refused",
        "subtle": "one wrong entry in one argument is enough, and what cancels in a sum is wrong too",
        "arguments": "the arguments are afterwards what they were",
    },
)
