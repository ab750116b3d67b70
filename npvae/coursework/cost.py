"""Whether a backward is a formula, or differences of its own forward: told by what it costs, not by its digits."""

from collections.abc import Iterator, Sequence

import numpy as np

from npvae.coursework.compare import agree
from npvae.coursework.key import AnswerKey
from npvae.coursework.sandbox.calls import Failure
from npvae.coursework.sandbox.pieces import PIECES
from npvae.coursework.sandbox.process import Job
from npvae.coursework.sandbox.reading import Outcome
from npvae.coursework.sandbox.runs import ONCE
from npvae.coursework.sandbox.wide import RUN_ONCE, WIDTH, beginnings, widened

CALLS = 10
"""Most calls of one forward for one gradient. One is needed."""
ENTRY_BY_ENTRY = set(RUN_ONCE) - {"dense_backward", "loss_and_grad"}
"""Where a repeated example has repeated gradients."""


def cost_job(key: AnswerKey, statements: Sequence[tuple[str, str]]) -> Job | None:
    """What tries an exercise on a wide example, where it asks for a gradient."""
    name = key.exercise.name
    if name not in RUN_ONCE:
        return None
    return Job(f"{name}{ONCE}", key.exercise.functions, statements, key.probes[:1])


def suspicions(key: AnswerKey, outcome: Outcome, all_right: bool) -> Iterator[str]:
    """What a human should look at.

    Parameters
    ----------
    key : AnswerKey
    outcome : Outcome
        Of the exercise's `cost_job`.
    all_right : bool
        Whether the exercise is right on its own probes.
    """
    name, backward = key.exercise.name, key.exercise.functions[-1]
    if outcome.failure.startswith("took longer") and outcome.at == backward:
        late, _, _ = outcome.failure.partition(",")
        yield (
            f"{backward} {late} for one wide example, where a formula takes milliseconds: "
            "are these differences of the forward?"
        )
    if not outcome.results:
        return
    (results,) = outcome.results
    if name == "loss_and_grad" and not isinstance(results["calls"], Failure):
        for piece, count in zip(vars(PIECES), np.ravel(results["calls"]), strict=False):
            if count > CALLS:
                yield f"{backward} calls {piece} {count:g} times for one gradient: are these differences?"
    elif name in ENTRY_BY_ENTRY and all_right and not isinstance(results["gradients"], Failure):
        right = [widened(gradient) for part, gradient in key.right[0].items() if part != "forward"]
        if not agree(results["gradients"], beginnings(right)):
            yield f"{backward} is right for few numbers and gives something else for one example of {WIDTH:,}"
