"""The conditional variational autoencoder: the label enters both encoder and decoder.

Its gradients are tested in tests/mathematics/test_conditional.py.
"""

from typing import Any

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import dense, dense_backward
from npvae.models.base import LossTerms
from npvae.models.vae import VAE
from npvae.parameters import Parameters


class ConditionalVAE(VAE):
    r"""Variational autoencoder of images whose class is known.

    Parameters
    ----------
    *args, **kwargs
        As for `VAE`.
    label_dim : int
        Number of classes C. Labels are whole numbers from 0 to C - 1, passed to every call as `labels`.

    Notes
    -----
    .. math::
        \log p(x | y) \ge \mathbb{E}_{q(z|x,y)}[\log p(x | z, y)] - D_{KL}(q(z|x, y) \,\|\, p(z))

    The label, one-hot, is appended to x and to z; all else is as in `VAE`. Lecture notes, "See Also"; Sohn,
    Lee and Yan (2015), with a prior that does not depend on y; Kingma et al. (2014), "M2", for labelled data.
    """

    command = "cvae"

    def __init__(self, *args: Any, label_dim: int = 10, **kwargs: Any) -> None:
        self.label_dim = validation.positive_int("label_dim", label_dim)
        super().__init__(*args, **kwargs)

    def forward(self, x: Array, eps: Array, labels: Array) -> tuple[LossTerms, Any]:  # type: ignore[override]
        """Return the loss terms of each example, and the cache for `backward`; labels are (N,)."""
        p = self.params
        h, encoder_cache = self.encoder.forward(self.encoder_input(x, labels), p)
        mu, mu_cache = dense(h, *p.layer("mu"))
        logvar, logvar_cache = dense(h, *p.layer("logvar"))
        z, z_cache = reparameterize(mu, logvar, eps)
        g, decoder_cache = self.decoder.forward(self.decoder_input(z, labels), p)
        output, output_cache = dense(g, *p.layer("output"))
        nll, nll_cache = self.likelihood.nll(x, output, p)
        kl, kl_cache = kl_divergence(mu, logvar)
        loss = nll + self.beta * kl
        cache = encoder_cache, mu_cache, logvar_cache, z_cache, decoder_cache, output_cache, nll_cache, kl_cache
        return LossTerms(loss, nll, kl), cache

    def backward(self, dloss: Array, cache: Any, grads: Parameters) -> None:
        """Write the gradient of sum(dloss * loss) with respect to all parameters into grads: `forward` in reverse."""
        encoder_cache, mu_cache, logvar_cache, z_cache, decoder_cache, output_cache, nll_cache, kl_cache = cache
        dnll, dkl = dloss, self.beta * dloss
        dmu_kl, dlogvar_kl = kl_divergence_backward(dkl, kl_cache)
        doutput = self.likelihood.nll_backward(dnll, nll_cache, grads)
        dg, *_ = dense_backward(doutput, output_cache, out=grads.layer("output"))
        dinput = self.decoder.backward(dg, decoder_cache, grads)
        dz = dinput[:, : self.latent_dim]  # the label's columns are data and need no gradient
        dmu_z, dlogvar_z = reparameterize_backward(dz, z_cache)
        dmu, dlogvar = dmu_z + dmu_kl, dlogvar_z + dlogvar_kl  # two paths meet at each
        dh_logvar, *_ = dense_backward(dlogvar, logvar_cache, out=grads.layer("logvar"))
        dh_mu, *_ = dense_backward(dmu, mu_cache, out=grads.layer("mu"))
        self.encoder.backward(dh_mu + dh_logvar, encoder_cache, grads, need_dx=False)

    def one_hot(self, labels: Array) -> Array:
        """Turn whole numbers (N,) into vectors (N, C): 1 in the label's column, 0 elsewhere."""
        return np.eye(self.label_dim, dtype=self.dtype)[labels]

    def encoder_input(self, x: Array, labels: Any) -> Array:
        """Return the encoder's input: each image, followed by its label."""
        return np.concatenate([x, self.one_hot(labels)], axis=1)

    def decoder_input(self, z: Array, labels: Any) -> Array:
        """Return the decoder's input: each latent draw, followed by its label."""
        return np.concatenate([z, self.one_hot(labels)], axis=1)

    def check_labels(self, labels: Any, n: int) -> Array:
        """Return the labels of n examples, (n,) whole numbers in [0, label_dim), or raise a ValueError."""
        if labels is None:
            raise ValueError("labels are missing, expected one for each example of a ConditionalVAE: pass labels=")
        return validation.class_labels(labels, n, self.label_dim)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model again."""
        return {**super().config, "label_dim": self.label_dim}
