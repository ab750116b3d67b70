"""Wrong models: the two terms weighted, added and averaged wrongly, paths forgotten, draws that are none."""

import copy
from typing import Any

import numpy as np

from npvae.internals.types import Array, Rng
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import dense, dense_backward, relu, relu_backward
from npvae.models import VAE, LossTerms, Model
from npvae.parameters import Parameters
from wrong_versions.table import replaces

FORWARD, BACKWARD = "npvae.models.vae.VAE.forward", "npvae.models.vae.VAE.backward"
ENCODE, RECONSTRUCT, SAMPLE = (f"npvae.models.vae.VAE.{name}" for name in ("encode", "reconstruct", "sample"))
MEAN_LOSS, DRAW_EPS = "npvae.models.base.Model.terms_and_grad", "npvae.models.base.Model.draw_eps"

forward, backward, terms_and_grad = VAE.forward, VAE.backward, Model.terms_and_grad


def with_beta(model: Any, beta: float) -> Any:
    """The same model, same parameters, with another weight of the KL term."""
    twin = copy.copy(model)
    twin.beta = beta
    return twin


# What enters and leaves the two heads.


@replaces(FORWARD, BACKWARD, ENCODE, number=7)
class relu_on_the_log_variance:
    """A relu after the head -> none: the log-variance is never negative, no q is narrower than the prior."""

    @staticmethod
    def forward(self: Any, x: Array, eps: Array) -> Any:
        p = self.params
        h, encoder_cache = self.encoder.forward(x, p)
        mu, mu_cache = dense(h, *p.layer("mu"))
        a, logvar_cache = dense(h, *p.layer("logvar"))
        logvar, relu_cache = relu(a)
        z, z_cache = reparameterize(mu, logvar, eps)
        g, decoder_cache = self.decoder.forward(z, p)
        output, output_cache = dense(g, *p.layer("output"))
        nll, nll_cache = self.likelihood.nll(x, output, p)
        kl, kl_cache = kl_divergence(mu, logvar)
        caches = encoder_cache, mu_cache, logvar_cache, relu_cache, z_cache, decoder_cache
        return LossTerms(nll + self.beta * kl, nll, kl), (*caches, output_cache, nll_cache, kl_cache)

    @staticmethod
    def backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
        encoder_cache, mu_cache, logvar_cache, relu_cache, z_cache, decoder_cache, *caches = cache
        output_cache, nll_cache, kl_cache = caches
        dmu_kl, dlogvar_kl = kl_divergence_backward(self.beta * dloss, kl_cache)
        doutput = self.likelihood.nll_backward(dloss, nll_cache, grads)
        dg, *_ = dense_backward(doutput, output_cache, out=grads.layer("output"))
        dz = self.decoder.backward(dg, decoder_cache, grads)
        dmu_z, dlogvar_z = reparameterize_backward(dz, z_cache)
        da = relu_backward(dlogvar_z + dlogvar_kl, relu_cache)
        dh_logvar, *_ = dense_backward(da, logvar_cache, out=grads.layer("logvar"))
        dh_mu, *_ = dense_backward(dmu_z + dmu_kl, mu_cache, out=grads.layer("mu"))
        self.encoder.backward(dh_mu + dh_logvar, encoder_cache, grads, need_dx=False)

    @staticmethod
    def encode(self: Any, x: Array, labels: Any = None) -> Any:
        h, _ = self.encoder.forward(self.encoder_input(x, labels), self.params)
        return dense(h, *self.params.layer("mu"))[0], relu(dense(h, *self.params.layer("logvar"))[0])[0]


@replaces(BACKWARD, number=27)
def trunk_hears_mu_alone(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
    """dh = dh_mu -> dh_mu + dh_logvar: `=` where `+=` belongs."""
    encoder_cache, mu_cache, (h, W), *caches = cache
    backward(self, dloss, (encoder_cache, mu_cache, (h, np.zeros_like(W)), *caches), grads)  # no way back through W


@replaces(BACKWARD, number=27)
def trunk_hears_the_log_variance_alone(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
    """dh = dh_logvar -> dh_mu + dh_logvar: the second `=` overwrites the first."""
    encoder_cache, (h, W), *caches = cache
    backward(self, dloss, (encoder_cache, (h, np.zeros_like(W)), *caches), grads)  # no way back through W


@replaces(ENCODE)
def encode_returns_the_heads_exchanged(self: Any, x: Array, labels: Any = None) -> Any:
    """(logvar, mu) -> (mu, logvar)."""
    h, _ = self.encoder.forward(self.encoder_input(x, labels), self.params)
    return dense(h, *self.params.layer("logvar"))[0], dense(h, *self.params.layer("mu"))[0]


@replaces(FORWARD, BACKWARD)
class cache_kept_on_the_model:
    """self.cache -> a cache that is returned and handed in: a second forward overwrites the first one's."""

    @staticmethod
    def forward(self: Any, x: Array, eps: Array) -> Any:
        terms, self.cache = forward(self, x, eps)
        return terms, self.cache

    @staticmethod
    def backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
        backward(self, dloss, self.cache, grads)


# loss = nll + beta kl.


@replaces(FORWARD, BACKWARD, number=11)
class kl_subtracted:
    """nll - beta kl -> nll + beta kl, gradient likewise: q is driven away from the prior."""

    @staticmethod
    def forward(self: Any, x: Array, eps: Array) -> Any:
        return forward(with_beta(self, -self.beta), x, eps)

    @staticmethod
    def backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
        backward(with_beta(self, -self.beta), dloss, cache, grads)


@replaces(FORWARD, number=11)
def kl_logged_negated(self: Any, x: Array, eps: Array) -> Any:
    """terms.kl = -kl -> kl: the loss is right, the curve shows a negative divergence."""
    terms, cache = forward(self, x, eps)
    return terms._replace(kl=-terms.kl), cache


@replaces(FORWARD, BACKWARD, number=16)
class kl_divided_by_N_and_D:
    """kl / (N D) -> kl, gradient likewise: a hidden beta that depends on the batch size; an autoencoder."""

    @staticmethod
    def forward(self: Any, x: Array, eps: Array) -> Any:
        return forward(with_beta(self, self.beta / x.size), x, eps)

    @staticmethod
    def backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
        backward(with_beta(self, self.beta / (len(dloss) * self.input_dim)), dloss, cache, grads)


@replaces(FORWARD, BACKWARD)
class beta_on_the_reconstruction:
    """beta nll + kl -> nll + beta kl, gradient likewise: beta works the wrong way round."""

    @staticmethod
    def forward(self: Any, x: Array, eps: Array) -> Any:
        terms, cache = forward(self, x, eps)
        return terms._replace(loss=self.beta * terms.nll + terms.kl), cache

    @staticmethod
    def backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
        backward(with_beta(self, 1 / self.beta), self.beta * dloss, cache, grads)


@replaces(FORWARD)
def beta_forgotten_in_forward(self: Any, x: Array, eps: Array) -> Any:
    """nll + kl -> nll + beta kl: the loss that is reported is not the one that is minimised."""
    return forward(with_beta(self, 1.0), x, eps)


@replaces(BACKWARD)
def beta_forgotten_in_backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
    """dkl = dloss -> beta dloss: every beta trains like 1."""
    backward(with_beta(self, 1.0), dloss, cache, grads)


@replaces(BACKWARD)
def beta_twice_in_backward(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
    """dkl = beta^2 dloss -> beta dloss: multiplied in the loss's gradient and again in the KL's."""
    backward(with_beta(self, self.beta**2), dloss, cache, grads)


@replaces(BACKWARD)
def upstream_averaged(self: Any, dloss: Array, cache: Any, grads: Parameters) -> None:
    """One weight for all examples -> each its own: right for a mean loss, wrong for any weighting. Only N > 1."""
    backward(self, np.full_like(dloss, dloss.mean()), cache, grads)


# The mean over the batch.


@replaces(MEAN_LOSS, number=17)
def gradient_summed_over_the_batch(self: Any, x: Array, eps: Array, out: Any = None, labels: Any = None) -> Any:
    """Mean loss with the gradient of the sum -> of the mean: the learning rate depends on N. Only for N > 1."""
    terms, grad = terms_and_grad(self, x, eps, out, labels)
    grad *= len(x)
    return terms, grad


@replaces("npvae.models.base.Model.loss_and_grad", number=18)
def another_loss_is_logged(self: Any, x: Array, eps: Array, out: Any = None, labels: Any = None) -> Any:
    """Mean of the reconstruction alone, beside the gradient of the whole -> the loss that is optimised."""
    terms, grad = terms_and_grad(self, x, eps, out, labels)
    return float(np.mean(terms.nll)), grad


@replaces(MEAN_LOSS)
def gradient_divided_by_N_twice(self: Any, x: Array, eps: Array, out: Any = None, labels: Any = None) -> Any:
    """1 / N in the loss and again in the gradient -> once. Only for N > 1."""
    terms, grad = terms_and_grad(self, x, eps, out, labels)
    grad /= len(x)
    return terms, grad


# Draws and pictures.


@replaces(RECONSTRUCT, number=6)
def mu_plus_sigma_decoded(self: Any, x: Array, eps: Array | None = None, labels: Any = None) -> Array:
    """z = mu + sigma without noise -> mu, or a real draw: always the same way off the mean."""
    mu, logvar = self.encode(x, labels)
    return self.decode(mu + np.exp(0.5 * logvar) * (1 if eps is None else eps), labels)


@replaces(RECONSTRUCT)
def reconstruction_always_at_mu(self: Any, x: Array, eps: Array | None = None, labels: Any = None) -> Array:
    """eps ignored -> a draw where there is noise."""
    return self.decode(self.encode(x, labels)[0], labels)


@replaces(RECONSTRUCT)
def reconstruction_always_drawn(self: Any, x: Array, eps: Array | None = None, labels: Any = None) -> Array:
    """Noise drawn where none is given -> mu: the picture flickers from call to call."""
    mu, logvar = self.encode(x, labels)
    return self.decode(mu + np.exp(0.5 * logvar) * (self.draw_eps(len(x)) if eps is None else eps), labels)


@replaces(SAMPLE, number=36)
def samples_from_q(self: Any, n: int, rng: Rng = None, output_noise: bool = False, labels: Any = None) -> Array:
    """z from q(z given some image) -> from the prior: reconstructions shown as samples."""
    rng = np.random.default_rng(rng)
    mu, logvar = self.encode(rng.random((n, self.input_dim)), labels)
    return self.decode(mu + np.exp(0.5 * logvar) * self.draw_eps(n, rng), labels)


@replaces(SAMPLE)
def samples_of_one_z(self: Any, n: int, rng: Rng = None, output_noise: bool = False, labels: Any = None) -> Array:
    """One z for all n -> n of them. Wrong only for n > 1."""
    return self.decode(np.tile(self.draw_eps(1, rng), (n, 1)), labels)


@replaces(SAMPLE)
def samples_from_a_narrow_prior(
    self: Any, n: int, rng: Rng = None, output_noise: bool = False, labels: Any = None
) -> Any:
    """z from N(0, 1/2) -> N(0, 1): prettier and less varied, and not what the model says."""
    return self.decode(float(np.sqrt(0.5)) * self.draw_eps(n, rng), labels)


@replaces(DRAW_EPS)
def noise_uniform(self: Any, n: int, rng: Rng = None) -> Array:
    """U(0, 1) -> N(0, 1): np.random.rand for randn; z only ever goes up from mu."""
    return np.random.default_rng(rng).random((n, self.latent_dim), dtype=self.dtype.name)


@replaces(DRAW_EPS)
def noise_alike_for_all_examples(self: Any, n: int, rng: Rng = None) -> Array:
    """One draw repeated n times -> n draws. Wrong only for n > 1."""
    row = np.random.default_rng(rng).standard_normal((1, self.latent_dim), dtype=self.dtype.name)
    return np.repeat(row, n, axis=0)


@replaces(DRAW_EPS)
def noise_seeded_inside(self: Any, n: int, rng: Rng = None) -> Array:
    """default_rng(0) in each call -> the generator handed in: every step has the same noise."""
    return np.random.default_rng(0).standard_normal((n, self.latent_dim), dtype=self.dtype.name)
