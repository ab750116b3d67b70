"""Wrong likelihoods: Bernoulli pixels, Gaussian pixels, and the classes around them."""

# ruff: noqa: D403 - a line that begins with an equation begins with its letter

from typing import Any

import numpy as np

from npvae.coursework.mistakes.table import replaces
from npvae.internals.types import Array
from npvae.layers import sigmoid
from npvae.likelihoods import LOG_2PI, gaussian_nll_backward

BERNOULLI, BERNOULLI_BACKWARD = "npvae.likelihoods.bernoulli_nll", "npvae.likelihoods.bernoulli_nll_backward"
GAUSSIAN, GAUSSIAN_BACKWARD = "npvae.likelihoods.gaussian_nll", "npvae.likelihoods.gaussian_nll_backward"


def softplus(a: Array) -> Array:
    """log(1 + e^a), without overflow."""
    return np.maximum(a, 0) + np.log(1 + np.exp(-np.abs(a)))


def summed_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast: rows, or everything."""
    return gradient if gradient.shape == shape else gradient.sum() if shape == () else gradient.sum(axis=0)


# Bernoulli: nll = sum softplus(logits) - x logits.


@replaces(BERNOULLI, BERNOULLI_BACKWARD, number=15)
class bernoulli_averaged_over_pixels:
    """mean over pixels -> sum, gradient likewise: the KL outweighs it D times, every sample is the average image."""

    @staticmethod
    def bernoulli_nll(x: Array, logits: Array) -> Any:
        return np.mean(softplus(logits) - x * logits, axis=-1), (x, logits)

    @staticmethod
    def bernoulli_nll_backward(dnll: Array, cache: Any) -> Array:
        x, logits = cache
        return dnll[..., None] * (sigmoid(logits)[0] - x) / x.shape[-1]


@replaces(BERNOULLI, number=19)
def log_of_the_sigmoid(x: Array, logits: Array) -> Any:
    """log(sigmoid(a)) -> the softplus form: log of a rounded zero, 0 times infinity, NaN."""
    x_hat = sigmoid(logits)[0]
    return -np.sum(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat), axis=-1), (x, logits, softplus(logits))


@replaces(BERNOULLI, number=20)
def probability_clipped(x: Array, logits: Array) -> Any:
    """log(clip(x_hat, 1e-7, 1 - 1e-7)) -> softplus: the loss is flat where the gradient is not."""
    x_hat = np.clip(sigmoid(logits)[0], 1e-7, 1 - 1e-7)
    return -np.sum(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat), axis=-1), (x, logits, softplus(logits))


@replaces(BERNOULLI, number=20)
def logarithm_with_an_eps(x: Array, logits: Array) -> Any:
    """log(x_hat + 1e-8) -> softplus: a term in the loss that the gradient has never heard of."""
    x_hat = sigmoid(logits)[0]
    return -np.sum(x * np.log(x_hat + 1e-8) + (1 - x) * np.log(1 - x_hat + 1e-8), axis=-1), (
        x,
        logits,
        softplus(logits),
    )


@replaces(BERNOULLI, BERNOULLI_BACKWARD, number=21)
class half_a_cross_entropy:
    """-sum x log(x_hat) -> also (1 - x) log(1 - x_hat), gradient likewise: white pixels everywhere cost nothing."""

    @staticmethod
    def bernoulli_nll(x: Array, logits: Array) -> Any:
        return np.sum(x * softplus(-logits), axis=-1), (x, logits)

    @staticmethod
    def bernoulli_nll_backward(dnll: Array, cache: Any) -> Array:
        x, logits = cache
        return dnll[..., None] * x * (sigmoid(logits)[0] - 1)


@replaces(BERNOULLI, BERNOULLI_BACKWARD, number=22)
class targets_for_predictions:
    """bernoulli_nll(logits, x) -> (x, logits), gradient likewise: the target is taken for the prediction."""

    @staticmethod
    def bernoulli_nll(x: Array, logits: Array) -> Any:
        return np.sum(softplus(x) - logits * x, axis=-1), (x, logits)

    @staticmethod
    def bernoulli_nll_backward(dnll: Array, cache: Any) -> Array:
        x, _ = cache
        return dnll[..., None] * -x


@replaces("npvae.internals.validation.within", number=23)
def any_pixel_will_do(name: str, array: Array, support: tuple[float, float]) -> None:
    """Grey levels 0..255 taken for probabilities -> refused with a clear error: a Bernoulli loss without a floor."""


@replaces(BERNOULLI)
def softplus_overflows(x: Array, logits: Array) -> Any:
    """log(1 + e^a) -> max(a, 0) + log(1 + e^-|a|): infinite from 89 on in float32."""
    softplus = np.log(1 + np.exp(logits))
    return np.sum(softplus - x * logits, axis=-1), (x, logits, softplus)


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


@replaces(BERNOULLI)
def sigmoid_taken_twice(x: Array, logits: Array) -> Any:
    """The loss from logits of what is a probability already -> of the logits: no pixel can get below 0.31 nats."""
    x_hat = sigmoid(logits)[0]
    return np.sum(softplus(x_hat) - x * x_hat, axis=-1), (x, logits, softplus(logits))


@replaces(BERNOULLI_BACKWARD)
def dlogits_negated(dnll: Array, cache: Any) -> Array:
    """x - x_hat -> x_hat - x: learns the negative."""
    x, logits, _ = cache
    return dnll[..., None] * (x - sigmoid(logits)[0])


@replaces(BERNOULLI_BACKWARD)
def dlogits_through_the_sigmoid_again(dnll: Array, cache: Any) -> Array:
    """(x_hat - x) x_hat (1 - x_hat) -> x_hat - x: that slope has cancelled already; confident errors never heal."""
    x, logits, _ = cache
    x_hat, _ = sigmoid(logits)
    return dnll[..., None] * (x_hat - x) * x_hat * (1 - x_hat)


@replaces(BERNOULLI_BACKWARD)
def dlogits_without_the_sigmoid(dnll: Array, cache: Any) -> Array:
    """logits - x -> sigmoid(logits) - x."""
    x, logits, _ = cache
    return dnll[..., None] * (logits - x)


@replaces(BERNOULLI_BACKWARD)
def dlogits_divided_by_N(dnll: Array, cache: Any) -> Array:
    """(x_hat - x) / N -> dnll has that 1 / N already. Wrong only for N > 1."""
    x, logits, _ = cache
    return dnll[..., None] * (sigmoid(logits)[0] - x) / len(x)


@replaces(BERNOULLI_BACKWARD)
def upstream_of_the_first_example(dnll: Array, cache: Any) -> Array:
    """dnll[0] for all -> each its own: a mean loss has the same for all and never shows it. Wrong only for N > 1."""
    x, logits, _ = cache
    return dnll[0] * (sigmoid(logits)[0] - x)


# Gaussian: nll = 1/2 sum log 2 pi + logvar + (x - mean)^2 / sigma^2.


@replaces(GAUSSIAN, GAUSSIAN_BACKWARD, number=15)
class gaussian_averaged_over_pixels:
    """mean over pixels -> sum, gradient likewise: the KL outweighs it D times."""

    @staticmethod
    def gaussian_nll(x: Array, mean: Array, logvar: Any) -> Any:
        residual, precision = x - mean, np.exp(-np.asarray(logvar, mean.dtype))
        return 0.5 * np.mean(LOG_2PI - np.log(precision) + residual**2 * precision, axis=-1), (residual, precision)

    @staticmethod
    def gaussian_nll_backward(dnll: Array, cache: Any) -> Any:
        residual, _ = cache
        return gaussian_nll_backward(dnll / residual.shape[-1], cache)


@replaces(GAUSSIAN, number=22)
def residual_the_other_way_round(x: Array, mean: Array, logvar: Any) -> Any:
    """mean - x -> x - mean: squared it is the same, in the gradient it is the sign."""
    logvar = np.asarray(logvar, mean.dtype)
    residual, precision = mean - x, np.exp(-logvar)
    return 0.5 * np.sum(LOG_2PI + logvar + residual**2 * precision, axis=-1), (residual, precision)


@replaces(GAUSSIAN, GAUSSIAN_BACKWARD, number=24)
class plain_squared_error:
    """sum (x - mean)^2 -> over 2 sigma^2, gradient likewise: a hidden beta of 2 sigma^2."""

    @staticmethod
    def gaussian_nll(x: Array, mean: Array, logvar: Any) -> Any:
        residual = x - mean
        return np.sum(residual**2, axis=-1), (residual, np.shape(logvar))

    @staticmethod
    def gaussian_nll_backward(dnll: Array, cache: Any) -> Any:
        residual, shape = cache
        return -2 * dnll[..., None] * residual, np.zeros(shape, residual.dtype)


@replaces(GAUSSIAN, GAUSSIAN_BACKWARD, number=25)
class gaussian_without_its_log_variance:
    """No logvar / 2 -> with it, gradient likewise: a larger variance is always better, and is learned."""

    @staticmethod
    def gaussian_nll(x: Array, mean: Array, logvar: Any) -> Any:
        residual, precision = x - mean, np.exp(-np.asarray(logvar, mean.dtype))
        return 0.5 * np.sum(LOG_2PI + residual**2 * precision, axis=-1), (residual, precision)

    @staticmethod
    def gaussian_nll_backward(dnll: Array, cache: Any) -> Any:
        residual, precision = cache
        dnll = dnll[..., None]
        dlogvar = -0.5 * dnll * residual**2 * precision
        return -dnll * residual * precision, summed_to(dlogvar, precision.shape)


@replaces(GAUSSIAN, GAUSSIAN_BACKWARD, number=25)
class gaussian_with_the_wrong_half:
    """logvar + (x - mean)^2 / 2 sigma^2 -> logvar / 2, gradient likewise: log sigma^2 where log sigma belongs."""

    @staticmethod
    def gaussian_nll(x: Array, mean: Array, logvar: Any) -> Any:
        logvar = np.asarray(logvar, mean.dtype)
        residual, precision = x - mean, np.exp(-logvar)
        return np.sum(0.5 * LOG_2PI + logvar + 0.5 * residual**2 * precision, axis=-1), (residual, precision)

    @staticmethod
    def gaussian_nll_backward(dnll: Array, cache: Any) -> Any:
        residual, precision = cache
        dnll = dnll[..., None]
        dlogvar = dnll * (1 - 0.5 * residual**2 * precision)
        return -dnll * residual * precision, summed_to(dlogvar, precision.shape)


@replaces(GAUSSIAN, number=26)
def never_below_zero(x: Array, mean: Array, logvar: Any) -> Any:
    """max(nll, 0) -> nll: a density may exceed 1, and its nll be negative."""
    logvar = np.asarray(logvar, mean.dtype)
    residual, precision = x - mean, np.exp(-logvar)
    nll = 0.5 * np.sum(LOG_2PI + logvar + residual**2 * precision, axis=-1)
    return np.maximum(nll, 0), (residual, precision)


@replaces(GAUSSIAN)
def gaussian_without_log_2_pi(x: Array, mean: Array, logvar: Any) -> Any:
    """logvar + ... -> log 2 pi + logvar + ...: every gradient is right, and the likelihood is of nothing."""
    logvar = np.asarray(logvar, mean.dtype)
    residual, precision = x - mean, np.exp(-logvar)
    return 0.5 * np.sum(logvar + residual**2 * precision, axis=-1), (residual, precision)


@replaces(GAUSSIAN)
def precision_of_the_deviation(x: Array, mean: Array, logvar: Any) -> Any:
    """(x - mean)^2 / sigma -> / sigma^2: exp(-logvar / 2) for exp(-logvar)."""
    logvar = np.asarray(logvar, mean.dtype)
    residual, precision = x - mean, np.exp(-0.5 * logvar)
    return 0.5 * np.sum(LOG_2PI + logvar + residual**2 * precision, axis=-1), (residual, precision)


@replaces(GAUSSIAN_BACKWARD)
def gaussian_dlogvar_negated(dnll: Array, cache: Any) -> Any:
    """(x - mean)^2 / sigma^2 - 1 -> 1 - ...: a learned variance runs away from the right one."""
    dmean, dlogvar = gaussian_nll_backward(dnll, cache)
    return dmean, -dlogvar


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
