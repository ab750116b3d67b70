"""The latent space: two sections of the lecture notes, the reparameterization trick and the KL divergence.

The encoder describes q(z given x) = N(mu, diag(sigma^2)) by mu and logvar = log sigma^2. (The lecture notes write the
variance as alpha squared in one place and as sigma squared in another; the code says sigma everywhere.) As always,
`f` returns its output and a cache, and `f_backward(dout, cache)` returns the gradients with respect to f's arguments.

In float32, sigma^2 = exp(logvar) is positive and finite for log-variances from -103 to 88; below that it underflows
to 0, and above it overflows. Values and gradients are tested in tests/mathematics/test_latent.py and test_pairs.py.
"""

import numpy as np

from npvae.internals.types import Array


def reparameterize(mu: Array, logvar: Array, eps: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""Sample z from q(z given x), as a function of mu, logvar and noise that is drawn elsewhere.

    Parameters
    ----------
    mu, logvar : (N, L) ndarray
        Means and log-variances, :math:`\log \sigma^2`.
    eps : (N, L) ndarray
        Noise, drawn from N(0, I) by the caller; like data, it has no gradient.

    Returns
    -------
    z : (N, L) ndarray

    Notes
    -----
    .. math:: z = \mu + \sigma \epsilon, \qquad \sigma = e^{\log \sigma^2 / 2}

    The noise scales with the standard deviation, not with the variance. Lecture notes, "Reparameterization
    Trick"; Kingma and Welling (2014), section 2.4.
    """
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * eps, (sigma, eps)


def reparameterize_backward(dz: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Return dmu and dlogvar, both (N, L), for the noise of the forward pass.

    .. math:: \frac{\partial z}{\partial \mu} = 1, \qquad \frac{\partial z}{\partial \log \sigma^2}
        = \epsilon \frac{d}{d \log \sigma^2} e^{\log \sigma^2 / 2} = \tfrac12 \sigma \epsilon
    """
    sigma, eps = cache
    return dz, 0.5 * dz * sigma * eps


def kl_divergence(mu: Array, logvar: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""KL divergence of q(z given x) = N(mu, diag(sigma^2)) from the prior p(z) = N(0, I).

    Parameters
    ----------
    mu, logvar : (N, L) ndarray
        Means and log-variances, :math:`\log \sigma^2`.

    Returns
    -------
    kl : (N,) ndarray
        In nats, summed over the latent dimensions: 0 where q equals the prior, else positive (up to rounding).

    Notes
    -----
    .. math::
        D_{KL}(q(z|x) \,\|\, p(z)) = -\tfrac12 \sum_j \left( 1 + \log \sigma_j^2 - \mu_j^2 - \sigma_j^2 \right)

    Lecture notes, "KL Divergence"; Kingma and Welling (2014), appendix B.
    """
    var = np.exp(logvar)
    kl = -0.5 * np.sum(1 + logvar - mu**2 - var, axis=-1)
    return kl, (mu, var)


def kl_divergence_backward(dkl: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Return dmu and dlogvar, both (N, L); descending along them pulls mu to 0 and the variance to 1.

    .. math:: \frac{\partial KL}{\partial \mu_j} = \mu_j, \qquad
        \frac{\partial KL}{\partial \log \sigma_j^2} = -\tfrac12 (1 - \sigma_j^2)
    """
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * mu, dkl * -0.5 * (1 - var)
