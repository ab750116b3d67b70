"""Assignments that hold every choice between them, as lines of a handout, and what an exercise is worth in one."""

from npvae import __version__
from npvae.coursework.assignments import CHOICES, variant
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.variants import Variant

EVERY_CHOICE = tuple(
    str(
        Variant(
            str(i),
            **{slot: options[i % len(options)] for slot, options in CHOICES.items()},
            package=__version__,
        )
    )
    for i in range(max(map(len, CHOICES.values())))
)


def full(name, seed="textbook"):
    """All points of an exercise, by part."""
    return dict(EXERCISES[name].points(variant(seed)))
