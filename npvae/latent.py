"""The latent space: the reparameterization trick and the KL divergence, with their gradients.

The encoder describes q(z given x) = N(mu, diag(sigma^2)) by mu and logvar = log sigma^2.
(The lecture notes write the variance as alpha squared in one place and sigma squared in another;
the code says sigma everywhere.)
"""

import numpy as np

from npvae.types import Array


def reparameterize(mu: Array, logvar: Array, eps: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""A draw from q(z given x) as a function of mu, logvar and noise drawn elsewhere.

    Parameters
    ----------
    mu : (N, L) ndarray
        Means.
    logvar : (N, L) ndarray
        Log-variances, :math:`\log \sigma^2`.
    eps : (N, L) ndarray
        Noise, drawn from N(0, I) by the caller.

    Returns
    -------
    z : (N, L) ndarray
    cache : tuple
        sigma and eps, for the gradient by logvar.

    Notes
    -----
    .. math:: z = \mu + \sigma \epsilon, \qquad \sigma = e^{\log \sigma^2 / 2}

    The noise scales with the standard deviation, not with the variance. Lecture notes, "Reparameterization
    Trick"; Kingma and Welling (2014), section 2.4.
    """
    sigma = np.exp(0.5 * logvar)
    return mu + sigma * eps, (sigma, eps)


def reparameterize_backward(dz: Array, cache: tuple[Array, Array]) -> tuple[Array, Array]:
    r"""Gradients of `reparameterize`. The noise is data: it is the same as in forward and gets no gradient.

    Parameters
    ----------
    dz : (N, L) ndarray
        Gradient of the loss by z.
    cache : tuple
        From `reparameterize`.

    Returns
    -------
    dmu : (N, L) ndarray
    dlogvar : (N, L) ndarray

    Notes
    -----
    .. math::
        \frac{\partial z}{\partial \mu} = 1, \qquad
        \frac{\partial z}{\partial \log \sigma^2}
            = \epsilon \frac{d}{d \log \sigma^2} e^{\log \sigma^2 / 2} = \tfrac12 \sigma \epsilon
    """
    sigma, eps = cache
    return dz, 0.5 * dz * sigma * eps


def kl_divergence(mu: Array, logvar: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""KL divergence from q(z given x) = N(mu, diag(sigma^2)) to the prior p(z) = N(0, I).

    Parameters
    ----------
    mu : (N, L) ndarray
        Means.
    logvar : (N, L) ndarray
        Log-variances, :math:`\log \sigma^2`.

    Returns
    -------
    kl : (N,) ndarray
        In nats, summed over the latent dimensions; never negative, 0 exactly where q is the prior.
    cache : tuple
        mu and the variance, which are all that the gradients need.

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
    r"""Gradients of `kl_divergence`: mu is pulled to 0 and the variance to 1.

    Parameters
    ----------
    dkl : (N,) ndarray
        Gradient of the loss by each example's KL.
    cache : tuple
        From `kl_divergence`.

    Returns
    -------
    dmu : (N, L) ndarray
    dlogvar : (N, L) ndarray

    Notes
    -----
    .. math::
        \frac{\partial KL}{\partial \mu_j} = \mu_j, \qquad
        \frac{\partial KL}{\partial \log \sigma_j^2} = -\tfrac12 (1 - \sigma_j^2)
    """
    mu, var = cache
    dkl = dkl[..., None]
    return dkl * mu, dkl * -0.5 * (1 - var)
