"""Assignments that hold every choice between them, as the lines that a handout carries."""

from npvae import __version__
from npvae.coursework.assignments import CHOICES
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
