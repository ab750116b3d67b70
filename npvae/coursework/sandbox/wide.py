"""One wide example: a formula answers it at once, also by loops in Python, and differences entry by entry never."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array, Functions, Probe, Results, attempt
from npvae.coursework.sandbox.pieces import PIECES

WIDTH, SQUARE = 100_000, 1_000
"""Numbers of the example: heads and pixels, and both sides of a dense layer."""
KEPT = 1_000
"""Entries of each gradient that are looked at."""


def widened(value: Any, width: int = WIDTH) -> Any:
    """An array of two dimensions with its columns repeated; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        return value
    return np.tile(value, (1, -(-width // value.shape[1])))


def beginnings(gradients: Any) -> Array:
    """The first entries of each gradient, in a row."""
    parts = gradients if isinstance(gradients, tuple | list) else (gradients,)
    return np.concatenate([np.ravel(np.asarray(part, np.float64))[:KEPT] for part in parts])


def run_pair_once(functions: Functions, probe: Probe) -> Results:
    """Forward, where there is one, and backward, each called once."""
    args, dout = tuple(map(widened, probe.args)), widened(probe.dout)

    def call() -> Array:
        *forward, backward = functions
        return beginnings(backward(dout, forward[0](*args)[1]) if forward else backward(*args))

    return {"gradients": attempt(call)}


def run_dense_once(functions: Functions, probe: Probe) -> Results:
    """The backward of a dense layer with as many inputs as outputs."""
    dy, (x, W) = probe.args
    square = np.tile(W, [-(-SQUARE // size) for size in W.shape])[:SQUARE, :SQUARE]
    args = widened(dy, SQUARE)[:, :SQUARE], (widened(x, SQUARE)[:, :SQUARE], square)
    return {"gradients": attempt(lambda: beginnings(functions[0](*args)))}


def run_pieces_once(functions: Functions, probe: Probe) -> Results:
    """How often each forward among the pieces is called for one gradient; first for few pixels, then for many."""
    x, eps, params, beta = probe.args
    wide = {**params, "decoder": widened(params["decoder"])}
    wide["trunk"] = np.tile(params["trunk"], (widened(x).shape[1] // x.shape[1], 1)) / WIDTH
    counts: Counter[str] = Counter()

    def counted(name: str) -> Any:
        def call(*args: Any) -> Any:
            counts[name] += 1
            return getattr(PIECES, name)(*args)

        return call

    pieces = {name: piece if name.endswith("backward") else counted(name) for name, piece in vars(PIECES).items()}
    attempt(functions[0], x, eps, dict(params), beta, SimpleNamespace(**pieces))
    calls = np.array([counts[name] for name in vars(PIECES)])
    attempt(functions[0], widened(x), eps, wide, beta, SimpleNamespace(**vars(PIECES)))
    return {"calls": calls}


PAIRS = ["activation", "reparameterize", "bernoulli_nll", "likelihood_nll", "kl_divergence", "latent_backward"]
RUN_ONCE = dict.fromkeys(PAIRS, run_pair_once)
RUN_ONCE |= {"dense_backward": run_dense_once, "loss_and_grad": run_pieces_once}
"""By the name of the exercise. In the others nothing is to be told apart, or, as in a bound of many samples, a right
answer may take as long as differences do."""
