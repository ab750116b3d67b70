"""The exercises, in the order of the lessons, and the questions in words: what is asked, and for how many points."""

from npvae.coursework.exercise import Exercise
from npvae.coursework.exercises import assembly, checking, latent, layers, likelihoods, optim, relatives
from npvae.coursework.variants import Variant

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise
    for exercise in (
        layers.DENSE_BACKWARD,
        checking.GRADIENT_CHECKER,
        layers.ACTIVATION_PAIR,
        latent.REPARAMETERIZE,
        likelihoods.BERNOULLI,
        likelihoods.LIKELIHOOD,
        latent.KL_DIVERGENCE,
        latent.MEETING,
        assembly.LOSS_AND_GRAD,
        optim.OPTIMIZER,
        relatives.CONDITIONAL,
        relatives.BOUND,
    )
}
"""All exercises by name."""
SHORT = ("reparameterize", "bernoulli_nll", "kl_divergence", "latent_backward", "loss_and_grad")
"""The exercises of the short form."""
WRITTEN = {"W1": 5, "W2": 5, "W3": 5, "W4": 5}
"""Points of each question in words, which is marked by hand, in both forms."""


def asked(variant: Variant) -> dict[str, Exercise]:
    """The exercises of an assignment, by name."""
    return {name: exercise for name, exercise in EXERCISES.items() if variant.form == "long" or name in SHORT}


def number(name: str) -> int:
    """The number of an exercise; it is the same in both forms."""
    return list(EXERCISES).index(name) + 1


def total(variant: Variant, bonus: bool = False) -> int:
    """Points of an assignment, or of its bonus; the questions in words come on top."""
    return sum(sum(each.points(variant).values()) for each in asked(variant).values() if each.bonus == bonus)
