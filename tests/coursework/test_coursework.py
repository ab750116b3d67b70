"""The exercises: what is right passes, what is wrong is refused, and a known mistake is called by its name."""

import itertools
import random
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from choices import EVERY_CHOICE, full
from wrong_versions import WRONG_VERSIONS
from wrong_versions.of_exercises import PACKAGE

import npvae
from npvae.coursework import pairs
from npvae.coursework.assignments import CHOICES, variant
from npvae.coursework.check import Checker, findings_of
from npvae.coursework.compare import same_error
from npvae.coursework.diagnose import PLAIN, judge
from npvae.coursework.exercise import EXTREMES
from npvae.coursework.exercises import EXERCISES, total
from npvae.coursework.exercises.layers import ZERO
from npvae.coursework.key import AnswerKey, answer_key
from npvae.coursework.marks import earned, marks
from npvae.coursework.sandbox.calls import kind_of
from npvae.coursework.variants import FORMS, Variant

TEXTBOOK = variant("textbook")
VARIANTS = [TEXTBOOK, *map(variant, EVERY_CHOICE)]


def questions():
    """Every exercise with every choice that it asks about, each once."""
    for exercise in EXERCISES:
        seen = {tuple(getattr(each, slot) for slot in EXERCISES[exercise].choices): each for each in VARIANTS[::-1]}
        yield from (pytest.param(exercise, each, id=f"{exercise}-{each.name}") for each in seen.values())


@pytest.mark.parametrize("exercise", PACKAGE)
def test_the_package_answers_the_textbook_questions_in_full(exercise):
    assert findings_of(EXERCISES[exercise], TEXTBOOK, PACKAGE[exercise], 0) == []
    assert earned(exercise, *PACKAGE[exercise]) == full(exercise)


BY_HAND = {
    "noise_drawn_again_in_backward": ("reparameterize", "unsteady"),
    "noise_drawn_inside": ("reparameterize", "unsteady"),
    "noise_scaled_in_place": ("reparameterize", "changes"),
    "kl_exponential_in_place": ("kl_divergence", "changes"),
    "logits_changed_in_place": ("bernoulli_nll", "changes"),
}
"""Mistakes that show in how a function behaves, not in what it returns, and the name under which they are told."""


@pytest.mark.parametrize("name", BY_HAND)
def test_a_function_that_draws_or_changes_what_it_is_given_is_told_so_and_loses_marks(name):
    exercise, told = BY_HAND[name]
    functions = tuple(WRONG_VERSIONS[name].wrong.get(right, right) for right in PACKAGE[exercise])
    assert told in {finding.name for finding in findings_of(EXERCISES[exercise], TEXTBOOK, functions, 0)}
    assert sum(earned(exercise, *functions).values()) < sum(full(exercise).values())


def test_a_wrong_half_does_not_cost_the_other():
    def backward(dz, cache):
        return dz, 2 * npvae.reparameterize_backward(dz, cache)[1]

    marks = earned("reparameterize", npvae.reparameterize, backward)
    assert marks == {**full("reparameterize"), "drho": 0}


def test_what_is_right_for_one_example_and_wrong_for_several_keeps_all_but_that_part():
    def mean_bias(dy, cache):
        dx, dW, db = npvae.dense_backward(dy, cache)
        return dx, dW, db / len(dy)

    assert earned("dense_backward", mean_bias) == {**full("dense_backward"), "several examples": 0}


def test_all_choices_are_worth_the_same_points():
    for form in FORMS:
        worth = {
            (total(replace(variant(seed), form=form)), total(variant(seed), bonus=True)) for seed in EVERY_CHOICE
        }
        assert worth == {(total(Variant(form=form)), total(Variant(), bonus=True))}


def test_sixty_percent_of_the_points_or_more_ask_what_the_package_does_not_hold():
    for seed in EVERY_CHOICE:
        chosen = variant(seed)
        keys = {name: answer_key(name, chosen, 0) for name in PACKAGE if not EXERCISES[name].bonus}
        results = {n: [EXERCISES[n].run(PACKAGE[n], probe) for probe in key.probes] for n, key in keys.items()}
        held = [name for name, key in keys.items() if marks(key, results[name]) == key.points]
        assert held == ["bernoulli_nll"]
        open_to_all = sum(sum(full(name, seed).values()) for name in (*held, "gradient_is_right", "loss_and_grad"))
        assert total(chosen) - open_to_all >= 0.6 * total(chosen)


def test_the_variants_tried_here_hold_every_choice():
    for slot, options in CHOICES.items():
        assert {getattr(each, slot) for each in VARIANTS} == {getattr(TEXTBOOK, slot), *options}
    assert variant(3) == variant("3") != TEXTBOOK


@pytest.mark.parametrize("seed", ["no", "-1", 1.5, ""])
def test_a_variant_that_does_not_exist_is_refused(seed):
    with pytest.raises(ValueError, match="expected a whole number from 0"):
        variant(seed)


def with_mistake(key, made):
    return [{**should, **each} for should, each in zip(key.right, made.results, strict=True)]


@pytest.mark.parametrize(("exercise", "variant"), list(questions()))
def test_every_mistake_of_every_choice_loses_marks(exercise, variant):
    key = answer_key(exercise, variant, 0)
    assert len(key.mistakes) >= 2
    for made in key.mistakes:
        assert sum(marks(key, with_mistake(key, made)).values()) < sum(key.points.values()), made.mistake.what


@pytest.mark.parametrize("exercise", EXERCISES)
def test_every_mistake_changes_something_for_some_choice(exercise):
    declared = {mistake.what for each in VARIANTS for mistake in EXERCISES[exercise].mistakes(each)}
    assert declared == {made.mistake.what for each in VARIANTS for made in answer_key(exercise, each, 0).mistakes}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_mistake_is_called_by_its_own_words(exercise):
    key = answer_key(exercise, TEXTBOOK, 0)
    for made in key.mistakes:
        findings = judge(key, with_mistake(key, made))
        assert {finding.result for finding in findings} == made.changed
        for finding in findings:
            assert finding.name in PLAIN or finding.words.endswith(f": {made.mistake.what}"), made.mistake.what


@pytest.mark.parametrize(("exercise", "variant"), list(questions()))
def test_no_two_mistakes_have_the_same_results_unless_they_share_their_words(exercise, variant):
    mistakes = answer_key(exercise, variant, 0).mistakes
    for (one, made, changed), (other, made_by_other, changed_by_other) in itertools.combinations(mistakes, 2):
        same = changed == changed_by_other and all(
            same_error(a[name], b[name]) for a, b in zip(made, made_by_other, strict=True) for name in changed
        )
        assert not same or one.what == other.what, one.what


@pytest.mark.parametrize(("exercise", "variant"), list(questions()))
def test_the_gradients_of_a_wrong_forward_are_those_of_exact_code(exercise, variant, monkeypatch):
    """Differences with half the step are the same, but where a wrong forward jumps, at 0."""
    key = answer_key(exercise, variant, 0)
    mistakes = key.mistakes
    monkeypatch.setattr("npvae.coursework.pairs.SMALLER_STEP", pairs.SMALLER_STEP / 2)
    for mistake, made, _ in mistakes:
        for probe, right, results in zip(key.probes, key.right, made, strict=True):
            if mistake.forward and probe.where not in (EXTREMES, ZERO):
                again = mistake.wrong(probe, right)
                assert all(same_error(again[name], results[name]) for name in again), (mistake.what, probe.where)


def test_the_gradient_of_what_does_not_enter_is_exactly_zero():
    rng = np.random.default_rng(0)
    a, b, dout = rng.standard_normal((3, 4, 5))
    assert not np.any(pairs.differences(lambda a, b: np.exp(a), (a, b), 1, dout))


@pytest.mark.parametrize(("exercise", "variant"), list(questions()))
def test_a_mistake_never_says_what_is_right(exercise, variant):
    for mistake in EXERCISES[exercise].mistakes(variant):
        assert "->" not in mistake.what


@pytest.mark.parametrize("exercise", ["reparameterize", "kl_divergence", "activation"])
def test_pasted_package_code_is_recognized_as_the_answer_to_another_question(exercise):
    for each in VARIANTS[1:]:
        findings = findings_of(EXERCISES[exercise], each, PACKAGE[exercise], 0)
        assert findings
        assert "that answers another question" in findings[0].sentence


def blank(*_):
    raise NotImplementedError("still to be written")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_blank_answer_earns_nothing_and_is_called_blank(exercise):
    functions = (blank,) * len(EXERCISES[exercise].functions)
    findings = findings_of(EXERCISES[exercise], TEXTBOOK, functions, 0)
    assert {finding.name for finding in findings} <= {"blank", "needs"}
    assert sum(earned(exercise, *functions).values()) == 0


def kl_backward(change):
    """The right KL, its gradients changed."""
    return npvae.kl_divergence, lambda dkl, cache: change(*npvae.kl_divergence_backward(dkl, cache))


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (lambda dmu, drho: dmu, "number", "returns one thing, expected 2: dmu, drho"),
        (lambda dmu, drho: (dmu, drho, 0), "number", "returns 3 things, expected 2"),
        (
            lambda dmu, drho: (dmu, drho.T),
            "shape",
            r"it is transposed: \(3, 1\), expected \(1, 3\)",
        ),
        (lambda dmu, drho: (dmu, drho[:, :2]), "shape", r"has the wrong shape: \(1, 2\), expected \(1, 3\)"),
        (lambda dmu, drho: (dmu, "drho"), "type", "is a str, expected an array of real numbers"),
        (lambda dmu, drho: (dmu, None), "type", "is None: is a return missing"),
        (lambda dmu, drho: (dmu, 1j * drho), "type", "is an array of complex128, expected an array of real numbers"),
        (lambda dmu, drho: (dmu, np.nan * drho), "not_finite", "holds NaN"),
        (lambda dmu, drho: (dmu, 3 * drho), "factor", "it is 3 times what it should be"),
        (lambda dmu, drho: (dmu, drho / 6), "factor", "it is 1/6 times what it should be"),
        (lambda dmu, drho: (dmu, 1.001 * drho), "factor", "it is 1.001 times what it should be"),
        (lambda dmu, drho: (dmu, drho / len(drho)), "averaged", "is divided by the number of examples"),
        (lambda dmu, drho: (dmu, np.abs(drho)), "changed", "its size, without its sign"),
        (lambda dmu, drho: (dmu, dmu + drho), "plus", "is off by a term: it is what it should be, with dmu added"),
        (lambda dmu, drho: (dmu, drho - 0.5), "plus", "is off by a term: it is what it should be, with -1/2 added"),
        (
            lambda dmu, drho: (dmu, drho[:1] + 0 * drho),
            "same_for_all",
            "the first example's values for all",
        ),
        (
            lambda dmu, drho: (dmu, drho + 0.01 * np.arange(len(drho))[:, None]),
            "first_example_only",
            "the first example",
        ),
        (lambda dmu, drho: (dmu, drho + 0.01 * (len(drho) > 1) * np.cos(drho)), "several_only", "wrong for several"),
        (lambda dmu, drho: (dmu, np.clip(drho, -50, 50)), "extremes_only", "right but for extreme values"),
        (lambda dmu, drho: (dmu, np.cos(drho)), "unknown", "every entry is wrong"),
    ],
)
def test_what_is_none_of_the_known_mistakes_is_described(change, name, words):
    findings = findings_of(EXERCISES["kl_divergence"], TEXTBOOK, kl_backward(change), 0)
    (finding,) = [finding for finding in findings if finding.result == "drho"]
    assert finding.name == name
    assert re.search(words, finding.sentence)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda dmu, drho: (dmu, dmu + drho), "drho is off by a term"),
        (lambda dmu, drho: (dmu, np.abs(drho)), "drho is not what it should be"),
        (lambda dmu, drho: (dmu, 3 * drho), "drho has a wrong factor"),
    ],
)
def test_the_words_that_a_class_is_counted_by_are_true_without_their_details(change, words):
    findings = findings_of(EXERCISES["kl_divergence"], TEXTBOOK, kl_backward(change), 0)
    assert [finding.words for finding in findings if finding.result == "drho"] == [words]


def test_a_cache_that_the_next_forward_overwrites_is_seen():
    kept = {}

    def forward(mu, rho):
        kl, kept["cache"] = npvae.kl_divergence(mu, rho)
        return kl, None

    findings = findings_of(
        EXERCISES["kl_divergence"],
        TEXTBOOK,
        (forward, lambda dkl, cache: npvae.kl_divergence_backward(dkl, kept["cache"])),
        0,
    )
    assert {finding.result for finding in findings} == {"dmu", "drho"}


# A gradient checker's luck, and what it answers.


def test_a_checker_that_draws_without_a_seed_gets_the_same_noise_each_time_and_nobody_else_does():
    drawn = []

    def checker(forward, backward, args):
        drawn.append((np.random.default_rng().random(), np.random.rand(), random.random()))  # noqa: NPY002
        return True

    state = random.getstate()
    exercise, (probe,) = EXERCISES["gradient_is_right"], answer_key("gradient_is_right", TEXTBOOK, 0).probes
    for _ in range(2):
        exercise.run((checker,), probe)
    assert drawn[: len(drawn) // 2] == drawn[len(drawn) // 2 :]
    assert len(set(drawn)) == len(drawn) // 2
    assert random.getstate() == state
    assert np.random.default_rng().random() != np.random.default_rng().random()


@pytest.mark.parametrize("answer", [1e-9, "yes", [True], np.array([True, True])])
def test_a_truthy_answer_that_is_not_true_is_told(answer):
    findings = findings_of(EXERCISES["gradient_is_right"], TEXTBOOK, (lambda *_: answer,), 0)
    assert {finding.words for finding in findings} == {
        f"gradient_is_right returns {kind_of(answer)}, expected True or False"
    }


def test_what_extreme_values_cannot_harm_does_not_earn_them():
    marked = earned("reparameterize", lambda *args: (0 * args[0], None), lambda dz, cache: (dz, 0 * dz))
    assert marked == {**dict.fromkeys(full("reparameterize"), 0), "dmu": 2, "several examples": 1}


# check itself.


def test_check_says_where_then_what_is_violated_then_what_it_looks_like(capsys):
    check = Checker("textbook")
    pair = (
        lambda mu, rho, eps: (mu + np.exp(rho) * eps, (rho, eps)),
        lambda dz, cache: (dz, dz * np.exp(cache[0]) * cache[1]),
    )
    said = []
    for _ in range(4):
        assert check("reparameterize", *pair) is False
        said.append(capsys.readouterr().out)
    assert "forward is wrong here: one example, several examples, extreme values" in said[0]
    assert 'forward (notes, "Reparameterization Trick"; lesson 04_reparameterization): over many draws' in said[1]
    assert "forward: the noise is scaled by the variance: the draws spread wrongly" in said[2]
    assert re.search(r"forward\[0, \d\] is -?\d\S* and should be \S+ for mu = \S+, rho = \S+, eps = ", said[2])
    for lower, higher in itertools.pairwise(said[:3]):
        assert set(lower.splitlines()) - {"  (run check again for more)"} <= set(higher.splitlines())
    assert said[3] == said[2]
    assert ["run check again for more" in each for each in said] == [True, True, False, False]


def test_check_begins_again_at_the_first_rung_after_a_right_answer(capsys):
    check = Checker("textbook")
    wrong = kl_backward(lambda dmu, drho: (dmu, -drho))
    check("kl_divergence", *wrong)
    assert check("kl_divergence", *PACKAGE["kl_divergence"]) is True
    assert "kl_divergence: right" in capsys.readouterr().out
    check("kl_divergence", *wrong)
    assert "drho is wrong here" in capsys.readouterr().out


def test_check_takes_the_name_of_a_function_and_a_forward_alone(capsys):
    check = Checker("textbook")
    assert check("kl_divergence_backward", *PACKAGE["kl_divergence"])
    assert check("kl_divergence", npvae.kl_divergence)
    assert "right, so far" in capsys.readouterr().out


def test_what_differs_in_kind_is_told_from_the_first_rung_and_the_rest_goes_on(capsys):
    check = Checker("textbook")
    check("kl_divergence", *kl_backward(lambda dmu, drho: (-dmu, 3 * drho)))
    check("kl_divergence", *kl_backward(lambda dmu, drho: (np.cos(dmu), 3 * drho)))
    said = capsys.readouterr().out.splitlines()[4:]
    assert [line.partition(" ")[0] for line in map(str.strip, said[:-1])] == ["kl_divergence:", "dmu", "drho", "drho"]


def test_an_exception_is_told_once_and_at_once_with_its_line_and_its_case(capsys):
    def backward(dkl, cache):
        mu, rho = cache
        return dkl[:, None] * mu, dkl * rho

    Checker("textbook")("kl_divergence", lambda mu, rho: (npvae.kl_divergence(mu, rho)[0], (mu, rho)), backward)
    said = capsys.readouterr().out
    assert said.count("kl_divergence_backward raises ValueError") == 1
    assert re.search(r"in the line `return dkl\[:, None\] \* mu, dkl \* rho` \(several examples\)", said)


@pytest.mark.parametrize("leave", ["exit()", "quit()", "raise SystemExit", "import sys; sys.exit(1)"])
def test_check_survives_a_function_that_leaves(leave, capsys):
    own = {"exit": exit, "quit": quit}
    exec(f"def importance_bound(log_w):\n    {leave}", own)
    assert Checker("textbook")("importance_bound", own["importance_bound"]) is False
    assert "importance_bound raises SystemExit" in capsys.readouterr().out


def test_check_stops_a_loop_that_never_ends(capsys, monkeypatch):
    def importance_bound(log_w):
        while True:
            len(log_w)

    monkeypatch.setattr("npvae.coursework.check.LIMIT", 0.2)
    assert Checker("textbook")("importance_bound", importance_bound) is False
    assert "took longer than 0.2 s and was stopped" in capsys.readouterr().out


def test_every_exercise_points_to_a_section_of_the_notes_and_a_lesson_that_are_there():
    notebooks = Path(__file__).parents[2] / "notebooks"
    titles = {
        line.lstrip("# ") for line in (notebooks / "notes.md").read_text("utf-8").splitlines() if line[:1] == "#"
    }
    for exercise in EXERCISES.values():
        assert exercise.section in titles | {""}
        assert (notebooks / f"{exercise.lesson}.ipynb").exists()


@pytest.mark.parametrize(("feedback", "said"), [("pass-fail", "not right yet"), ("none", "received")])
def test_check_tells_no_more_than_the_lecturer_wants(feedback, said, capsys):
    Checker("textbook", feedback)("kl_divergence", *kl_backward(lambda dmu, drho: (dmu, -drho)))
    assert capsys.readouterr().out == f"kl_divergence: {said}\n"


def test_check_is_told_what_it_cannot_use():
    check = Checker("textbook")
    with pytest.raises(ValueError, match="no exercise is called 'kl', expected one of: dense_backward"):
        check("kl", npvae.kl_divergence)
    with pytest.raises(ValueError, match=r'expected check\("kl_divergence", kl_divergence, kl_divergence_backward\)'):
        check("kl_divergence")
    with pytest.raises(ValueError, match="1 is not a function"):
        check("kl_divergence", 1)
    with pytest.raises(ValueError, match="expected one of: hint, pass-fail, none"):
        Checker("textbook", "all")


@pytest.mark.parametrize("exercise", EXERCISES)
def test_an_answer_that_changes_what_it_is_given_does_not_spoil_the_key(exercise):
    def spoil(*args):
        for arg in args:
            if isinstance(arg, np.ndarray):
                arg[...] = 0
        return 0, 0

    key, fresh = (AnswerKey(EXERCISES[exercise], TEXTBOOK, 0) for _ in range(2))
    for probe in key.probes:
        EXERCISES[exercise].run((spoil,) * len(EXERCISES[exercise].functions), probe)
    for probe, untouched in zip(key.probes, fresh.probes, strict=True):
        np.testing.assert_equal(probe.args, untouched.args)
