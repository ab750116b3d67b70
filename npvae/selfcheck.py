"""The table behind `npvae gradcheck`: every pair and every parameter of small models, against differences."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from npvae.gradcheck import gradient_errors, redraw
from npvae.latent import (
    kl_divergence,
    kl_divergence_backward,
    log_mean_exp,
    log_mean_exp_backward,
    log_prior_ratio,
    log_prior_ratio_backward,
    reparameterize,
    reparameterize_backward,
)
from npvae.layers import (
    dense,
    dense_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from npvae.likelihoods import bernoulli_nll, bernoulli_nll_backward, gaussian_nll, gaussian_nll_backward
from npvae.models import VAE, AutoEncoder, ConditionalVAE, ImportanceWeightedVAE, Model
from npvae.types import Array, Generator, Rng

BAR = 1e-6
K, N, D, L, HIDDEN = 5, 4, 7, 3, (8, 6)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    error: float
    redrawn: int

    @property
    def passed(self) -> bool:
        """Whether the error lies under the bar."""
        return self.error < BAR


def gradient_table(rng: Rng = 0) -> Iterator[Row]:
    """Check everything, a row at a time.

    Parameters
    ----------
    rng : numpy.random.Generator, int or None
        Draws the points, the noise and the upstream gradients.

    Yields
    ------
    row : Row
    """
    rng = np.random.default_rng(rng)
    yield from _function_rows(rng)
    for activation in ("tanh", "relu"):
        for likelihood in ("bernoulli", {"name": "gaussian", "std": "learned"}):
            yield from _model_rows(VAE, activation, likelihood, rng)
        for other in (AutoEncoder, ConditionalVAE, ImportanceWeightedVAE):
            yield from _model_rows(other, activation, "bernoulli", rng)


def model_errors(model: Model, x: Array, eps: Array, rng: Rng = 0, labels: Array | None = None) -> dict[str, float]:
    """Gradient error of every parameter of a float64 model, by name, at its present parameters.

    Raises
    ------
    KinkError
        Where a relu switches within a difference; the model keeps its parameters.
    """
    names = list(model.params)
    before = model.params.vector.copy()

    def forward(*arrays: Array) -> tuple[Array, Any]:
        for name, array in zip(names, arrays, strict=True):
            model.params[name][...] = array
        terms, cache = model.forward(x, eps, labels)
        return terms.loss, cache

    def backward(dloss: Array, cache: Any) -> list[Array]:
        grads = model.params.like(np.empty_like(before))
        model.backward(dloss, cache, grads)
        return list(grads.values())

    def open_relus(cache: Any) -> Array:
        networks = [part for part in cache if isinstance(part, list)]
        return np.concatenate([(h > 0).ravel() for network in networks for _, h in network])

    pattern = open_relus if model.activation == "relu" and model.hidden_dims else None
    try:
        errors = gradient_errors(forward, backward, list(model.params.values()), rng, pattern)
    finally:
        model.params.vector = before
    return dict(zip(names, errors, strict=True))


def spread_biases(model: Model, rng: Generator) -> None:
    """Biases away from zero, where a wrong gradient could hide; relus mostly open and tanh not saturated.

    A gradient that is tiny everywhere would drown in the rounding of the loss it is compared with.
    """
    low, high = (0.0, 1.0) if model.activation == "relu" else (-0.4, 0.4)
    for array in model.params.values():
        if array.ndim < 2:
            array[...] = rng.uniform(low, high, array.shape)


def _function_rows(rng: Generator) -> Iterator[Row]:
    def normal(*shape: int) -> Callable[[Generator], Array]:
        return lambda rng: rng.standard_normal(shape)

    eps, eps_k, x = rng.standard_normal((N, L)), rng.standard_normal((K, N, L)), rng.random((N, D))
    cases: list[tuple[str, Callable[..., Any], Callable[..., Any], list[Callable[[Generator], Array]]]] = [
        ("dense", dense, dense_backward, [normal(N, D), normal(D, L), normal(L)]),
        ("relu", relu, relu_backward, [normal(N, D)]),
        ("tanh", tanh, tanh_backward, [normal(N, D)]),
        ("sigmoid", sigmoid, sigmoid_backward, [normal(N, D)]),
        (
            "reparameterize",
            lambda mu, logvar: reparameterize(mu, logvar, eps),
            reparameterize_backward,
            [normal(N, L), normal(N, L)],
        ),
        ("kl_divergence", kl_divergence, kl_divergence_backward, [normal(N, L), normal(N, L)]),
        (
            "log_prior_ratio",
            lambda z, logvar: log_prior_ratio(z, logvar, eps_k),
            log_prior_ratio_backward,
            [normal(K, N, L), normal(N, L)],
        ),
        ("log_mean_exp", log_mean_exp, log_mean_exp_backward, [normal(K, N)]),
        ("bernoulli_nll", lambda logits: bernoulli_nll(x, logits), bernoulli_nll_backward, [normal(N, D)]),
        (
            "gaussian_nll",
            lambda mean, logvar: gaussian_nll(x, mean, logvar),
            gaussian_nll_backward,
            [normal(N, D), normal(N, D)],
        ),
    ]
    for name, forward, backward, draws in cases:
        pattern = (lambda h: h > 0) if name == "relu" else None

        def check(
            rng: Generator,
            forward: Any = forward,
            backward: Any = backward,
            draws: Any = draws,
            pattern: Any = pattern,
        ) -> float:
            return max(gradient_errors(forward, backward, [draw(rng) for draw in draws], rng, pattern))

        error, redrawn = redraw(check, rng)
        yield Row(name, error, redrawn)


def _model_rows(kind: type[Model], activation: str, likelihood: Any, rng: Generator) -> Iterator[Row]:
    beta = 1.5 if kind.weighs_kl else 1.0

    def check(rng: Generator) -> dict[str, float]:
        model = kind(D, L, HIDDEN, likelihood, activation, beta, dtype="float64", rng=rng)
        spread_biases(model, rng)
        labels = rng.integers(0, model.label_dim, N) if model.label_dim else None
        return model_errors(model, rng.random((N, D)), model.draw_eps(N, rng), rng, labels)

    errors, redrawn = redraw(check, rng)
    name = likelihood if isinstance(likelihood, str) else likelihood["name"]
    for parameter, error in errors.items():
        yield Row(f"{kind.__name__} {activation} {name}: {parameter}", error, redrawn)
