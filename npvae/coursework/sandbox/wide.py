"""One wide example: a formula answers it at once, also by loops in Python, and differences entry by entry never."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array, Functions, Probe, Results, attempt
from npvae.coursework.sandbox.pieces import PIECES

WIDTH, HEIGHT, SQUARE = 100_000, 20_000, 1_000
"""Numbers of the example: heads and pixels, samples of a bound, and both sides of a dense layer."""
KEPT = 1_000
"""Entries of each gradient that are looked at."""


def widened(value: Any, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """An array of two dimensions, repeated along the longer one; anything else as it is."""
    if not isinstance(value, np.ndarray) or value.ndim != 2:
        return value
    rows, columns = value.shape
    return np.tile(value, (-(-height // rows), 1) if rows > columns else (1, -(-width // columns)))


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
    counts: dict[str, int] = {}

    def counted(name: str) -> Any:
        def call(*args: Any) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return getattr(PIECES, name)(*args)

        return call

    pieces = {name: piece if name.endswith("backward") else counted(name) for name, piece in vars(PIECES).items()}
    attempt(functions[0], x, eps, dict(params), beta, SimpleNamespace(**pieces))
    calls = np.array([counts.get(name, 0) for name in vars(PIECES)])
    attempt(functions[0], widened(x), eps, wide, beta, SimpleNamespace(**vars(PIECES)))
    return {"calls": calls}


RUN_ONCE = dict.fromkeys(
    ("activation", "reparameterize", "bernoulli_nll", "likelihood_nll", "kl_divergence", "importance_bound"),
    run_pair_once,
)
RUN_ONCE |= {"latent_backward": run_pair_once, "dense_backward": run_dense_once, "loss_and_grad": run_pieces_once}
"""By the name of the exercise. The others ask for no gradient that differences could stand in for."""
