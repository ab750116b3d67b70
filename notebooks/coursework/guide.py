"""Bring the guide, README.md, up to date with what the exercises declare:

python notebooks/coursework/guide.py
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from npvae.coursework.assignments import CHOICES
from npvae.coursework.exercise import Exercise
from npvae.coursework.exercises import EXERCISES, SHORT, WRITTEN, number, total
from npvae.coursework.variants import Variant

GUIDE = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- declared -->\n", "<!-- end -->\n"


def rewritten(text: str) -> str:
    """The guide with what stands between the marks as it is declared now."""
    before, _, rest = text.partition(BEGIN)
    return (
        f"{before}{BEGIN}\n"
        + "\n".join(declared())
        + f"\n\n{END}{rest.partition(END)[2]}"
    )


def declared() -> Iterator[str]:
    """Exercises, parts, points and choices."""
    yield "| | exercise | points | for its parts | asks by variant | short |"
    yield "| ---: | --- | ---: | --- | --- | :---: |"
    named: set[str] = set()
    for name, exercise in EXERCISES.items():
        points = sum(exercise.points(Variant()).values())
        asks = "; ".join(
            slot if slot in named else options(slot) for slot in exercise.choices
        )
        named |= set(exercise.choices)
        bonus, short = "bonus: " * exercise.bonus, "yes" * (name in SHORT)
        row = [number(name), f"`{name}`", points, bonus + parts(exercise), asks, short]
        yield f"| {' | '.join(map(str, row))} |"
    sums = [total(Variant(form=form)) for form in ("long", "short")]
    yield f"| | without the bonus | {sums[0]} | | | {sums[1]} |"
    yield ""
    words = ", ".join(f"{name} {points}" for name, points in WRITTEN.items())
    added = sum(WRITTEN.values())
    yield f"The questions in words add {added} points in both forms: {words}."
    same = [f"`{name}`" for name, each in EXERCISES.items() if ways(each.choices) == 1]
    yield f"The same in all variants: {', '.join(same)}."
    vary = [len(options) for options in CHOICES.values() if len(options) > 1]
    agree = sum(1 / count for count in vary) / len(vary)
    yield f"There are {ways(CHOICES)} variants. Two of them agree, on average, in"
    yield f"{agree:.0%} of the choices that there are to make."


def ways(slots: Iterable[str]) -> int:
    """How many ways there are to choose."""
    return math.prod(len(CHOICES[slot]) for slot in slots)


def options(slot: str) -> str:
    """What there is to choose from."""
    return f"{slot}: {', '.join(map(str, CHOICES[slot]))}"


def parts(exercise: Exercise) -> str:
    """Points by part, and of each choice that has other parts."""
    told = {}
    for slot in exercise.choices:
        for choice in CHOICES[slot]:
            told[choice] = in_words(exercise.points(Variant(**{slot: choice})))
    usual = in_words(exercise.points(Variant()))
    return "; ".join(
        [
            usual,
            *(f"{choice}: {words}" for choice, words in told.items() if words != usual),
        ]
    )


def in_words(points: Mapping[str, int]) -> str:
    return ", ".join(f"{part} {value}" for part, value in points.items())


if __name__ == "__main__":
    GUIDE.write_text(rewritten(GUIDE.read_text("utf-8")), "utf-8")
