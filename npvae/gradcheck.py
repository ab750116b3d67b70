"""Checking analytic gradients against finite differences, and the table of all pairs to check.

tests/mathematics/test_pairs.py checks every pair in the table, and tests/mathematics/test_gradcheck.py the checker.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array, Generator, Rng
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import ACTIVATIONS, dense, dense_backward, sigmoid, sigmoid_backward
from npvae.likelihoods import LIKELIHOODS
from npvae.models import Model
from npvae.models.importance import log_mean_exp, log_mean_exp_backward, log_prior_ratio, log_prior_ratio_backward

STEP = 1e-5
FLOOR = 0.01
BAR = 1e-6
"""Correct gradients have errors below this."""


class KinkError(ArithmeticError):
    """A relu switched between the two evaluations of a finite difference, which then means nothing: draw again."""


def gradient_error(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    args: Sequence[Array],
    rng: Rng = 0,
    pattern: Callable[[Any], Array] | None = None,
) -> float:
    r"""Return the largest relative difference between a gradient and finite differences; 0 for a perfect gradient.

    Parameters
    ----------
    forward : callable
        Takes the args and returns (out, cache). It closes over data and noise: it must not draw anything.
    backward : callable
        Takes (dout, cache) and returns the gradients with respect to the args, in order; a single gradient need not
        be in a tuple.
    args : sequence of ndarray
        The point at which to check. The arrays are converted to float64 and left unchanged.
    rng : numpy.random.Generator, int or None
        Draws the upstream gradient dout from N(0, 1): with all ones, errors that cancel in a sum would be missed.
    pattern : callable, optional
        Takes the cache and returns which relus are active. If this changes within a difference, KinkError is raised.

    Returns
    -------
    error : float
        Correct gradients have errors below 1e-6.

    Raises
    ------
    ValueError
        If an arg is not an array of finite numbers, or if backward returns the wrong number of gradients, or one of
        the wrong shape.
    KinkError
        See `pattern`; `redraw` draws new points until it is not raised.

    Notes
    -----
    For each entry, with h = 1e-5 and :math:`f(v) = \sum dout \cdot forward(v)`,

    .. math::
        numeric = \frac{f(v + h) - f(v - h)}{2 h}, \qquad
        error = \frac{|analytic - numeric|}{|numeric| + 0.01 \max |numeric|}

    with the maximum over the entries of the same array. All entries are compared: with random directions, a small
    error in one entry could go unnoticed.
    """
    return max(gradient_errors(forward, backward, args, rng, pattern), default=0.0)


def gradient_errors(
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    args: Sequence[Array],
    rng: Rng = 0,
    pattern: Callable[[Any], Array] | None = None,
) -> list[float]:
    """Return the error of each gradient, in the order of the args; see `gradient_error`."""
    args = [np.array(validation.finite(f"args[{i}]", arg, np.float64)) for i, arg in enumerate(args)]
    out, cache = forward(*args)
    dout = validation.generator("rng", rng).standard_normal(np.shape(out))
    gradients = backward(dout, cache)
    gradients = gradients if isinstance(gradients, (tuple, list)) else (gradients,)
    if len(gradients) != len(args):
        raise ValueError(f"backward returned {len(gradients)} gradients, expected {len(args)}: one for each arg")
    for i, (arg, gradient) in enumerate(zip(args, gradients, strict=True)):
        if np.shape(gradient) != arg.shape:
            raise ValueError(f"gradient {i} has shape {np.shape(gradient)}, expected {arg.shape}, like its arg")

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
    """Return central differences with respect to every entry of arg, which evaluate reads."""
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
    """Return the largest error of any entry, relative to the entry plus 1 % of the largest, since some are zero."""
    difference = np.abs(analytic - numeric)
    scale = np.abs(numeric) + FLOOR * np.max(np.abs(numeric), initial=0)
    error = np.divide(difference, scale, out=np.where(difference == 0, 0.0, np.inf), where=scale > 0)
    return float(np.max(np.nan_to_num(error, nan=np.inf, posinf=np.inf), initial=0))


def redraw(check: Callable[[Generator], Any], rng: Rng = 0, tries: int = 100) -> tuple[Any, int]:
    """Call check(rng) until no relu switches within a finite difference.

    Returns
    -------
    result : Any
        What check returned.
    redrawn : int
        How many points fell on a kink.

    Raises
    ------
    KinkError
        If all of `tries` points fall on a kink, which cannot be chance.
    """
    rng = validation.generator("rng", rng)
    for redrawn in range(tries):
        try:
            return check(rng), redrawn
        except KinkError:
            continue
    raise KinkError(f"each of {tries} points fell on a kink of relu")


class Pair(NamedTuple):
    """A forward and its backward, and how to draw the arguments at which to check them."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], Any]
    draw: Callable[[Generator, int], tuple[Array, ...]]
    """Takes a generator and N; returns the arguments of forward, in order."""
    wrt: tuple[int, ...] = (0,)
    """Indices of the arguments that have a gradient; the others are data or noise."""
    pattern: Callable[[Any], Array] | None = None
    """As in `gradient_error`."""


K, D, H, L = 5, 7, 8, 3
"""Sizes of the arrays to draw, besides N: all differ, so that no axis can be mistaken for another."""


def normal(*shapes: tuple[int | str, ...]) -> Callable[[Generator, int], tuple[Array, ...]]:
    """Return a function that draws standard normal arrays of these shapes, where "N" is the number of examples."""
    return lambda rng, N: tuple(
        rng.standard_normal([N if size == "N" else int(size) for size in shape]) for shape in shapes
    )


PAIRS: dict[str, Pair] = {
    "dense": Pair(dense, dense_backward, normal(("N", D), (D, H), (H,)), (0, 1, 2)),
    "sigmoid": Pair(sigmoid, sigmoid_backward, normal(("N", D))),
    "reparameterize": Pair(reparameterize, reparameterize_backward, normal(*[("N", L)] * 3), (0, 1)),
    "kl_divergence": Pair(kl_divergence, kl_divergence_backward, normal(*[("N", L)] * 2), (0, 1)),
    "log_prior_ratio": Pair(
        log_prior_ratio, log_prior_ratio_backward, normal((K, "N", L), ("N", L), (K, "N", L)), (0, 1)
    ),
    "log_mean_exp": Pair(log_mean_exp, log_mean_exp_backward, normal((K, "N"))),
}
"""The pairs that are neither activations nor losses; `all_pairs` adds those from their registries."""


def all_pairs() -> dict[str, Pair]:
    """Return every pair in the package, and those that others have added to `ACTIVATIONS` and `LIKELIHOODS`."""
    pairs = dict(PAIRS)
    for name, activation in ACTIVATIONS.items():

        def draw_argument(rng: Generator, N: int, draw: Any = activation.draw) -> tuple[Array, ...]:
            return (draw(rng, (N, D)),)

        pairs[name] = Pair(activation.forward, activation.backward, draw_argument, pattern=activation.branch)
    for likelihood in LIKELIHOODS.values():
        forward, backward = likelihood.pair
        for kind, arguments in likelihood.draw(np.random.default_rng(0), np.zeros((1, D))).items():

            def draw_loss(rng: Generator, N: int, kind: str = kind, draw: Any = likelihood.draw) -> tuple[Array, ...]:
                x = rng.random((N, D))
                return x, *draw(rng, x)[kind]

            name = ", ".join(filter(None, (forward.__name__, kind)))
            wrt = tuple(range(1, 1 + len(arguments)))
            pairs[name] = Pair(forward, backward, draw_loss, wrt, likelihood.branch)
    return pairs


def pair_error(pair: Pair, rng: Generator, N: int = 4, scale: float = 1.0) -> float:
    """Return the gradient error of a pair at a random point; `scale` multiplies the arguments that have a gradient.

    Raises
    ------
    KinkError
        As in `gradient_error`.
    """
    drawn = pair.draw(rng, N)

    def forward(*args: Array) -> tuple[Any, Any]:
        full = dict(enumerate(drawn)) | dict(zip(pair.wrt, args, strict=True))
        return pair.forward(*full.values())

    args = [scale * np.asarray(drawn[i]) for i in pair.wrt]
    return gradient_error(forward, pair.backward, args, rng, pair.pattern)


def model_errors(model: Model, x: Array, eps: Any, rng: Rng = 0, labels: Array | None = None) -> dict[str, float]:
    """Return the gradient error of every parameter of a float64 model, by name, at its current parameters.

    Raises
    ------
    KinkError
        If a relu switches within a finite difference; the model keeps its parameters.
    """
    names, inputs = list(model.params), model.inputs(x, eps, labels)
    before = model.params.vector.copy()

    def forward(*arrays: Array) -> tuple[Array, Any]:
        for name, array in zip(names, arrays, strict=True):
            model.params[name][...] = array
        terms, cache = model.forward(*inputs)
        return terms.loss, cache

    def backward(dloss: Array, cache: Any) -> list[Array]:
        grads = model.params.like(np.full_like(before, np.nan))  # what is not written is wrong
        model.backward(dloss, cache, grads)
        return list(grads.values())

    branch = ACTIVATIONS[model.activation].branch

    def branches(cache: Any) -> Array:
        networks = [part for part in cache if isinstance(part, list)]
        return np.concatenate([branch(entry).ravel() for network in networks for _, entry in network])  # type: ignore[misc]

    pattern = branches if branch and model.hidden_dims else None
    try:
        errors = gradient_errors(forward, backward, list(model.params.values()), rng, pattern)
    finally:
        model.params.vector = before
    return dict(zip(names, errors, strict=True))


def spread_biases(model: Model, rng: Generator) -> None:
    """Draw biases, since at zero a wrong gradient could hide, from the range that suits the activation.

    Outside that range, gradients could be so tiny everywhere that they would drown in the rounding of the loss.
    """
    low, high = ACTIVATIONS[model.activation].biases
    for array in model.params.values():
        if array.ndim < 2:
            array[...] = rng.uniform(low, high, array.shape)
