"""The exercises, in the order of the lessons."""

from npvae.coursework.exercise import Exercise
from npvae.coursework.exercises import assembly, checking, latent, layers, likelihoods, optim, relatives

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
