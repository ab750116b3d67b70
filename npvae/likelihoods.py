"""The decoder's distribution over x: Bernoulli pixels or Gaussian ones, each loss with its gradient.

First the mathematics, in pairs; then two small classes that tell a model which pair to use, what the
likelihood learns and how it starts, and how to turn the decoder's output into a mean or a draw.
"""

import math
import numbers
import sys
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from npvae.layers import sigmoid
from npvae.types import Array, Generator

LOG_2PI = math.log(2 * math.pi)


def bernoulli_nll(x: Array, logits: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    r"""Negative log-likelihood of pixels under independent Bernoullis, from logits.

    Parameters
    ----------
    x : (N, D) ndarray
        Pixels in [0, 1]. Between 0 and 1 this is a cross-entropy and no longer a likelihood.
    logits : (N, D) ndarray
        Decoder output before the sigmoid.

    Returns
    -------
    nll : (N,) ndarray
        In nats, summed over the pixels.
    cache : tuple
        x, logits and their softplus: log x_hat is the difference of the last two.

    Notes
    -----
    With :math:`\hat x = \mathrm{sigmoid}(a)`, :math:`\log \hat x = a - \mathrm{softplus}(a)` and
    :math:`\log (1 - \hat x) = -\mathrm{softplus}(a)`, so that

    .. math::
        -\sum_i \left[ x_i \log \hat x_i + (1 - x_i) \log (1 - \hat x_i) \right]
            = \sum_i \left[ \mathrm{softplus}(a_i) - x_i a_i \right]

    and :math:`\mathrm{softplus}(a) = \log(1 + e^a) = \max(a, 0) + \log(1 + e^{-|a|})` never overflows and
    never takes the logarithm of a rounded zero. Lecture notes, "Reconstruction Loss"; Kingma and Welling
    (2014), eq. 11.
    """
    softplus = np.maximum(logits, 0) + np.log(1 + np.exp(-np.abs(logits)))
    return np.sum(softplus - x * logits, axis=-1), (x, logits, softplus)


def bernoulli_nll_backward(dnll: Array, cache: tuple[Array, Array, Array]) -> Array:
    r"""Gradient of `bernoulli_nll` by the logits.

    Parameters
    ----------
    dnll : (N,) ndarray
        Gradient of the loss by each example's nll.
    cache : tuple
        From `bernoulli_nll`.

    Returns
    -------
    dlogits : (N, D) ndarray

    Notes
    -----
    .. math::
        \frac{d}{da} \left[ \mathrm{softplus}(a) - x a \right] = \mathrm{sigmoid}(a) - x = \hat x - x,
        \qquad \hat x = e^{\log \hat x} = e^{a - \mathrm{softplus}(a)}
    """
    x, logits, softplus = cache
    x_hat = np.exp(logits - softplus)
    return dnll[..., None] * (x_hat - x)


def gaussian_nll(x: Array, mean: Array, logvar: Any) -> tuple[Array, tuple[Array, Array]]:
    r"""Negative log-density of pixels under independent Gaussians.

    Parameters
    ----------
    x : (N, D) ndarray
        Pixels.
    mean : (N, D) ndarray
        Decoder output.
    logvar : float or ndarray of shape (), (D,) or (N, D)
        Log-variance of the pixels.

    Returns
    -------
    nll : (N,) ndarray
        In nats, summed over the pixels. A density may exceed 1, so this may be negative.
    cache : tuple
        The residual x - mean, and the precision 1 / sigma^2.

    Notes
    -----
    .. math::
        \tfrac12 \sum_i \left[ \log 2\pi + \log \sigma_i^2 + \frac{(x_i - m_i)^2}{\sigma_i^2} \right]

    Lecture notes, "Decoder"; Kingma and Welling (2014), eq. 12.
    """
    logvar = np.asarray(logvar, dtype=mean.dtype)
    residual = x - mean
    precision = np.exp(-logvar)
    nll = 0.5 * np.sum(LOG_2PI + logvar + residual**2 * precision, axis=-1)
    return nll, (residual, precision)


def gaussian_nll_backward(dnll: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Gradients of `gaussian_nll` by the mean and the log-variance.

    Parameters
    ----------
    dnll : (N,) ndarray
        Gradient of the loss by each example's nll.
    cache : tuple
        From `gaussian_nll`.

    Returns
    -------
    dmean : (N, D) ndarray
    dlogvar : ndarray, shape of logvar
        Summed over whatever logvar was broadcast over.

    Notes
    -----
    .. math::
        \frac{\partial}{\partial m} = -\frac{x - m}{\sigma^2}, \qquad
        \frac{\partial}{\partial \log \sigma^2} = \tfrac12 \left( 1 - \frac{(x - m)^2}{\sigma^2} \right)
    """
    residual, precision = cache
    dnll = dnll[..., None]
    dmean = -dnll * residual * precision
    dlogvar = 0.5 * dnll * (1 - residual**2 * precision)
    return dmean, _sum_to(dlogvar, np.shape(precision))


def _sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: an entry that was used many times gets the sum of its gradients."""
    leading = gradient.ndim - len(shape)
    stretched = tuple(leading + i for i, size in enumerate(shape) if size == 1)
    summed = np.sum(gradient, axis=(*range(leading), *stretched))
    return np.reshape(summed, shape)


class Likelihood(Protocol):
    """What a model asks of the decoder's distribution."""

    support: tuple[float, float]

    @property
    def config(self) -> dict[str, Any]:
        """The name and the settings, as `make_likelihood` takes them."""

    @property
    def param_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of what the likelihood itself learns."""

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        """Negative log-likelihood of each example, (N,) nats."""

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Array:
        """Gradient by the decoder's output; gradients of learned parameters are written into grads."""

    def mean(self, output: Array) -> Array:
        """E[x given z], shape of output."""

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        """Set the output's bias, and what the likelihood learns, to fit x (N, D) without any z."""

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        """A draw of x, shape of output."""


class Bernoulli:
    """Each pixel is 1 with probability sigmoid(logit): for binary data.

    The decoder's output is the logits; the mean of p(x given z) is their sigmoid.
    """

    support = (0.0, 1.0)
    config: dict[str, Any] = {"name": "bernoulli"}  # noqa: RUF012
    param_shapes: dict[str, tuple[int, ...]] = {}  # noqa: RUF012

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        return bernoulli_nll(x, output)

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Array:
        return bernoulli_nll_backward(dnll, cache)

    def mean(self, output: Array) -> Array:
        return sigmoid(output)[0]

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        mean = np.clip(np.mean(x, axis=0), 1e-3, 1 - 1e-3)  # always black would ask for an infinite logit
        params["output.b"][...] = np.log(mean / (1 - mean))

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        draw = rng.random(output.shape, dtype=output.dtype) < self.mean(output)
        return draw.astype(output.dtype)


class Gaussian:
    """Each pixel is Gaussian around the decoder's output: for continuous data.

    Parameters
    ----------
    std : float or "learned"
        Standard deviation of every pixel, in the units of x. "learned" makes it one parameter,
        `output.logvar`, which starts at std = 1 (or where `Model.init_output` puts it).
    """

    support = (-math.inf, math.inf)

    def __init__(self, std: float | str = 1.0) -> None:
        learned = std == "learned"
        if not learned and not (isinstance(std, numbers.Real) and 0 < std <= sys.float_info.max):
            raise ValueError(f'std is {std!r}, expected a positive number or "learned"')
        self.std = "learned" if learned else float(std)
        self.param_shapes: dict[str, tuple[int, ...]] = {"output.logvar": ()} if learned else {}

    @property
    def config(self) -> dict[str, Any]:
        return {"name": "gaussian", "std": self.std}

    def _logvar(self, params: Mapping[str, Array]) -> Any:
        return params["output.logvar"] if self.std == "learned" else 2 * math.log(self.std)  # type: ignore[arg-type]

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        return gaussian_nll(x, output, self._logvar(params))

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Array:
        dmean, dlogvar = gaussian_nll_backward(dnll, cache)
        if self.std == "learned":
            grads["output.logvar"][...] = dlogvar
        return dmean

    def mean(self, output: Array) -> Array:
        return output

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        params["output.b"][...] = np.mean(x, axis=0)
        if self.std == "learned":
            params["output.logvar"][...] = np.log(np.mean(np.var(x, axis=0)) + 1e-6)

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        noise = rng.standard_normal(output.shape, dtype=output.dtype)
        sigma = math.exp(0.5 * self._logvar(params))
        return output + sigma * noise


def make_likelihood(likelihood: "str | Mapping[str, Any] | Likelihood") -> Likelihood:
    """The likelihood a name, a saved configuration or an instance stands for.

    Raises
    ------
    ValueError
        For a name that is not "bernoulli" or "gaussian".
    """
    kinds = {"bernoulli": Bernoulli, "gaussian": Gaussian}
    if isinstance(likelihood, str):
        likelihood = {"name": likelihood}
    if not isinstance(likelihood, Mapping):
        return likelihood
    settings = dict(likelihood)
    name = settings.pop("name", None)
    if name not in kinds:
        raise ValueError(f'likelihood is {name!r}, expected "bernoulli" or "gaussian", or an instance')
    return kinds[name](**settings)
