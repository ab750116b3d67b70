"""Analytic gradients against finite differences: the proof under every equation of this package."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npvae import validation
from npvae.types import Array, Generator, Rng

STEP = 1e-5
FLOOR = 0.01


class KinkError(ArithmeticError):
    """A relu switched between the two evaluations of a difference: the point says nothing; draw another."""


def gradient_error(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    args: Sequence[Array],
    rng: Rng = 0,
    pattern: Callable[[Any], Array] | None = None,
) -> float:
    r"""Largest relative difference between a gradient and finite differences; 0 for a perfect gradient.

    Parameters
    ----------
    forward : callable
        Takes the args, returns (out, cache). A closure over data and noise: it must not draw anything.
    backward : callable
        Takes (dout, cache), returns the gradients by the args, in their order; one alone need not be in a tuple.
    args : sequence of ndarray
        Where to check. They are converted to float64 and left unchanged.
    rng : numpy.random.Generator, int or None
        Draws the upstream gradient dout from N(0, 1): one of ones would miss what cancels in a sum.
    pattern : callable, optional
        Takes the cache, returns which relus are open. Where it differs within a difference, KinkError is raised.

    Returns
    -------
    error : float
        Right gradients stay under 1e-6.

    Raises
    ------
    ValueError
        For an arg that is not all finite numbers, and where backward returns the wrong number of gradients, or one
        of the wrong shape.
    KinkError
        See `pattern`; `redraw` draws until it does not happen.

    Notes
    -----
    For each entry, with h = 1e-5 and :math:`f(v) = \sum dout \cdot forward(v)`,

    .. math::
        numeric = \frac{f(v + h) - f(v - h)}{2 h}, \qquad
        error = \frac{|analytic - numeric|}{|numeric| + 0.01 \max |numeric|}

    with the maximum over the entries of the same array. All entries are compared: random directions would let
    a small error in one of them pass.
    """
    return max(gradient_errors(forward, backward, args, rng, pattern), default=0.0)


def gradient_errors(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    args: Sequence[Array],
    rng: Rng = 0,
    pattern: Callable[[Any], Array] | None = None,
) -> list[float]:
    """The error of each gradient, in the order of the args; see `gradient_error`."""
    args = [np.array(validation.finite(f"args[{i}]", arg, np.float64)) for i, arg in enumerate(args)]
    out, cache = forward(*args)
    dout = np.random.default_rng(rng).standard_normal(np.shape(out))
    gradients = backward(dout, cache)
    gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
    if len(gradients) != len(args):
        raise ValueError(f"backward returned {len(gradients)} gradients, expected {len(args)}: one for each arg")
    for i, (arg, gradient) in enumerate(zip(args, gradients, strict=True)):
        if np.shape(gradient) != arg.shape:
            raise ValueError(f"gradient {i} has shape {np.shape(gradient)}, expected {arg.shape}, that of its arg")

    analytic = [np.array(gradient) for gradient in gradients]  # copies: forward may reuse its buffers
    reference = np.array(pattern(cache)) if pattern else np.empty(0)

    def evaluate() -> Array:
        out, cache = forward(*args)
        if pattern and not np.array_equal(pattern(cache), reference):
            raise KinkError
        return np.array(out)

    return [
        relative_error(gradient, numeric_gradient(evaluate, arg, dout))
        for gradient, arg in zip(analytic, args, strict=True)
    ]


def numeric_gradient(evaluate: Callable[[], Array], arg: Array, dout: Array) -> Array:
    """Central differences by every entry of arg, which evaluate looks at."""
    numeric = np.empty_like(arg)
    for index in np.ndindex(arg.shape):
        value = arg[index]
        arg[index] = value + STEP
        above = evaluate()
        arg[index] = value - STEP
        below = evaluate()
        arg[index] = value
        numeric[index] = np.sum(dout * (above - below)) / (2 * STEP)
    return numeric


def relative_error(analytic: Array, numeric: Array) -> float:
    """Largest difference by entry, relative to the entry and, so that zeros count too, a hundredth of the largest."""
    difference = np.abs(analytic - numeric)
    scale = np.abs(numeric) + FLOOR * np.max(np.abs(numeric), initial=0)
    error = np.divide(difference, scale, out=np.where(difference == 0, 0.0, np.inf), where=scale > 0)
    return float(np.max(np.nan_to_num(error, nan=np.inf, posinf=np.inf), initial=0))


def redraw(check: Callable[[Generator], Any], rng: Rng = 0, tries: int = 100) -> tuple[Any, int]:
    """Call check(rng) until no relu switches within a difference.

    Returns
    -------
    result : what check returned
    redrawn : int
        How many points fell on a kink.

    Raises
    ------
    KinkError
        After `tries` points: relu is not the reason then.
    """
    rng = np.random.default_rng(rng)
    for redrawn in range(tries):
        try:
            return check(rng), redrawn
        except KinkError:
            continue
    raise KinkError(f"each of {tries} points fell on a kink of relu")
