"""Right answers pass in every form; wrong ones lose their parts alone, and what is said of them is true."""

import itertools
import math
from collections import Counter
from types import MappingProxyType

import numpy as np
import pytest
from coursework_answers import ANSWERS
from unseen_answers import unseen

import npvae
from npvae.coursework.assignments import CHOICES
from npvae.coursework.check import SEED, findings_of
from npvae.coursework.diagnose import judge
from npvae.coursework.exercise import EXTREMES
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.key import answer_key
from npvae.coursework.marks import GRADING_SEED, marks
from npvae.coursework.variants import Variant

PRIORS = ((-1.0, 0.5), (-0.5, 1.5), (0.5, 0.75), (1.0, 2.0))
"""Every mean and every sigma that an assignment may have."""


def variant_of(answer):
    """One that holds an answer's choice: with each head that is not the textbook's comes another prior."""
    if answer.choice.get("head", Variant().head) == Variant().head:
        return Variant("tried", **answer.choice)
    number = CHOICES["head"].index(answer.choice["head"]) + (answer.exercise == "latent_backward")
    m, s = PRIORS[number % len(PRIORS)]
    return Variant("tried", **answer.choice, prior_mean=m, prior_sigma=s)


def trial(exercise, variant, functions, seed):
    """The key to an exercise, and what comes back from its probes."""
    key = answer_key(exercise, variant, seed)
    return key, [key.exercise.run(functions, probe) for probe in key.probes]


def right_answers():
    for answer in ANSWERS:
        variant = variant_of(answer)
        yield answer.exercise, variant, answer.functions(variant), answer.name
    yield from ((each.exercise, each.variant, each.functions, each.what) for each in unseen() if not each.lost)


RIGHT = [
    pytest.param(*answer, seed, id=f"{answer[0]}-{number}-{what}")
    for number, ((*answer, what), seed) in enumerate(zip(right_answers(), itertools.cycle((SEED, GRADING_SEED))))
]
"""Each on the probes of `check` or on those that marks are given for, in turn."""


@pytest.mark.parametrize(("exercise", "variant", "functions", "seed"), RIGHT)
def test_a_right_answer_in_another_form_passes_and_earns_all_points(exercise, variant, functions, seed):
    key, results = trial(exercise, variant, functions, seed)
    assert judge(key, results) == []
    assert marks(key, results) == key.points


def test_every_exercise_has_ten_right_answers_and_every_choice_four():
    assert set(CHOICES) == {"prior_mean", "prior_sigma"} | {slot for answer in ANSWERS for slot in answer.choice}
    assert len({answer.name for answer in ANSWERS}) == len(ANSWERS)
    assert all(count >= 10 for count in Counter(answer.exercise for answer in ANSWERS).values())
    for name in EXERCISES:
        for slot in {slot for answer in ANSWERS if answer.exercise == name for slot in answer.choice}:
            count = Counter(answer.choice[slot] for answer in ANSWERS if answer.exercise == name)
            assert set(count) == {*CHOICES[slot], getattr(Variant(), slot)}
            assert all(count[option] >= 4 for option in CHOICES[slot])


def test_the_priors_tried_here_hold_every_mean_and_every_sigma():
    assert sorted(m for m, _ in PRIORS) == sorted(CHOICES["prior_mean"])
    assert sorted(s for _, s in PRIORS) == sorted(CHOICES["prior_sigma"])


# What is said of a wrong answer has to be true.


def close(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    largest = np.max(np.abs(b), initial=0, where=np.isfinite(b))
    return a.shape == b.shape and np.allclose(a, b, rtol=2e-5, atol=2e-8 * largest + 1e-9, equal_nan=True)


def untrue(key, finding, results):
    """Whether something is claimed that does not hold."""
    name = finding.result
    ordinary = [i for i, probe in enumerate(key.probes) if probe.where != EXTREMES]
    where = ordinary if set(finding.where) != {EXTREMES} else range(len(key.probes))
    known = [made for mistake, made, _ in key.mistakes if finding.words.endswith(f": {mistake.what}")]
    if finding.name == "known":
        return not any(
            all(close(results[i][name], made[i].get(name, key.right[i][name])) for i in where) for made in known
        )
    pairs = [(results[i][name], key.right[i][name], len(np.atleast_1d(key.right[i][name]))) for i in ordinary]
    claims = {
        "sign": lambda: all(close(came, -right) for came, right, _ in pairs),
        "zero": lambda: not any(np.any(came) for came, *_ in pairs),
        "factor": lambda: "it is 1 times" not in finding.detail and one_factor(pairs),
        "averaged": lambda: all(close(n * came, right) for came, right, n in pairs),
        "summed": lambda: all(close(came, n * right) for came, right, n in pairs),
        "several_only": lambda: all(close(came, right) for came, right, n in pairs if n == 1),
        "extremes_only": lambda: all(close(came, right) for came, right, _ in pairs),
    }
    return not claims.get(finding.name, lambda: True)()


def one_factor(pairs):
    a, b = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))
    return close(a, (a @ b) / (b @ b) * b)


WRONG = [pytest.param(each, id=f"{number}-{each.what}") for number, each in enumerate(unseen()) if each.lost]


@pytest.mark.parametrize("answer", WRONG)
def test_a_wrong_answer_loses_its_parts_alone_and_nothing_untrue_is_said(answer):
    key, results = trial(answer.exercise, answer.variant, answer.functions, SEED)
    assert {part for part, points in marks(key, results).items() if not points} == answer.lost
    findings = judge(key, results)
    assert findings
    for finding in findings:
        assert not untrue(key, finding, results), finding


# What a function returns need not be such that it can be copied.

KL, KL_BACKWARD = npvae.kl_divergence, npvae.kl_divergence_backward


def kl_with(cache):
    """The right KL, with its arguments in a cache of some kind."""
    return lambda mu, rho: (KL(mu, rho)[0], cache({"mu": mu, "rho": rho}))


@pytest.mark.parametrize(
    "pair",
    [
        (kl_with(lambda args: args.values()), lambda dkl, values: KL_BACKWARD(dkl, KL(*values)[1])),
        (kl_with(MappingProxyType), lambda dkl, args: KL_BACKWARD(dkl, KL(*args.values())[1])),
        (kl_with(lambda args: (math, args)), lambda dkl, cache: KL_BACKWARD(dkl, KL(*cache[1].values())[1])),
    ],
    ids=["a view of a dict", "a read-only dict", "a module"],
)
def test_a_right_answer_passes_with_a_cache_that_cannot_be_copied(pair):
    assert findings_of(EXERCISES["kl_divergence"], Variant(), pair, SEED) == []


def test_a_cache_that_is_used_up_is_refused_in_words():
    pair = kl_with(lambda args: (arg for arg in args.values())), lambda dkl, args: KL_BACKWARD(dkl, KL(*args)[1])
    assert findings_of(EXERCISES["kl_divergence"], Variant(), pair, SEED)


def test_gradients_that_come_in_a_generator_are_refused_in_words():
    pair = KL, lambda dkl, cache: (gradient for gradient in KL_BACKWARD(dkl, cache))
    assert {f.name for f in findings_of(EXERCISES["kl_divergence"], Variant(), pair, SEED)} == {"type"}
