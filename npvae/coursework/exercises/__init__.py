"""The exercises, in the order of the lessons."""

from npvae.coursework.exercise import Exercise
from npvae.coursework.exercises import latent

EXERCISES: dict[str, Exercise] = {
    exercise.name: exercise for exercise in (latent.REPARAMETERIZE, latent.KL_DIVERGENCE, latent.MEETING)
}
"""All exercises by name."""
