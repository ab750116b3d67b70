"""Which question an assignment asks: the textbook's, which this package answers, or one that it does not."""

from dataclasses import dataclass
from typing import Any

import numpy as np

TEXTBOOK = "textbook"


@dataclass(frozen=True)
class Variant:
    """One choice for each exercise that has any. The defaults are the textbook's, which the package answers."""

    name: str = TEXTBOOK
    weights: str = "input first"
    """Layout of a dense layer's W."""
    activation: str = "tanh"
    head: str = "log-variance"
    """What the encoder's second head, rho, stands for."""
    prior_mean: float = 0.0
    prior_sigma: float = 1.0
    """p(z) = N(prior_mean, prior_sigma^2 I)."""
    likelihood: str = "Gaussian"
    optimizer: str = "Adam"
    labels: str = "one-hot last"
    """How a label enters encoder and decoder."""


CHOICES: dict[str, tuple[Any, ...]] = {
    "weights": ("output first",),
    "activation": ("SiLU", "ELU", "softsign"),
    "head": ("log-sigma", "softplus", "log-precision"),
    "prior_mean": (-1.0, -0.5, 0.5, 1.0),
    "prior_sigma": (0.5, 0.75, 1.5, 2.0),
    "likelihood": ("Laplace", "Poisson", "logistic"),
    "optimizer": ("AdaMax", "AMSGrad", "Nadam"),
    "labels": ("one-hot first", "plus-minus last", "plus-minus first"),
}


def variant(seed: int | str) -> Variant:
    """The assignment that belongs to a seed; the seed "textbook" gives the textbook's.

    Raises
    ------
    ValueError
        For a seed that is neither.
    """
    if str(seed) == TEXTBOOK:
        return Variant()
    if not str(seed).isdecimal():
        raise ValueError(f'variant is {seed!r}, expected a whole number from 0, or "{TEXTBOOK}"')
    rng = np.random.default_rng(int(seed))
    chosen: dict[str, Any] = {slot: options[rng.integers(len(options))] for slot, options in CHOICES.items()}
    return Variant(str(int(seed)), **chosen)
