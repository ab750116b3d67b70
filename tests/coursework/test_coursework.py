"""The exercises: what is right passes, what is wrong is refused, and a known mistake is called by its name."""

import re
from dataclasses import replace

import numpy as np
import pytest
from choices import EVERY_CHOICE

import npvae
from npvae.coursework.assignments import CHOICES, variant
from npvae.coursework.check import Checker, findings_of
from npvae.coursework.diagnose import agree, judge
from npvae.coursework.exercises import EXERCISES, total
from npvae.coursework.key import AnswerKey, answer_key
from npvae.coursework.marks import earned, full
from npvae.coursework.mistakes import MISTAKES
from npvae.coursework.variants import FORMS, Variant

TEXTBOOK = variant("textbook")
SEEDS = EVERY_CHOICE

# The exercises whose textbook answer stands in the package under a name of its own.
PACKAGE = {
    "dense_backward": ("npvae.layers.dense_backward",),
    "activation": ("npvae.layers.tanh", "npvae.layers.tanh_backward"),
    "reparameterize": ("npvae.latent.reparameterize", "npvae.latent.reparameterize_backward"),
    "bernoulli_nll": ("npvae.likelihoods.bernoulli_nll", "npvae.likelihoods.bernoulli_nll_backward"),
    "likelihood_nll": ("npvae.likelihoods.gaussian_nll", "npvae.likelihoods.gaussian_nll_backward"),
    "kl_divergence": ("npvae.latent.kl_divergence", "npvae.latent.kl_divergence_backward"),
    "importance_bound": ("npvae.models.importance.log_mean_exp", "npvae.models.importance.log_mean_exp_backward"),
}
NOT_OF_THE_EXERCISE = {
    "gradient_buffer_ignored": "out= is no part of the exercise",
    "gradient_buffer_added_to": "out= is no part of the exercise",
    "bernoulli_in_float64": "an answer in another precision is right",
    "gaussian_dlogvar_averaged": "the exercise's log-variance is not broadcast",
    "gaussian_dlogvar_not_summed": "the exercise's log-variance is not broadcast",
}
BY_ITS_SHAPE = {
    "noise_drawn_again_in_backward": "unsteady",
    "noise_drawn_inside": "unsteady",
    "noise_scaled_in_place": "changes",
    "kl_exponential_in_place": "changes",
    "logits_changed_in_place": "changes",
    "log_weights_exponentiated_in_place": "changes",
}
"""Mistakes that show in how a function behaves, not in what it returns, and the name under which they are told."""


def function(dotted):
    return getattr(npvae, dotted.rpartition(".")[2])


def package_answer(name):
    return tuple(function(dotted) for dotted in PACKAGE[name])


def planted():
    for exercise, rights in PACKAGE.items():
        for mistake in MISTAKES.values():
            if set(mistake.wrong) <= set(rights) and mistake.name not in NOT_OF_THE_EXERCISE:
                yield pytest.param(exercise, mistake, id=mistake.name)


def with_mistake(exercise, mistake):
    return tuple(mistake.wrong.get(dotted, function(dotted)) for dotted in PACKAGE[exercise])


def probes_of(exercise, chosen, seed=0):
    return EXERCISES[exercise].probes(chosen, np.random.default_rng(seed))


def results_of(exercise, chosen, functions, seed=0):
    return [EXERCISES[exercise].run(functions, probe) for probe in probes_of(exercise, chosen, seed)]


def same_results(name, ours, theirs):
    """Whether two wrong answers cannot be told apart by the named result."""
    for one, other in zip(ours, theirs, strict=True):
        if name not in one or name not in other:
            return False
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.shape != b.shape:
            return False
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not agree(a[finite], b[finite]):
            return False
    return True


@pytest.mark.parametrize("exercise", PACKAGE)
def test_the_package_answers_the_textbook_questions_in_full(exercise):
    assert findings_of(EXERCISES[exercise], TEXTBOOK, package_answer(exercise), 0) == []
    assert earned(exercise, *package_answer(exercise)) == full(exercise)


@pytest.mark.parametrize(("exercise", "mistake"), list(planted()))
def test_a_mistake_of_the_table_is_refused_named_and_loses_its_marks(exercise, mistake):
    functions = with_mistake(exercise, mistake)
    findings = findings_of(EXERCISES[exercise], TEXTBOOK, functions, 0)
    names = {finding.name for finding in findings}
    assert findings
    if mistake.name in BY_ITS_SHAPE:
        assert BY_ITS_SHAPE[mistake.name] in names
    elif mistake.name not in names:
        ours = results_of(exercise, TEXTBOOK, functions)
        told = [finding for finding in findings if finding.name in MISTAKES]
        assert any(
            same_results(
                finding.result, ours, results_of(exercise, TEXTBOOK, with_mistake(exercise, MISTAKES[finding.name]))
            )
            for finding in told
        ), names
    assert sum(earned(exercise, *functions).values()) < sum(full(exercise).values())


def test_a_wrong_half_does_not_cost_the_other():
    def backward(dz, cache):
        return dz, 2 * npvae.reparameterize_backward(dz, cache)[1]

    marks = earned("reparameterize", npvae.reparameterize, backward)
    assert marks == {**full("reparameterize"), "drho": 0}


def test_what_is_right_for_one_example_and_wrong_for_several_keeps_all_but_that_part():
    mean_bias = MISTAKES["bias_gradient_averaged"].wrong["npvae.layers.dense_backward"]
    assert earned("dense_backward", mean_bias) == {**full("dense_backward"), "several examples": 0}


def test_all_choices_are_worth_the_same_points():
    for form in FORMS:
        worth = {(total(replace(variant(seed), form=form)), total(variant(seed), bonus=True)) for seed in SEEDS}
        assert worth == {(total(Variant(form=form)), total(Variant(), bonus=True))}


def test_sixty_percent_of_the_points_or_more_ask_what_the_package_does_not_hold():
    for seed in SEEDS:
        chosen = variant(seed)
        held = [
            name
            for name in PACKAGE
            if not EXERCISES[name].bonus and not findings_of(EXERCISES[name], chosen, package_answer(name), 0)
        ]
        assert held == ["bernoulli_nll"]
        open_to_all = sum(sum(full(name, seed).values()) for name in (*held, "gradient_is_right", "loss_and_grad"))
        assert total(chosen) - open_to_all >= 0.6 * total(chosen)


def test_the_seeds_tried_here_hold_every_choice_and_differ():
    chosen = [variant(seed) for seed in SEEDS]
    for slot, options in CHOICES.items():
        assert {getattr(each, slot) for each in chosen} == set(options)
    assert len(set(chosen)) == len(SEEDS)
    assert variant(3) == variant("3") != TEXTBOOK


@pytest.mark.parametrize("seed", ["no", "-1", 1.5, ""])
def test_a_variant_that_does_not_exist_is_refused(seed):
    with pytest.raises(ValueError, match="expected a whole number from 0"):
        variant(seed)


def question(exercise, seed):
    """What of a variant an exercise asks about, to try each question once."""
    slots = EXERCISES[exercise].choices
    return tuple(getattr(variant(seed), slot) for slot in slots)


def questions():
    for exercise in EXERCISES:
        seen = {}
        for seed in SEEDS:
            seen.setdefault(question(exercise, seed), seed)
        yield from (pytest.param(exercise, seed, id=f"{exercise}-{variant(seed).name}") for seed in seen.values())


@pytest.mark.parametrize(("exercise", "seed"), list(questions()))
def test_a_slip_is_called_by_its_name_or_that_of_one_with_the_same_results(exercise, seed):
    chosen, probes = variant(seed), probes_of(exercise, variant(seed))
    right = [EXERCISES[exercise].expected(chosen, probe) for probe in probes]
    slips = {slip.name: slip for slip in EXERCISES[exercise].slips(chosen)}
    assert len(slips) == len(EXERCISES[exercise].slips(chosen)) >= 2
    with np.errstate(all="ignore"):
        made = {
            name: [slip.wrong(probe, should) for probe, should in zip(probes, right, strict=True)]
            for name, slip in slips.items()
        }
    harmless = 0
    for name, wrong in made.items():
        results = [{**should, **each} for should, each in zip(right, wrong, strict=True)]
        findings = judge(answer_key(exercise, chosen, 0), results)
        harmless += not findings
        for finding in findings:
            other = made.get(finding.name)
            known = finding.name in (name, *BY_ITS_SHAPE.values(), "needs", "raises")
            assert known or (other and same_results(finding.result, results, other)), (name, finding)
    assert harmless <= 0.1 * len(slips)  # some change nothing in this variant


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slip_never_says_what_is_right(seed):
    for exercise in EXERCISES.values():
        for slip in exercise.slips(variant(seed)):
            assert "->" not in slip.what, slip.name


@pytest.mark.parametrize("exercise", ["reparameterize", "kl_divergence", "activation"])
def test_pasted_package_code_is_recognised_as_the_answer_to_another_question(exercise):
    for seed in SEEDS:
        findings = findings_of(EXERCISES[exercise], variant(seed), package_answer(exercise), 0)
        assert findings
        assert "that answers another question" in findings[0].what


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
        (lambda dmu, drho: (dmu, drho.T), "transposed", r"has shape \(3, 1\), expected \(1, 3\): it is transposed"),
        (lambda dmu, drho: (dmu, drho[:, :2]), "shape", r"has shape \(1, 2\), expected \(1, 3\)"),
        (lambda dmu, drho: (dmu, "drho"), "type", "is a str, expected an array of numbers"),
        (lambda dmu, drho: (dmu, None), "type", "is a NoneType"),
        (lambda dmu, drho: (dmu, 1j * drho), "type", "expected an array of numbers"),
        (lambda dmu, drho: (dmu, np.nan * drho), "not_finite", "holds NaN or infinity"),
        (lambda dmu, drho: (dmu, 3 * drho), "factor", "is 3 times what it should be"),
        (lambda dmu, drho: (dmu, drho / 6), "factor", "is 1/6 times what it should be"),
        (lambda dmu, drho: (dmu, -drho), "sign", "has the wrong sign"),
        (lambda dmu, drho: (dmu, drho / len(drho)), "averaged", "is divided by the number of examples"),
        (lambda dmu, drho: (dmu, drho + 0.01 * np.arange(len(drho))[:, None]), "several_only", "wrong for several"),
        (lambda dmu, drho: (dmu, np.clip(drho, -50, 50)), "extremes_only", "right but for extreme values"),
        (lambda dmu, drho: (dmu, np.cos(drho)), "unknown", "like none of the mistakes on the list"),
    ],
)
def test_what_is_on_no_list_is_described(change, name, words):
    (finding,) = [
        f for f in findings_of(EXERCISES["kl_divergence"], TEXTBOOK, kl_backward(change), 0) if f.result == "drho"
    ] or [None]
    assert finding is not None
    assert finding.name == name
    assert re.search(words, finding.what)


def test_a_function_that_raises_is_told_with_its_error():
    def backward(dkl, cache):
        return cache[2]

    findings = findings_of(EXERCISES["kl_divergence"], TEXTBOOK, (npvae.kl_divergence, backward), 0)
    assert {finding.what for finding in findings} == {"raises IndexError: tuple index out of range"}


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


# check itself.


def test_check_says_where_then_what_is_violated_then_what_it_looks_like(capsys):
    check = Checker("textbook")
    pair = with_mistake("reparameterize", MISTAKES["variance_for_sigma_in_both"])
    said = []
    for _ in range(4):
        assert check("reparameterize", *pair) is False
        said.append(capsys.readouterr().out)
    assert "forward is wrong here: one example, several examples, extreme values" in said[0]
    assert 'notes "Reparameterization Trick": over many draws of eps' in said[1]
    assert "forward looks like: sigma = exp(logvar): too wide, gradient checks stay green" in said[2]
    assert said[3] == said[2]
    assert ["run check again for more" in each for each in said] == [True, True, False, False]


def test_check_begins_again_at_the_first_rung_after_a_right_answer(capsys):
    check = Checker("textbook")
    wrong = kl_backward(lambda dmu, drho: (dmu, -drho))
    check("kl_divergence", *wrong)
    assert check("kl_divergence", *package_answer("kl_divergence")) is True
    assert "kl_divergence: right" in capsys.readouterr().out
    check("kl_divergence", *wrong)
    assert "drho is wrong here" in capsys.readouterr().out


def test_check_takes_the_name_of_a_function_and_a_forward_alone(capsys):
    check = Checker("textbook")
    assert check("kl_divergence_backward", *package_answer("kl_divergence"))
    assert check("kl_divergence", npvae.kl_divergence)
    assert "right, so far" in capsys.readouterr().out


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
    with pytest.raises(ValueError, match="1 is no function"):
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

    functions = (spoil,) * len(EXERCISES[exercise].functions)
    findings_of(EXERCISES[exercise], TEXTBOOK, functions, 7)
    key, fresh = answer_key(exercise, TEXTBOOK, 7), AnswerKey(EXERCISES[exercise], TEXTBOOK, 7)
    for probe, untouched in zip(key.probes, fresh.probes, strict=True):
        np.testing.assert_equal(probe.args, untouched.args)
