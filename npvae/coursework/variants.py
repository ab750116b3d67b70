"""What an assignment asks: the textbook's questions, which this package answers, or others, which it does not."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npvae import __version__

TEXTBOOK = "textbook"
FORMS = ("long", "short")


@dataclass(frozen=True)
class Variant:
    """One choice for each exercise that has any. The defaults are the textbook's, which the package answers.

    Two are equal where every exercise asks the same in both. As a string it is the line that a handout carries, which
    `variant` reads.
    """

    name: str = field(default=TEXTBOOK, compare=False)
    """Its number, or "textbook"."""
    weights: str = "input first"
    """Layout of a dense layer's W."""
    activation: str = "tanh"
    head: str = "log-variance"
    """What the encoder's second head, rho, stands for."""
    prior_mean: float = 0.0
    prior_sigma: float = 1.0
    """p(z) = N(prior_mean, prior_sigma^2 I)."""
    likelihood: str = "Gaussian"
    optimizer: str = "Adam"
    labels: str = "one-hot last"
    """How a label enters encoder and decoder."""
    form: str = field(default=FORMS[0], compare=False)
    """ "long" for all exercises, "short" for some."""
    package: str = field(default="", compare=False)
    """Version of npvae that it was handed out with; empty where a number was all that it carried."""

    def __str__(self) -> str:
        said = {"variant": self.name, "form": self.form, "npvae": self.package or "0.1"}
        said |= {slot: getattr(self, slot) for slot in CHOICES}
        return ", ".join(f"{key} {value}" for key, value in said.items())


CHOICES: dict[str, tuple[Any, ...]] = {
    "weights": ("output first",),
    "activation": ("SiLU", "ELU", "softsign"),
    "head": ("log-sigma", "softplus", "log-precision"),
    "prior_mean": (-1.0, -0.5, 0.5, 1.0),
    "prior_sigma": (0.5, 0.75, 1.5, 2.0),
    "likelihood": ("Laplace", "Poisson", "logistic"),
    "optimizer": ("AdaMax", "AMSGrad", "Nadam"),
    "labels": ("one-hot first", "plus-minus last", "plus-minus first"),
}
"""What a new assignment may ask in the place of the textbook's. New choices, and new slots, go to the end."""
BEFORE = {slot: CHOICES[slot][:count] for slot, count in zip(CHOICES, (1, 3, 3, 4, 4, 3, 3, 3), strict=False)}
"""The choices there were as long as a handout carried its number alone. The counts never change."""
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
        known = (
            {str(option): option for option in (getattr(Variant, slot), *CHOICES[slot])} if slot in CHOICES else {}
        )
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
