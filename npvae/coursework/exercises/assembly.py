"""Loss and gradient, put together from given pieces.

The student defines loss_and_grad(x, eps, params, beta, pieces) -> (loss, grads): the mean over the batch of
nll + beta kl, a float, and its gradients for the weights, a dict with the keys of params: "trunk", "mu", "rho" and
"decoder". The pieces are right, and `PIECES` says what each takes and returns.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from npvae.coursework.exercise import ONE, SEVERAL, Exercise, Mistake
from npvae.coursework.pairs import differences, spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.sandbox.pieces import BENDS, KEYS, latent_draw, layer, made_up_kl, made_up_nll
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

# The pieces. A submission may look at them, so none of them holds anything that another exercise asks for: each
# connection of a layer is bent before they are summed, and neither divergence nor likelihood is a real one.


def heads(x: Array, W_mu: Array, W_rho: Array, trunk_of_mu: Array, trunk_of_rho: Array) -> Array:
    """Mu and rho. The trunk comes twice, so that each head's part of its gradient can be had."""
    mu = layer(BENDS["mu"], layer(BENDS["trunk"], x, trunk_of_mu), W_mu)
    return np.stack([mu, layer(BENDS["rho"], layer(BENDS["trunk"], x, trunk_of_rho), W_rho)])


def costs(x: Array, eps: Array, W_decoder: Array, mu: Array, rho: Array) -> tuple[Array, Array]:
    """Nll and kl of each example."""
    return made_up_nll(x, layer(BENDS["decoder"], latent_draw(mu, rho, eps), W_decoder)), made_up_kl(mu, rho)


def terms(x: Array, eps: Array, W_decoder: Array, *weights: Array) -> tuple[Array, Array]:
    return costs(x, eps, W_decoder, *heads(x, *weights))


# What comes out, right or wrong: the same few parts, weighted.

BY = ("decoder", "mu", "rho", "trunk of mu", "trunk of rho")
Terms = Callable[..., tuple[Array, Array]]
Parts = tuple[dict[str, Array], dict[str, Array]]
"""Of the nll's mean over the batch and of the kl's: the mean and its gradients, by name."""
Weights = tuple[float, float]
"""Of the nll and of the kl."""


@lru_cache(maxsize=16)
def parts_of(probe: Probe, terms: Terms = terms) -> Parts:
    x, eps, params, _ = probe.args
    weights = [params[key.partition(" ")[0]] for key in BY]

    def part(i: int) -> dict[str, Array]:
        def mean(*weights: Array) -> Array:
            return np.asarray(np.mean(terms(x, eps, *weights)[i]))

        return {"loss": mean(*weights)} | {key: differences(mean, weights, j) for j, key in enumerate(BY)}

    return part(0), part(1)


def weighted(parts: Parts, weights: Weights, heads: Weights = (1, 1)) -> dict[str, Array]:
    """Loss and gradients where the terms have these weights, and the heads these at the trunk."""
    made = {name: weights[0] * parts[0][name] + weights[1] * parts[1][name] for name in parts[0]}
    made["trunk"] = heads[0] * made.pop("trunk of mu") + heads[1] * made.pop("trunk of rho")
    return made


def put_together(probe: Probe, terms: Terms = terms) -> dict[str, Array]:
    """What these terms give."""
    return weighted(parts_of(probe, terms), (1, probe.args[-1]))


Weighing = Callable[[float, int, int], Weights]
"""From beta, N and D."""
DIVIDED = "the KL is divided by N and D: a hidden beta that depends on the batch size; an autoencoder"

ALIKE: list[tuple[str, Weighing]] = [
    ("the KL is subtracted: q is driven away from the prior", lambda b, n, d: (1, -b)),
    ("beta does not enter: every beta trains like 1", lambda b, n, d: (1, 1)),
    ("beta enters twice", lambda b, n, d: (1, b**2)),
    ("beta is on the reconstruction: it works the wrong way round", lambda b, n, d: (b, 1)),
    ("beta is on both terms: it is only a learning rate", lambda b, n, d: (b, b)),
    (DIVIDED, lambda b, n, d: (1, b / (n * d))),
    ("the KL is divided by D: a hidden beta", lambda b, n, d: (1, b / d)),
    ("the nll is averaged over the pixels, the KL is not: a hidden beta of D", lambda b, n, d: (1 / d, b)),
    ("the mean is taken over N and D", lambda b, n, d: (1 / d, b / d)),
    ("summed over the batch: the learning rate depends on N", lambda b, n, d: (n, n * b)),
    ("divided by N twice", lambda b, n, d: (1 / n, b / n)),
    ("the nll is summed over the batch, the KL is not: a hidden beta of 1 / N", lambda b, n, d: (n, b)),
    ("the KL is summed over the batch, the nll is not: a hidden beta of N", lambda b, n, d: (1, n * b)),
    ("the KL is left out: an autoencoder", lambda b, n, d: (1, 0)),
    ("the nll is left out: only the KL counts", lambda b, n, d: (0, b)),
]
"""Loss and gradient are wrong alike: a gradient check stays green."""

LOSS: list[tuple[str, Weighing]] = [
    ("beta is forgotten in the loss: what is reported is not what is minimized", lambda b, n, d: (1, 1)),
    ("the KL is subtracted in the loss: what is reported is not what is minimized", lambda b, n, d: (1, -b)),
    ("the loss is summed over the batch, its gradient is not", lambda b, n, d: (n, n * b)),
    ("the mean of the reconstruction alone, beside the gradient of the whole", lambda b, n, d: (1, 0)),
    ("the mean of the KL alone, beside the gradient of the whole", lambda b, n, d: (0, 1)),
]
GRADIENT: list[tuple[str, Weighing]] = [
    ("beta is forgotten in the gradient: every beta trains like 1", lambda b, n, d: (1, 1)),
    ("beta enters the gradient twice: with the loss, and again with the KL", lambda b, n, d: (1, b**2)),
    ("the gradient of the KL is subtracted: q is driven away from the prior", lambda b, n, d: (1, -b)),
    ("the loss is a mean, the gradient that of the sum: the learning rate depends on N", lambda b, n, d: (n, n * b)),
    ("1 / N enters with the loss and again in the gradient", lambda b, n, d: (1 / n, b / n)),
    ("the KL has no gradient: the term is in the loss, and nothing holds it", lambda b, n, d: (1, 0)),
    ("only the gradient of the KL arrives: the path from the nll through z is missing", lambda b, n, d: (0, b)),
    ("the gradient of the nll has the wrong sign, as if its two arguments were exchanged", lambda b, n, d: (-1, b)),
]

HEADS: list[tuple[str, Weights]] = [
    ("the trunk hears mu's head alone: what the other head gave it is lost", (1, 0)),
    ("the trunk hears rho's head alone: what the other head gave it is overwritten", (0, 1)),
    ("the trunk hears mu's head twice, and rho's never", (2, 0)),
    ("the trunk hears rho's head twice, and mu's never", (0, 2)),
    ("what the two heads give the trunk is averaged", (0.5, 0.5)),
    ("what rho's head gives the trunk is subtracted", (1, -1)),
]


def mistakes_of(variant: Variant) -> list[Mistake]:
    def weigh(what: str, weighing: Weighing, *names: str, heads: Weights = (1, 1)) -> Mistake:
        def wrong(probe: Probe, right: Any) -> Results:
            x, _, _, beta = probe.args
            made = weighted(parts_of(probe), weighing(beta, *x.shape), heads)
            return {name: made[name] for name in names}

        return Mistake(what, wrong)

    return [
        *(weigh(*row, "loss") for row in LOSS),
        *(weigh(*row, *KEYS) for row in GRADIENT),
        *(weigh(*row, "loss", *KEYS) for row in ALIKE),
        *(weigh(what, lambda b, n, d: (1, b), "trunk", heads=heads) for what, heads in HEADS),
        Mistake("the noise does not enter: an autoencoder", lambda p, right: put_together(p, without_noise)),
        Mistake("mu and rho enter the latent space exchanged", lambda p, right: put_together(p, exchanged)),
        Mistake("the two gradients of the latent space reach the heads exchanged", exchanged_on_the_way_back),
        Mistake(
            'the gradients of the two heads stand under the keys "mu" and "rho" exchanged',
            lambda p, right: {"mu": right["rho"], "rho": right["mu"]},
        ),
    ]


def without_noise(x: Array, eps: Array, *weights: Array) -> tuple[Array, Array]:
    return terms(x, np.zeros_like(eps), *weights)


def exchanged(x: Array, eps: Array, W_decoder: Array, *weights: Array) -> tuple[Array, Array]:
    return costs(x, eps, W_decoder, *heads(x, *weights)[::-1])


def exchanged_on_the_way_back(probe: Probe, right: Mapping[str, Array]) -> Results:
    x, eps, params, beta = probe.args

    def seen(W_mu: Array, W_rho: Array, W_trunk: Array) -> Array:
        return heads(x, W_mu, W_rho, W_trunk, W_trunk)

    def loss(mu: Array, rho: Array) -> Array:
        nll, kl = costs(x, eps, params["decoder"], mu, rho)
        return np.asarray(np.mean(nll + beta * kl))

    weights = [params[key] for key in KEYS[1:]]
    heard = np.stack([differences(loss, list(seen(*weights)), i) for i in (1, 0)])
    return {key: differences(seen, weights, i, heard) for i, key in enumerate(KEYS[1:])}


# 9. Loss and gradient.


def probes_of(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    pixels, hidden, latents = 6, 4, 3
    head = (hidden, latents)
    shapes = {"trunk": (pixels, hidden), "mu": head, "rho": head, "decoder": (latents, pixels)}

    def probe(where: str, n: int) -> Probe:
        params = {key: spread(rng, *shape, scale=0.7) for key, shape in shapes.items()}
        beta = float(rng.uniform(0.3, 0.7))  # neither 1 nor near it: a beta that is forgotten shows
        return Probe(where, (spread(rng, n, pixels), spread(rng, n, latents), params, beta))

    return [probe(ONE, 1), probe(SEVERAL, 5)]


LOSS_AND_GRAD = Exercise(
    name="loss_and_grad",
    title="Loss and gradient from given pieces",
    section="Loss",
    lesson="07_backpropagation_by_hand",
    functions=("loss_and_grad",),
    points=lambda variant: {"loss": 2, "decoder": 1, "mu": 1, "rho": 1, "trunk": 2, SEVERAL: 1},
    probes=probes_of,
    expected=lambda variant, probe: put_together(probe),
    mistakes=mistakes_of,
    arguments=lambda variant: ("x", "eps", "params", "beta"),
    properties={
        "loss": "it is one number for the batch, and a batch that comes twice has the same one",
        "decoder": "the decoder enters the loss through the nll alone, and the gradient belongs to the mean",
        "mu": "mu enters the loss twice, and the gradient agrees with central differences of the loss",
        "rho": "rho enters the loss twice, and the gradient agrees with central differences of the loss",
        "trunk": "the trunk enters the loss through both heads, and the gradient agrees with central differences",
    },
)
