"""The autoencoder that the lecture notes start from: one latent vector per input, and no distribution.

Its gradients are tested in tests/mathematics/test_autoencoder.py.
"""

from typing import Any, NoReturn

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array
from npvae.layers import dense, dense_backward
from npvae.models.base import LossTerms, Model
from npvae.parameters import Parameters


class AutoEncoder(Model):
    r"""Autoencoder with two multilayer perceptrons and the reconstruction losses of the VAE.

    Its arguments are those of `VAE`, but beta must be 1, since there is no KL term to weight.

    Notes
    -----
    .. math:: \mathrm{loss}(x) = -\log p(x | z), \qquad z = \mathrm{encoder}(x)

    Nothing determines where codes should lie: there is no p(z), hence no `sample`, no bound and no likelihood of x.
    Lecture notes, "Variational AutoEncoders" and "See Also".
    """

    heads = ("latent",)
    command = "autoencoder"
    weighs_kl = False

    def forward(self, x: Array, eps: None = None) -> tuple[LossTerms, Any]:
        """Return the loss terms of each example (kl is zero), and the cache for `backward`."""
        p = self.params
        h, encoder_cache = self.encoder.forward(x, p)
        z, latent_cache = dense(h, *p.layer("latent"))
        g, decoder_cache = self.decoder.forward(z, p)
        output, output_cache = dense(g, *p.layer("output"))
        nll, nll_cache = self.likelihood.nll(x, output, p)
        cache = encoder_cache, latent_cache, decoder_cache, output_cache, nll_cache
        return LossTerms(nll, nll, np.zeros_like(nll)), cache

    def backward(self, dloss: Array, cache: Any, grads: Parameters) -> None:
        """Write the gradient of sum(dloss * loss) with respect to all parameters into grads: `forward` in reverse."""
        encoder_cache, latent_cache, decoder_cache, output_cache, nll_cache = cache
        doutput = self.likelihood.nll_backward(dloss, nll_cache, grads)
        dg, *_ = dense_backward(doutput, output_cache, out=grads.layer("output"))
        dz = self.decoder.backward(dg, decoder_cache, grads)
        dh, *_ = dense_backward(dz, latent_cache, out=grads.layer("latent"))
        self.encoder.backward(dh, encoder_cache, grads, need_dx=False)

    def encode(self, x: Array) -> Array:
        """Return the code z of each image: (N, D) to (N, L)."""
        h, _ = self.encoder.forward(self._images(x), self.params)
        z, _ = dense(h, *self.params.layer("latent"))
        return z

    def codes(self, x: Array, labels: Array | None = None) -> Array:
        """Return the code of each image: (N, D) to (N, L)."""
        return self.encode(x)

    def decode(self, z: Array) -> Array:
        """Return the mean of p(x given z): (N, L) to (N, D)."""
        g, _ = self.decoder.forward(validation.latents("z", z, self.latent_dim, self.dtype), self.params)
        output, _ = dense(g, *self.params.layer("output"))
        return self.likelihood.mean(output)

    def reconstruct(self, x: Array) -> Array:
        """Encode images and decode them again: (N, D) to (N, D)."""
        return self.decode(self.encode(x))

    def noise_shape(self, n: int) -> None:
        """Return None: an autoencoder takes no noise."""

    @property
    def sample(self) -> NoReturn:
        """Not available: the error says why."""
        raise AttributeError(
            "an AutoEncoder has no sample: it learns a code for each image, but no distribution of codes that one "
            "could draw from (notebooks/01_autoencoder.ipynb shows what happens if one draws anyway); use a VAE"
        )
