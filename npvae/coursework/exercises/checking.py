"""A gradient checker, tried on gradients that are right and on gradients that are not."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.coursework.exercise import Exercise, Functions, Probe, Results, Slip, attempt, spread
from npvae.coursework.variants import Variant
from npvae.types import Array

Pair = tuple[Callable[..., Any], Callable[..., Any], tuple[Array, ...]]
"""forward, backward and args of a case; made of functions that no exercise asks for."""


def cases(seed: int) -> dict[str, list[tuple[Pair, bool]]]:
    """By result: pairs, each with what a checker should say of it."""
    rng = np.random.default_rng(seed)
    a, b, square = spread(rng, 3, 4), spread(rng, 3, 4), spread(rng, 4, 4)

    def sines(a: Array, b: Array) -> Any:
        return np.sin(a) * b, (a, b)

    def sines_backward(dout: Array, cache: Any) -> Any:
        a, b = cache
        return dout * np.cos(a) * b, dout * np.sin(a)

    def softmax(a: Array) -> Any:
        e = np.exp(a - a.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return p, p

    def softmax_backward(dout: Array, p: Array) -> Any:
        return p * (dout - np.sum(dout * p, axis=1, keepdims=True))

    def quadratic(a: Array, W: Array) -> Any:
        return a @ W @ a.T, (a, W)

    def quadratic_backward(dout: Array, cache: Any) -> Any:
        a, W = cache
        return dout @ a @ W.T + dout.T @ a @ W, a.T @ dout @ a

    def shifted(a: Array, b: Array) -> Any:
        return np.exp(a) + b[0], a

    def shifted_backward(dout: Array, a: Array) -> Any:
        db = np.zeros_like(dout)
        db[0] = dout.sum(axis=0)
        return dout * np.exp(a), db

    def scaled(scale: float) -> Pair:
        return (lambda a: (scale * a**3, a)), (lambda dout, a: dout * scale * 3 * a**2), (a,)

    def but(pair: Pair, change: Callable[..., Any]) -> Pair:
        """The pair with its gradients changed."""
        forward, backward, args = pair
        return forward, lambda dout, cache: change(backward(dout, cache)), args

    def last_entry_off(gradients: Any) -> Any:
        da, db = gradients
        db = db.copy()
        db[-1, -1] *= 1.01
        return da, db

    right: dict[str, Pair] = {
        "sines": (sines, sines_backward, (a, b)),
        "softmax": (softmax, softmax_backward, (a,)),
        "quadratic": (quadratic, quadratic_backward, (a, square)),
        "shifted": (shifted, shifted_backward, (a, b)),  # most entries of db are exactly 0
        "tiny": scaled(1e-8),
        "large": scaled(1e6),
        "float32": (sines, sines_backward, (a.astype(np.float32), b.astype(np.float32))),
    }
    blatant = {
        "doubled": but(right["sines"], lambda g: (2 * g[0], g[1])),
        "negated": but(right["softmax"], lambda g: -g),
        "zero": but(right["large"], np.zeros_like),
        "second argument": but(right["sines"], lambda g: (g[0], 2 * g[1])),
    }
    subtle = {
        "one entry, one percent": but(right["sines"], last_entry_off),
        "seen by no upstream of ones": but(right["softmax"], np.zeros_like),
        "transposed": but(right["quadratic"], lambda g: (g[0], g[1].T)),
        "small throughout": but(right["tiny"], lambda g: 1.5 * g),
        "first example only": but(right["shifted"], lambda g: (g[0], g[1] / 3)),
    }
    accepted = [(pair, True) for pair in right.values()]
    return {  # a checker that always says the same earns nothing: each list holds both kinds
        "accepts": [*accepted, (blatant["doubled"], False)],
        "rejects": [*((pair, False) for pair in blatant.values()), accepted[0]],
        "subtle": [*((pair, False) for pair in subtle.values()), accepted[0]],
        "arguments": [accepted[0], (blatant["doubled"], False)],
    }


def run(functions: Functions, probe: Probe) -> Results:
    """What the student's checker says of every case; of the last list, whether it left the arguments alone."""
    results: Results = {}
    for name, listed in cases(*probe.args).items():
        verdicts = []
        for (forward, backward, args), _ in listed:
            before = [arg.copy() for arg in args]
            verdict = attempt(lambda f, b, given: bool(functions[0](f, b, given)), forward, backward, args)
            if not isinstance(verdict, bool):
                return dict.fromkeys(cases(*probe.args), verdict)
            untouched = all(np.array_equal(old, new) for old, new in zip(before, args, strict=True))
            verdicts.append(verdict and (untouched or name != "arguments"))
        results[name] = np.array(verdicts)
    return results


def expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    return {name: np.array([float(verdict) for _, verdict in listed]) for name, listed in cases(*probe.args).items()}


def probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [Probe("the pairs it is tried on", (int(rng.integers(2**31)),))]


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
        return Slip(name, what, lambda probe, right: run([function], probe))

    return [slip(name, what, function) for name, (what, function) in weak.items()]


GRADIENT_CHECKER = Exercise(
    name="gradient_is_right",
    title="A gradient checker",
    section="Loss",
    functions=("gradient_is_right",),
    points=lambda variant: {"accepts": 4, "rejects": 3, "subtle": 3, "arguments": 2},
    probes=probes,
    run=run,
    expected=expected,
    slips=slips,
    properties={
        "accepts": "a right gradient is accepted, be it tiny, large, partly zero or given in float32",
        "rejects": "a wrong factor, a wrong sign, a zero in any argument is refused",
        "subtle": "one wrong entry in one argument is enough, and what cancels in a sum is wrong too",
        "arguments": "the arguments are afterwards what they were",
    },
)
