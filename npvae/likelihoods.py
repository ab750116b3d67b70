"""The decoder's distribution of x: Bernoulli or Gaussian pixels, each loss with its gradient.

The mathematics comes first, in pairs; then a small class for each distribution tells a model which pair to use, which
parameters the likelihood itself learns and how to initialize them, and how to turn the decoder's output into a mean
or a draw.

Values and gradients are tested in tests/mathematics/test_likelihoods.py and test_pairs.py.
"""

import math
import numbers
import sys
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from npvae.internals.registry import Registry
from npvae.internals.types import Array, Generator
from npvae.layers import sigmoid

LOG_2PI = math.log(2 * math.pi)
SMALLEST_VARIANCE = 0.01
"""Smallest initial value of a learned variance: with 1e-6, the first loss would be ten million nats."""


def bernoulli_nll(x: Array, logits: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    r"""Negative log-likelihood of pixels under independent Bernoulli distributions, given their logits.

    Parameters
    ----------
    x : (N, D) ndarray
        Pixels in [0, 1]. If some lie strictly between, nll is a cross-entropy and not a negative log-likelihood.
    logits : (N, D) ndarray
        Decoder output before the sigmoid.

    Returns
    -------
    nll : (N,) ndarray
        In nats, summed over the pixels.

    Notes
    -----
    With :math:`\hat x = \mathrm{sigmoid}(a)`, :math:`\log \hat x = a - \mathrm{softplus}(a)` and
    :math:`\log (1 - \hat x) = -\mathrm{softplus}(a)`, so that

    .. math:: -\sum_i \left[ x_i \log \hat x_i + (1 - x_i) \log (1 - \hat x_i) \right]
        = \sum_i \left[ \mathrm{softplus}(a_i) - x_i a_i \right]

    and :math:`\mathrm{softplus}(a) = \log(1 + e^a) = \max(a, 0) + \log(1 + e^{-|a|})` never overflows and never takes
    the logarithm of a zero due to rounding. Lecture notes, "Reconstruction Loss"; Kingma and Welling (2014), eq. 11.
    """
    softplus = np.maximum(logits, 0) + np.log(1 + np.exp(-np.abs(logits)))
    return np.sum(softplus - x * logits, axis=-1), (x, logits, softplus)


def bernoulli_nll_backward(dnll: Array, cache: tuple[Array, Array, Array]) -> Array:
    r"""Return dlogits (N, D).

    .. math:: \frac{d}{da} \left[ \mathrm{softplus}(a) - x a \right] = \mathrm{sigmoid}(a) - x = \hat x - x,
        \qquad \hat x = e^{\log \hat x} = e^{a - \mathrm{softplus}(a)}
    """
    x, logits, softplus = cache
    x_hat = np.exp(logits - softplus)
    return dnll[..., None] * (x_hat - x)


def gaussian_nll(x: Array, mean: Array, logvar: Any) -> tuple[Array, tuple[Array, Array]]:
    r"""Negative log-density of pixels under independent Gaussian distributions.

    Parameters
    ----------
    x, mean : (N, D) ndarray
        Pixels, and the decoder's output.
    logvar : float or ndarray of shape (), (D,) or (N, D)
        Log-variance of the pixels.

    Returns
    -------
    nll : (N,) ndarray
        In nats, summed over the pixels. A density can exceed 1, so nll can be negative.

    Notes
    -----
    .. math:: \tfrac12 \sum_i \left[ \log 2\pi + \log \sigma_i^2 + \frac{(x_i - m_i)^2}{\sigma_i^2} \right]

    Lecture notes, "Decoder"; Kingma and Welling (2014), eq. 12.
    """
    logvar = np.asarray(logvar, dtype=mean.dtype)
    residual = x - mean
    precision = np.exp(-logvar)
    nll = 0.5 * np.sum(LOG_2PI + logvar + residual**2 * precision, axis=-1)
    return nll, (residual, precision)


def gaussian_nll_backward(dnll: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Return dmean (N, D) and dlogvar, in logvar's shape: it is summed over the axes logvar was broadcast along.

    .. math:: \frac{\partial}{\partial m} = -\frac{x - m}{\sigma^2}, \qquad
        \frac{\partial}{\partial \log \sigma^2} = \tfrac12 \left( 1 - \frac{(x - m)^2}{\sigma^2} \right)
    """
    residual, precision = cache
    dnll = dnll[..., None]
    dmean = -dnll * residual * precision
    dlogvar = 0.5 * dnll * (1 - residual**2 * precision)
    return dmean, _sum_to(dlogvar, np.shape(precision))


def _sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: an entry that was used several times gets the sum of its gradients."""
    leading = gradient.ndim - len(shape)
    stretched = tuple(leading + i for i, size in enumerate(shape) if size == 1)
    summed = np.sum(gradient, axis=(*range(leading), *stretched))
    return np.reshape(summed, shape)


class Likelihood:
    """A distribution of x given the decoder's output. A subclass needs `pair` and `sample`.

    Defining a subclass adds it to `LIKELIHOODS`, so that a model can be given its name, saved and loaded; the name is
    that of the class, unless it has another. The defaults suit a likelihood of any real x whose mean is the decoder's
    output and which learns no parameters itself.
    """

    name: ClassVar[str]
    pair: ClassVar[tuple[Callable[..., Any], Callable[..., Any]]]
    """The loss, (N,) in nats, as a function of x and the decoder's output, and its backward."""
    support: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    """Interval in which x must lie."""
    checked_with: ClassVar[dict[str, Any]] = {}
    """Settings with which the gradient table checks a whole model."""
    branch: ClassVar[Any] = None
    """Takes the pair's cache; where it changes, the loss has a kink, and a finite difference says nothing."""
    param_shapes: Mapping[str, tuple[int, ...]] = {}
    """Names and shapes of the parameters that the likelihood itself learns."""

    def __init_subclass__(cls) -> None:
        if not hasattr(cls, "pair"):
            raise TypeError(f"{cls.__name__} has no pair: a likelihood needs a loss with its backward, and `sample`")
        cls.name = vars(cls).get("name", cls.__name__)
        LIKELIHOODS[cls.name] = cls

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.config.items() if name != "name")
        return f"{type(self).__name__}({settings})"

    @property
    def config(self) -> dict[str, Any]:
        """The name and the settings, as `make_likelihood` takes them."""
        return {"name": self.name}

    @staticmethod
    def draw(rng: Generator, x: Array) -> dict[str, tuple[Array, ...]]:
        """Draw arguments of `pair`, besides x (N, D), to check its gradient at: one tuple per variant, by name."""
        return {"": (rng.standard_normal(x.shape),)}

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        """Return the negative log-likelihood of each example, (N,) in nats, and the cache for `nll_backward`."""
        forward, _ = self.pair
        nll, cache = forward(x, output)
        return nll, cache

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Any:
        """Return the gradient with respect to the output; write that of any learned parameter into grads."""
        _, backward = self.pair
        return backward(dnll, cache)

    def mean(self, output: Array) -> Array:
        """Return E[x given z], which has the shape of output."""
        return output

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        """Set the output bias, and the likelihood's own parameters, to fit x (N, D) without using z."""
        params["output.b"][...] = np.mean(x, axis=0)

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        """Draw x, in the shape of output."""
        raise NotImplementedError


LIKELIHOODS: Registry[type[Likelihood]] = Registry("likelihoods")
"""Every likelihood, by name."""


class Bernoulli(Likelihood):
    """Each pixel is 1 with probability sigmoid(logit): for binary data.

    The decoder outputs the logits; the mean of p(x given z) is their sigmoid.
    """

    name = "bernoulli"
    pair = bernoulli_nll, bernoulli_nll_backward
    support = (0.0, 1.0)

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        """Return the negative log-likelihood of each example, (N,) in nats, and the cache for `nll_backward`."""
        return bernoulli_nll(x, output)

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Array:
        """Return the gradient with respect to the logits."""
        return bernoulli_nll_backward(dnll, cache)

    def mean(self, output: Array) -> Array:
        """Return the probability that each pixel is 1."""
        return sigmoid(output)[0]

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        """Set the bias to the logit of the mean image."""
        mean = np.clip(np.mean(x, axis=0), 1e-3, 1 - 1e-3)  # always black would need an infinite logit
        params["output.b"][...] = np.log(mean / (1 - mean))

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        """Draw zeros and ones."""
        draw = rng.random(output.shape, dtype=output.dtype) < self.mean(output)
        return draw.astype(output.dtype)


class Gaussian(Likelihood):
    """Each pixel is Gaussian around the decoder's output: for continuous data.

    Parameters
    ----------
    std : float or "learned"
        Standard deviation of every pixel, in the units of x. "learned" makes it a parameter that all pixels share,
        `output.logvar`, which starts at std = 1 unless `Model.init_output` sets it.

    Raises
    ------
    ValueError
        For a std that is neither a finite positive number nor "learned".
    """

    name = "gaussian"
    pair = gaussian_nll, gaussian_nll_backward
    checked_with: ClassVar[dict[str, Any]] = {"std": "learned"}

    def __init__(self, std: float | str = 1.0) -> None:
        learned = isinstance(std, str) and std == "learned"
        if not learned and not (isinstance(std, numbers.Real) and 0 < std <= sys.float_info.max):
            raise ValueError(f'std is {std!r}, expected a positive number or "learned"')
        self.std = "learned" if learned else float(std)
        self.param_shapes = {"output.logvar": ()} if learned else {}

    @property
    def config(self) -> dict[str, Any]:
        """The name and the standard deviation."""
        return {"name": self.name, "std": self.std}

    @staticmethod
    def draw(rng: Generator, x: Array) -> dict[str, tuple[Array, ...]]:
        """Draw a mean, and a log-variance for each entry, for each pixel, or for all."""
        shapes = {"logvar (N, D)": x.shape, "logvar (D,)": x.shape[1:], "logvar ()": ()}
        return {name: (rng.standard_normal(x.shape), rng.standard_normal(shape)) for name, shape in shapes.items()}

    def logvar(self, params: Mapping[str, Array]) -> Any:
        """Return the log-variance of every pixel: a parameter, or a constant."""
        return params["output.logvar"] if self.std == "learned" else 2 * math.log(float(self.std))

    def nll(self, x: Array, output: Array, params: Mapping[str, Array]) -> tuple[Array, Any]:
        """Return the negative log-density of each example, (N,) in nats."""
        return gaussian_nll(x, output, self.logvar(params))

    def nll_backward(self, dnll: Array, cache: Any, grads: Mapping[str, Array]) -> Array:
        """Return the gradient with respect to the mean; write that of a learned log-variance into grads."""
        dmean, dlogvar = gaussian_nll_backward(dnll, cache)
        if self.std == "learned":
            grads["output.logvar"][...] = dlogvar
        return dmean

    def init_output(self, x: Array, params: Mapping[str, Array]) -> None:
        """Set the bias to the mean image, and a learned variance to the mean variance around it, at least 0.01."""
        params["output.b"][...] = np.mean(x, axis=0)
        if self.std == "learned":  # an untrained network is wrong by about 1, whatever the variance
            spread = np.mean(np.var(x, axis=0)) + 1e-6  # 1e-6 keeps the bits of older runs
            params["output.logvar"][...] = np.log(max(spread, SMALLEST_VARIANCE))

    def sample(self, output: Array, params: Mapping[str, Array], rng: Generator) -> Array:
        """Draw x: the mean plus noise."""
        noise = rng.standard_normal(output.shape, dtype=output.dtype)
        sigma = math.exp(0.5 * self.logvar(params))
        return output + sigma * noise


LIKELIHOODS.close()


def make_likelihood(likelihood: str | Mapping[str, Any] | Likelihood) -> Likelihood:
    """Return the likelihood that a name, a saved configuration or an instance stands for.

    Raises
    ------
    ValueError
        For a name that is not in `LIKELIHOODS`, or for an argument of any other kind.
    """
    if isinstance(likelihood, Likelihood):
        return likelihood
    settings = {"name": likelihood} if isinstance(likelihood, str) else likelihood
    name = settings.get("name") if isinstance(settings, Mapping) else None
    if not isinstance(name, str) or name not in LIKELIHOODS:
        known = ", ".join(f'"{name}"' for name in LIKELIHOODS)
        example = likelihood.__name__ if isinstance(likelihood, type) else "Gaussian"
        do = "define or import your own first" if isinstance(likelihood, Mapping) else f"write npvae.{example}()"
        raise ValueError(f"likelihood is {likelihood!r}, expected {known}, or an instance: {do}")
    return LIKELIHOODS[name](**{key: value for key, value in settings.items() if key != "name"})
