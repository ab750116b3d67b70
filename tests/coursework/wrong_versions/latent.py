"""Wrong reparameterizations and wrong KL divergences. What is in both halves alike escapes a gradient check."""

from typing import Any

import numpy as np

from npvae.internals.types import Array
from wrong_versions.table import replaces

Z, Z_BACKWARD = "npvae.latent.reparameterize", "npvae.latent.reparameterize_backward"
KL, KL_BACKWARD = "npvae.latent.kl_divergence", "npvae.latent.kl_divergence_backward"

# Reparameterization: z = mu + exp(logvar / 2) eps.


@replaces(Z_BACKWARD, number=2)
def noise_drawn_again_in_backward(dz: Array, cache: Any) -> Any:
    """New eps in backward -> the cached one: the gradient for logvar is noise."""
    sigma, _ = cache
    eps = np.random.default_rng().standard_normal(dz.shape)
    return dz, 0.5 * dz * sigma * eps


@replaces(Z, number=33)
def noise_drawn_inside(mu: Array, logvar: Array, eps: Array) -> Any:
    """New noise in each evaluation -> the eps handed in: finite differences are differences of noise."""
    sigma, eps = np.exp(0.5 * logvar), np.random.default_rng().standard_normal(eps.shape)
    return mu + sigma * eps, (sigma, eps)


@replaces(Z)
def noise_scaled_in_place(mu: Array, logvar: Array, eps: Array) -> Any:
    """eps *= sigma -> sigma * eps: the caller's noise is changed, and the cache with it."""
    sigma = np.exp(0.5 * logvar)
    eps *= sigma
    return mu + eps, (sigma, eps)


# KL = -1/2 sum(1 + logvar - mu^2 - exp(logvar)).


@replaces(KL)
def kl_exponential_in_place(mu: Array, logvar: Array) -> Any:
    """np.exp(logvar, out=logvar) -> a new array: whoever uses logvar next gets the variance."""
    var = np.exp(logvar)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - var, axis=-1)
    logvar[...] = var
    return kl, (mu, logvar)
