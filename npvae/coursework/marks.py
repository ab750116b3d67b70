"""Points for what is right."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npvae.coursework.diagnose import agree
from npvae.coursework.exercise import EXTREMES, SEVERAL, Exercise
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.trial.calls import Probe, Results
from npvae.coursework.variants import Variant, variant

GRADING_SEED = 20_000
"""Of the probes that marks are given for. They are not those of `check`."""
SHORT = ("reparameterize", "bernoulli_nll", "kl_divergence", "latent_backward", "loss_and_grad")
"""The exercises of the short version: 50 points."""


def marks(
    exercise: Exercise, variant: Variant, probes: Sequence[Probe], results: Sequence[Results]
) -> dict[str, int]:
    """Points by part, 0 where it is not right.

    A result has to be right on every ordinary probe. SEVERAL and EXTREMES are for whatever is right there already:
    one wrong half does not cost them.
    """
    right = [exercise.expected(variant, probe) for probe in probes]
    points = exercise.points(variant)
    apart = [part for part in (SEVERAL, EXTREMES) if part in points]
    ordinary = [i for i, probe in enumerate(probes) if probe.where not in apart]

    def holds(name: str, where: Sequence[int]) -> bool:
        return all(name in results[i] and agree(results[i][name], right[i][name]) for i in where)

    sound = [name for name in right[0] if holds(name, ordinary)]

    def passed(part: str) -> bool:
        if part not in apart:
            return part in sound
        where = [i for i, probe in enumerate(probes) if probe.where == part]
        return bool(sound) and all(holds(name, where) for name in sound)

    return {part: value if passed(part) else 0 for part, value in points.items()}


def earned(
    name: str, *functions: Callable[..., Any], seed: int | str = "textbook", probes_seed: int = GRADING_SEED
) -> dict[str, int]:
    """Points by part for functions that run in this process; only for code that is trusted.

    Parameters
    ----------
    name : str
        Of the exercise.
    *functions : callable
        Its functions, in its order.
    seed : int or str
        Number of the assignment, or "textbook".
    probes_seed : int
        Of the probes.
    """
    exercise, chosen = EXERCISES[name], variant(seed)
    probes = exercise.probes(chosen, np.random.default_rng(probes_seed))
    return marks(exercise, chosen, probes, [exercise.run(functions, probe) for probe in probes])


def passes(name: str, part: str, *functions: Callable[..., Any], seed: int | str = "textbook") -> bool:
    """Whether a part of an exercise earns its points; arguments as in `earned`. For tests in other graders."""
    return earned(name, *functions, seed=seed)[part] > 0


def full(name: str, seed: int | str = "textbook") -> dict[str, int]:
    """All points of an exercise, by part."""
    return dict(EXERCISES[name].points(variant(seed)))
