"""The mistakes of the exercises whose right answer is a pair of the package, as code in the place of that pair."""

import numpy as np

import npvae
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.variants import Variant
from wrong_versions.table import WrongVersion, add

PACKAGE = {
    "dense_backward": ("npvae.layers.dense_backward",),
    "activation": ("npvae.layers.tanh", "npvae.layers.tanh_backward"),
    "reparameterize": ("npvae.latent.reparameterize", "npvae.latent.reparameterize_backward"),
    "bernoulli_nll": ("npvae.likelihoods.bernoulli_nll", "npvae.likelihoods.bernoulli_nll_backward"),
    "likelihood_nll": ("npvae.likelihoods.gaussian_nll", "npvae.likelihoods.gaussian_nll_backward"),
    "kl_divergence": ("npvae.latent.kl_divergence", "npvae.latent.kl_divergence_backward"),
    "importance_bound": ("npvae.models.importance.log_mean_exp", "npvae.models.importance.log_mean_exp_backward"),
}
"""By exercise: where the textbook's answer stands in the package."""
NUMBERS = {
    "variance_for_sigma": 1,
    "drho_times_sigma": 3,
    "dmu_halved": 4,
    "head_times_noise": 5,
    "drho_without_eps": 8,
    "kl_dmu_negated": 9,
    "kl_drho_negated_and_doubled": 10,
    "kl_negated": 11,
    "half_on_a_part_of_the_sum": 12,
    "kl_drho_at_the_head": 13,
    "variance_for_sigma_in_the_kl": 14,
    "bernoulli_averaged_over_pixels": 15,
    "log_of_the_sigmoid": 19,
    "probability_clipped": 20,
    "half_a_cross_entropy": 21,
    "targets_for_predictions": 22,
    "plain_squared_error": 24,
    "without_its_log_scale": 25,
    "never_below_zero": 26,
    "bias_gradient_averaged": 28,
    "weight_gradient_transposed": 29,
    "tanh_slope_at_its_input": 31,
    "weights_averaged_in_log_space": 37,
}
"""Those of the catalogue."""


def function(dotted):
    return getattr(npvae, dotted.rpartition(".")[2])


def pair_with(mistake, forward, backward, names):
    """The pair, wrong as the mistake says; the names are those of its gradients."""

    def results(args, dout):
        out, cache = forward(*args)
        dout = np.ones_like(out) if dout is None else dout
        gradients = backward(dout, cache)
        right = dict(zip(names, gradients if isinstance(gradients, tuple) else (gradients,), strict=True))
        probe = Probe("", broadcast(args), dout)
        return right | mistake.wrong(probe, {"forward": out} | right)

    def wrong_forward(*args):
        out, _ = forward(*args)
        made = mistake.forward(*broadcast(args)) if mistake.forward else results(args, None).get("forward", out)
        made = np.asarray(made, args[0].dtype)
        return np.broadcast_to(made, out.shape) if made.ndim == 0 else made, args

    def wrong_backward(dout, args):
        made = results(args, dout)
        shapes = {name: np.shape(arg) for name, arg in zip(names, args[len(args) - len(names) :], strict=True)}
        gradients = tuple(
            summed_to(np.asarray(made[name], dout.dtype), shapes.get(name) if "scale" in name else None)
            for name in names
        )
        return gradients if len(gradients) > 1 else gradients[0]

    return wrong_forward, wrong_backward


def broadcast(args):
    """A log-variance may serve many pixels; what is known of mistakes takes one for each."""
    return tuple(np.broadcast_to(arg, np.shape(args[0])) if np.ndim(arg) < np.ndim(args[0]) else arg for arg in args)


def summed_to(gradient, shape):
    """Over what was broadcast: rows, or everything."""
    if shape is None or gradient.shape == shape:
        return gradient
    return gradient.sum() if shape == () else gradient.sum(axis=0)


def dense_with(mistake, right_one=npvae.dense_backward):
    def dense_backward(dy, cache, out=None, need_dx=True):
        right = dict(zip(("dx", "dW", "db"), right_one(dy, cache), strict=True))
        dx, dW, db = (right | mistake.wrong(Probe("", (dy, cache)), right)).values()
        if out is None:
            return dx, dW, db
        for buffer, gradient in zip(out, (dW, db), strict=True):
            buffer[...] = gradient
        return dx if need_dx else None, *out

    return dense_backward


GRADIENTS = {
    "activation": ("da",),
    "reparameterize": ("dmu", "drho"),
    "bernoulli_nll": ("dlogits",),
    "likelihood_nll": ("dmean", "dscale"),
    "kl_divergence": ("dmu", "drho"),
    "importance_bound": ("dlog_w",),
}


def enter_all():
    for exercise, dotted in PACKAGE.items():
        for mistake in EXERCISES[exercise].mistakes(Variant()):
            if mistake.name == "other_layout":  # no wrong gradient comes of it, but an exception
                continue
            if exercise == "dense_backward":
                functions = (dense_with(mistake),)
            else:
                functions = pair_with(mistake, *map(function, dotted), GRADIENTS[exercise])
            add(
                WrongVersion(
                    f"{exercise}.{mistake.name}",
                    mistake.what,
                    NUMBERS.get(mistake.name),
                    dict(zip(dotted, functions, strict=True)),
                    alike=False,  # its gradients are differences of its forward: that they agree says nothing
                )
            )


enter_all()
