"""Beyond the notes: importance weights, the tighter bound made from k of them, and its gradient written out.

Gradients and bound are tested in tests/mathematics/test_importance.py and test_pairs.py.
"""

from typing import Any

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array
from npvae.latent import reparameterize, reparameterize_backward
from npvae.layers import dense, dense_backward
from npvae.models.base import LossTerms
from npvae.models.vae import VAE
from npvae.parameters import Parameters


def log_prior_ratio(z: Array, logvar: Array, eps: Array) -> tuple[Array, Array]:
    r"""Log-ratio of the prior to q(z given x) at z = mu + sigma eps.

    Parameters
    ----------
    z, eps : (k, N, L) ndarray
        k draws for each example, and the noise that they were made from.
    logvar : (N, L) ndarray
        Log-variances.

    Returns
    -------
    log_ratio : (k, N) ndarray
        log p(z) - log q(z given x), in nats, summed over the latent dimensions.

    Notes
    -----
    The constants cancel, and :math:`(z - \mu)^2 / \sigma^2 = \epsilon^2`:

    .. math:: \log p(z) - \log q(z|x) = \tfrac12 \sum_j \left( \log \sigma_j^2 + \epsilon_j^2 - z_j^2 \right)

    Its mean under q is the negative KL divergence.
    """
    return 0.5 * np.sum(logvar + eps**2 - z**2, axis=-1), z


def log_prior_ratio_backward(dlog_ratio: Array, cache: Array) -> tuple[Array, Array]:
    r"""Return dz (k, N, L), and dlogvar (N, L), summed over the k draws that share one logvar.

    .. math:: \frac{\partial}{\partial z_j} = -z_j, \qquad \frac{\partial}{\partial \log \sigma_j^2} = \tfrac12
    """
    z = cache
    dlog_ratio = dlog_ratio[..., None]
    dlogvar = np.broadcast_to(0.5 * dlog_ratio, z.shape)
    return -dlog_ratio * z, np.sum(dlogvar, axis=0)


def log_mean_exp(log_w: Array) -> tuple[Array, Array]:
    r"""Logarithm of the mean of exp over the first axis, without overflow: (k, N) to (N,).

    The cache, (k, N), holds the normalized weights, w / sum(w): the gradient itself.

    .. math:: \log \tfrac1k \sum_i w_i = m + \log \tfrac1k \sum_i e^{\log w_i - m}, \qquad m = \max_i \log w_i

    Burda, Grosse and Salakhutdinov (2016), eq. 8.
    """
    largest = np.max(log_w, axis=0)
    w = np.exp(log_w - largest)
    return largest + np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)


def log_mean_exp_backward(dout: Array, cache: Array) -> Array:
    r"""Return dlog_w (k, N): each draw counts by its normalized weight.

    .. math:: \frac{\partial}{\partial \log w_i} \log \tfrac1k \sum_j w_j = \frac{w_i}{\sum_j w_j}

    Burda, Grosse and Salakhutdinov (2016), eq. 14.
    """
    weights = cache
    return dout * weights


class ImportanceWeightedVAE(VAE):
    r"""Variational autoencoder trained on the k-sample bound.

    Parameters
    ----------
    *args, **kwargs
        As for `VAE`, but beta must be 1, since the bound does not split into two terms.
    importance_samples : int
        Number k of draws of z for each image; the noise has shape (k, N, L).

    Notes
    -----
    .. math::
        \log p(x) \ge \mathbb{E} \log \frac1k \sum_{i=1}^k w_i, \qquad
        \log w_i = \log p(x | z_i) + \log p(z_i) - \log q(z_i | x), \qquad z_i = \mu + \sigma \epsilon_i

    Burda, Grosse and Salakhutdinov (2016), eq. 8, and eq. 14 for the gradient. With k = 1 it is the VAE's
    bound with the KL term estimated from the same single draw. Of the terms, loss is the negative bound, nll the
    importance-weighted mean of -log p(x given z_i), and kl the remainder: loss - nll.
    """

    command = "iwae"
    weighs_kl = False

    def __init__(self, *args: Any, importance_samples: int = 5, **kwargs: Any) -> None:
        self.importance_samples = validation.positive_int("importance_samples", importance_samples)
        super().__init__(*args, **kwargs)

    def forward(self, x: Array, eps: Array) -> tuple[LossTerms, Any]:
        """Return the loss terms of each example, and the cache for `backward`; eps is (k, N, L)."""
        p, (k, N, L) = self.params, eps.shape
        h, encoder_cache = self.encoder.forward(x, p)
        mu, mu_cache = dense(h, *p.layer("mu"))
        logvar, logvar_cache = dense(h, *p.layer("logvar"))
        z, z_cache = reparameterize(mu, logvar, eps)
        g, decoder_cache = self.decoder.forward(z.reshape(k * N, L), p)
        output, output_cache = dense(g, *p.layer("output"))
        nll, nll_cache = self.likelihood.nll(x, output.reshape(k, N, -1), p)
        log_ratio, ratio_cache = log_prior_ratio(z, logvar, eps)
        bound, weights = log_mean_exp(-nll + log_ratio)
        mean_nll = np.sum(weights * nll, axis=0)
        networks = encoder_cache, mu_cache, logvar_cache, z_cache, decoder_cache, output_cache
        return LossTerms(-bound, mean_nll, -bound - mean_nll), (*networks, nll_cache, ratio_cache, weights)

    def backward(self, dloss: Array, cache: Any, grads: Parameters) -> None:
        """Write the gradient of sum(dloss * loss) with respect to all parameters into grads: `forward` in reverse."""
        *networks, nll_cache, ratio_cache, weights = cache
        encoder_cache, mu_cache, logvar_cache, z_cache, decoder_cache, output_cache = networks
        k, N, L = ratio_cache.shape
        dlog_w = log_mean_exp_backward(-dloss, weights)
        dz_ratio, dlogvar_ratio = log_prior_ratio_backward(dlog_w, ratio_cache)
        doutput = self.likelihood.nll_backward(-dlog_w, nll_cache, grads)
        dg, *_ = dense_backward(doutput.reshape(k * N, -1), output_cache, out=grads.layer("output"))
        dz = self.decoder.backward(dg, decoder_cache, grads).reshape(k, N, L)
        dmu_z, dlogvar_z = reparameterize_backward(dz + dz_ratio, z_cache)
        dmu, dlogvar = np.sum(dmu_z, axis=0), np.sum(dlogvar_z, axis=0) + dlogvar_ratio  # one mu serves k draws
        dh_logvar, *_ = dense_backward(dlogvar, logvar_cache, out=grads.layer("logvar"))
        dh_mu, *_ = dense_backward(dmu, mu_cache, out=grads.layer("mu"))
        self.encoder.backward(dh_mu + dh_logvar, encoder_cache, grads, need_dx=False)

    def noise_shape(self, n: int) -> tuple[int, ...]:
        """Return the shape of the noise for n examples, with k draws of z for each."""
        return self.importance_samples, n, self.latent_dim

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model again."""
        return {**super().config, "importance_samples": self.importance_samples}
