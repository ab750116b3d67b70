"""How good a model is: its loss and its bound on held-out data, and how much of its latent space it uses."""

import math
from dataclasses import dataclass

import numpy as np

from npvae import validation
from npvae.data.pixels import to_float
from npvae.models import VAE, LossTerms
from npvae.types import Array, Rng

BATCH = 500
ACTIVE = 0.01


@dataclass(frozen=True)
class Evaluation:
    """Means over a data set. Printing it gives a table with units."""

    loss: float
    """nll + beta * kl, nats per image."""
    nll: float
    """Reconstruction term, one draw of z an image, nats per image."""
    kl: float
    """KL term, nats per image."""
    elbo: float
    """Lower bound on log p(x), -(nll + kl) whatever beta is, nats per image."""
    bits_per_pixel: float
    """The bound as a code length: -elbo / (D log 2)."""
    active_units: int
    """Latent dimensions whose mean varies with x."""
    latent_dim: int
    """Latent dimensions there are."""
    examples: int
    """Images the means are over."""

    def __str__(self) -> str:
        return "\n".join(
            [
                f"loss  {self.loss:10.3f} nats per image, nll + beta kl",
                f"nll   {self.nll:10.3f} nats per image, reconstruction",
                f"kl    {self.kl:10.3f} nats per image",
                f"elbo  {self.elbo:10.3f} nats per image, -(nll + kl): lower bound on log p(x)",
                f"bits  {self.bits_per_pixel:10.4f} per pixel, -elbo / (D log 2)",
                f"units {self.active_units:10d} active of {self.latent_dim}",
            ]
        )


def evaluate(model: VAE, x: Array, rng: Rng = 0) -> Evaluation:
    r"""Mean loss terms over a data set, with z drawn from q(z given x), and the active units.

    Parameters
    ----------
    model : VAE
    x : (N, D) ndarray
        uint8 grey levels, divided by 255 here, or floats. Binarize first where the model was trained so.
    rng : numpy.random.Generator, int or None
        Draws the noise. The default gives the same draws at every call.

    Returns
    -------
    evaluation : Evaluation

    Raises
    ------
    ValueError
        For a wrong shape or dtype, N = 0, pixels out of range, NaN.

    Notes
    -----
    A latent dimension is active where

    .. math:: \mathrm{Var}_x \left( \mathbb{E}_{q(z|x)}[z_j] \right) = \mathrm{Var}_x(\mu_j(x)) > 0.01

    Burda, Grosse and Salakhutdinov (2016).
    """
    terms = mean_terms(model, x, rng)
    mu = np.concatenate([model.encode(to_float(batch, model.dtype))[0] for batch in batches(x)])
    elbo = -(terms.nll + terms.kl)
    return Evaluation(
        loss=terms.loss,
        nll=terms.nll,
        kl=terms.kl,
        elbo=elbo,
        bits_per_pixel=-elbo / (model.input_dim * math.log(2)),
        active_units=int(np.sum(np.var(mu, axis=0) > ACTIVE)),
        latent_dim=model.latent_dim,
        examples=len(x),
    )


@dataclass(frozen=True)
class MeanTerms:
    """Mean loss terms over a data set, nats per image."""

    loss: float
    nll: float
    kl: float


def mean_terms(model: VAE, x: Array, rng: Rng = 0) -> MeanTerms:
    """Mean loss, nll and kl over a data set, z drawn from q(z given x); arguments as in `evaluate`."""
    x = validation.dataset("x", x, model.input_dim, model.likelihood.support)
    rng = np.random.default_rng(rng)
    total = np.zeros(3)
    for batch in batches(x):
        terms = model.loss_terms(to_float(batch, model.dtype), model.draw_eps(len(batch), rng))
        total += sums(terms)
    return MeanTerms(*(total / len(x)).tolist())


def sums(terms: LossTerms) -> Array:
    """Sums of loss, nll and kl over a batch, added up in float64."""
    return np.array([np.sum(term, dtype=np.float64) for term in terms])


def batches(x: Array) -> list[Array]:
    """Slices of bounded size."""
    return [x[start : start + BATCH] for start in range(0, len(x), BATCH)]
