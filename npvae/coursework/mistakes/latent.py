"""Wrong reparameterizations and wrong KL divergences. What is in both halves alike escapes a gradient check."""

# ruff: noqa: D403 - a line that begins with an equation begins with its letter

from typing import Any

import numpy as np

from npvae.coursework.mistakes.table import replaces
from npvae.internals.types import Array

Z, Z_BACKWARD = "npvae.latent.reparameterize", "npvae.latent.reparameterize_backward"
KL, KL_BACKWARD = "npvae.latent.kl_divergence", "npvae.latent.kl_divergence_backward"

# Reparameterization: z = mu + exp(logvar / 2) eps.


@replaces(Z, number=1)
def variance_for_sigma(mu: Array, logvar: Array, eps: Array) -> Any:
    """sigma = exp(logvar) -> exp(logvar / 2): the draws are too wide, and backward no longer fits."""
    sigma = np.exp(logvar)
    return mu + sigma * eps, (sigma, eps)


@replaces(Z, Z_BACKWARD, number=1)
class variance_for_sigma_in_both:
    """sigma = exp(logvar) -> exp(logvar / 2), and its gradient likewise: too wide, gradient checks stay green."""

    @staticmethod
    def reparameterize(mu: Array, logvar: Array, eps: Array) -> Any:
        sigma = np.exp(logvar)
        return mu + sigma * eps, (sigma, eps)

    @staticmethod
    def reparameterize_backward(dz: Array, cache: Any) -> Any:
        sigma, eps = cache
        return dz, dz * sigma * eps


@replaces(Z_BACKWARD, number=2)
def noise_drawn_again_in_backward(dz: Array, cache: Any) -> Any:
    """New eps in backward -> the cached one: the gradient by logvar is noise."""
    sigma, _ = cache
    eps = np.random.default_rng().standard_normal(dz.shape)
    return dz, 0.5 * dz * sigma * eps


@replaces(Z_BACKWARD, number=3)
def dlogvar_without_the_half(dz: Array, cache: Any) -> Any:
    """dlogvar = dz sigma eps -> half of it: twice too big."""
    sigma, eps = cache
    return dz, dz * sigma * eps


@replaces(Z_BACKWARD, number=4)
def dmu_halved(dz: Array, cache: Any) -> Any:
    """dmu = dz / 2 -> dz: the half belongs to logvar alone."""
    sigma, eps = cache
    return 0.5 * dz, 0.5 * dz * sigma * eps


@replaces(Z, Z_BACKWARD, number=5)
class head_times_noise:
    """z = mu + head eps, the head taken for a variance -> its standard deviation: the spread may be negative."""

    @staticmethod
    def reparameterize(mu: Array, logvar: Array, eps: Array) -> Any:
        return mu + logvar * eps, eps

    @staticmethod
    def reparameterize_backward(dz: Array, eps: Array) -> Any:
        return dz, dz * eps


@replaces(Z_BACKWARD, number=8)
def dlogvar_without_eps(dz: Array, cache: Any) -> Any:
    """dlogvar = dz sigma / 2 -> times eps: sigma grows or shrinks whatever the noise was."""
    sigma, _ = cache
    return dz, 0.5 * dz * sigma


@replaces(Z_BACKWARD)
def dlogvar_without_sigma(dz: Array, cache: Any) -> Any:
    """dlogvar = dz eps / 2 -> times sigma: right only at logvar = 0, where every network starts."""
    _, eps = cache
    return dz, 0.5 * dz * eps


@replaces(Z_BACKWARD)
def dmu_and_dlogvar_exchanged(dz: Array, cache: Any) -> Any:
    """(dlogvar, dmu) -> (dmu, dlogvar): both have the same shape, so nothing complains."""
    sigma, eps = cache
    return 0.5 * dz * sigma * eps, dz


@replaces(Z_BACKWARD)
def z_cut_off(dz: Array, cache: Any) -> Any:
    """No gradient through z -> (dz, dz sigma eps / 2): the encoder learns from the KL term alone."""
    return np.zeros_like(dz), np.zeros_like(dz)


@replaces(Z, number=33)
def noise_drawn_inside(mu: Array, logvar: Array, eps: Array) -> Any:
    """New noise in each evaluation -> the eps handed in: finite differences are differences of noise."""
    sigma, eps = np.exp(0.5 * logvar), np.random.default_rng().standard_normal(eps.shape)
    return mu + sigma * eps, (sigma, eps)


@replaces(Z, Z_BACKWARD)
class one_noise_for_the_batch:
    """mu + sigma eps[0] -> each example its own: wrong only for N > 1."""

    @staticmethod
    def reparameterize(mu: Array, logvar: Array, eps: Array) -> Any:
        sigma = np.exp(0.5 * logvar)
        return mu + sigma * eps[..., :1, :], (sigma, eps[..., :1, :])

    @staticmethod
    def reparameterize_backward(dz: Array, cache: Any) -> Any:
        sigma, eps = cache
        return dz, 0.5 * dz * sigma * eps


@replaces(Z)
def noise_scaled_in_place(mu: Array, logvar: Array, eps: Array) -> Any:
    """eps *= sigma -> sigma * eps: the caller's noise is changed, and the cache with it."""
    sigma = np.exp(0.5 * logvar)
    eps *= sigma
    return mu + eps, (sigma, eps)


# KL = -1/2 sum(1 + logvar - mu^2 - exp(logvar)).


@replaces(KL_BACKWARD, number=9)
def kl_dmu_negated(dkl: Array, cache: Any) -> Any:
    """dKL/dmu = -mu -> mu: the means run away."""
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * -mu, dkl * -0.5 * (1 - var)


@replaces(KL_BACKWARD, number=10)
def kl_dlogvar_negated_and_doubled(dkl: Array, cache: Any) -> Any:
    """dKL/dlogvar = 1 - exp(logvar) -> (exp(logvar) - 1) / 2: the variance runs away from 1."""
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * mu, dkl * (1 - var)


@replaces(KL, KL_BACKWARD, number=11)
class kl_negated:
    """+1/2 sum(...) -> -1/2 sum(...), gradient likewise: q is driven away from the prior, the loss is below any."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return 0.5 * np.sum(1 + logvar - mu**2 - var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None]
        return -dkl * mu, dkl * 0.5 * (1 - var)


@replaces(KL, KL_BACKWARD, number=12)
class half_on_a_part_of_the_sum:
    """sum(-(1 + logvar) / 2 + mu^2 + var) -> the half on all of it: a parenthesis in the wrong place."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return np.sum(-0.5 * (1 + logvar) + mu**2 + var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None]
        return dkl * 2 * mu, dkl * (var - 0.5)


@replaces(KL, number=13)
def kl_without_the_exponential(mu: Array, logvar: Array) -> Any:
    """1 + log(logvar^2) / 2 - mu^2 - logvar, the head taken for a variance -> logvar and exp(logvar)."""
    var = logvar
    return -0.5 * np.sum(1 + 0.5 * np.log(var**2) - mu**2 - var, axis=-1), (mu, var)


@replaces(KL, number=13)
def kl_with_two_exponentials(mu: Array, logvar: Array) -> Any:
    """1 + exp(logvar) - mu^2 - exp(logvar) -> 1 + logvar - ...: the variance cancels and is never held."""
    var = np.exp(logvar)
    return -0.5 * np.sum(1 + var - mu**2 - var, axis=-1), (mu, var)


@replaces(KL_BACKWARD, number=13)
def kl_dlogvar_at_logvar(dkl: Array, cache: Any) -> Any:
    """dKL/dlogvar = -(1 - logvar) / 2 -> -(1 - exp(logvar)) / 2: logvar is pulled to 1."""
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * mu, dkl * -0.5 * (1 - np.log(var))


@replaces(KL, KL_BACKWARD, number=14)
class kl_of_a_log_sigma_head:
    """1 + 2 s - mu^2 - exp(2 s) where the draw takes s for log sigma^2 -> one meaning of the head in both."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(2 * logvar)
        return -0.5 * np.sum(1 + 2 * logvar - mu**2 - var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None]
        return dkl * mu, -dkl * (1 - var)


@replaces(KL, KL_BACKWARD)
class kl_halved:
    """-1/4 sum(...) -> -1/2 sum(...), gradient likewise: a hidden beta of one half."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return -0.25 * np.sum(1 + logvar - mu**2 - var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None]
        return dkl * 0.5 * mu, dkl * -0.25 * (1 - var)


@replaces(KL, KL_BACKWARD)
class kl_averaged_over_the_latents:
    """mean over latent dimensions -> sum, gradient likewise: a hidden beta of 1 / L."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return -0.5 * np.mean(1 + logvar - mu**2 - var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None] / mu.shape[-1]
        return dkl * mu, dkl * -0.5 * (1 - var)


@replaces(KL, KL_BACKWARD)
class kl_summed_over_the_batch:
    """One sum over examples too, given to each -> one value an example: wrong only for N > 1."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return np.full(len(mu), -0.5 * np.sum(1 + logvar - mu**2 - var), mu.dtype), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        return np.sum(dkl) * mu, np.sum(dkl) * -0.5 * (1 - var)


@replaces(KL, KL_BACKWARD)
class kl_the_other_way_round:
    """KL(p || q) -> KL(q || p), gradient likewise: also zero at the prior, and covers where it should seek."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        precision = np.exp(-logvar)
        return 0.5 * np.sum((1 + mu**2) * precision - 1 + logvar, axis=-1), (mu, precision)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, precision = cache
        dkl = dkl[..., None]
        return dkl * mu * precision, dkl * 0.5 * (1 - (1 + mu**2) * precision)


@replaces(KL, KL_BACKWARD)
class kl_without_mu:
    """1 + logvar - var -> ... - mu^2, gradient likewise: wrong only where mu is not 0; the means drift."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return -0.5 * np.sum(1 + logvar - var, axis=-1), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        return np.zeros_like(mu), dkl[..., None] * -0.5 * (1 - var)


@replaces(KL, KL_BACKWARD)
class kl_in_bits:
    """log2 -> natural logarithm, gradient likewise: nats and bits are added."""

    @staticmethod
    def kl_divergence(mu: Array, logvar: Array) -> Any:
        var = np.exp(logvar)
        return -0.5 * np.sum(1 + logvar - mu**2 - var, axis=-1) / float(np.log(2)), (mu, var)

    @staticmethod
    def kl_divergence_backward(dkl: Array, cache: Any) -> Any:
        mu, var = cache
        dkl = dkl[..., None] / float(np.log(2))
        return dkl * mu, dkl * -0.5 * (1 - var)


@replaces(KL)
def kl_without_its_one(mu: Array, logvar: Array) -> Any:
    """logvar - mu^2 - var -> 1 + ...: every gradient is right, and the KL of the prior to itself is L / 2."""
    var = np.exp(logvar)
    return -0.5 * np.sum(logvar - mu**2 - var, axis=-1), (mu, var)


@replaces(KL_BACKWARD)
def kl_dmu_is_one(dkl: Array, cache: Any) -> Any:
    """dKL/dmu = sign(mu) -> mu: right sign, no size; wrong only where mu is not 0."""
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * np.sign(mu), dkl * -0.5 * (1 - var)


@replaces(KL_BACKWARD)
def kl_gradients_exchanged(dkl: Array, cache: Any) -> Any:
    """(dlogvar, dmu) -> (dmu, dlogvar): both have the same shape, so nothing complains."""
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * -0.5 * (1 - var), dkl * mu


@replaces(KL_BACKWARD)
def kl_upstream_ignored(dkl: Array, cache: Any) -> Any:
    """(mu, -(1 - var) / 2) -> times dkl: beta and 1 / N are lost on the way."""
    mu, var = cache
    return mu, -0.5 * (1 - var)


@replaces(KL_BACKWARD)
def kl_reported_and_not_trained(dkl: Array, cache: Any) -> Any:
    """Zeros -> the gradient: the KL is in the loss that is printed, and nothing holds it."""
    mu, var = cache
    return np.zeros_like(mu), np.zeros_like(var)


@replaces(KL)
def kl_exponential_in_place(mu: Array, logvar: Array) -> Any:
    """np.exp(logvar, out=logvar) -> a new array: whoever uses logvar next gets the variance."""
    var = np.exp(logvar)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - var, axis=-1)
    logvar[...] = var
    return kl, (mu, logvar)
