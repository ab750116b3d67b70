"""Which results are wrong, where, and what they look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.coursework.exercise import EXTREMES, SEVERAL, Slip
from npvae.coursework.key import AnswerKey
from npvae.coursework.sandbox.calls import Failure, Probe
from npvae.internals.types import Array

TOLERANCE = {4: 1e-3, 8: 1e-5}
"""By the bytes of the float that came: relative, with a floor of a hundredth of the array's largest entry."""
EXACT = 1e-6
"""How far a factor may be from the number that it is called."""

PLAIN = ("blank", "raises", "needs", "number", "changes", "unsteady", "ended")
"""What is said in full at once: there is nothing to find out by oneself."""
DESCRIBED = (
    *PLAIN,
    *(
        "type",
        "shape",
        "transposed",
        "not_finite",
        "sign",
        "factor",
        "averaged",
        "summed",
        "upstream_ignored",
        "zero",
    ),
    *("several_only", "extremes_only", "elsewhere", "unknown"),
)
"""General shapes of error, whose words end a sentence that begins with the result."""


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
    """Name of the mistake: of a slip of the exercise, or of one of the general shapes of error."""
    what: str
    """What it looks like, as the end of a sentence."""

    @property
    def sentence(self) -> str:
        """All that can be said of it."""
        return f"{self.result} {self.what}" if self.name in DESCRIBED else f"{self.result} looks like: {self.what}"


def judge(key: AnswerKey, results: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Compare what came on each probe with what should have come; an empty list means that all is right."""
    asked = [name for name in key.right[0] if name in results[0]]
    wrong = {
        name: [not agree(came[name], should[name]) for came, should in zip(results, key.right, strict=True)]
        for name in asked
    }
    wrong = {name: flags for name, flags in wrong.items() if any(flags)}
    causes = recognise(key, wrong, results) if wrong else {}
    findings = []
    for name, flags in wrong.items():
        cause = causes.get(name) or general(key, name, [result[name] for result in results])
        places = tuple(probe.where for probe, flag in zip(key.probes, flags, strict=True) if flag)
        others = tuple(probe.where for probe, flag in zip(key.probes, flags, strict=True) if not flag)
        findings.append(Finding(name, places, others, *cause))
    return findings


def agree(came: Any, should: Array) -> bool:
    """Whether an array is right, to the precision it came in."""
    if isinstance(came, Failure):
        return False
    came = as_numbers(came)
    if came is None or came.shape != should.shape or not np.all(np.isfinite(came)):
        return False
    tolerance = TOLERANCE.get(came.dtype.itemsize, TOLERANCE[8]) if came.dtype.kind == "f" else TOLERANCE[8]
    scale = np.abs(should) + 0.01 * np.max(np.abs(should), initial=0)
    return bool(np.all(np.abs(came - should) <= tolerance * scale + 1e-11))


def as_numbers(value: Any) -> Array | None:
    """The value as an array of real numbers, or None where it is none."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind == "b":
        return array.astype(np.float64)
    return array if array.dtype.kind in "fiu" else None


def recognise(
    key: AnswerKey, wrong: Mapping[str, list[bool]], results: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[str, str]]:
    """For each wrong result the slip that gives the same on every probe; one that explains several goes first."""
    fits: list[tuple[Slip, list[str]]] = []
    for slip, made in key.slips:
        if "forward" not in wrong and not all(map(same_forward, made, key.right)):
            continue  # its forward is wrong, the student's is not: that is another mistake
        explained = [
            name
            for name in wrong
            if all(
                name in guess and alike(came[name], guess[name]) for came, guess in zip(results, made, strict=True)
            )
        ]
        fits.append((slip, explained))
    causes: dict[str, tuple[str, str]] = {}
    for slip, explained in sorted(fits, key=lambda fit: -len(fit[1])):
        for name in explained:
            causes.setdefault(name, (slip.name, slip.what))
    return causes


def same_forward(guess: Mapping[str, Any], should: Mapping[str, Array]) -> bool:
    """Whether a slip leaves the forward right, where there is one."""
    return not ("forward" in guess and "forward" in should) or agree(guess["forward"], should["forward"])


def alike(came: Any, guess: Any) -> bool:
    """Whether a wrong result is what a slip makes; NaN may agree too."""
    if isinstance(came, Failure) or isinstance(guess, Failure):
        both = isinstance(came, Failure) and isinstance(guess, Failure)
        return both and came == guess and came.name == "raises"
    came, guess = as_numbers(came), as_numbers(guess)
    if came is None or guess is None or came.shape != guess.shape:
        return False
    finite = np.isfinite(guess)
    if not np.array_equal(came[~finite], guess[~finite], equal_nan=True):
        return False
    return agree(np.where(finite, came, 0).astype(came.dtype), np.where(finite, guess, 0))


# General shapes of error, where no slip fits.


def general(key: AnswerKey, name: str, came: Sequence[Any]) -> tuple[str, str]:
    """The first general description that fits."""
    probes, should = key.probes, [right[name] for right in key.right]
    for value in came:
        if isinstance(value, Failure):
            return value.name, value.what
    arrays: list[Any] = [as_numbers(value) for value in came]
    for value, array, expected in zip(came, arrays, should, strict=True):
        if array is None:
            return "type", f"is a {type(value).__name__}, expected an array of numbers"
        if array.shape != expected.shape:
            turned = all(
                array.ndim == 2 and agree(array.T, right) for array, right in zip(arrays, should, strict=True)
            )
            shapes = f"has shape {array.shape}, expected {expected.shape}"
            return ("transposed", f"{shapes}: it is transposed") if turned else ("shape", shapes)
    wrong = [(p, a, s) for p, a, s in zip(probes, arrays, should, strict=True) if not agree(a, s)]
    for probe, array, _ in wrong:
        if not np.all(np.isfinite(array)):
            return "not_finite", f"holds NaN or infinity ({probe.where})"
    if all(a.ndim == 2 and a.shape[0] == a.shape[1] and agree(a.T, s) for _, a, s in wrong):
        return "transposed", "is transposed"
    ratio = common_factor([(a, s) for _, a, s in wrong])
    if ratio is not None and len(wrong) == len(probes):
        if abs(ratio + 1) < EXACT:
            return "sign", "has the wrong sign"
        return "factor", f"is {named(ratio)} times what it should be"
    batches = [probe for probe in probes if examples(probe) > 1]
    if [probe for probe, *_ in wrong] == batches:
        shares = [(common_factor([(a, s)]) or 0.0, examples(probe)) for probe, a, s in wrong]
        if all(abs(share * n - 1) < EXACT for share, n in shares):
            return "averaged", "is divided by the number of examples"
        if all(abs(share / n - 1) < EXACT for share, n in shares):
            return "summed", "is multiplied by the number of examples"
    if upstream_ignored(key, name, wrong):
        return "upstream_ignored", "does not depend on the upstream gradient"
    if all(np.all(a == 0) for _, a, _ in wrong):
        return "zero", "is zero"
    places = {probe.where for probe, *_ in wrong}
    if len(wrong) < len(probes):
        if SEVERAL in places and places <= {SEVERAL, EXTREMES}:
            return "several_only", "is right for one example and wrong for several"
        if places == {EXTREMES}:
            return "extremes_only", "is right but for extreme values"
        return "elsewhere", f"is wrong only here: {', '.join(sorted(places))}"
    return "unknown", f"differs in {share(wrong)} of its entries, and is like none of the mistakes on the list"


def examples(probe: Probe) -> int:
    """How many examples a probe has: the length of the upstream gradient, or of the first array."""
    arrays = [value for value in (probe.dout, *probe.args) if isinstance(value, np.ndarray) and value.ndim]
    return len(arrays[0]) if arrays else 1


def common_factor(pairs: Sequence[tuple[Array, Array]]) -> float | None:
    """The one number that all entries are multiplied by, where there is one."""
    a = np.concatenate([np.ravel(pair[0]) for pair in pairs]).astype(np.float64)
    s = np.concatenate([np.ravel(pair[1]) for pair in pairs])
    if a.size == 0 or not np.any(s):
        return None
    ratio = float(np.dot(a, s) / np.dot(s, s))
    return ratio if ratio != 0 and all(agree(x / ratio, y) for x, y in pairs) else None


def named(ratio: float) -> str:
    """A factor in words, as a fraction where it is one."""
    for denominator in range(1, 13):
        numerator = round(ratio * denominator)
        if numerator and abs(numerator) <= 12 and abs(ratio * denominator / numerator - 1) < EXACT:
            return f"{numerator}" if denominator == 1 else f"{numerator}/{denominator}"
    return f"{ratio:.7g}"


def upstream_ignored(key: AnswerKey, name: str, wrong: Sequence[tuple[Probe, Array, Array]]) -> bool:
    """Whether a gradient is what an upstream gradient of ones would give."""
    if name == "forward" or any(probe.dout is None for probe, *_ in wrong):
        return False
    ones = [replace(probe, dout=np.ones_like(probe.dout)) for probe, *_ in wrong]
    return all(
        agree(a, key.exercise.expected(key.variant, probe)[name])
        for probe, (_, a, _) in zip(ones, wrong, strict=True)
    )


def share(wrong: Sequence[tuple[Probe, Array, Array]]) -> str:
    """How many entries are wrong, as a percentage."""
    off = [np.abs(a - s) > 1e-5 * (np.abs(s) + 0.01 * np.max(np.abs(s))) for _, a, s in wrong]
    return f"{100 * np.mean(np.concatenate([np.ravel(flags) for flags in off])):.0f} %"
