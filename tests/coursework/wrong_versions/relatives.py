"""What goes wrong in the VAE's relatives: importance weights, and labels."""

import copy
from typing import Any

import numpy as np

from npvae.internals.types import Array
from npvae.models import ConditionalVAE
from wrong_versions.table import replaces

LOG_MEAN_EXP = "npvae.models.importance.log_mean_exp"
backward = ConditionalVAE.backward
RATIO, RATIO_BACKWARD = "npvae.models.importance.log_prior_ratio", "npvae.models.importance.log_prior_ratio_backward"
CONDITIONAL = "npvae.models.conditional.ConditionalVAE"

# log p(x) >= log mean of w, log w = log p(x|z) + log p(z) - log q(z|x).


@replaces(RATIO, RATIO_BACKWARD)
class prior_forgotten:
    """-log q(z|x) -> log p(z) - log q(z|x), gradient likewise: nothing holds z near the prior."""

    @staticmethod
    def log_prior_ratio(z: Array, logvar: Array, eps: Array) -> Any:
        return 0.5 * np.sum(logvar + eps**2, axis=-1), z

    @staticmethod
    def log_prior_ratio_backward(dlog_ratio: Array, z: Array) -> Any:
        dlogvar = np.broadcast_to(0.5 * dlog_ratio[..., None], z.shape)
        return np.zeros_like(z), np.sum(dlogvar, axis=0)


@replaces(RATIO, RATIO_BACKWARD)
class ratio_upside_down:
    """log q - log p -> log p - log q, gradient likewise: q is driven away from the prior."""

    @staticmethod
    def log_prior_ratio(z: Array, logvar: Array, eps: Array) -> Any:
        return -0.5 * np.sum(logvar + eps**2 - z**2, axis=-1), z

    @staticmethod
    def log_prior_ratio_backward(dlog_ratio: Array, z: Array) -> Any:
        dlogvar = np.broadcast_to(-0.5 * dlog_ratio[..., None], z.shape)
        return dlog_ratio[..., None] * z, np.sum(dlogvar, axis=0)


@replaces(RATIO)
def density_of_eps_for_that_of_z(z: Array, logvar: Array, eps: Array) -> Any:
    """eps^2 - z^2 -> logvar + eps^2 - z^2: the density of eps in place of that of z = mu + sigma eps."""
    return 0.5 * np.sum(eps**2 - z**2, axis=-1), z


@replaces(RATIO_BACKWARD)
def logvar_hears_the_first_draw_alone(dlog_ratio: Array, z: Array) -> Any:
    """dlogvar of one draw -> the sum over all k that one logvar serves. Wrong only for k > 1."""
    dlogvar = np.broadcast_to(0.5 * dlog_ratio[..., None], z.shape)
    return -dlog_ratio[..., None] * z, dlogvar[0]


# The label enters encoder and decoder.


@replaces(f"{CONDITIONAL}.encoder_input", number=38)
def encoder_never_sees_the_label(self: Any, x: Array, labels: Any) -> Array:
    """x and zeros -> x and its label: still a bound, generally a looser one."""
    return np.concatenate([x, np.zeros_like(self.one_hot(labels))], axis=1)


@replaces(f"{CONDITIONAL}.decoder_input")
def decoder_never_sees_the_label(self: Any, z: Array, labels: Any) -> Array:
    """z and zeros -> z and its label: the label that is asked for has no effect on the sample."""
    return np.concatenate([z, np.zeros_like(self.one_hot(labels))], axis=1)


@replaces(f"{CONDITIONAL}.decoder_input")
def label_of_the_first_example(self: Any, z: Array, labels: Any) -> Array:
    """labels[0] for all -> each its own. Wrong only for N > 1."""
    return np.concatenate([z, np.broadcast_to(self.one_hot(labels)[0], (len(z), self.label_dim))], axis=1)


@replaces(f"{CONDITIONAL}.backward")
def gradient_of_the_label_for_that_of_z(self: Any, dloss: Array, cache: Any, grads: Any) -> None:
    """The last L columns -> the first L: the label's gradient goes into the encoder."""
    model, decoder = copy.copy(self), copy.copy(self.decoder)
    decoder.backward = lambda *args: np.roll(self.decoder.backward(*args), self.latent_dim, axis=1)
    model.decoder = decoder
    backward(model, dloss, cache, grads)
