"""Published experiments: what was trained on what, for how long, and the numbers that were published."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae.models import VAE, ImportanceWeightedVAE, Model
from npvae.optim import Adagrad, Adam, Optimizer, Schedule


@dataclass(frozen=True)
class Arm:
    """One training run of an experiment, and the number published for it."""

    name: str
    model: type[Model]
    settings: dict[str, Any]
    """Arguments of the model."""
    epochs: int
    """As published."""
    batch_size: int
    optimizer: Callable[[], Optimizer]
    lr_stages: Sequence[tuple[int, float]] = ()
    """(epochs, learning rate) of each stage, in order."""
    draws: int = 1
    initialize: Callable[[Model, np.random.Generator], None] | None = None
    """Draws all parameters, if the experiment does not start from the model's own initialization."""
    published: str = ""

    def scaled_epochs(self, scale: float) -> int:
        """Return the epochs of a shortened run: the first ones of the schedule, so that it can be resumed later."""
        return max(1, round(self.epochs * scale))

    def lr_schedule(self) -> Schedule | None:
        """Return the learning rate of each epoch, or None if it is constant."""
        rates = [lr for epochs, lr in self.lr_stages for _ in range(epochs)]
        return (lambda epoch: rates[epoch - 1]) if rates else None


@dataclass(frozen=True)
class Recipe:
    """A published experiment on MNIST."""

    name: str
    source: str
    binarize: bool
    """Whether pixels are drawn anew in each epoch ("dynamic"); otherwise they are grey levels."""
    output_bias: bool
    """Whether the output starts at the mean image."""
    measure: str
    """"nll" (importance-weighted, 5000 samples), "loss" (test loss), or "curve" (bound over training samples)."""
    arms: tuple[Arm, ...] = field(repr=False)


def _gaussian(model: Model, rng: np.random.Generator) -> None:
    """Draw all parameters from N(0, 0.01^2): the paper's N(0, 0.01), with 0.01 read as the standard deviation."""
    model.params.vector = 0.01 * rng.standard_normal(model.params.vector.shape)


def _uniform_by_inputs(model: Model, rng: np.random.Generator) -> None:
    """Draw a layer's weights and biases from U(-r, r), r = 1 / sqrt(inputs): PyTorch's default for a linear layer."""
    for name, array in model.params.items():
        limit = 1 / math.sqrt(len(model.params[name[:-1] + "W"]))
        array[...] = rng.uniform(-limit, limit, array.shape)


def _burda(k: int, model: type[Model], published: str) -> Arm:
    weighted = model is ImportanceWeightedVAE
    architecture: dict[str, Any] = {"latent_dim": 50, "hidden_dims": (200, 200), "activation": "tanh"}
    return Arm(
        name=f"{'iwae' if weighted else 'vae'}-{k}",
        model=model,
        settings=architecture | ({"importance_samples": k} if weighted else {}),
        draws=1 if weighted else k,
        epochs=sum(3**i for i in range(8)),
        batch_size=20,
        optimizer=lambda: Adam(lr=1e-3, adam_eps=1e-4),
        lr_stages=[(3**i, 1e-3 * 10 ** (-i / 7)) for i in range(8)],
        published=published,
    )


BURDA2016 = Recipe(
    name="burda2016",
    source="Burda, Grosse and Salakhutdinov (2016), table 1, one stochastic layer",
    binarize=True,
    output_bias=True,
    measure="nll",
    arms=(
        _burda(1, VAE, "86.76"),
        _burda(5, VAE, "86.47"),
        _burda(50, VAE, "86.35"),
        _burda(1, ImportanceWeightedVAE, "86.76"),
        _burda(5, ImportanceWeightedVAE, "85.54"),
        _burda(50, ImportanceWeightedVAE, "84.78"),
    ),
)

KINGMA2014 = Recipe(
    name="kingma2014",
    source="Kingma and Welling (2014), figure 2, MNIST",
    binarize=False,
    output_bias=False,
    measure="curve",
    arms=tuple(
        Arm(
            name=f"Nz-{latent_dim}",
            model=VAE,
            settings={"latent_dim": latent_dim, "hidden_dims": (500,), "activation": "tanh"},
            epochs=math.ceil(1e8 / 60_000),
            batch_size=100,
            # a prior N(0, I) on the parameters, whose share for one of 60,000 examples is |params|^2 / 120,000
            optimizer=lambda: Adagrad(lr=0.02, weight_decay=1 / 60_000),
            initialize=_gaussian,
            published="a curve",
        )
        for latent_dim in (3, 5, 10, 20, 200)
    ),
)

PYTORCH_EXAMPLE = Recipe(
    name="pytorch-example",
    source="the basic VAE of PyTorch's examples, two public logs of its test loss",
    binarize=False,
    output_bias=False,
    measure="loss",
    arms=(
        Arm(
            name="784-400-20",
            model=VAE,
            settings={"latent_dim": 20, "hidden_dims": (400,), "activation": "relu"},
            epochs=10,
            batch_size=128,
            optimizer=lambda: Adam(lr=1e-3),
            initialize=_uniform_by_inputs,
            published="105.56 to 105.59",
        ),
    ),
)

RECIPES = {recipe.name: recipe for recipe in (BURDA2016, KINGMA2014, PYTORCH_EXAMPLE)}
