"""What goes wrong in the VAE's relatives: importance weights, and labels."""

# ruff: noqa: D403 - a line that begins with an equation begins with its letter

import copy
from typing import Any

import numpy as np

from npvae.coursework.mistakes.table import replaces
from npvae.internals.types import Array
from npvae.models import ConditionalVAE

LOG_MEAN_EXP = "npvae.models.importance.log_mean_exp"
backward = ConditionalVAE.backward
RATIO, RATIO_BACKWARD = "npvae.models.importance.log_prior_ratio", "npvae.models.importance.log_prior_ratio_backward"
CONDITIONAL = "npvae.models.conditional.ConditionalVAE"

# log p(x) >= log mean of w, log w = log p(x|z) + log p(z) - log q(z|x).


@replaces(LOG_MEAN_EXP, number=37)
def weights_averaged_in_log_space(log_w: Array) -> Any:
    """mean of log w -> log of mean of w, gradient likewise: more draws no longer tighten the bound."""
    return np.mean(log_w, axis=0), np.full_like(log_w, 1 / len(log_w))


@replaces(LOG_MEAN_EXP, number=37)
def maximum_not_subtracted(log_w: Array) -> Any:
    """log mean exp(log w) -> of log w - max: at -800 nats every weight is 0, its logarithm minus infinity."""
    w = np.exp(log_w)
    return np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)


@replaces(LOG_MEAN_EXP)
def maximum_not_added_back(log_w: Array) -> Any:
    """log mean exp(log w - max) -> + max: the bound is between -log k and 0 whatever the image."""
    w = np.exp(log_w - np.max(log_w, axis=0))
    return np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)


@replaces(LOG_MEAN_EXP)
def log_of_the_sum(log_w: Array) -> Any:
    """log sum w -> log mean w: too high by log k, no bound; every gradient is right."""
    largest = np.max(log_w, axis=0)
    w = np.exp(log_w - largest)
    return largest + np.log(np.sum(w, axis=0)), w / np.sum(w, axis=0)


@replaces(LOG_MEAN_EXP)
def one_maximum_for_the_batch(log_w: Array) -> Any:
    """max over draws and examples -> over draws: all weights of an unlikely image are 0. Wrong only for N > 1."""
    largest = np.max(log_w)
    w = np.exp(log_w - largest)
    return largest + np.log(np.mean(w, axis=0)), w / np.sum(w, axis=0)


@replaces("npvae.models.importance.log_mean_exp_backward")
def draws_count_alike_in_backward(dout: Array, weights: Array) -> Array:
    """dout / k -> dout w / sum(w): the gradient of the ordinary bound under the loss of the tighter one."""
    return dout * np.full_like(weights, 1 / len(weights))


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
