"""Which assignments there are, and which one a handout says it is."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from npvae import __version__
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.variants import FORMS, SLOTS, TEXTBOOK, Variant

OPTIONS = {slot: tuple(options) for exercise in EXERCISES.values() for slot, options in exercise.choices.items()}
CHOICES: dict[str, tuple[Any, ...]] = {slot: OPTIONS[slot][1:] for slot in SLOTS}
"""What a new assignment may ask in the place of the textbook's."""
COUNTS = {"weights": 1, "activation": 3, "head": 3, "prior_mean": 4}
COUNTS |= {"prior_sigma": 4, "likelihood": 3, "optimizer": 3, "labels": 3}
BEFORE = {slot: CHOICES[slot][:count] for slot, count in COUNTS.items()}
"""The choices there were as long as a handout carried its number alone. Neither they nor their order ever change."""
LONGEST = 20
"""Digits of a number."""


def variant(said: int | str, among: Mapping[str, tuple[Any, ...]] = BEFORE) -> Variant:
    """The assignment that a handout says it is, or the one that a number is drawn to.

    Parameters
    ----------
    said : int or str
        The line that a handout carries, "textbook", or a number.
    among : mapping
        What a number draws from. A number alone, as handouts of npvae 0.1 have it, stands for what it stood for then,
        whatever choices have been added.

    Raises
    ------
    ValueError
        Where that is no assignment, or one that this version of the package does not know.
    """
    text = str(said)
    if text == TEXTBOOK:
        return Variant()
    if "," in text:
        return read(text)
    if not (text.isdecimal() and len(text) <= LONGEST):
        raise ValueError(
            f'variant is {text[:40]!r}, expected a whole number from 0, or "{TEXTBOOK}", or the line of a handout'
        )
    rng = np.random.default_rng(int(text))
    chosen = {slot: options[rng.integers(len(options))] for slot, options in among.items()}
    return Variant(str(int(text)), **chosen)


def read(line: str) -> Variant:
    """The assignment that a line says. What could not yet be chosen when it was handed out is the textbook's."""
    said = dict(re.findall(r"(\w+) ([^,]{1,40})", line[:1000]))
    chosen = {"name": said.pop("variant", ""), "form": said.pop("form", ""), "package": said.pop("npvae", "")}
    if not re.fullmatch(rf"\d{{1,{LONGEST}}}|{TEXTBOOK}", chosen["name"]) or chosen["form"] not in FORMS:
        raise ValueError(f"variant is {line[:40]!r}..., expected the line of a handout: copy it from there once more")
    for slot, value in said.items():
        known = {str(option): option for option in OPTIONS.get(slot, ())}
        if value not in known:
            raise ValueError(
                f"the assignment asks for {slot} {value!r}, which npvae {__version__} does not know: "
                f"install npvae {chosen['package']}, which it was handed out with"
            )
        chosen[slot] = known[value]
    return Variant(**chosen)


def apart(said: Sequence[Any]) -> list[str]:
    """Assignments in words: their numbers, or their lines where the numbers do not tell them apart."""
    names = [str(getattr(each, "name", each)) for each in said]
    return names if len(set(names)) == len(names) else list(map(str, said))
