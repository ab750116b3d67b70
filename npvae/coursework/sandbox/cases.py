"""Gradients, right and wrong, on which a gradient checker is tried; made of functions that no exercise asks for."""

from collections.abc import Callable
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array, Functions, Probe, Results, attempt

Pair = tuple[Callable[..., Any], Callable[..., Any], tuple[Array, ...]]
"""forward, backward and args of a case; made of functions that no exercise asks for."""


def away_from_zero(rng: np.random.Generator, rows: int) -> Array:
    """Numbers of both signs, none near zero."""
    values = rng.standard_normal((rows, 4))
    return np.asarray(values + 0.05 * np.sign(values))


def cases(seed: int) -> list[Pair]:
    """All pairs. Which of them are right is known elsewhere."""
    rng = np.random.default_rng(seed)
    a, b, square = (away_from_zero(rng, rows) for rows in (3, 3, 4))

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
        "tiny": scaled(1e-10),
        "large": scaled(1e6),
        "float32": (sines, sines_backward, (a.astype(np.float32), b.astype(np.float32))),
    }
    return [
        *(but(pair, lambda g: g) for pair in right.values()),
        but(right["sines"], lambda g: (2 * g[0], g[1])),
        but(right["softmax"], lambda g: -g),
        but(right["large"], np.zeros_like),
        but(right["sines"], lambda g: (g[0], 2 * g[1])),
        but(right["sines"], last_entry_off),
        but(right["softmax"], np.zeros_like),  # an upstream gradient of ones does not see it
        but(right["quadratic"], lambda g: (g[0], g[1].T)),
        but(right["tiny"], lambda g: 1.5 * g),
        but(right["shifted"], lambda g: (g[0], g[1] / 3)),
    ]


def run_checker(functions: Functions, probe: Probe) -> Results:
    """What the student's checker says of each pair; of the last list, whether it left the arguments alone."""
    seed, lists = probe.args
    results: Results = {}
    for name, listed in lists.items():
        pairs, verdicts = cases(seed), []
        for forward, backward, args in (pairs[i] for i in listed):
            before = [arg.copy() for arg in args]
            verdict = attempt(lambda f, b, given: bool(functions[0](f, b, given)), forward, backward, args)
            if not isinstance(verdict, bool):
                return dict.fromkeys(lists, verdict)
            untouched = all(np.array_equal(old, new) for old, new in zip(before, args, strict=True))
            verdicts.append(float(verdict and (untouched or name != "arguments")))
        results[name] = np.array(verdicts)
    return results
