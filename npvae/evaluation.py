"""How good a model is: its loss and its bound on held-out data, and how much of its latent space it uses.

Tests: tests/mathematics/test_evaluation.py and test_anchors.py.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.data.pixels import to_float
from npvae.internals import validation
from npvae.internals.progress import progress
from npvae.internals.threads import limited_threads
from npvae.internals.types import Array, Rng
from npvae.latent import reparameterize
from npvae.models import LossTerms, Model
from npvae.models.importance import log_mean_exp, log_prior_ratio

BATCH = 500
ROWS = 1000
"""Rows that pass through the decoder at once: as many as stay in the processor's cache."""
ACTIVE = 0.01


@dataclass(frozen=True)
class Evaluation:
    """Means over a data set. Printing it gives a table with units."""

    loss: float
    """nll + beta * kl, nats per image."""
    nll: float
    """Reconstruction term, one draw of z per image, nats per image."""
    kl: float
    """KL term, nats per image."""
    elbo: float
    """Lower bound on log p(x), -(nll + kl) whatever beta is, nats per image; NaN for an autoencoder."""
    bits_per_pixel: float
    """The bound as a code length, in bits per pixel: -elbo / (D log 2)."""
    active_units: int
    """Number of latent dimensions whose mean varies with x."""
    latent_dim: int
    """Number of latent dimensions."""
    examples: int
    """Number of images that the means are taken over."""

    def __str__(self) -> str:
        lines = [
            f"loss  {self.loss:10.3f} nats per image, nll + beta kl",
            f"nll   {self.nll:10.3f} nats per image, reconstruction",
            f"kl    {self.kl:10.3f} nats per image",
            f"elbo  {self.elbo:10.3f} nats per image, -(nll + kl): lower bound on log p(x)",
            f"bits  {self.bits_per_pixel:10.4f} per pixel, -elbo / (D log 2)",
            f"units {self.active_units:10d} active of {self.latent_dim}",
        ]
        if math.isnan(self.elbo):  # no bound, and an autoencoder has no KL term either
            only = [f"loss  {self.loss:10.3f} nats per image, reconstruction"]
            lines = [*(lines[:3] if self.kl else only), lines[-1]]
        return "\n".join(lines)


def evaluate(model: Model, x: Array, labels: Array | None = None, rng: Rng = 0, threads: int = 1) -> Evaluation:
    r"""Return the mean loss terms over a data set, with z drawn from q(z given x), and the number of active units.

    Parameters
    ----------
    model : Model
    x : (N, D) ndarray
        uint8 grey levels, divided by 255 here, or floats. Binarize them first if the model was trained that way.
    labels : (N,) ndarray of int
        Only for a `ConditionalVAE`.
    rng : numpy.random.Generator, int or None
        Draws the noise. The default gives the same draws in every call.
    threads : int
        Number of threads for the matrix products; see `fit`.

    Returns
    -------
    evaluation : Evaluation

    Raises
    ------
    ValueError
        For a wrong shape or dtype, N = 0, pixels out of range, NaN, or labels that do not fit.

    Notes
    -----
    A latent dimension is active if

    .. math:: \mathrm{Var}_x \left( \mathbb{E}_{q(z|x)}[z_j] \right) = \mathrm{Var}_x(\mu_j(x)) > 0.01

    Burda, Grosse and Salakhutdinov (2016).
    """
    x = validation.dataset("x", x, model.input_dim, model.likelihood.support)
    labels = model.check_labels(labels, len(x))
    with limited_threads(threads):
        terms = mean_terms(model, x, labels, rng)
        active_units = int(np.sum(np.var(codes(model, x, labels), axis=0) > ACTIVE))
    elbo = -(terms.nll + terms.kl) if model.has_prior else math.nan
    return Evaluation(
        loss=terms.loss,
        nll=terms.nll,
        kl=terms.kl,
        elbo=elbo,
        bits_per_pixel=-elbo / (model.input_dim * math.log(2)),
        active_units=active_units,
        latent_dim=model.latent_dim,
        examples=len(x),
    )


def codes(model: Model, x: Array, labels: Array | None = None) -> Array:
    """Return the mean of q(z given x), or an autoencoder's code, for every image: (N, L)."""
    parts = slices(len(x), BATCH)
    return np.concatenate([model.codes(to_float(x[part], model.dtype), rows_of(labels, part)) for part in parts])


@dataclass(frozen=True)
class MeanTerms:
    """Mean loss terms over a data set, nats per image."""

    loss: float
    nll: float
    kl: float


def mean_terms(model: Model, x: Array, labels: Array | None = None, rng: Rng = 0) -> MeanTerms:
    """Return mean loss, nll and kl over a data set, with z drawn from q(z given x); arguments as in `evaluate`."""
    rng = validation.generator("rng", rng)
    total = np.zeros(3)
    for part in slices(len(x), BATCH):
        batch = to_float(x[part], model.dtype)
        terms = model.loss_terms(batch, model.draw_eps(len(batch), rng), rows_of(labels, part))
        total += sums(terms)
    return MeanTerms(*(total / len(x)).tolist())


def log_weights(model: Any, x: Array, mu: Array, logvar: Array, eps: Array, labels: Array | None = None) -> Array:
    """Return the log importance weights, log p(x, z) - log q(z given x), (k, N), of z = mu + sigma eps (k, N, L)."""
    k, N, L = eps.shape
    z, _ = reparameterize(mu, logvar, eps)
    output = model.decoder_output(z.reshape(k * N, L), None if labels is None else np.tile(labels, k))
    nll, _ = model.likelihood.nll(x, output.reshape(k, N, -1), model.params)
    log_ratio, _ = log_prior_ratio(z, logvar, eps)
    return log_ratio - nll


def log_likelihood(
    model: Any,
    x: Array,
    labels: Array | None = None,
    n_samples: int = 5000,
    rng: Rng = 0,
    verbose: bool = True,
    threads: int = 1,
) -> Array:
    r"""Estimate log p(x) of each image by importance sampling: on average a lower bound that n_samples tighten.

    Parameters
    ----------
    model : VAE, ConditionalVAE or ImportanceWeightedVAE
    x : (N, D) ndarray
        uint8 grey levels, divided by 255 here, or floats. Binarize them first if the model was trained that way.
    labels : (N,) ndarray of int
        Only for a `ConditionalVAE`: the estimate is then of log p(x given label).
    n_samples : int
        Number k of draws of z for each image. They are processed in chunks, so that memory use grows with neither k
        nor N.
    rng : numpy.random.Generator, int or None
        Draws the noise.
    verbose : bool
        Show a progress bar if stderr is a terminal.
    threads : int
        Number of threads for the matrix products; see `fit`.

    Returns
    -------
    log_p : (N,) ndarray
        In nats.

    Raises
    ------
    ValueError
        As in `evaluate`, and for an `AutoEncoder`, which does not define p(x).

    Notes
    -----
    .. math::
        \log p(x) \approx \log \frac1k \sum_{i=1}^k \frac{p(x | z_i)\, p(z_i)}{q(z_i | x)}, \qquad z_i \sim q(z | x)

    with the largest term factored out of the sum. Burda, Grosse and Salakhutdinov (2016), eq. 8.

    It is a lower bound in expectation only, and a small spread over reruns does not show that it is tight: where
    q(z given x) misses most of the posterior, it stays many nats too low, each time by about as much. Let n_samples
    grow, and see whether it still climbs.
    """
    if not model.has_prior:
        raise ValueError(f"{type(model).__name__} has no log-likelihood: it defines no distribution of x; use a VAE")
    x = validation.dataset("x", x, model.input_dim, model.likelihood.support)
    labels = model.check_labels(labels, len(x))
    k = validation.positive_int("n_samples", n_samples)
    rng = validation.generator("rng", rng)
    log_p = np.empty(len(x))
    images = max(1, ROWS // k)
    with limited_threads(threads):
        for part in progress(slices(len(x), images), "log-likelihood", verbose):
            batch, y = to_float(x[part], model.dtype), rows_of(labels, part)
            mu, logvar = model.encode(batch, y)
            log_sum = np.full(len(batch), -np.inf)
            for draws in slices(k, ROWS // images):
                eps = rng.standard_normal((draws.stop - draws.start, *mu.shape), dtype=model.dtype.name)
                log_w = log_weights(model, batch, mu, logvar, eps, y).astype(np.float64)
                log_sum = np.logaddexp(log_sum, log_mean_exp(log_w)[0] + math.log(len(eps)))
            log_p[part] = log_sum - math.log(k)
    return log_p


def sums(terms: LossTerms) -> Array:
    """Return the sums of loss, nll and kl over a batch, accumulated in float64."""
    return np.array([np.sum(term, dtype=np.float64) for term in terms])


def rows_of(labels: Array | None, part: slice | Array) -> Array | None:
    """Return the labels of some of the examples, or None if there are no labels."""
    return None if labels is None else labels[part]


def slices(n: int, size: int) -> list[slice]:
    """Cover n rows with slices of at most the given size."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
