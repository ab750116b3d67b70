"""The variational autoencoder: its whole forward and its whole backward, line by line.

Its gradients, and what gradients cannot reveal, are tested in tests/mathematics/test_vae.py and test_anchors.py.
"""

from typing import Any

import numpy as np

from npvae.internals import validation
from npvae.internals.types import Array, Rng
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import dense, dense_backward
from npvae.models.base import LossTerms, Model
from npvae.parameters import Parameters


class VAE(Model):
    r"""Variational autoencoder with a multilayer perceptron as its encoder and another as its decoder.

    Parameters
    ----------
    input_dim : int
        Number of pixels D of an image.
    latent_dim : int
        Number of dimensions L of the latent space.
    hidden_dims : tuple of int
        Width of each hidden layer of the encoder; the decoder has the same in reverse. () makes both linear.
    likelihood : str or Likelihood
        Distribution that the decoder's output parameterizes: "bernoulli", "gaussian", another name in `LIKELIHOODS`,
        or an instance such as `Gaussian(std=0.1)`.
    activation : str
        Activation of the hidden layers: "relu", "tanh", or another name in `ACTIVATIONS`. It also determines how
        their weights are initialized: He for relu, Glorot for tanh.
    beta : float
        Weight of the KL term. With 1, the loss estimates the negative ELBO; with any other value it does not.
    dtype : "float32" or "float64"
        The first is for training, the second for checking gradients.
    rng : numpy.random.Generator, int or None
        Draws the initial weights.

    Raises
    ------
    ValueError
        For a size below 1, an unknown name, or a negative beta.

    Notes
    -----
    .. math::
        \mathrm{loss}(x) = \mathbb{E}_{q(z|x)}[-\log p(x|z)] + \beta\, D_{KL}(q(z|x) \,\|\, p(z))

    with the expectation estimated from one draw of z. Lecture notes, "Loss"; Kingma and Welling (2014), eq. 10;
    Higgins et al. (2017) for beta.
    """

    heads = ("mu", "logvar")
    command = "vae"
    has_prior = True

    def forward(self, x: Array, eps: Array) -> tuple[LossTerms, Any]:
        """Return the loss terms of each example, and the cache for `backward`."""
        p = self.params
        h, encoder_cache = self.encoder.forward(x, p)
        mu, mu_cache = dense(h, *p.layer("mu"))
        logvar, logvar_cache = dense(h, *p.layer("logvar"))
        z, z_cache = reparameterize(mu, logvar, eps)
        g, decoder_cache = self.decoder.forward(z, p)
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
        dz = self.decoder.backward(dg, decoder_cache, grads)
        dmu_z, dlogvar_z = reparameterize_backward(dz, z_cache)
        dmu, dlogvar = dmu_z + dmu_kl, dlogvar_z + dlogvar_kl  # two paths meet at each
        dh_logvar, *_ = dense_backward(dlogvar, logvar_cache, out=grads.layer("logvar"))
        dh_mu, *_ = dense_backward(dmu, mu_cache, out=grads.layer("mu"))
        self.encoder.backward(dh_mu + dh_logvar, encoder_cache, grads, need_dx=False)

    def encoder_input(self, x: Array, labels: Array | None) -> Array:
        """Return the encoder's input: the images alone, unless the model is conditional."""
        return x

    def decoder_input(self, z: Array, labels: Array | None) -> Array:
        """Return the decoder's input: the latent draws alone, unless the model is conditional."""
        return z

    def encode(self, x: Array, labels: Array | None = None) -> tuple[Array, Array]:
        """Return mean and log-variance of q(z given x).

        Parameters
        ----------
        x : (N, D) ndarray
            Floats; in [0, 1] for a Bernoulli likelihood.
        labels : (N,) ndarray of int
            Only for a `ConditionalVAE`, here and below.

        Returns
        -------
        mu, logvar : (N, L) ndarray

        Raises
        ------
        ValueError
            As in `loss_and_grad`.
        """
        x = self._images(x)
        h, _ = self.encoder.forward(self.encoder_input(x, self.check_labels(labels, len(x))), self.params)
        mu, _ = dense(h, *self.params.layer("mu"))
        logvar, _ = dense(h, *self.params.layer("logvar"))
        return mu, logvar

    def codes(self, x: Array, labels: Array | None = None) -> Array:
        """Return the means of q(z given x): (N, D) to (N, L)."""
        mu, _ = self.encode(x, labels)
        return mu

    def decoder_output(self, z: Array, labels: Array | None = None) -> Array:
        """Return what the likelihood takes, for instance logits for a Bernoulli: (N, L) to (N, D)."""
        z = validation.latents("z", z, self.latent_dim, self.dtype)
        g, _ = self.decoder.forward(self.decoder_input(z, self.check_labels(labels, len(z))), self.params)
        output, _ = dense(g, *self.params.layer("output"))
        return output

    def decode(self, z: Array, labels: Array | None = None) -> Array:
        """Return the mean of p(x given z): for a Bernoulli likelihood the probability of each pixel, not a draw.

        Parameters
        ----------
        z : (N, L) ndarray
        labels : (N,) ndarray of int, see `encode`

        Returns
        -------
        x_hat : (N, D) ndarray

        Raises
        ------
        ValueError
            For z of a wrong shape or dtype or with entries that are not finite, or labels that do not fit.
        """
        return self.likelihood.mean(self.decoder_output(z, labels))

    def draw_output(self, z: Array, rng: Rng = None, labels: Array | None = None) -> Array:
        """Draw x from p(x given z): (N, L) to (N, D). Arguments as in `decode`, which gives the mean."""
        return self.likelihood.sample(self.decoder_output(z, labels), self.params, validation.generator("rng", rng))

    def sample(self, n: int, rng: Rng = None, output_noise: bool = False, labels: Array | int | None = None) -> Array:
        """Draw new images: z from the prior N(0, I), then the mean of p(x given z) or a draw from it.

        Parameters
        ----------
        n : int
            Number of images. 0 gives an array of shape (0, D).
        rng : numpy.random.Generator, int or None
        output_noise : bool
            False gives the mean of p(x given z), the picture usually shown; True gives a draw from it.
        labels : (n,) ndarray of int, or an int for all, see `encode`

        Returns
        -------
        x : (n, D) ndarray

        Raises
        ------
        ValueError
            For n that is not a whole number of 0 or more, or labels that do not fit.
        """
        n, rng = validation.whole_number("n", n, 0), validation.generator("rng", rng)
        labels = self.check_labels(labels, n)
        if n == 0:
            return np.empty((0, self.input_dim), self.dtype)
        z = rng.standard_normal((n, self.latent_dim), dtype=self.dtype.name)
        return self.draw_output(z, rng, labels) if output_noise else self.decode(z, labels)

    def reconstruct(self, x: Array, eps: Array | None = None, labels: Array | None = None) -> Array:
        """Encode images and decode them again.

        Parameters
        ----------
        x : (N, D) ndarray
        eps : (N, L) ndarray, optional
            Noise for a draw of z from q(z given x). Without it, mu is decoded: the picture usually shown.
        labels : (N,) ndarray of int, see `encode`

        Returns
        -------
        x_hat : (N, D) ndarray
            Mean of p(x given z).

        Raises
        ------
        ValueError
            As in `loss_and_grad`.
        """
        mu, logvar = self.encode(x, labels)
        if eps is None:
            return self.decode(mu, labels)
        eps = validation.noise("eps", eps, mu.shape, self.dtype)
        z, _ = reparameterize(mu, logvar, eps)
        return self.decode(z, labels)
