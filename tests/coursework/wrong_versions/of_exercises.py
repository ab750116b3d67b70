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
    "the noise is scaled by the variance": 1,
    "sigma stands in the place of its slope": 3,
    "it has a factor that belongs to drho": 4,
    "the noise is scaled by the head itself": 5,
    "it does not depend on the noise": 8,
    "it points the wrong way: the means run away": 9,
    "it points the wrong way and is twice too long": 10,
    "the sign of the whole: a divergence is never negative": 11,
    "the half is on a part of the sum only": 12,
    "the head stands where the variance belongs": 13,
    "q's variance stands where its sigma belongs": 14,
    "averaged over the pixels": 15,
    "the logarithm of a probability that was rounded": 19,
    "probabilities are clipped": 20,
    "only white pixels count": 21,
    "target and prediction are exchanged": 22,
    "a squared error: a hidden beta": 24,
    "the logarithm of the scale is missing": 25,
    "cut off at 0": 26,
    "it is averaged over the examples": 28,
    "it is transposed": 29,
    "the input stands where the output belongs": 31,
    "the mean of the log weights": 37,
}
"""Those of the catalogue, by how their words begin."""


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
        for i, mistake in enumerate(EXERCISES[exercise].mistakes(Variant())):
            if "another question" in mistake.what and exercise == "dense_backward":
                continue  # no wrong gradient comes of it, but an exception
            if exercise == "dense_backward":
                functions = (dense_with(mistake),)
            else:
                functions = pair_with(mistake, *map(function, dotted), GRADIENTS[exercise])
            add(
                WrongVersion(
                    f"{exercise} {i}, {mistake.what}",
                    mistake.what,
                    next((number for words, number in NUMBERS.items() if mistake.what.startswith(words)), None),
                    dict(zip(dotted, functions, strict=True)),
                    alike=False,  # its gradients are differences of its forward: that they agree says nothing
                )
            )


enter_all()
