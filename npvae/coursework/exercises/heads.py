"""What the encoder's second head may stand for, and by their definitions what it enters: a draw from q, the KL."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from npvae.coursework.exercise import EXTREMES, ONE, SEVERAL
from npvae.coursework.pairs import Forward, spread
from npvae.coursework.variants import Variant
from npvae.internals.types import Array


class Head(NamedTuple):
    """What the encoder's second head, rho, may stand for."""

    sigma: Callable[[Array], Array]
    """The standard deviation, given rho."""
    far: tuple[float, float, float]
    """Values whose sigma is far from one, and a careless formula over- or underflows."""
    beyond: float
    """A value whose variance, or 1 plus its exponential, is rounded away; its divergence is not."""


HEADS = {
    "log-variance": Head(lambda rho: np.exp(0.5 * rho), (-60.0, -30.0, 10.0), -800.0),
    "log-sigma": Head(np.exp, (-30.0, -15.0, 5.0), -400.0),
    "softplus": Head(lambda rho: np.logaddexp(0, rho), (-40.0, -25.0, 800.0), -40.0),
    "log-precision": Head(lambda rho: np.exp(-0.5 * rho), (60.0, 30.0, -10.0), 800.0),
}
PRIOR = {"prior_mean": (0.0, -1.0, -0.5, 0.5, 1.0), "prior_sigma": (1.0, 0.5, 0.75, 1.5, 2.0)}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def draw(sigma: Callable[[Array], Array]) -> Forward:
    """Z from mu, rho and eps, by its definition."""
    return lambda mu, rho, eps: mu + sigma(rho) * eps


def kl_between(q_mean: Array | float, q_sigma: Array | float, p_mean: Array | float, p_sigma: Array | float) -> Array:
    """KL from q to p, two normals, by definition: the mean of log q(z) - log p(z) over z from q, by quadrature."""
    m_q, s_q, m_p, s_p = (np.asarray(each)[..., None] for each in (q_mean, q_sigma, p_mean, p_sigma))
    z = m_q + s_q * NODES
    log_q = -np.log(s_q) - 0.5 * NODES**2
    log_p = -np.log(s_p) - 0.5 * ((z - m_p) / s_p) ** 2
    return np.asarray(np.sum((log_q - log_p) @ WEIGHTS, axis=-1))


def divergence(sigma: Callable[[Array], Array], prior_mean: float, prior_sigma: float) -> Forward:
    """KL to the prior, from mu and rho."""
    return lambda mu, rho: kl_between(mu, sigma(rho), prior_mean, prior_sigma)


def kl_of(variant: Variant) -> Forward:
    """The divergence that a variant asks for."""
    return divergence(HEADS[variant.head].sigma, variant.prior_mean, variant.prior_sigma)


def points_of_heads(variant: Variant, rng: np.random.Generator) -> list[tuple[str, Array, Array]]:
    """Where to try a function of mu and rho: one example, mu at zero, several, standard deviations far from one."""
    n, latent = int(rng.integers(4, 6)), 3
    far = HEADS[variant.head].far
    return [
        (ONE, spread(rng, 1, latent), spread(rng, 1, latent)),
        ("mu = 0", np.zeros((1, latent)), spread(rng, 1, latent)),
        (SEVERAL, spread(rng, n, latent), spread(rng, n, latent)),
        (EXTREMES, spread(rng, 2, latent), np.array([far, far[::-1]])),
    ]
