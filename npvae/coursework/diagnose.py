"""Which results are wrong, where, and what they look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from npvae.coursework.compare import as_numbers, same_error
from npvae.coursework.exercise import EXTREMES, Mistake, Shape
from npvae.coursework.key import AnswerKey
from npvae.coursework.shapes import Case, one_entry, shape_of_error

PLAIN = ("blank", "raises", "needs", "number", "changes", "unsteady", "ended", "type", "shape")
"""What is said in full at once: there is nothing to find out by oneself."""
CALLS = ("blank", "raises", "changes", "number", "ended")
"""Of these, what is said of a function, not of a result."""
VAGUE = ("unknown", "several_only", "first_example_only", "elsewhere")
"""General shapes that say less than a mistake that fits."""
FORWARD = "forward"


@dataclass(frozen=True)
class Finding:
    """One result that is not right."""

    result: str
    """Which one: "forward", "dmu", ..."""
    where: tuple[str, ...]
    """The probes on which it is wrong."""
    elsewhere: tuple[str, ...]
    """Those on which it is right."""
    name: str
    """ "known" for one of the exercise's mistakes, or the name of a general shape of error."""
    words: str
    """What it looks like, the same for all who made this mistake."""
    detail: str = ""
    """What is special about this answer, as the end of the words."""
    entry: str = ""
    """One entry: the input, what came, what should have come."""

    @property
    def sentence(self) -> str:
        """All that can be said of it but the entry."""
        return self.words + self.detail


def judge(key: AnswerKey, results: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Compare what came on each probe with what should have come; an empty list means that all is right."""
    wrong = {}
    for name in (name for name in key.right[0] if name in results[0]):
        cases = [
            Case(probe, came[name], right[name], came, right)
            for probe, came, right in zip(key.probes, results, key.right, strict=True)
        ]
        if any(case.is_wrong for case in cases):
            wrong[name] = cases
    known = recognize(key, wrong, results) if wrong else {}
    findings = []
    for name, cases in wrong.items():
        shape, sure = known.get(name) or (shape_of_error(key, name, cases), True)
        if not sure and (general := shape_of_error(key, name, cases)).name not in VAGUE:
            shape = general
        where = tuple(case.probe.where for case in cases if case.is_wrong)
        elsewhere = tuple(case.probe.where for case in cases if not case.is_wrong)
        said, entry = words(key, name, shape), one_entry(key, name, cases)
        findings.append(Finding(name, where, elsewhere, shape.name, said, shape.detail, entry))
    return findings


def words(key: AnswerKey, name: str, shape: Shape) -> str:
    """What a wrong result looks like, in words that begin with it, or with the function that it is of."""
    subject = key.exercise.asks_of(list(key.right[0]).index(name)) if shape.name in CALLS else name
    return f"{subject} {shape.what}".replace(" :", ":")


def recognize(
    key: AnswerKey, wrong: Mapping[str, Sequence[Case]], results: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[Shape, bool]]:
    """For each wrong result the mistake that explains it, if one does; where two do equally well, both.

    Beside it stands whether it says more than a general shape that fits exactly.

    A mistake has to make every wrong result that it would change as it came, on every ordinary probe. But a forward
    speaks for itself. What is nothing but NaN, or one infinity, tells no mistake from another.
    """
    ordinary = [i for i, probe in enumerate(key.probes) if probe.where != EXTREMES]
    everywhere = range(len(key.probes))
    where = {
        name: ordinary if any(cases[i].is_wrong for i in ordinary) else everywhere for name, cases in wrong.items()
    }

    def fits(name: str, made: Sequence[Mapping[str, Any]], where: Sequence[int]) -> bool:
        return all(same_error(results[i][name], made[i].get(name, key.right[i][name])) for i in where)

    def tells(name: str) -> bool:
        arrays = [as_numbers(case.came) for case in wrong[name] if case.is_wrong]
        values = np.concatenate([[], *(np.ravel(array) for array in arrays if array is not None)])
        return bool(np.all(np.isfinite(values))) or len(np.unique(values)) > 1

    telling = set(filter(tells, wrong))
    fitting: dict[str, list[tuple[tuple[int, int, bool], Mistake]]] = {name: [] for name in wrong}
    for mistake, made, all_changed in key.mistakes:
        changed = all_changed & results[0].keys()
        explains = {name for name in changed & wrong.keys() if fits(name, made, where[name])}
        if mistake.whole and not changed <= wrong.keys():
            continue
        if explains != changed & wrong.keys():
            explains = explains & {FORWARD} if mistake.forward else set()
        if not explains & telling:
            continue
        exact = all(fits(name, made, everywhere) for name in explains)  # for extreme values too
        rank = -len(explains), len(changed - explains), not exact  # small for what explains much, and little beyond
        for name in explains:
            fitting[name].append((rank, mistake))
    known = {}
    for name, each in fitting.items():
        equals = [mistake for rank, mistake in each if rank == min(rank for rank, _ in each)]
        said = list(dict.fromkeys(mistake.what for mistake in equals))
        if 0 < len(said) <= 2:
            another = bool(equals[0].forward) and name != FORWARD and FORWARD not in wrong
            of = "the gradient of another forward: " if another else ""
            known[name] = Shape("known", f": {of}{'; or: '.join(said)}"), not another
    return known
