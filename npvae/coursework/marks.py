"""Points for what is right."""

from collections.abc import Callable, Sequence
from typing import Any

from npvae.coursework.assignments import variant
from npvae.coursework.compare import agree
from npvae.coursework.exercise import EXTREMES, SEVERAL
from npvae.coursework.key import AnswerKey, answer_key
from npvae.coursework.sandbox.calls import Results

GRADING_SEED = 20_000
"""Of the probes that marks are given for. They are not those of `check`."""


def marks(key: AnswerKey, results: Sequence[Results]) -> dict[str, int]:
    """Points by part, 0 where it is not right.

    A result has to be right on every ordinary probe. SEVERAL and EXTREMES, where they have points of their own, are
    for whatever is right there already, and EXTREMES for what is right for several examples too: nothing costs marks
    twice. Results that extreme values cannot harm earn no EXTREMES by themselves.
    """

    def holds(name: str, where: Callable[[str], bool]) -> bool:
        probes = [i for i, probe in enumerate(key.probes) if where(probe.where)]
        return all(name in results[i] and agree(results[i][name], key.right[i][name]) for i in probes)

    apart = [part for part in (SEVERAL, EXTREMES) if part in key.points]
    sound = {name for name in key.right[0] if holds(name, lambda where: where not in apart)}
    several = {name for name in sound if holds(name, lambda where: where == SEVERAL)}
    extremes = {name for name in several if holds(name, lambda where: where == EXTREMES)}
    passed = {
        **{part: part in sound for part in key.points},
        SEVERAL: bool(sound) and several == sound,
        EXTREMES: bool(several - set(key.exercise.easy)) and extremes == several,
    }
    return {part: points if passed[part] else 0 for part, points in key.points.items()}


def earned(name: str, *functions: Callable[..., Any], seed: int | str = "textbook") -> dict[str, int]:
    """Points by part for functions that run in this process; only for code that is trusted.

    Parameters
    ----------
    name : str
        Of the exercise.
    *functions : callable
        Its functions, in its order.
    seed : int or str
        The line of a handout, "textbook", or a number that was all that a handout carried.
    """
    key = answer_key(name, variant(seed), GRADING_SEED)
    return marks(key, [key.exercise.run(functions, probe) for probe in key.probes])


def passes(name: str, part: str, *functions: Callable[..., Any], seed: int | str = "textbook") -> bool:
    """Whether a part of an exercise earns its points; arguments as in `earned`. For tests in other graders."""
    return earned(name, *functions, seed=seed)[part] > 0
