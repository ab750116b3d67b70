"""What an exercise is: what its functions are tried on, what they should give, and how it looks when they err."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from npvae.coursework.sandbox.calls import Functions, Probe, Results
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

ONE, SEVERAL, EXTREMES = "one example", "several examples", "extreme values"


@dataclass(frozen=True)
class Mistake:
    """One way to be wrong."""

    what: str
    """What it looks like: its name, true of each result that it changes; says what is wrong, never what is right."""
    wrong: Callable[[Probe, Mapping[str, Array]], Results]
    """What comes out, given a probe and the right results for it; what it leaves right need not be named."""
    forward: Callable[..., Array] | None = None
    """Where forward and gradients are wrong alike: the forward of which that is what comes out."""
    whole: bool = False
    """Whether it speaks of several results together: then it is one only where all that it changes is wrong."""


class Shape(NamedTuple):
    """What a wrong result looks like."""

    name: str
    what: str
    """Words that go on where the name of the result stops."""
    detail: str = ""
    """What differs from one wrong answer of this kind to the next."""


@dataclass(frozen=True)
class Exercise:
    """One exercise; `npvae.coursework.exercises.EXERCISES` has them all."""

    name: str
    title: str
    lesson: str
    """Name of the lesson."""
    functions: tuple[str, ...]
    """What the student defines, in the order in which `run` takes it."""
    points: Callable[[Variant], Mapping[str, int]]
    """By part: the name of a result, SEVERAL or EXTREMES."""
    probes: Callable[[Variant, np.random.Generator], list[Probe]]
    expected: Callable[[Variant, Probe], dict[str, Array]]
    mistakes: Callable[[Variant], list[Mistake]]
    """One that leaves a variant's right results as they are, such as the textbook's own answer, is none there."""
    properties: Mapping[str, str]
    """By result: what holds for a right one, as a sentence that ends a hint."""
    arguments: Callable[[Variant], tuple[str, ...]] = lambda variant: ()
    """Names of a probe's arguments, to show one entry with; none where an entry says nothing."""
    section: str = ""
    """Title of the section of the notes; "" where they have none on it."""
    upstream: str = ""
    """Name of the upstream gradient."""
    describe: Callable[[Any, str, Sequence[Any]], Shape | None] = lambda key, name, cases: None
    """A description of its own for what is none of the known mistakes: see `npvae.coursework.shapes`."""
    easy: tuple[str, ...] = ()
    """Results that extreme values cannot harm."""
    bonus: bool = False
    choices: Mapping[str, Iterable[Any]] = field(default_factory=dict)
    """By slot of a variant that it asks by: all options, the textbook's first. New ones go to the end."""

    @property
    def read(self) -> str:
        """Where it is explained."""
        return f'notes, "{self.section}"; lesson {self.lesson}' if self.section else f"lesson {self.lesson}"

    def asks_of(self, result: int) -> str:
        """The function that a result is of, by its place among the results."""
        return self.functions[min(result, len(self.functions) - 1)]

    @property
    def run(self) -> Callable[[Functions, Probe], Results]:
        """Calls the student's functions. It knows no right answer, so that it can run where they run."""
        return RUN[self.name]
