"""Mistakes people make in a hand-written VAE, each as code that stands in for the right one.

The table serves twice: the tests of this package must reject every entry, and whoever marks a wrong answer
can look up which entry it behaves like. An entry with one name is a plain function with the signature of what
it replaces; one with several is wrong in all of them alike, so that a gradient check sees nothing.
"""

from npvae.coursework.mistakes import (
    checking,
    evaluation,
    latent,
    layers,
    likelihoods,
    model,
    optim,
    relatives,
    training,
)
from npvae.coursework.mistakes.table import MISTAKES, Mistake

__all__ = [
    "MISTAKES",
    "Mistake",
    "checking",
    "evaluation",
    "latent",
    "layers",
    "likelihoods",
    "model",
    "optim",
    "relatives",
    "training",
]
