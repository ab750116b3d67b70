"""The importance-weighted autoencoder: a tighter bound from k draws, and its gradient written out."""

from typing import Any

import numpy as np

from npvae import validation
from npvae.latent import (
    log_mean_exp,
    log_mean_exp_backward,
    log_prior_ratio,
    log_prior_ratio_backward,
    reparameterize,
    reparameterize_backward,
)
from npvae.layers import dense, dense_backward
from npvae.models.base import LossTerms
from npvae.models.vae import VAE
from npvae.parameters import Parameters
from npvae.types import Array, Rng


class ImportanceWeightedVAE(VAE):
    r"""Variational autoencoder trained on the k-sample bound.

    Parameters
    ----------
    *args, **kwargs
        As for `VAE`; beta has to be 1, since the bound does not split into two terms.
    importance_samples : int
        Draws k of z for each image; noise has the shape (k, N, L).

    Notes
    -----
    .. math::
        \log p(x) \ge \mathbb{E} \log \frac1k \sum_{i=1}^k w_i, \qquad
        \log w_i = \log p(x | z_i) + \log p(z_i) - \log q(z_i | x), \qquad z_i = \mu + \sigma \epsilon_i

    Burda, Grosse and Salakhutdinov (2016), eq. 8, and eq. 14 for the gradient. With k = 1 it is the VAE's
    bound with the KL term estimated by its one draw. Of the terms, loss is the negative bound, nll the
    importance-weighted mean of -log p(x given z_i), and kl what is left: loss - nll.
    """

    weighs_kl = False

    def __init__(self, *args: Any, importance_samples: int = 5, **kwargs: Any) -> None:
        self.importance_samples = validation.positive_int("importance_samples", importance_samples)
        super().__init__(*args, **kwargs)

    def forward(self, x: Array, eps: Array, labels: Array | None = None) -> tuple[LossTerms, Any]:
        """Loss terms of each example, and the cache for `backward`. eps is (k, N, L)."""
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
        """Write the gradient of sum(dloss * loss) by every parameter into grads: `forward` in reverse."""
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

    def draw_eps(self, n: int, rng: Rng = None) -> Any:
        """Draw the noise for n examples: (k, n, L), from N(0, I)."""
        shape = (self.importance_samples, validation.positive_int("n", n), self.latent_dim)
        return np.random.default_rng(rng).standard_normal(shape, dtype=self.dtype.name)

    def _noise(self, eps: Array, n: int) -> Array:
        expected = (self.importance_samples, n, self.latent_dim)
        eps = validation.real("eps", eps)
        if eps.shape != expected:
            raise ValueError(f"eps has shape {eps.shape}, expected (importance_samples, N, latent_dim), {expected}")
        return validation.finite("eps", eps, self.dtype)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model again."""
        return {**super().config, "importance_samples": self.importance_samples}
