"""The mistakes of the exercises whose right answer is a pair of the package, as code in the place of that pair."""

import numpy as np

import npvae
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.key import answer_key
from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.variants import Variant
from wrong_versions.table import WrongVersion

PACKAGE = {
    "dense_backward": (npvae.dense_backward,),
    "activation": (npvae.tanh, npvae.tanh_backward),
    "reparameterize": (npvae.reparameterize, npvae.reparameterize_backward),
    "bernoulli_nll": (npvae.bernoulli_nll, npvae.bernoulli_nll_backward),
    "likelihood_nll": (npvae.gaussian_nll, npvae.gaussian_nll_backward),
    "kl_divergence": (npvae.kl_divergence, npvae.kl_divergence_backward),
    "importance_bound": (npvae.log_mean_exp, npvae.log_mean_exp_backward),
}
"""By exercise: the package's answer to the textbook's question."""
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


def dense_with(mistake, right_backward, names):
    """The gradients of a dense layer, wrong as the mistake says, also in the buffers handed in."""

    def backward(dy, cache, out=None, need_dx=True):
        right = dict(zip(names, right_backward(dy, cache), strict=True))
        dx, *gradients = (right | mistake.wrong(Probe("", (dy, cache)), right)).values()
        for buffer, gradient in zip(out or (), gradients, strict=bool(out)):
            buffer[...] = gradient
        return dx if need_dx else None, *(out or gradients)

    return (backward,)


def pair_with(mistake, right_forward, right_backward, names):
    """The pair, wrong as the mistake says; the names are those of its gradients."""

    def results(args, dout):
        out, cache = right_forward(*args)
        gradients = right_backward(dout, cache)
        gradients = gradients if isinstance(gradients, tuple) else (gradients,)
        right = {"forward": out} | dict(zip(names, gradients, strict=True))
        return right | mistake.wrong(Probe("", one_for_each(args), dout), right)

    def forward(*args):
        out, _ = right_forward(*args)
        if mistake.forward:
            made = mistake.forward(*one_for_each(args))
        else:
            made = results(args, np.ones_like(out))["forward"]
        made = np.asarray(made, out.dtype)
        return np.broadcast_to(made, out.shape) if made.ndim == 0 else made, args

    def backward(dout, args):
        made = results(args, dout)
        gradients = [np.asarray(made[name], dout.dtype) for name in names]
        if "dscale" in names:
            gradients[-1] = np.sum(gradients[-1], axis=tuple(range(gradients[-1].ndim - np.ndim(args[-1]))))
        return tuple(gradients) if len(names) > 1 else gradients[0]

    return forward, backward


def one_for_each(args):
    """A log-variance may serve many pixels; what is known of mistakes takes one for each."""
    return tuple(np.broadcast_to(arg, np.shape(args[0])) if np.ndim(arg) < np.ndim(args[0]) else arg for arg in args)


def versions():
    """Each mistake as a wrong version; its gradients are differences of its forward: that they agree says nothing."""
    for name, right in PACKAGE.items():
        exercise = EXERCISES[name]
        gradients = [part for part in exercise.points(Variant()) if part.startswith("d")]
        for i, (mistake, _, _) in enumerate(answer_key(name, Variant(), 0).mistakes):
            if name == "dense_backward" and "another question" in mistake.what:
                continue  # no wrong gradient comes of it, but an exception
            wrong = (dense_with if name == "dense_backward" else pair_with)(mistake, *right, gradients)
            number = next((number for words, number in NUMBERS.items() if mistake.what.startswith(words)), None)
            wrong_by_right = dict(zip(right, wrong, strict=True))
            yield WrongVersion(f"{name} {i}, {mistake.what}", mistake.what, number, wrong_by_right, alike=False)
