"""A backward by differences of its own forward is flagged with what was seen, and loses no marks; no formula is.

formulas/ holds right answers, some with loops in Python, with a forward that is called once more, or with fewer
digits than there could be; differences/ holds answers that are as right and no formulas.
"""

import signal
from pathlib import Path

import numpy as np
import pytest
from coursework_answers import ANSWERS

from npvae.coursework.cost import ENTRY_BY_ENTRY, cost_job, suspicions
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.grading import grade_one
from npvae.coursework.key import answer_key
from npvae.coursework.marks import marks
from npvae.coursework.sandbox.grader import run
from npvae.coursework.sandbox.process import Job
from npvae.coursework.sandbox.reading import Limits, Outcome
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.sandbox.wide import RUN_ONCE
from npvae.coursework.submissions import Submission
from npvae.coursework.variants import Variant

TEXTBOOK = Variant()
FORMULAS, DIFFERENCES = (sorted((Path(__file__).parent / name).glob("*.py")) for name in ("formulas", "differences"))
KL = (Path(__file__).parent / "formulas" / "kl_divergence.plain.py").read_text()
LOSS = (Path(__file__).parent / "formulas" / "loss_and_grad.plain.py").read_text()


def exercise_of(path):
    return path.name.partition(".")[0]


def in_the_sandbox(exercise, source, seconds):
    """Points of an exercise, and what of its cost is flagged."""
    key = answer_key(exercise, TEXTBOOK, 20_000)
    statements = [("line 1", source)]
    priced = cost_job(key, statements)
    job = Job(exercise, EXERCISES[exercise].functions, statements, key.probes)
    outcomes = run({"marks": job, "cost": priced}, Limits(wall=seconds))
    results = outcomes["marks"].results
    points = marks(key, results)
    return points, list(suspicions(key, outcomes["cost"], points == dict(key.points)))


@pytest.mark.parametrize("ends", [False, True])
def test_what_takes_too_long_on_a_wide_example_is_suspicious_unless_it_never_ends_at_all(ends, monkeypatch):
    backward = "kl_divergence_backward"
    late = Outcome(failure=f"took longer than 10 s, in {backward}", at=backward)
    monkeypatch.setattr(
        "npvae.coursework.grading.run",
        lambda jobs, *rest: {name: Outcome() if ends and name in EXERCISES else late for name in jobs},
    )
    graded = grade_one(Submission("ada", "a.py", KL.encode()), Variant(form="short"))
    assert [flag.partition(" took ")[0] for flag in graded.flags if "differences" in flag] == [backward] * ends


@pytest.mark.slow
@pytest.mark.parametrize("path", FORMULAS, ids=lambda path: path.stem)
def test_no_formula_is_taken_for_differences(path):
    exercise = exercise_of(path)
    points, flags = in_the_sandbox(exercise, path.read_text(), 10.0)
    assert points == dict(EXERCISES[exercise].points(TEXTBOOK))
    assert flags == []


@pytest.fixture
def limited():
    """The time that the sandbox gives, and little memory."""
    resource = pytest.importorskip("resource")

    def too_long(*args):
        pytest.fail("the grader would flag it")

    before = signal.signal(signal.SIGALRM, too_long), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, before[1][1]))
    signal.setitimer(signal.ITIMER_REAL, Limits.wall)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    resource.setrlimit(resource.RLIMIT_AS, before[1])
    signal.signal(signal.SIGALRM, before[0])


@pytest.mark.slow
@pytest.mark.parametrize("answer", [each for each in ANSWERS if each.exercise in RUN_ONCE], ids=lambda one: one.name)
def test_no_right_answer_of_those_known_is_flagged(answer, limited):
    asked = Variant("tried", **answer.choice)
    key = answer_key(answer.exercise, asked, 20_000)
    results = RUN[f"{answer.exercise}, once"](answer.functions(asked), key.probes[0])
    assert list(suspicions(key, Outcome([results]), True)) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", DIFFERENCES, ids=lambda path: path.stem)
def test_differences_of_the_forward_are_flagged_and_lose_no_marks(path):
    exercise = exercise_of(path)
    points, flags = in_the_sandbox(exercise, path.read_text(), 2.0)
    assert points == dict(EXERCISES[exercise].points(TEXTBOOK))
    (flag,) = flags
    assert flag.startswith(f"{EXERCISES[exercise].functions[-1]} took longer than 2 s for one wide example")


@pytest.mark.slow
def test_an_answer_that_differs_where_it_is_wide_is_flagged():
    source = KL + (
        "\nrest = kl_divergence_backward\n"
        "def kl_divergence_backward(dkl, cache):\n"
        "    return rest(dkl, cache) if cache[0].size < 1000 else [np.zeros_like(part) for part in cache]\n"
    )
    points, flags = in_the_sandbox("kl_divergence", source, 10.0)
    assert points == dict(EXERCISES["kl_divergence"].points(TEXTBOOK))
    assert flags == [
        "kl_divergence_backward is right for few numbers and gives something else for one example of 100,000"
    ]


def functions_of(exercise, source):
    scope = {}
    exec(source, scope)
    return [scope[name] for name in EXERCISES[exercise].functions]


def test_calls_of_a_forward_are_counted_where_the_pieces_are_given():
    key = answer_key("loss_and_grad", TEXTBOOK, 20_000)
    twice, often = (
        LOSS.replace("n = len(x)", f"n = len(x) + sum(P.nll(x, output) is None for _ in range({times}))")
        for times in (1, 66)
    )
    honest, curious, counted = (
        Outcome([RUN["loss_and_grad, once"](functions_of("loss_and_grad", source), key.probes[0])])
        for source in (LOSS, twice, often)
    )
    assert list(suspicions(key, honest, True)) == []
    assert list(suspicions(key, curious, True)) == []
    assert list(suspicions(key, counted, True)) == [
        "loss_and_grad calls nll 67 times for one gradient: are these differences?"
    ]


@pytest.mark.parametrize(
    "path",
    [path for path in FORMULAS if exercise_of(path) in ENTRY_BY_ENTRY and "jacobian" not in path.name],
    ids=lambda path: path.stem,
)
def test_a_repeated_example_has_repeated_gradients(path):
    exercise = exercise_of(path)
    key = answer_key(exercise, TEXTBOOK, 20_000)
    results = RUN[f"{exercise}, once"](functions_of(exercise, path.read_text()), key.probes[0])
    assert np.all(np.isfinite(results["gradients"]))
    assert list(suspicions(key, Outcome([results]), True)) == []


def test_exercises_in_which_nothing_is_told_apart_have_no_price():
    for name in ("gradient_is_right", "optimizer_step", "conditional_inputs", "importance_bound"):
        assert cost_job(answer_key(name, TEXTBOOK, 20_000), []) is None
