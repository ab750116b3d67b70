"""Wrong likelihoods: Bernoulli pixels, Gaussian pixels, and the classes around them."""

from typing import Any

import numpy as np

from npvae.internals.types import Array
from npvae.likelihoods import gaussian_nll_backward
from wrong_versions.table import replaces

BERNOULLI, BERNOULLI_BACKWARD = "npvae.likelihoods.bernoulli_nll", "npvae.likelihoods.bernoulli_nll_backward"
GAUSSIAN, GAUSSIAN_BACKWARD = "npvae.likelihoods.gaussian_nll", "npvae.likelihoods.gaussian_nll_backward"


def softplus(a: Array) -> Array:
    """log(1 + e^a), without overflow."""
    return np.maximum(a, 0) + np.log(1 + np.exp(-np.abs(a)))


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast: rows, or everything."""
    return gradient if gradient.shape == shape else gradient.sum() if shape == () else gradient.sum(axis=0)


# Bernoulli: nll = sum softplus(logits) - x logits.


@replaces("npvae.internals.validation.within", number=23)
def any_pixel_will_do(name: str, array: Array, support: tuple[float, float]) -> None:
    """Grey levels 0..255 taken for probabilities -> refused with a clear error: a Bernoulli loss without a floor."""


@replaces(BERNOULLI)
def bernoulli_in_float64(x: Array, logits: Array) -> Any:
    """A NumPy float64 among float32 -> Python floats: everything after it is float64 and half as fast."""
    return np.sum(softplus(logits) - x * logits * np.ones(1), axis=-1), (x, logits, softplus(logits))


@replaces(BERNOULLI)
def logits_changed_in_place(x: Array, logits: Array) -> Any:
    """logits *= x -> x * logits: the caller's logits, and the cache, are something else afterwards."""
    cost = softplus(logits)
    logits *= x
    return np.sum(cost - logits, axis=-1), (x, logits, cost)


# Gaussian: nll = 1/2 sum log 2 pi + logvar + (x - mean)^2 / sigma^2.


@replaces(GAUSSIAN_BACKWARD)
def gaussian_dlogvar_averaged(dnll: Array, cache: Any) -> Any:
    """mean over what logvar was broadcast over -> sum: wrong only where one logvar serves many pixels."""
    dmean, dlogvar = gaussian_nll_backward(dnll, cache)
    return dmean, dlogvar * (np.size(dlogvar) / np.size(dmean))


@replaces(GAUSSIAN_BACKWARD)
def gaussian_dlogvar_not_summed(dnll: Array, cache: Any) -> Any:
    """(N, D) for a logvar of shape () or (D,) -> summed to its shape."""
    residual, precision = cache
    dnll = dnll[..., None]
    return -dnll * residual * precision, 0.5 * dnll * (1 - residual**2 * precision)


# The classes: mean, draw, start, and what is learned.


@replaces("npvae.likelihoods.Gaussian.nll_backward")
def learned_deviation_negated(self: Any, dnll: Array, cache: Any, grads: Any) -> Array:
    """output.logvar gets -dlogvar -> dlogvar: the deviation runs away from the right one."""
    dmean, dlogvar = gaussian_nll_backward(dnll, cache)
    if self.std == "learned":
        grads["output.logvar"][...] = -dlogvar
    return dmean


@replaces("npvae.likelihoods.Gaussian.nll_backward")
def learned_deviation_never_learns(self: Any, dnll: Array, cache: Any, grads: Any) -> Array:
    """output.logvar gets no gradient -> dlogvar: a parameter that stays where it starts."""
    dmean, _ = gaussian_nll_backward(dnll, cache)
    if self.std == "learned":
        grads["output.logvar"][...] = 0
    return dmean


@replaces("npvae.likelihoods.Gaussian.logvar")
def std_taken_for_a_variance(self: Any, params: Any) -> Any:
    """logvar = log std -> 2 log std: std = 0.1 trains and samples with 0.32."""
    return params["output.logvar"] if self.std == "learned" else float(np.log(self.std))


@replaces("npvae.likelihoods.Gaussian.sample")
def pixels_drawn_with_the_variance(self: Any, output: Array, params: Any, rng: np.random.Generator) -> Array:
    """output + sigma^2 noise -> sigma noise."""
    noise = rng.standard_normal(output.shape, dtype=output.dtype)
    return output + float(np.exp(self.logvar(params))) * noise


@replaces("npvae.likelihoods.Gaussian.init_output")
def deviation_starts_at_the_root(self: Any, x: Array, params: Any) -> None:
    """output.logvar = log of the deviation -> of the variance."""
    params["output.b"][...] = np.mean(x, axis=0)
    if self.std == "learned":
        params["output.logvar"][...] = np.log(np.sqrt(np.mean(np.var(x, axis=0))))


@replaces("npvae.likelihoods.Bernoulli.init_output")
def bias_starts_at_the_mean(self: Any, x: Array, params: Any) -> None:
    """output.b = mean image -> its logit: the bias comes before the sigmoid."""
    params["output.b"][...] = np.mean(x, axis=0)


@replaces("npvae.likelihoods.Bernoulli.mean")
def logits_for_probabilities(self: Any, output: Array) -> Array:
    """Logits shown as an image -> their sigmoid."""
    return output


@replaces("npvae.likelihoods.Bernoulli.sample")
def pixels_drawn_black_for_white(self: Any, output: Array, params: Any, rng: np.random.Generator) -> Array:
    """1 where the uniform draw is above x_hat -> below."""
    return (rng.random(output.shape) > self.mean(output)).astype(output.dtype)


@replaces("npvae.likelihoods.Bernoulli.sample")
def one_draw_for_all_pixels(self: Any, output: Array, params: Any, rng: np.random.Generator) -> Array:
    """One uniform number for an image -> one a pixel: every mean is right, and pixels move together."""
    return (rng.random((len(output), 1)) < self.mean(output)).astype(output.dtype)
