"""Gradients, right and wrong, on which a gradient checker is tried; made of functions that no exercise asks for."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array, Failure, Functions, Probe, Results, attempt

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

    def one_entry_off(part: int, factor: float) -> Callable[[Any], Any]:
        """The largest entry of one gradient is multiplied."""

        def change(gradients: Any) -> Any:
            parts = [np.array(g) for g in gradients] if isinstance(gradients, tuple) else [np.array(gradients)]
            parts[part].flat[np.argmax(np.abs(parts[part]))] *= factor
            return tuple(parts) if len(parts) > 1 else parts[0]

        return change

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
        but(right["sines"], lambda g: (1 - 7 * g[0], 1 - 5 * g[1])),
        but(right["sines"], lambda g: (2 * g[0], g[1])),
        but(right["quadratic"], lambda g: (-g[0], -g[1])),
        but(right["large"], np.zeros_like),
        but(right["sines"], lambda g: (g[0], 2 * g[1])),
        but(right["quadratic"], lambda g: (0.5 * g[0], g[1])),
        but(right["sines"], one_entry_off(1, 1.01)),
        but(right["sines"], one_entry_off(0, 0.99)),
        but(right["softmax"], np.zeros_like),  # an upstream gradient of ones does not see it
        but(right["quadratic"], lambda g: (g[0], g[1].T)),
        but(right["tiny"], lambda g: 1.5 * g),
        but(right["tiny"], one_entry_off(0, 1.01)),
        but(right["large"], one_entry_off(0, 0.99)),
        but(right["shifted"], lambda g: (g[0], g[1] / 3)),
    ]


DRAWS = 3
"""How often a checker is tried on each pair, each time with other noise: it may not be right by luck."""


def run_checker(functions: Functions, probe: Probe) -> Results:
    """What the student's checker says of each pair in each draw; for one list, also whether it left args alone."""
    seed, lists, asked = probe.args
    said: dict[int, list[Any]] = {i: [] for listed in (*lists.values(), asked) for i in listed}
    for draw in range(DRAWS):
        with fixed_noise(draw):
            for i in sorted(said):
                said[i].append(verdict(functions[0], *cases(seed)[i]))
    results: Results = {}
    for name, listed in lists.items():
        came = [pair for i in listed for pair in said[i]]
        if name == "arguments":
            came += [each if isinstance(each, Failure) else (0.0, each[0]) for i in asked for each in said[i]]
        failures = [each for each in came if isinstance(each, Failure)]
        if failures:
            results[name] = failures[0]
        else:
            results[name] = np.array(came)[:, int(name == "arguments")]
    return results


def verdict(checker: Callable[..., Any], forward: Any, backward: Any, args: tuple[Array, ...]) -> Any:
    """Whether a checker says yes, and whether it left the arguments alone; or a `Failure`."""
    given = tuple(arg.copy() for arg in args)
    value = attempt(checker, forward, backward, given)
    if isinstance(value, Failure):
        return value
    untouched = all(np.array_equal(old, new) for old, new in zip(args, given, strict=True))
    if value is None or attempt(lambda: np.ndim(value) == 0 and bool(value in (True, False))) is True:
        return float(bool(value)), float(untouched)
    return Failure("number", f"returns a {type(value).__name__}, expected True or False")


@contextlib.contextmanager
def fixed_noise(draw: int) -> Iterator[None]:
    """The same noise each time for whoever draws without a seed, by NumPy's old ways and new, or by Python's."""
    entropy, kept_by_python = np.random.bit_generator.randbits, random.getstate()  # type: ignore[attr-defined]
    kept = np.random.get_state()  # noqa: NPY002 - it is what students use
    np.random.bit_generator.randbits = random.Random(draw).getrandbits  # type: ignore[attr-defined]
    np.random.seed(draw)  # noqa: NPY002
    random.seed(draw)
    try:
        yield
    finally:
        np.random.bit_generator.randbits = entropy  # type: ignore[attr-defined]
        np.random.set_state(kept)  # noqa: NPY002
        random.setstate(kept_by_python)
