"""Gradients, right and wrong, on which a gradient checker is tried; made of functions that no exercise asks for."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array, Failure, Functions, Probe, Results, attempt, kind_of

Pair = tuple[Callable[..., Any], Callable[..., Any], tuple[Array, ...]]
"""forward, backward and args of a case; made of functions that no exercise asks for."""


def away_from_zero(rng: np.random.Generator, rows: int) -> Array:
    """Numbers of both signs, none near zero."""
    values = rng.standard_normal((rows, 4))
    return np.asarray(values + 0.05 * np.sign(values))


def softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def softmax_gradients(dout: Array, a: Array) -> Any:
    p = softmax(a)
    return (p * (dout - np.sum(dout * p, axis=1, keepdims=True)),)


def shifted_gradients(dout: Array, a: Array, b: Array) -> Any:
    db = np.zeros_like(dout)
    db[0] = dout.sum(axis=0)
    return dout * np.exp(a), db


def one_entry_off(part: int, factor: float) -> Callable[[Any], Any]:
    """The largest entry of one gradient is multiplied."""

    def change(gradients: Any) -> Any:
        parts = [np.array(gradient) for gradient in gradients]
        parts[part].flat[np.argmax(np.abs(parts[part]))] *= factor
        return parts

    return change


def cases(seed: int) -> list[Pair]:
    """All pairs. Which of them are right is known elsewhere."""
    rng = np.random.default_rng(seed)
    a, b, square = (away_from_zero(rng, rows) for rows in (3, 3, 4))

    def scaled(scale: float) -> Pair:
        return (lambda a: scale * a**3), (lambda dout, a: (dout * scale * 3 * a**2,)), (a,)

    def but(name: str, change: Callable[..., Any]) -> Pair:
        """The pair with its gradients changed."""
        function, gradients, args = right[name]

        def backward(dout: Array, cache: Any) -> Any:
            changed = tuple(change(gradients(dout, *cache)))
            return changed if len(changed) > 1 else changed[0]

        return lambda *args: (function(*args), args), backward, args

    sines = (lambda a, b: np.sin(a) * b), (lambda dout, a, b: (dout * np.cos(a) * b, dout * np.sin(a)))
    quadratic = (lambda a, W: a @ W @ a.T), (lambda dout, a, W: (dout @ a @ W.T + dout.T @ a @ W, a.T @ dout @ a))
    right: dict[str, Pair] = {
        "sines": (*sines, (a, b)),
        "softmax": (softmax, softmax_gradients, (a,)),
        "quadratic": (*quadratic, (a, square)),
        "shifted": (lambda a, b: np.exp(a) + b[0], shifted_gradients, (a, b)),  # most entries of db are exactly 0
        "tiny": scaled(1e-9),
        "large": scaled(1e6),
        "float32": (*sines, (a.astype(np.float32), b.astype(np.float32))),
    }
    return [
        *(but(name, lambda g: g) for name in right),
        but("sines", lambda g: (1 - 7 * g[0], 1 - 5 * g[1])),
        but("sines", lambda g: (2 * g[0], g[1])),
        but("quadratic", lambda g: (-g[0], -g[1])),
        but("large", np.zeros_like),
        but("sines", lambda g: (g[0], 2 * g[1])),
        but("quadratic", lambda g: (0.5 * g[0], g[1])),
        but("sines", one_entry_off(1, 1.01)),
        but("sines", one_entry_off(0, 0.99)),
        but("softmax", np.zeros_like),  # an upstream gradient of ones does not see it
        but("quadratic", lambda g: (g[0], g[1].T)),
        but("tiny", lambda g: (1.5 * g[0],)),
        but("tiny", one_entry_off(0, 1.01)),
        but("large", one_entry_off(0, 0.99)),
        but("shifted", lambda g: (g[0], g[1] / 3)),
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

    def told(column: int, indices: Any) -> list[Any]:
        return [each[column] for i in indices for each in said[i]]

    results: Results = {}
    for name, listed in lists.items():
        came = told(1, listed) + told(0, asked) if name == "arguments" else told(0, listed)
        failures = [each for each in came if isinstance(each, Failure)]
        results[name] = failures[0] if failures else np.array(came)
    return results


def verdict(checker: Callable[..., Any], forward: Any, backward: Any, args: tuple[Array, ...]) -> tuple[Any, Any]:
    """Whether a checker says yes, and whether it left the arguments alone; or a `Failure` in the place of both."""
    given = tuple(arg.copy() for arg in args)
    value = attempt(checker, forward, backward, given)
    if value is None or attempt(lambda: np.ndim(value) == 0 and bool(value in (True, False))) is True:
        untouched = all(np.array_equal(old, new) for old, new in zip(args, given, strict=True))
        return float(bool(value)), float(untouched)
    if not isinstance(value, Failure):
        value = Failure("number", f"returns {kind_of(value)}, expected True or False")
    return value, value


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
