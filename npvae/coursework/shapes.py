"""Shapes of error that any result may have, for what is none of an exercise's known mistakes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from npvae.coursework.compare import agree, as_numbers, entries_agree
from npvae.coursework.exercise import EXTREMES, Shape
from npvae.coursework.key import AnswerKey
from npvae.coursework.sandbox.calls import Failure, Probe, not_numbers
from npvae.internals.types import Array

EXACT = 1e-5
"""How far a factor may be from the number that it is called."""
SIDE = 4
"""Entries that each side of zero must have before one is said to be wrong and the other right."""


class Case(NamedTuple):
    """One probe, what came of it, and what should have come."""

    probe: Probe
    came: Any
    should: Array
    all_came: Mapping[str, Any]
    right: Mapping[str, Array]
    """All that should have come, by name."""

    @property
    def is_wrong(self) -> bool:
        """Whether this is not what should have come."""
        return not agree(self.came, self.should)


def shape_of_error(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape:
    """The first general description that fits. Ordinary inputs are described before extreme ones."""
    ordinary = [case for case in cases if case.probe.where != EXTREMES]
    wrong = [case for case in ordinary if case.is_wrong]
    scope = wrong or [case for case in cases if case.is_wrong]
    if shape := not_an_array(scope):
        return shape
    scope, ordinary = in_numbers(scope), in_numbers(ordinary)
    if not wrong:
        return Shape("extremes_only", "is right but for extreme values", holds(scope, ", where it holds "))
    if unlike := holds(scope, "holds "):
        return Shape("not_finite", unlike, f" ({scope[0].probe.where})" if len(wrong) < len(ordinary) else "")
    rules = transposed, factor, by_examples, one_of_several, arguments, one_side, upstream_ignored
    for find in (key.exercise.describe, *rules):
        if shape := find(key, name, ordinary):
            return shape
    if 2 * len(wrong) <= len(ordinary):
        if all(examples(case.probe) > 1 for case in wrong):
            return Shape("several_only", "is right for one example and wrong for several")
        where = ", ".join(case.probe.where for case in cases if case.is_wrong)
        return Shape("elsewhere", "is wrong only in some cases", f": {where}")
    share = np.mean(~np.concatenate([np.ravel(entries_agree(case.came, case.should)) for case in scope]))
    if share == 1:
        return Shape("unknown", ": every entry is wrong")
    return Shape("unknown", ": some entries are wrong", f" ({100 * share:.0f} %)")


def not_an_array(cases: Sequence[Case]) -> Shape | None:
    """Where something came that cannot be compared."""
    for case in cases:
        if isinstance(case.came, Failure):
            what, colon, message = case.came.what.partition(": ")
            where = f" ({case.probe.where})" if case.came.name == "raises" else ""
            return Shape(case.came.name, what, colon + message + where)
        array = as_numbers(case.came)
        if array is None:
            return Shape("type", not_numbers(case.came))
        if array.shape != case.should.shape:
            turned = array.ndim == 2 and agree(array.T, case.should)
            shapes = f": {array.shape}, expected {case.should.shape} ({case.probe.where})"
            return Shape("shape", "has the wrong shape" + (", it is transposed" if turned else ""), shapes)
    return None


def in_numbers(cases: Sequence[Case]) -> list[Case]:
    """Those with an array of the right shape, as such."""
    arrays = [(case, as_numbers(case.came)) for case in cases]
    return [case._replace(came=a) for case, a in arrays if a is not None and a.shape == case.should.shape]


def holds(cases: Sequence[Case], words: str) -> str:
    """What is not finite, after some words; "" where all is."""
    values = np.concatenate([np.ravel(case.came) for case in cases])
    return f"{words}{'NaN' if np.any(np.isnan(values)) else 'infinity'}" if not np.all(np.isfinite(values)) else ""


# Rules that make of the right result what came, on every ordinary probe.


def transposed(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    if all(case.came.ndim == 2 and agree(case.came.T, case.should) for case in cases if case.is_wrong):
        return Shape("transposed", "is transposed, which shows in its content where it is square")
    return None


def factor(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    ratio = common_factor([(case.came, case.should) for case in cases])
    if ratio is None:
        return Shape("zero", "is zero") if not any(np.any(case.came) for case in cases) else None
    if abs(ratio + 1) < EXACT:
        return Shape("sign", "has the wrong sign")
    return Shape("factor", "has a wrong factor", f": it is {named(ratio)} times what it should be")


def by_examples(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    if max(examples(case.probe) for case in cases) > 1:
        counts = [(case, examples(case.probe)) for case in cases]
        if all(agree(case.came * n, case.should) for case, n in counts):
            return Shape("averaged", "is divided by the number of examples")
        if all(agree(case.came / n, case.should) for case, n in counts):
            return Shape("summed", "is multiplied by the number of examples")
    return None


def one_of_several(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    """Where the first example is right and the others are not."""
    wrong = [case for case in cases if case.is_wrong]
    if not all(case.should.ndim and examples(case.probe) == len(case.should) > 1 for case in wrong):
        return None
    first = [agree(case.came[:1], case.should[:1]) for case in wrong]
    same = [agree(case.came, np.broadcast_to(case.came[:1], case.came.shape)) for case in wrong]
    rest = [agree(case.came[i], case.should[i]) for case in wrong for i in range(1, len(case.should))]
    if all(same):
        what = "holds the first example's values for all" if all(first) else "is the same for all examples"
        return Shape("same_for_all", what)
    if all(first) and not any(rest):
        return Shape("first_example_only", "is right for the first example alone")
    return None


def arguments(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    """Multiplied or divided by an argument, or with some multiple of one added."""
    changes = {"its size, without its sign": np.abs, "its square": np.square, "one over it": np.reciprocal}
    for what, change in changes.items():
        with np.errstate(all="ignore"):
            changed = [change(case.should) for case in cases]
            if all(np.all(np.isfinite(a)) and agree(case.came, a) for case, a in zip(cases, changed, strict=True)):
                return Shape("changed", "is not what it should be", f", but {what}")
    known = [dict(quantities(key, name, case)) for case in cases]
    for label in known[0]:
        if not all(label in each for each in known):
            continue
        pairs = [(case, each[label]) for case, each in zip(cases, known, strict=True)]
        rules: list[tuple[str, str, str, list[tuple[Array, Array]]]] = [
            ("times", "factor", "multiplied by {}", [(case.came, case.should * q) for case, q in pairs]),
            ("over", "factor", "divided by {}", [(case.came * q, case.should) for case, q in pairs]),
            ("plus", "term", "with {} added", [(case.came - case.should, q + 0 * case.should) for case, q in pairs]),
        ]
        for rule, off, words, compared in rules:
            ratio = common_factor(compared)
            if ratio is not None:
                if (rule, label) == ("over", key.exercise.upstream) and abs(ratio - 1) < EXACT:
                    return Shape("upstream_ignored", f"does not depend on {label}, the upstream gradient")
                by = label if abs(ratio - 1) < EXACT else f"{named(ratio)} {label}" if label else named(ratio)
                return Shape(rule, f"is off by a {off}", f": it is what it should be, {words.format(by)}")
    return None


def inputs(key: AnswerKey, name: str, case: Case) -> dict[str, Any]:
    """By name, the arguments of a probe, and for a gradient what comes from upstream."""
    given = dict(zip(key.exercise.arguments(key.variant), case.probe.args, strict=False))
    if name != "forward" and key.exercise.upstream:
        given[key.exercise.upstream] = case.probe.dout
    return given


def quantities(key: AnswerKey, name: str, case: Case) -> Iterator[tuple[str, Array]]:
    """What may have entered by mistake: by name, in the shape of the result or one that fits it."""
    others = {other: value for other, value in case.right.items() if other != name and np.ndim(value)}
    for label, value in {**inputs(key, name, case), **others}.items():
        if isinstance(value, np.ndarray | float) and np.ndim(value) <= case.should.ndim:
            array = np.asarray(value, np.float64)
            if array.ndim == 1 and case.should.ndim == 2 and len(array) == len(case.should):
                array = array[:, None]
            if array.shape in (
                case.should.shape,
                (len(case.should), 1) if case.should.ndim else (),
                case.should.shape[1:],
                (),
            ):
                yield label, array
    if case.should.ndim:
        yield "", np.ones(())


def one_side(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    """Right where an argument has one sign, wrong where it has the other."""
    for label in key.exercise.arguments(key.variant):
        known = [each[label] for each in (dict(quantities(key, name, case)) for case in cases) if label in each]
        if [q.shape for q in known] != [case.should.shape for case in cases]:
            continue
        q, came, should = (
            np.concatenate([np.ravel(part) for part in parts])
            for parts in (known, [case.came for case in cases], [case.should for case in cases])
        )
        right = np.concatenate([np.ravel(entries_agree(case.came, case.should)) for case in cases])
        for side, other, words in ((q < 0, q > 0, "negative"), (q > 0, q < 0, "positive")):
            if min(np.sum(side), np.sum(other)) >= SIDE and np.all(right[other]) and np.mean(right[side]) < 0.3:
                how = "has the wrong sign" if agree(came[side], -should[side]) else "is wrong"
                how = "is zero" if not np.any(came[side]) else how
                return Shape("one_side", f"{how} where {label} is {words}, and is right where it has the other sign")
    return None


def upstream_ignored(key: AnswerKey, name: str, cases: Sequence[Case]) -> Shape | None:
    """Where a gradient is what an upstream gradient of ones would give."""

    def of_ones(probe: Probe) -> Array:
        return key.exercise.expected(key.variant, replace(probe, dout=np.ones_like(probe.dout)))[name]

    enters = key.exercise.upstream and name != "forward"
    if enters and all(agree(case.came, of_ones(case.probe)) for case in cases if case.is_wrong):
        return Shape("upstream_ignored", "does not depend on the upstream gradient")
    return None


def examples(probe: Probe) -> int:
    """How many examples a probe has: the length of the upstream gradient, or of the first array."""
    arrays = [value for value in (probe.dout, *probe.args) if isinstance(value, np.ndarray) and value.ndim]
    return len(arrays[0]) if arrays else 1


def common_factor(pairs: Sequence[tuple[Array, Array]]) -> float | None:
    """The one number that all entries are multiplied by, where there is one."""
    a = np.concatenate([np.ravel(pair[0]) for pair in pairs]).astype(np.float64)
    s = np.concatenate([np.ravel(pair[1]) for pair in pairs])
    if len(a) < 2 or not np.any(s):
        return None
    ratio = float(np.dot(a, s) / np.dot(s, s))
    return ratio if abs(ratio) > EXACT and all(agree(x / ratio, y) for x, y in pairs) else None


def named(ratio: float) -> str:
    """A factor in words, as a fraction where it is one."""
    for denominator in range(1, 13):
        numerator = round(ratio * denominator)
        if numerator and abs(numerator) <= 12 and abs(ratio * denominator / numerator - 1) < EXACT:
            return f"{numerator}" if denominator == 1 else f"{numerator}/{denominator}"
    return f"{ratio:.7g}"


# One entry.


def one_entry(key: AnswerKey, name: str, cases: Sequence[Case]) -> str:
    """The input, what came and what should have come, of the entry most wrong; "" where that says nothing."""
    wrong = in_numbers([case for case in cases if case.is_wrong])
    if not wrong or not key.exercise.arguments(key.variant):
        return ""
    case = min(wrong, key=lambda case: (case.probe.where == EXTREMES, case.should.size))
    with np.errstate(invalid="ignore"):
        off = np.nan_to_num(np.abs(case.came - case.should), nan=np.inf)
    entry = np.unravel_index(int(np.argmax(off)), case.should.shape)
    known = {label: value for label, value in inputs(key, name, case).items() if fits(value, case.should)}
    given = ", ".join(f"{label} = {of_entry(value, entry)}" for label, value in known.items())
    place = f"[{', '.join(map(str, entry))}]" if entry else ""
    where = f" for {given}" if given else ""
    came, should = case.came[entry] + 0.0, case.should[entry] + 0.0  # no -0
    digits = 5 if f"{came:.5g}" != f"{should:.5g}" else 9
    return f"{case.probe.where}: {name}{place} is {came:.{digits}g} and should be {should:.{digits}g}{where}"


def fits(value: Any, should: Array) -> bool:
    """Whether an argument has one number, or one row of up to eight, for each entry."""
    if not isinstance(value, np.ndarray | float):
        return False
    shape, row = np.shape(value), np.shape(value)[should.ndim :]
    return shape[: should.ndim] == should.shape[: len(shape)] and len(row) < 2 and all(size <= 8 for size in row)


def of_entry(value: Any, entry: tuple[Any, ...]) -> str:
    """What of such an argument belongs to an entry."""
    part = np.asarray(value)[entry[: np.ndim(value)]]
    return f"{part:.5g}" if part.ndim == 0 else np.array2string(part, 200, precision=4, separator=", ")
