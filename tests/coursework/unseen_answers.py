"""The answers of `unseen_answers.txt`: what they are, and their functions."""

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npvae.coursework.exercises import EXERCISES
from npvae.coursework.variants import Variant

TEXT = Path(__file__).with_suffix(".txt")


@dataclass(frozen=True)
class Unseen:
    exercise: str
    variant: Variant
    what: str
    code: str
    lost: frozenset
    """The parts that it should cost; none for a right answer."""

    @property
    def is_textbook(self):
        return replace(self.variant, name=Variant().name) == Variant()

    @property
    def functions(self):
        """Those of the exercise, as the cells of a notebook would define them."""
        names = {
            "np": np,
            "math": math,
            "PRIOR_MEAN": self.variant.prior_mean,
            "PRIOR_SIGMA": self.variant.prior_sigma,
            "CLASSES": 6,
            "log_factorial": lambda x: np.vectorize(math.lgamma, otypes=[float])(x + 1),
        }
        exec(compile(self.code, self.what, "exec"), names)
        return tuple(names[name] for name in EXERCISES[self.exercise].functions)


def unseen():
    """All of them, in the order of the file."""
    bases = {}
    for question in re.split(r"(?m)^## ", TEXT.read_text("utf-8"))[1:]:
        head, *answers = re.split(r"(?m)^-- ", question)
        exercise, *choices = head.strip().split(", ")
        chosen = dict(choice.split("=") for choice in choices)
        variant = Variant(
            "tried", **{key: float(value) if "prior" in key else value for key, value in chosen.items()}
        )
        for answer in answers:
            title, _, body = answer.partition("\n")
            kind, _, what = title.partition(": ")
            base = bases.setdefault(head, body)
            lost = frozenset(kind.removeprefix("wrong ").split(", ")) if kind != "right" else frozenset()
            yield Unseen(exercise, variant, f"{exercise}: {what}", edited(base, body), lost)


def edited(base, body):
    """The body, or the base with its edits."""
    edits = re.findall(r"(?ms)^< (.*?)\n> (.*?)\n(?=< |\Z)", body.rstrip("\n") + "\n")
    if not body.startswith("<"):
        return body
    for old, new in edits:
        assert base.count(old) >= 1, (old, base)
        base = base.replace(old, new)
    return base
