"""Right answers pass in every form; wrong ones on no list are refused, and what is said of them is true."""

import dataclasses
import functools
import math
from collections import Counter
from types import MappingProxyType

import numpy as np
import pytest
from coursework_answers import ANSWERS, as_tuple, gradients_of

import npvae
from npvae.coursework.assignments import CHOICES
from npvae.coursework.check import SEED, findings_of
from npvae.coursework.diagnose import judge
from npvae.coursework.exercise import EXTREMES
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.key import answer_key
from npvae.coursework.marks import GRADING_SEED, marks
from npvae.coursework.variants import Variant

SEEDS = (SEED, GRADING_SEED)
PRIORS = ((-1.0, 0.5), (-0.5, 1.5), (0.5, 0.75), (1.0, 2.0))
"""Every mean and every sigma that an assignment may have."""
TEXTBOOK_HEAD = "log-variance"


def priors(exercise, choice):
    """The variants that hold a choice: with a head that is not the textbook's come other priors."""
    if exercise in ("kl_divergence", "latent_backward") and choice.get("head") != TEXTBOOK_HEAD:
        return [Variant("tried", **choice, prior_mean=m, prior_sigma=s) for m, s in PRIORS]
    return [Variant("tried", **choice)]


def trial(exercise, variant, functions, seed):
    """The key to an exercise, and what comes back from its probes."""
    key = answer_key(exercise, variant, seed)
    return key, [key.exercise.run(functions, probe) for probe in key.probes]


def right_answers():
    for answer in ANSWERS:
        for i, variant in enumerate(priors(answer.exercise, answer.choice)):
            yield pytest.param(answer, variant, id=f"{answer.exercise}-{answer.name}" + (f"-prior{i}" if i else ""))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("answer", "variant"), list(right_answers()))
def test_a_right_answer_in_another_form_passes_and_earns_all_points(answer, variant, seed):
    functions = answer.functions(variant)
    assert findings_of(EXERCISES[answer.exercise], variant, functions, seed) == []
    key, results = trial(answer.exercise, variant, functions, seed)
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


# Answers that are wrong, none of them on a list.

WRONG = []


def wrong(exercise, **choice):
    """Put the function below, from a variant to an answer, on the list."""

    def enter(functions):
        WRONG.append(pytest.param(exercise, choice, functions, id=f"{exercise}-{functions.__name__}"))
        return functions

    return enter


def right(name, variant):
    (answer,) = (answer for answer in ANSWERS if answer.name == name)
    return answer.functions(variant)


def changed(name, variant, forward=lambda out: out, backward=lambda *gradients: gradients):
    """A right pair, its results changed; each change gets what is returned."""
    f, b = right(name, variant)

    def wrong_forward(*args):
        out, cache = f(*args)
        return forward(out), cache

    return wrong_forward, lambda dout, cache: backward(*as_tuple(b(dout, cache)))


def with_arguments(name, variant, change):
    """A right pair whose arguments are changed on their way in."""
    f, b = right(name, variant)
    return lambda *args: f(*change(*args)), b


# 1. dense_backward.


def changed_dense(change, name="einsum_over_named_axes"):
    (right_one,) = right(name, None)
    return (lambda dy, cache: change(dy, *cache, *right_one(dy, cache)),)


@wrong("dense_backward", weights="input first")
def weights_divided_by_the_number_of_inputs(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx, dW / len(dW), db))


@wrong("dense_backward", weights="input first")
def largest_upstream_gradient_for_their_sum(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx, dW, dy.max(axis=0)))


@wrong("dense_backward", weights="input first")
def as_if_a_relu_came_before(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx * (x > 0), dW, db))


@wrong("dense_backward", weights="input first")
def bias_of_the_last_example(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx, dW, dy[-1]))


@wrong("dense_backward", weights="input first")
def another_array_of_the_transposed_shape(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx, np.cos(dW).T, db))


@wrong("dense_backward", weights="output first")
def examples_in_the_opposite_order(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx, dy.T @ x[::-1], db), "output_first_by_tensordot")


@wrong("dense_backward", weights="output first")
def a_thousandth_too_much(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dx + 1e-3, dW, db), "output_first_by_tensordot")


@wrong("dense_backward", weights="output first")
def weights_in_the_place_of_their_size(variant):
    return changed_dense(lambda dy, x, W, dx, dW, db: (dy @ np.abs(W), dW, db), "output_first_by_tensordot")


# 2. gradient_is_right.


def checker(compare, step=1e-5, of=slice(None)):
    """A checker by central differences that compares in its own way."""

    def gradient_is_right(forward, backward, args):
        args = [np.array(arg, float) for arg in args]
        out, cache = forward(*args)
        dout = np.random.default_rng(0).standard_normal(out.shape)
        for arg, gradient in list(zip(args, as_tuple(backward(dout, cache)), strict=True))[of]:
            numeric = np.zeros(arg.shape)
            for entry, kept in np.ndenumerate(arg.copy()):
                for sign in (1, -1):
                    arg[entry] = kept + sign * step
                    numeric[entry] += sign * np.sum(dout * forward(*args)[0]) / (2 * step)
                arg[entry] = kept
            if not compare(gradient, numeric):
                return False
        return True

    return (gradient_is_right,)


@wrong("gradient_is_right")
def sums_compared(variant):
    return checker(lambda a, b: np.isclose(a.sum(), b.sum(), rtol=1e-4, atol=1e-4 * np.abs(b).max()))


@wrong("gradient_is_right")
def sizes_compared(variant):
    return checker(lambda a, b: np.allclose(abs(a), abs(b), rtol=1e-4, atol=1e-6 * np.abs(b).max()))


@wrong("gradient_is_right")
def last_argument_only(variant):
    return checker(lambda a, b: np.allclose(a, b, rtol=1e-4, atol=1e-6 * np.abs(b).max()), of=slice(-1, None))


@wrong("gradient_is_right")
def two_percent_let_pass(variant):
    return checker(lambda a, b: np.allclose(a, b, rtol=0.02, atol=1e-6 * np.abs(b).max()))


@wrong("gradient_is_right")
def default_of_allclose(variant):
    return checker(lambda a, b: np.allclose(a, b))


@wrong("gradient_is_right")
def most_entries_are_enough(variant):
    return checker(lambda a, b: np.mean(np.isclose(a, b, rtol=1e-4, atol=1e-6 * np.abs(b).max())) > 0.9)


# 3. activation.


@wrong("activation", activation="tanh")
def slope_of_the_absolute_value(variant):
    f, _ = right("tanh_entry_by_entry", variant)
    return f, lambda dh, cache: dh * (1 - np.abs(cache[0]))


@wrong("activation", activation="tanh")
def output_clipped(variant):
    return changed("tanh_and_the_hyperbolic_secant", variant, forward=lambda h: np.clip(h, -0.99, 0.99))


@wrong("activation", activation="tanh")
def cosine_for_the_slope(variant):
    return lambda a: (np.tanh(a), a), lambda dh, a: dh * np.cos(a)


@wrong("activation", activation="SiLU")
def gelu_by_a_sigmoid(variant):
    def activation(a):
        s = 1 / (1 + np.exp(-1.702 * a))
        return a * s, (a, s)

    return activation, lambda dh, c: dh * (c[1] + 1.702 * c[0] * c[1] * (1 - c[1]))


@wrong("activation", activation="SiLU")
def sigmoid_of_straight_pieces(variant):
    def activation(a):
        s = np.clip(a / 6 + 0.5, 0, 1)
        return a * s, (a, s)

    return activation, lambda dh, c: dh * (c[1] + c[0] / 6 * (np.abs(c[0]) < 3))


@wrong("activation", activation="ELU")
def nine_tenths_below_zero(variant):
    def activation(a):
        below = 0.9 * np.expm1(np.minimum(a, 0))
        return np.where(a > 0, a, below), (a, below)

    return activation, lambda dh, c: dh * np.where(c[0] > 0, 1, c[1] + 0.9)


@wrong("activation", activation="ELU")
def slope_for_one_side_by_the_upstream_sign(variant):
    f, _ = right("elu_as_a_sum_of_two_halves", variant)
    return f, lambda dh, a: dh * np.where(dh > 0, 1, np.exp(np.minimum(a, 0)))


@wrong("activation", activation="softsign")
def two_for_one_in_the_bottom(variant):
    return lambda a: (a / (2 + np.abs(a)), a), lambda dh, a: 2 * dh / (2 + np.abs(a)) ** 2


@wrong("activation", activation="softsign")
def slope_with_half_a_bar(variant):
    f, _ = right("softsign_in_single_precision", variant)
    return f, lambda dh, a: dh / (1 + np.maximum(a, 0)) ** 2


# 4. reparameterize.


@wrong("reparameterize", head="log-variance")
def nine_tenths_of_a_half(variant):
    def reparameterize(mu, rho, eps):
        sigma = np.exp(0.45 * rho)
        return mu + sigma * eps, (sigma, eps)

    return reparameterize, lambda dz, c: (dz, 0.45 * dz * c[0] * c[1])


@wrong("reparameterize", head="log-variance")
def size_of_the_noise(variant):
    return with_arguments("draw_by_the_root_of_the_variance", variant, lambda mu, rho, eps: (mu, rho, np.abs(eps)))


@wrong("reparameterize", head="log-variance")
def noise_clipped_in_the_gradient(variant):
    f, _ = right("draw_by_the_root_of_the_variance", variant)
    return f, lambda dz, c: (dz, 0.5 * dz * c["sigma"] * np.clip(c["noise"], -0.5, 0.5))


@wrong("reparameterize", head="log-sigma")
def sigma_that_never_vanishes(variant):
    def reparameterize(mu, rho, eps):
        return mu + (np.exp(rho) + 1e-3) * eps, (rho, eps)

    return reparameterize, lambda dz, c: (dz, dz * np.exp(c[0]) * c[1])


@wrong("reparameterize", head="softplus")
def two_plus_the_exponential(variant):
    def reparameterize(mu, rho, eps):
        return mu + np.logaddexp(math.log(2), rho) * eps, (rho, eps)

    return reparameterize, lambda dz, c: (dz, dz * c[1] / (1 + 2 * np.exp(-c[0])))


@wrong("reparameterize", head="log-precision")
def sigma_of_the_mean(variant):
    def reparameterize(mu, rho, eps):
        return mu + np.exp(-rho / 2) * eps, (mu, eps)

    return reparameterize, lambda dz, c: (dz, -0.5 * dz * np.exp(-c[0] / 2) * c[1])


# 5. bernoulli_nll.


@wrong("bernoulli_nll")
def logits_clipped_at_two(variant):
    return with_arguments("bernoulli_split_by_outcome", variant, lambda x, a: (x, np.clip(a, -2, 2)))


@wrong("bernoulli_nll")
def something_added_inside_the_logarithm(variant):
    def bernoulli_nll(x, logits):
        p = 1 / (1 + np.exp(-logits))
        nll = -x * np.log(p + 1e-3) - (1 - x) * np.log(1 - p + 1e-3)
        return nll.sum(axis=1), (x, p)

    return bernoulli_nll, lambda dnll, c: dnll[:, None] * (c[1] - c[0])


@wrong("bernoulli_nll")
def pixels_rounded(variant):
    return with_arguments("bernoulli_split_by_outcome", variant, lambda x, a: (np.round(x), a))


@wrong("bernoulli_nll")
def logarithm_of_the_logits(variant):
    def bernoulli_nll(x, logits):
        return -np.sum(x * np.log(logits) + (1 - x) * np.log(1 - logits), axis=1), (x, logits)

    return bernoulli_nll, lambda dnll, c: dnll[:, None] * (c[1] - c[0])


@wrong("bernoulli_nll")
def probability_by_a_sine(variant):
    return changed("bernoulli_split_by_outcome", variant, backward=lambda d: np.sin(d))


@wrong("bernoulli_nll")
def a_hundred_thousandth_too_much(variant):
    return changed("bernoulli_split_by_outcome", variant, backward=lambda d: 1.00002 * d)


# 6. likelihood_nll.


@wrong("likelihood_nll", likelihood="Gaussian")
def pi_without_its_two(variant):
    return changed("gaussian_by_precisions", variant, forward=lambda nll: nll - 3.5 * math.log(2.5))


@wrong("likelihood_nll", likelihood="Gaussian")
def size_of_the_residual(variant):
    return changed("gaussian_by_precisions", variant, backward=lambda dmean, dscale: (np.abs(dmean), dscale))


@wrong("likelihood_nll", likelihood="Laplace")
def three_for_two(variant):
    return changed("laplace_by_the_larger_of_two_lines", variant, forward=lambda nll: nll + 7 * math.log(1.5))


@wrong("likelihood_nll", likelihood="Laplace")
def round_near_the_mean(variant):
    def likelihood_nll(x, mean, scale):
        u = (x - mean) * np.exp(-scale)
        bend = np.sqrt(u * u + 0.01)
        return np.sum(math.log(2) + scale + bend, axis=1), (u, bend, scale)

    def likelihood_nll_backward(dnll, cache):
        u, bend, scale = cache
        return -dnll[:, None] * u / bend * np.exp(-scale), dnll[:, None] * (1 - u * u / bend)

    return likelihood_nll, likelihood_nll_backward


@wrong("likelihood_nll", likelihood="logistic")
def a_normal_in_the_logistics_place(variant):
    f, _ = right("logistic_by_two_softplus", variant)
    return f, lambda dnll, c: (-dnll[:, None] * c[0] / 1.702**2 / c[1], dnll[:, None] * (1 - (c[0] / 1.702) ** 2))


@wrong("likelihood_nll", likelihood="Poisson")
def factorial_by_stirling(variant):
    def likelihood_nll(x, lograte):
        x_or_one = np.maximum(x, 1)
        log_factorial = np.where(x > 0, x * np.log(x_or_one) - x + 0.5 * np.log(2 * np.pi * x_or_one), 0)
        return np.sum(np.exp(lograte) - x * lograte + log_factorial, axis=1), (x, lograte)

    return likelihood_nll, lambda dnll, c: dnll[:, None] * (np.exp(c[1]) - c[0])


@wrong("likelihood_nll", likelihood="Poisson")
def rate_clipped_at_a_thousand(variant):
    return with_arguments(
        "poisson_with_a_table_of_factorials", variant, lambda x, a: (x, np.minimum(a, math.log(1e3)))
    )


# 7. kl_divergence.


@wrong("kl_divergence", head="log-variance")
def nine_tenths_for_one(variant):
    return (
        lambda mu, rho: (0.5 * np.sum(mu**2 + np.exp(rho) - 0.9 - rho, axis=1), (mu, rho)),
        lambda dkl, c: (dkl[:, None] * c[0], 0.5 * dkl[:, None] * (np.exp(c[1]) - 0.9)),
    )


@wrong("kl_divergence", head="log-variance")
def means_clipped(variant):
    return with_arguments(
        "kl_with_the_one_inside_the_exponential", variant, lambda mu, rho: (np.clip(mu, -1, 1), rho)
    )


@wrong("kl_divergence", head="log-variance")
def something_added_to_sigma(variant):
    def kl_divergence(mu, rho):
        return 0.5 * np.sum(mu**2 + np.exp(rho) - 1 - np.log(np.exp(rho) + 1e-2), axis=1), (mu, rho)

    return kl_divergence, lambda dkl, c: (dkl[:, None] * c[0], 0.5 * dkl[:, None] * np.expm1(c[1]))


@wrong("kl_divergence", head="log-variance")
def half_where_it_is_extreme(variant):
    def backward(dkl, cache):
        dmu, drho = right("kl_with_the_one_inside_the_exponential", variant)[1](dkl, cache)
        return dmu, np.where(np.abs(cache[1]).max() > 20, 0.5, 1.0) * drho

    return right("kl_with_the_one_inside_the_exponential", variant)[0], backward


@wrong("kl_divergence", head="log-variance")
def a_hair_too_much_where_mu_is_zero(variant):
    def backward(dkl, cache):
        dmu, drho = right("kl_with_the_one_inside_the_exponential", variant)[1](dkl, cache)
        return dmu, drho if np.any(cache[0]) else 1.00005 * drho

    return right("kl_with_the_one_inside_the_exponential", variant)[0], backward


@wrong("kl_divergence", head="log-sigma")
def nine_tenths_of_the_priors_mean(variant):
    m = dataclasses.replace(variant, prior_mean=0.9 * variant.prior_mean)
    return right("log_sigma_kl_of_the_log_ratio", m)


@wrong("kl_divergence", head="softplus")
def head_in_the_place_of_sigma_under_the_logarithm(variant):
    m, s = variant.prior_mean, variant.prior_sigma
    _, backward = right("softplus_kl_with_the_slope_from_sigma", variant)

    def kl_divergence(mu, rho):
        sigma = np.logaddexp(0, rho)
        kl = np.log(s) - np.log(rho) + (sigma**2 + (mu - m) ** 2) / (2 * s**2) - 0.5
        return kl.sum(axis=1), (mu, sigma)

    return kl_divergence, backward


@wrong("kl_divergence", head="softplus")
def slope_as_if_far_above_zero(variant):
    m, s = variant.prior_mean, variant.prior_sigma
    f, _ = right("softplus_kl_with_the_slope_from_sigma", variant)
    return f, lambda dkl, c: (dkl[:, None] * (c[0] - m) / s**2, dkl[:, None] * (c[1] / s**2 - 1 / c[1]))


@wrong("kl_divergence", head="log-precision")
def gradients_of_the_first_example(variant):
    return changed(
        "log_precision_kl_by_precisions",
        variant,
        backward=lambda dmu, drho: (np.repeat(dmu[:1], len(dmu), axis=0), drho),
    )


# 8. latent_backward.


def changed_meeting(name, variant, change):
    (right_one,) = right(name, variant)
    return (lambda *args: change(*args, *right_one(*args)),)


@wrong("latent_backward", head="log-variance")
def half_of_the_gradient_through_z(variant):
    return changed_meeting(
        "meeting_written_out", variant, lambda dz, dkl, mu, rho, eps, dmu, drho: (dmu - 0.5 * dz, drho)
    )


@wrong("latent_backward", head="log-variance")
def divergence_of_the_first_latent_left_out(variant):
    def change(dz, dkl, mu, rho, eps, dmu, drho):
        dmu[:, 0] = dz[:, 0]
        return dmu, drho

    return changed_meeting("meeting_written_out", variant, change)


@wrong("latent_backward", head="log-sigma")
def size_of_the_divergences_gradient(variant):
    (right_one,) = right("log_sigma_meeting_written_out", variant)
    return (lambda dz, dkl, *rest: right_one(dz, np.abs(dkl), *rest),)


@wrong("latent_backward", head="softplus")
def divergences_gradient_averaged_over_the_batch(variant):
    (right_one,) = right("softplus_meeting_at_sigma", variant)
    return (lambda dz, dkl, *rest: right_one(dz, np.full_like(dkl, dkl.mean()), *rest),)


@wrong("latent_backward", head="log-precision")
def noise_and_upstream_exchanged_in_part(variant):
    (right_one,) = right("log_precision_meeting_written_out", variant)
    return (lambda dz, dkl, mu, rho, eps: right_one(eps, dkl, mu, rho, dz),)


@wrong("latent_backward", head="log-precision")
def far_gradients_clipped(variant):
    return changed_meeting(
        "log_precision_meeting_written_out",
        variant,
        lambda dz, dkl, mu, rho, eps, dmu, drho: (np.clip(dmu, -1, 1), np.clip(drho, -1, 1)),
    )


# 9. loss_and_grad.


def changed_loss(change):
    (right_one,) = right("loss_by_a_tape", None)
    return (lambda x, eps, params, beta, pieces: change(*right_one(x, eps, params, beta, pieces)),)


@wrong("loss_and_grad")
def a_tenth_more_beta(variant):
    (right_one,) = right("loss_by_a_tape", None)
    return (lambda x, eps, params, beta, pieces: right_one(x, eps, params, beta + 0.1, pieces),)


@wrong("loss_and_grad")
def nine_tenths_of_a_head_at_the_trunk(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        share = np.full(len(x), 1 / len(x))
        weak = functools.partial(nine_tenths, pieces.rho_head_backward)
        nll, kl, grads = gradients_of(x, eps, params, replaced(pieces, rho_head_backward=weak), share, beta * share)
        return (nll + beta * kl) / len(x), grads

    return (loss_and_grad,)


def nine_tenths(backward, dout, cache):
    dh, dW = backward(dout, cache)
    return 0.9 * dh, dW


def replaced(namespace, **changes):
    return type(namespace)(**{**vars(namespace), **changes})


@wrong("loss_and_grad")
def last_example_left_out(variant):
    (right_one,) = right("loss_by_a_tape", None)

    def loss_and_grad(x, eps, params, beta, pieces):
        n = max(1, len(x) - 1)
        return right_one(x[:n], eps[:n], params, beta, pieces)

    return (loss_and_grad,)


@wrong("loss_and_grad")
def trunk_divided_by_the_number_of_pixels(variant):
    return changed_loss(lambda loss, grads: (loss, {**grads, "trunk": grads["trunk"] / 6}))


@wrong("loss_and_grad")
def one_noise_for_every_example(variant):
    (right_one,) = right("loss_by_a_tape", None)
    return (lambda x, eps, *rest: right_one(x, np.repeat(eps[:1], len(x), axis=0), *rest),)


@wrong("loss_and_grad")
def a_constant_in_the_loss(variant):
    return changed_loss(lambda loss, grads: (loss + 0.01, grads))


# 10. optimizer_step.


def adam_like(beta1=0.9, beta2=0.999, adam_eps=1e-8, m_for=lambda m: m, steps=(0, 0)):
    def optimizer_step(theta, grad, state, t, lr):
        m = beta1 * state[0] + (1 - beta1) * grad
        v = beta2 * state[1] + (1 - beta2) * grad**2
        m_hat, v_hat = m / (1 - beta1 ** (t + steps[0])), v / (1 - beta2 ** (t + steps[1]))
        return theta - lr * m_for(m_hat) / (np.sqrt(v_hat) + adam_eps), (m, v)

    return (optimizer_step,)


@wrong("optimizer_step", optimizer="Adam")
def beta1_a_little_smaller(variant):
    return adam_like(beta1=0.89)


@wrong("optimizer_step", optimizer="Adam")
def adam_eps_ten_times_as_large(variant):
    return adam_like(adam_eps=1e-7)


@wrong("optimizer_step", optimizer="Adam")
def size_of_the_first_moment(variant):
    return adam_like(m_for=np.abs)


@wrong("optimizer_step", optimizer="Adam")
def one_moment_corrected_a_step_late(variant):
    return adam_like(steps=(0, 1))


@wrong("optimizer_step", optimizer="AdaMax")
def faster_fading_norm(variant):
    (right_one,) = right("adamax_entry_by_entry", variant)
    return (functools.partial(right_one, beta2=0.99),)


@wrong("optimizer_step", optimizer="AMSGrad")
def fading_maximum(variant):
    (right_one,) = right("amsgrad_by_fmax", variant)

    def optimizer_step(theta, grad, state, t, lr):
        m, v, v_max = state
        return right_one(theta, grad, (m, v, 0.9 * v_max), t, lr)

    return (optimizer_step,)


@wrong("optimizer_step", optimizer="Nadam")
def a_longer_look_ahead(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m, v = 0.9 * state[0] + 0.1 * grad, 0.999 * state[1] + 0.001 * grad**2
        ahead = (0.8 * m + 0.2 * grad) / (1 - 0.9**t)
        return theta - lr * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), (m, v)

    return (optimizer_step,)


# 11. conditional_inputs.


def changed_inputs(name, inputs=lambda made, labels: made, dz=lambda dz: dz):
    encoder_input, decoder_input, backward = right(name, None)
    return (
        lambda x, labels: inputs(encoder_input(x, labels), labels),
        lambda z, labels: inputs(decoder_input(z, labels), labels),
        lambda dinput, latent_dim: dz(backward(dinput, latent_dim)),
    )


@wrong("conditional_inputs", labels="one-hot last")
def smoothed_labels(variant):
    return changed_inputs(
        "one_hot_behind_by_comparison", lambda made, _: np.hstack([made[:, :-6], 0.9 * made[:, -6:] + 0.1 / 6])
    )


@wrong("conditional_inputs", labels="one-hot last")
def classes_from_behind(variant):
    return changed_inputs("one_hot_behind_by_comparison", lambda made, _: np.hstack([made[:, :-6], made[:, :-7:-1]]))


@wrong("conditional_inputs", labels="one-hot first")
def latents_in_the_opposite_order(variant):
    return changed_inputs("one_hot_in_front_padded", dz=lambda dz: dz[:, ::-1])


@wrong("conditional_inputs", labels="plus-minus last")
def minus_a_half_for_minus_one(variant):
    return changed_inputs(
        "plus_minus_behind_by_where", lambda made, _: np.hstack([made[:, :-6], np.maximum(made[:, -6:], -0.5)])
    )


@wrong("conditional_inputs", labels="plus-minus first")
def labels_of_the_next_example(variant):
    encoder_input, decoder_input, backward = right("plus_minus_in_front_by_a_table", None)
    return (
        lambda x, labels: encoder_input(x, np.roll(labels, 1)),
        lambda z, labels: decoder_input(z, np.roll(labels, 1)),
        backward,
    )


# 12. importance_bound.


@wrong("importance_bound")
def one_draw_too_many(variant):
    return changed("bound_by_logaddexp", variant, forward=lambda bound: bound + math.log(5 / 6))


@wrong("importance_bound")
def one_shift_for_all_examples(variant):
    def importance_bound(log_w):
        weights = np.exp(log_w - np.max(log_w))
        return np.max(log_w) + np.log(np.mean(weights, axis=0)), weights / weights.sum(axis=0)

    return importance_bound, lambda dbound, shares: dbound * shares


@wrong("importance_bound")
def cooler_weights(variant):
    f, _ = right("bound_by_logaddexp", variant)

    def importance_bound_backward(dbound, cache):
        weights = np.exp(0.9 * (cache[0] - cache[0].max(axis=0)))
        return dbound * weights / weights.sum(axis=0)

    return f, importance_bound_backward


@wrong("importance_bound")
def mean_of_the_log_weights(variant):
    return lambda log_w: (np.mean(log_w, axis=0), len(log_w)), lambda dbound, k: np.tile(dbound / k, (k, 1))


@wrong("importance_bound")
def log_weights_clipped(variant):
    return with_arguments("bound_by_logaddexp", variant, lambda log_w: (np.clip(log_w, -3, 3),))


# What is said of a wrong answer has to be true.


def close(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    largest = np.max(np.abs(b), initial=0, where=np.isfinite(b))
    return a.shape == b.shape and np.allclose(a, b, rtol=2e-6, atol=2e-8 * largest, equal_nan=True)


def examples(exercise, probe):
    """How many there are, where there are any."""
    if exercise in ("gradient_is_right", "optimizer_step"):
        return 0
    return probe.args[0].shape[1 if exercise == "importance_bound" else 0]


def untrue(key, functions, finding, results):
    """Whether something is claimed that does not hold."""
    name = finding.result
    for slip, made in key.slips:
        if slip.name == finding.name:
            return not all(close(came[name], guess[name]) for came, guess in zip(results, made, strict=True))
    wrong = [i for i, probe in enumerate(key.probes) if probe.where in finding.where]
    pairs = [(np.asarray(results[i][name]), key.right[i][name]) for i in wrong]
    counts = [examples(key.exercise.name, probe) for probe in key.probes]
    everywhere = [
        (n, np.asarray(r[name]), right[name]) for n, r, right in zip(counts, results, key.right, strict=True)
    ]
    claims = {
        "sign": lambda: all(close(came, -right) for came, right in pairs),
        "zero": lambda: not any(np.any(came) for came, _ in pairs),
        "factor": lambda: not finding.what.startswith("is 1 times") and one_factor(pairs),
        "transposed": lambda: all(close(came.T, right) for came, right in pairs),
        "averaged": lambda: max(counts) > 1 and all(close(n * came, right) for n, came, right in everywhere),
        "summed": lambda: max(counts) > 1 and all(close(came, n * right) for n, came, right in everywhere),
        "not_finite": lambda: "flow" not in finding.what or "log" in finding.what or finding.where == (EXTREMES,),
        "several_only": lambda: (
            "reaches" not in finding.what or all(right_alone(key, functions, name, key.probes[i]) for i in wrong)
        ),
    }
    return not claims.get(finding.name, lambda: True)()


def one_factor(pairs):
    a, b = (np.concatenate([np.ravel(part) for part in parts]) for parts in zip(*pairs, strict=True))
    return close(a, (a @ b) / (b @ b) * b)


def right_alone(key, functions, name, probe):
    """Whether every example is right without the others: only then may what belongs to one reach another."""
    if probe.dout is None or key.exercise.name == "importance_bound":
        return True
    for i in range(len(probe.dout)):
        single = dataclasses.replace(
            probe, args=tuple(arg[i : i + 1] for arg in probe.args), dout=probe.dout[i : i + 1]
        )
        came = key.exercise.run(functions, single)[name]
        if not close(came, key.exercise.expected(key.variant, single)[name]):
            return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("exercise", "choice", "functions"), WRONG)
def test_a_wrong_answer_on_no_list_is_refused_loses_marks_and_nothing_untrue_is_said(
    exercise, choice, functions, seed
):
    variant = priors(exercise, choice)[0]
    functions = functions(variant)
    key, results = trial(exercise, variant, functions, seed)
    findings = judge(key, results)
    assert findings
    assert sum(marks(key, results).values()) < sum(key.points.values())
    for finding in findings:
        assert not untrue(key, functions, finding, results), finding


def test_every_exercise_has_three_wrong_answers_or_more():
    count = Counter(each.values[0] for each in WRONG)
    assert set(count) == set(EXERCISES)
    assert min(count.values()) >= 3


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
