"""Analytic gradients against finite differences, and the table of all pairs that have one.

tests/mathematics/test_pairs.py checks every pair of the table, tests/mathematics/test_gradcheck.py this checker.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array, Generator, Rng
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import dense, dense_backward, sigmoid, sigmoid_backward
from npvae.likelihoods import LIKELIHOODS
from npvae.models import Model
from npvae.models.importance import log_mean_exp, log_mean_exp_backward, log_prior_ratio, log_prior_ratio_backward
from npvae.network import ACTIVATIONS

STEP = 1e-5
FLOOR = 0.01
BAR = 1e-6
"""Right gradients stay under it."""


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
        Takes (dout, cache), returns the gradients with respect to the args, in their order; one alone need not be in
        a tuple.
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
    dout = validation.generator("rng", rng).standard_normal(np.shape(out))
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
    """Central differences with respect to every entry of arg, which evaluate looks at."""
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
    """Largest difference of any entry, relative to the entry plus, so that zeros count, 1 % of the largest."""
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
    rng = validation.generator("rng", rng)
    for redrawn in range(tries):
        try:
            return check(rng), redrawn
        except KinkError:
            continue
    raise KinkError(f"each of {tries} points fell on a kink of relu")


class Pair(NamedTuple):
    """A forward with its backward, and how to draw what they are checked at."""

    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], Any]
    draw: Callable[[Generator, int], tuple[Array, ...]]
    """Takes a generator and N; returns the arguments of forward, in their order."""
    wrt: tuple[int, ...] = (0,)
    """Which arguments have a gradient; the others are data or noise."""
    pattern: Callable[[Any], Array] | None = None
    """As in `gradient_error`."""


K, D, H, L = 5, 7, 8, 3
"""Sizes of what is drawn, besides N: all differ, so that axes cannot be mistaken for one another."""


def normal(*shapes: tuple[int | str, ...]) -> Callable[[Generator, int], tuple[Array, ...]]:
    """Draw standard normal arrays of these shapes, in which "N" stands for the number of examples."""
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
"""The pairs that are neither activations nor losses: those are in their registries, and `all_pairs` adds them."""


def all_pairs() -> dict[str, Pair]:
    """Every pair of the package, and whatever has been entered into `ACTIVATIONS` and `LIKELIHOODS`."""
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
            pairs[name] = Pair(forward, backward, draw_loss, tuple(range(1, 1 + len(arguments))))
    return pairs


def pair_error(pair: Pair, rng: Generator, N: int = 4, scale: float = 1.0) -> float:
    """Gradient error of a pair at a drawn point; `scale` stretches the arguments that have a gradient.

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
    """Gradient error of every parameter of a float64 model, by name, at its present parameters.

    Raises
    ------
    KinkError
        Where a relu switches within a difference; the model keeps its parameters.
    """
    names, inputs = list(model.params), model.inputs(x, eps, labels)
    before = model.params.vector.copy()

    def forward(*arrays: Array) -> tuple[Array, Any]:
        for name, array in zip(names, arrays, strict=True):
            model.params[name][...] = array
        terms, cache = model.forward(*inputs)
        return terms.loss, cache

    def backward(dloss: Array, cache: Any) -> list[Array]:
        grads = model.params.like(np.empty_like(before))
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
    """Biases away from zero, where a wrong gradient could hide, as the activation takes them.

    A gradient that is tiny everywhere would drown in the rounding of the loss it is compared with.
    """
    low, high = ACTIVATIONS[model.activation].biases
    for array in model.params.values():
        if array.ndim < 2:
            array[...] = rng.uniform(low, high, array.shape)
