"""What the work was for: a small variational autoencoder of a student's own functions, trained on the digits."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import npvae
from npvae.coursework.check import Checker
from npvae.coursework.exercises import asked, number
from npvae.coursework.exercises.layers import DENSE, sigmoid
from npvae.coursework.exercises.optim import RULES
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIDDEN, LATENT = 64, 4
EPOCHS, BATCH, LR = 80, 100, 1e-2
SECONDS = 20
"""After which training ends, however far it has come."""
WHITE = 16.0
"""The largest grey level of the digits as they were scanned."""
COLUMNS, ROWS = 10, 6
"""Of the samples that are shown."""
FILE = "own_vae.png"

Functions = Mapping[str, Sequence[Callable[..., Any]]]
"""By exercise."""


def own_vae(check: Checker) -> "Figure | None":
    """Train a variational autoencoder of the functions that `check` has found right, and show what it draws.

    Of a short assignment the likelihood is the Bernoulli, and what it does not ask is given: dense layers, tanh and
    Adam. Until all is right this says what is missing. What fails is told; nothing is raised.

    Parameters
    ----------
    check : Checker
        The one that the exercises were checked with.

    Returns
    -------
    figure : Figure or None
        The loss by epoch, and samples. Where no notebook shows it, it is written to own_vae.png.
    """
    missing = [name for name, each in asked(check.variant).items() if not each.bonus and name not in check.right]
    if missing:
        print(f"Here your own VAE trains, once these are right: {', '.join(f'{number(n)}. {n}' for n in missing)}")
        return None
    functions: Functions = check.right
    chosen = check.variant
    if chosen.form == "short":
        chosen = replace(chosen, weights="input first", likelihood="Bernoulli", optimizer="Adam")
        functions = {**functions, **GIVEN, "likelihood_nll": functions["bernoulli_nll"]}
    try:
        return shown(*train(functions, chosen), chosen)
    except Exception as error:  # of a student's function, at values that no probe has
        print(f"The training of your own VAE stopped with {type(error).__name__}: {error}")
        return None


def adam_step(theta: Array, grad: Array, state: Sequence[Any], t: int, lr: float) -> tuple[Array, Sequence[Any]]:
    """A step of the package's Adam, which is its own state."""
    adam, theta = npvae.Adam(lr) if t == 1 else state[0], theta.copy()
    adam.step(theta, grad)
    return theta, (adam,)


GIVEN: Functions = {
    "dense_backward": (npvae.dense_backward,),
    "activation": (npvae.tanh, npvae.tanh_backward),
    "optimizer_step": (adam_step,),
}


class Kind(NamedTuple):
    """What a likelihood makes of the digits."""

    data: Callable[[Array, np.random.Generator], Array]
    """From grey levels, whole numbers from 0 to 16, and noise: what the model is trained on."""
    white: float
    """The largest of the data."""
    output: Callable[[Array], Array]
    """From a mean image to the decoder's output for it."""
    image: Callable[[Array], Array]
    """From the decoder's output to the mean of p(x given z)."""


KINDS = {
    "Bernoulli": Kind(
        lambda grey, rng: grey / WHITE, 1.0, lambda mean: np.log((mean + 0.01) / (1.01 - mean)), sigmoid
    ),
    "Poisson": Kind(lambda grey, rng: grey, WHITE, lambda mean: np.log(mean + 0.1), np.exp),
}
MEAN_AND_SCALE = Kind(
    lambda grey, rng: (grey + rng.random(grey.shape)) / 4,  # no two alike: no density can grow without bound
    (WHITE + 1) / 4,
    lambda mean: np.append(mean, np.zeros_like(mean)),
    lambda output: np.split(output, 2, axis=1)[0],
)
"""That of all others."""


def kind_of(likelihood: str) -> Kind:
    """What a likelihood makes of the digits."""
    return KINDS.get(likelihood, MEAN_AND_SCALE)


def pieces_of(functions: Functions, chosen: Variant, x: Array) -> SimpleNamespace:
    """The pieces of the exercise that puts loss and gradient together, each of a student's own functions.

    What stands for the weights of a piece is a tuple: W, b, and W, b once more for the decoder's second layer.
    """
    (dense_backward,), (activation, activation_backward) = functions["dense_backward"], functions["activation"]
    (reparameterize, _), (kl_divergence, _) = functions["reparameterize"], functions["kl_divergence"]
    (meet,), (nll, nll_backward) = functions["latent_backward"], functions["likelihood_nll"]
    center, scale = x.mean(), x.std()  # one of each: a pixel that is always black is no input of 0

    def dense(x: Array, weights: Sequence[Array]) -> Any:
        return DENSE[chosen.weights](x, *weights), (x, weights[0])

    def affine_backward(dy: Array, cache: Any) -> Any:
        dx, *gradients = dense_backward(dy, cache)
        return dx, tuple(gradients)

    def layer(x: Array, weights: Sequence[Array]) -> Any:
        a, affine = dense(x, weights)
        h, bend = activation(a)
        return h, (affine, bend)

    def layer_backward(dh: Array, cache: Any) -> Any:
        affine, bend = cache
        return affine_backward(activation_backward(dh, bend), affine)

    def decoder(z: Array, weights: Sequence[Array]) -> Any:
        h, first = layer(z, weights[:2])
        output, second = dense(h, weights[2:])
        return output, (first, second)

    def decoder_backward(doutput: Array, cache: Any) -> Any:
        dh, of_second = affine_backward(doutput, cache[1])
        dz, of_first = layer_backward(dh, cache[0])
        return dz, of_first + of_second

    def all_gradients(dnll: Array, cache: Any) -> Array:
        gradients = nll_backward(dnll, cache)
        return np.concatenate(gradients if isinstance(gradients, tuple) else [gradients], axis=1)

    return SimpleNamespace(
        trunk=lambda x, weights: layer((x - center) / scale, weights),
        trunk_backward=lambda dh, cache: layer_backward(dh, cache)[1],
        mu_head=dense,
        mu_head_backward=affine_backward,
        rho_head=dense,
        rho_head_backward=affine_backward,
        latent=lambda mu, rho, eps: ((reparameterize(mu, rho, eps)[0], kl_divergence(mu, rho)[0]), (mu, rho, eps)),
        latent_backward=lambda dz, dkl, cache: meet(dz, dkl, *cache),
        decoder=decoder,
        decoder_backward=decoder_backward,
        nll=lambda x, output: nll(x, *np.split(output, output.shape[1] // x.shape[1], axis=1)),
        nll_backward=all_gradients,
    )


def start(chosen: Variant, x: Array, rng: np.random.Generator) -> dict[str, tuple[Array, ...]]:
    """Weights to begin with, by piece; the decoder begins near the mean image."""
    output = kind_of(chosen.likelihood).output(x.mean(axis=0))

    def weights(inputs: int, outputs: int) -> tuple[Array, Array]:
        W = rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)
        return W if chosen.weights == "input first" else W.T, np.zeros(outputs)

    return {
        "trunk": weights(x.shape[1], HIDDEN),
        "mu": weights(HIDDEN, LATENT),
        "rho": weights(HIDDEN, LATENT),
        "decoder": (*weights(LATENT, HIDDEN), 0.1 * weights(HIDDEN, len(output))[0], output),
    }


def train(functions: Functions, chosen: Variant) -> tuple[list[float], Array]:
    """The mean loss of each epoch, and images decoded from draws of the prior."""
    (loss_and_grad,), (step,) = functions["loss_and_grad"], functions["optimizer_step"]
    rng, end = np.random.default_rng(0), time.monotonic() + SECONDS
    kind = kind_of(chosen.likelihood)
    x = kind.data(np.rint(npvae.load_digits()[0][0] * (WHITE / 255)), rng)
    pieces, params = pieces_of(functions, chosen, x), start(chosen, x, rng)
    held = RULES[chosen.optimizer].vectors
    states = {key: [(np.zeros(each.size),) * held for each in arrays] for key, arrays in params.items()}
    losses: list[float] = []
    steps = count(1)
    while len(losses) < EPOCHS and time.monotonic() < end:
        batches = np.array_split(rng.permutation(len(x)), len(x) // BATCH)
        total = 0.0
        for rows, t in zip(batches, steps, strict=False):
            loss, grads = loss_and_grad(x[rows], rng.standard_normal((len(rows), LATENT)), params, 1.0, pieces)
            total += loss * len(rows)
            for key, arrays in params.items():
                for i, (each, grad) in enumerate(zip(arrays, grads[key], strict=True)):
                    theta, states[key][i] = step(each.flatten(), grad.ravel(), states[key][i], t, LR)
                    each[...] = theta.reshape(each.shape)
        losses.append(total / len(x))
        if not np.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss is {losses[-1]} in epoch {len(losses)}")
    z = chosen.prior_mean + chosen.prior_sigma * rng.standard_normal((COLUMNS * ROWS, LATENT))
    return losses, kind.image(pieces.decoder(z, params["decoder"])[0])


def shown(losses: Sequence[float], images: Array, chosen: Variant) -> "Figure":
    """The curve and the samples, beside each other."""
    import matplotlib.pyplot as plt

    from npvae.plots import BLUE, ShownOnce, tile

    white = kind_of(chosen.likelihood).white
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), FigureClass=ShownOnce, layout="constrained")
    left.plot(range(1, len(losses) + 1), losses, color=BLUE)
    left.set(title="your own VAE learns", xlabel="epoch", ylabel="loss, nats per image")
    left.grid(alpha=0.3)
    right.imshow(tile(images, COLUMNS, white=white), cmap="gray", vmin=0, vmax=white)
    right.set(title="and draws", xticks=[], yticks=[])
    if "inline" not in plt.get_backend():
        figure.savefig(FILE, dpi=120)
        print(f"Your own VAE has drawn {FILE}")
    return figure
