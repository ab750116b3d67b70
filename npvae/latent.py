"""The latent space: the reparameterization trick, the KL divergence, importance weights, and their gradients.

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
        In nats, summed over the latent dimensions; 0 exactly where q is the prior, never negative but for rounding.
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


def log_prior_ratio(z: Array, logvar: Array, eps: Array) -> tuple[Array, Array]:
    r"""How much likelier the prior finds z than q(z given x) does, where z = mu + sigma eps.

    Parameters
    ----------
    z : (k, N, L) ndarray
        k draws for each example.
    logvar : (N, L) ndarray
        Log-variances.
    eps : (k, N, L) ndarray
        The noise that z was made of.

    Returns
    -------
    log_ratio : (k, N) ndarray
        log p(z) - log q(z given x), in nats, summed over the latent dimensions.
    cache : ndarray
        z.

    Notes
    -----
    The constants cancel, and :math:`(z - \mu)^2 / \sigma^2 = \epsilon^2`:

    .. math:: \log p(z) - \log q(z|x) = \tfrac12 \sum_j \left( \log \sigma_j^2 + \epsilon_j^2 - z_j^2 \right)

    Its mean over q is minus the KL divergence.
    """
    return 0.5 * np.sum(logvar + eps**2 - z**2, axis=-1), z


def log_prior_ratio_backward(dlog_ratio: Array, cache: Array) -> tuple[Array, Array]:
    r"""Gradients of `log_prior_ratio` by z and by logvar.

    Parameters
    ----------
    dlog_ratio : (k, N) ndarray
    cache : ndarray
        From `log_prior_ratio`.

    Returns
    -------
    dz : (k, N, L) ndarray
    dlogvar : (N, L) ndarray
        Summed over the k draws that one logvar serves.

    Notes
    -----
    .. math:: \frac{\partial}{\partial z_j} = -z_j, \qquad \frac{\partial}{\partial \log \sigma_j^2} = \tfrac12
    """
    z = cache
    dlog_ratio = dlog_ratio[..., None]
    dlogvar = np.broadcast_to(0.5 * dlog_ratio, z.shape)
    return -dlog_ratio * z, np.sum(dlogvar, axis=0)


def log_mean_exp(log_w: Array) -> tuple[Array, Array]:
    r"""Logarithm of the mean of exp over the first axis, without overflow.

    Parameters
    ----------
    log_w : (k, N) ndarray

    Returns
    -------
    out : (N,) ndarray
    cache : (k, N) ndarray
        The normalised weights, w / sum(w): the gradient itself.

    Notes
    -----
    .. math::
        \log \tfrac1k \sum_i w_i = m + \log \tfrac1k \sum_i e^{\log w_i - m}, \qquad m = \max_i \log w_i

    Burda, Grosse and Salakhutdinov (2016), eq. 8.
    """
    largest = np.max(log_w, axis=0)
    w = np.exp(log_w - largest)
    return largest + np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)


def log_mean_exp_backward(dout: Array, cache: Array) -> Array:
    r"""Gradient of `log_mean_exp`: each row is weighted by its share.

    Parameters
    ----------
    dout : (N,) ndarray
    cache : (k, N) ndarray
        From `log_mean_exp`.

    Returns
    -------
    dlog_w : (k, N) ndarray

    Notes
    -----
    .. math:: \frac{\partial}{\partial \log w_i} \log \tfrac1k \sum_j w_j = \frac{w_i}{\sum_j w_j}

    Burda, Grosse and Salakhutdinov (2016), eq. 14.
    """
    weights = cache
    return dout * weights
