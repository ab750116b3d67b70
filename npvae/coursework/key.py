"""The answer key: what should come out of an exercise, and what each known mistake makes of it."""

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np

from npvae.coursework.compare import agree
from npvae.coursework.exercise import Exercise, Mistake
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.variants import Variant
from npvae.internals.types import Array


class Made(NamedTuple):
    """What comes of a mistake."""

    mistake: Mistake
    results: Sequence[Mapping[str, Any]]
    """For each probe; what is right may be left out."""
    changed: frozenset[str]
    """Names of the results that are wrong on some probe."""


class AnswerKey:
    """Probes of one exercise, and what belongs to them; had once for however many answers.

    Parameters
    ----------
    exercise : Exercise
    variant : Variant
    seed : int
        Of the probes.
    """

    def __init__(self, exercise: Exercise, variant: Variant, seed: int) -> None:
        self.exercise, self.variant = exercise, variant
        self.probes = exercise.probes(variant, np.random.default_rng(seed))

    @cached_property
    def right(self) -> list[dict[str, Array]]:
        """Results that are right, for each probe."""
        return [self.exercise.expected(self.variant, probe) for probe in self.probes]

    @cached_property
    def mistakes(self) -> list[Made]:
        """Each mistake that changes something here, and what comes of it."""
        every = []
        with np.errstate(all="ignore"):
            for mistake in self.exercise.mistakes(self.variant):
                results = [mistake.wrong(probe, right) for probe, right in zip(self.probes, self.right, strict=True)]
                pairs = [
                    (name, each, right) for each, right in zip(results, self.right, strict=True) for name in each
                ]
                changed = frozenset(name for name, each, right in pairs if not agree(each[name], right[name]))
                if changed:
                    every.append(Made(mistake, results, changed))
        return every

    @property
    def points(self) -> Mapping[str, int]:
        """Points by part."""
        return self.exercise.points(self.variant)


def answer_key(name: str, variant: Variant, seed: int) -> AnswerKey:
    """The key to an exercise, by its name: one for all variants that ask the same of it."""
    return _answer_key(name, Variant(**{slot: getattr(variant, slot) for slot in EXERCISES[name].choices}), seed)


@lru_cache(maxsize=256)
def _answer_key(name: str, variant: Variant, seed: int) -> AnswerKey:
    return AnswerKey(EXERCISES[name], variant, seed)
