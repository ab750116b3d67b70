"""What is said of an answer is true of it, also where nobody thought of that answer."""

import numpy as np
import pytest
from choices import full

from npvae.coursework.assignments import variant
from npvae.coursework.check import findings_of, hint
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.exercises.checking import checker
from npvae.coursework.marks import earned
from npvae.coursework.variants import Variant

TEXTBOOK = variant("textbook")


def said(exercise, *functions, chosen=TEXTBOOK):
    """What the last rung says of each result that is wrong."""
    findings = findings_of(EXERCISES[exercise], chosen, functions, 0)
    return {finding.result: finding.sentence for finding in findings}


def softplus(a):
    return np.logaddexp(0, a)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def test_a_right_formula_with_a_global_for_its_cache_is_not_called_a_wrong_formula():
    seen = {}

    def forward(mu, rho):
        seen.update(mu=mu, rho=rho)
        return 0.5 * np.sum(mu**2 + np.exp(rho) - 1 - rho, axis=1), None

    def backward(dkl, cache):
        return dkl[:, None] * seen["mu"], 0.5 * dkl[:, None] * (np.exp(seen["rho"]) - 1)

    told = said("kl_divergence", forward, backward)
    assert told.keys() == {"dmu", "drho"}
    assert all("reads a variable that another call has changed" in sentence for sentence in told.values())


def bernoulli(x, logits):
    return np.sum(softplus(logits) - x * logits, axis=1), (x, logits)


def upstream_in_place(dnll, cache):
    x, logits = cache
    dnll *= 1 / len(dnll)
    return dnll[:, None] * (sigmoid(logits) - x)


def test_an_upstream_gradient_that_is_changed_in_place_is_told_as_that():
    assert said("bernoulli_nll", bernoulli, upstream_in_place) == {
        "dlogits": "bernoulli_nll_backward changes dnll: work on a copy"
    }


def test_what_is_not_numbers_is_told_for_what_it_is_and_not_as_random():
    told = said("reparameterize", lambda mu, rho, eps: ({"z": mu}, None), lambda dz, cache: (dz, [dz, 0]))
    assert told == {
        "forward": "forward is a dict, expected an array of real numbers",
        "drho": "drho is a list, expected an array of real numbers",
    }
    assert said("loss_and_grad", lambda x, eps, params, beta, pieces: (params, 1.0))["loss"].startswith(
        "loss is a dict"
    )


def test_a_forward_that_returns_three_things_is_told_their_number():
    told = said("reparameterize", lambda mu, rho, eps: (mu, rho, eps), lambda dz, cache: (dz, dz))
    assert told["forward"] == "reparameterize returns 3 things, expected 2: out, cache"


def adam(second_moment_total):
    def step(theta, grad, state, t, lr):
        m, v = 0.9 * state[0] + 0.1 * grad, 0.999 * state[1] + 0.001 * grad**2
        m_hat, v_hat = m / (1 - 0.9**t), v / second_moment_total(t)
        return theta - lr * m_hat / (np.sqrt(v_hat) + 1e-8), (m, v)

    return step


def from_probabilities(loss):
    return lambda x, logits: (loss(x, logits, sigmoid(logits)), (x, logits))


NOTHING_BUT_NAN = {
    "a factor for a power": ("optimizer_step", adam(lambda t: 1 - 0.999 * t)),
    "a negative under the root": ("optimizer_step", adam(lambda t: 0.999**t - 1)),
    "a product that vanishes": (
        "bernoulli_nll",
        from_probabilities(lambda x, a, p: -np.log(np.prod(p**x * (1 - p) ** (1 - x), axis=1))),
    ),
    "infinity over infinity": (
        "bernoulli_nll",
        lambda x, a: (
            -np.sum(
                x * np.log(np.exp(a) / (1 + np.exp(a))) + (1 - x) * np.log(1 - np.exp(a) / (1 + np.exp(a))), axis=1
            ),
            None,
        ),
    ),
    "a logarithm of one or the other": (
        "bernoulli_nll",
        from_probabilities(lambda x, a, p: -np.sum(np.where(x == 1, np.log(p), np.log(1 - p)), axis=1)),
    ),
}


@pytest.mark.parametrize("name", NOTHING_BUT_NAN)
def test_no_story_is_told_of_what_is_nothing_but_nan(name):
    exercise, function = NOTHING_BUT_NAN[name]
    told = said(exercise, function)
    assert told
    for sentence in told.values():
        assert "overflow" not in sentence
        assert "rounded to 0 or 1" not in sentence
        assert "one too small" not in sentence


def test_a_softplus_that_overflows_and_a_logarithm_of_a_rounded_probability_are_told_apart():
    overflows = said("bernoulli_nll", lambda x, a: (np.sum(np.log(1 + np.exp(a)) - x * a, axis=1), None))
    rounded = said(
        "bernoulli_nll",
        from_probabilities(lambda x, a, p: -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=1)),
    )
    assert "an exponential overflows in the softplus" in overflows["forward"]
    assert "a probability that was rounded to 0 or 1" in rounded["forward"]


@pytest.mark.parametrize("floor", [1e-11, 1e-12])
def test_a_checker_whose_tolerance_ends_far_below_the_smallest_gradient_is_right(floor):
    right = checker(size=lambda numeric: 1e-4 * np.max(np.abs(numeric)) + floor, tolerance=1.0)
    assert earned("gradient_is_right", right) == full("gradient_is_right")


def test_a_checker_that_puts_back_a_rounded_number_is_told_that_the_last_digit_counts():
    def puts_back_a_sum(forward, backward, args):
        verdict = checker()(forward, backward, args)
        for arg in args:
            arg += 0.1
            arg -= 0.1
        return verdict

    (sentence,) = said("gradient_is_right", puts_back_a_sum).values()
    assert "not afterwards what they were, to the last digit" in sentence


def noise_subtracted(sign):
    def forward(mu, rho, eps):
        return mu - np.exp(rho / 2) * eps, (rho, eps)

    def backward(dz, cache):
        rho, eps = cache
        return dz, sign * 0.5 * dz * np.exp(rho / 2) * eps

    return forward, backward


def test_noise_that_is_subtracted_is_told_with_its_gradient_and_without():
    both, forward = said("reparameterize", *noise_subtracted(-1)), said("reparameterize", *noise_subtracted(1))
    assert both == {"forward": "forward: the noise is subtracted", "drho": "drho: the noise is subtracted"}
    assert forward == {"forward": "forward: the noise is subtracted, but not in the gradient"}


def test_extreme_values_are_not_called_right_where_they_hide_an_ordinary_error():
    def forward(x, mean, logvar):  # without its constant, which is nothing beside what an extreme value costs
        return 0.5 * np.sum(logvar + (x - mean) ** 2 * np.exp(-logvar), axis=1), None

    findings = findings_of(EXERCISES["likelihood_nll"], TEXTBOOK, (forward,), 0)
    (finding,) = findings
    assert "extreme values" in finding.elsewhere
    assert hint(EXERCISES["likelihood_nll"], finding, 1) == [
        "forward is wrong here: one example, a narrow density, several examples"
    ]


def test_a_rate_and_its_logarithm_are_told_apart_where_some_heads_are_negative():
    chosen = Variant("tried", likelihood="Poisson")

    def forward(x, a, rate):
        log_factorial = np.array([[sum(np.log(np.arange(1, each + 1))) for each in row] for row in x])
        return np.sum(rate(a) - x * np.log(a) + log_factorial, axis=1), None

    head_for_rate = said("likelihood_nll", lambda x, a: forward(x, a, lambda a: a), chosen=chosen)
    logarithm_twice = said("likelihood_nll", lambda x, a: forward(x, a, np.exp), chosen=chosen)
    assert "the head is taken for the rate, not for its logarithm" in head_for_rate["forward"]
    assert logarithm_twice["forward"].startswith("forward holds NaN")


def test_one_entry_is_shown_with_as_many_digits_as_tell_it_from_the_right_one():
    def forward(mu, rho, eps):
        return (1 + 1.2e-5) * (mu + np.exp(rho / 2) * eps), None

    (finding,) = findings_of(EXERCISES["reparameterize"], TEXTBOOK, (forward,), 0)
    came, should = finding.entry.partition(" is ")[2].partition(" for ")[0].split(" and should be ")
    assert came != should
