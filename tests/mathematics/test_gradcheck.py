"""The tester is tested: it accepts the truth and rejects what is hardly wrong."""

import numpy as np
import pytest
from hypothesis import assume, given
from support import BAR, H, activations, examples, seeds, small_vae, whole_model

import npvae
from npvae.cli.gradients import gradient_table
from npvae.gradcheck import KinkError, all_pairs, gradient_error, gradient_errors, model_errors, redraw


def cube(a):
    return a**3, a


def cube_backward(dy, a):
    return 3 * dy * a**2


@given(seed=seeds)
def test_a_right_gradient_is_accepted(seed):
    assert gradient_error(cube, cube_backward, [np.random.default_rng(seed).standard_normal((3, 2))], seed) < BAR


@pytest.mark.parametrize("factor", [1.001, 0.999, 2.0, -1.0, 0.0])
@given(seed=seeds, n=examples)
def test_one_entry_that_is_off_by_a_tenth_of_a_percent_is_rejected(factor, seed, n):
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.5, 2, (n, 3))
    where = tuple(rng.integers(0, a.shape))

    def wrong_backward(dy, cache):
        da = cube_backward(dy, cache)
        da[where] *= factor
        return da

    dy = np.random.default_rng(seed).standard_normal(a.shape)
    assume(abs(dy[where]) > 0.01 * np.abs(dy).max())  # an entry that is not negligible
    assert gradient_error(cube, wrong_backward, [a], seed) > 100 * BAR


@whole_model
@given(activation=activations, seed=seeds, n=examples)
def test_one_entry_of_one_parameter_of_the_model_that_is_off_by_a_tenth_of_a_percent_is_rejected(activation, n, seed):
    def check(rng):
        model, x, eps = small_vae(rng, n, activation=activation, hidden_dims=(H,))
        grads = model.params.like(np.empty_like(model.params.vector))
        _, cache = model.forward(x, eps)
        upstream = np.random.default_rng(seed).standard_normal(n)
        model.backward(upstream, cache, grads)
        name = rng.choice([name for name, grad in grads.items() if grad.any()])
        large = np.argwhere(np.abs(grads[name]) > 1e-3 * np.abs(grads[name]).max())
        where = tuple(rng.choice(large))
        right = model.backward

        def wrong(dloss, cache, grads):
            right(dloss, cache, grads)
            grads[name][where] *= 1.001

        model.backward = wrong
        return model_errors(model, x, eps, seed)[name]

    error, _ = redraw(check, seed)
    assert error > 10 * BAR


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 4])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_right_gradient_of_the_model_is_accepted_every_time_a_thousand_times_in_all(activation, n):
    def check(rng):
        model, x, eps = small_vae(rng, n, activation=activation)
        return max(model_errors(model, x, eps, rng).values())

    errors = [redraw(check, seed)[0] for seed in range(250)]
    assert max(errors) < BAR


def test_a_nan_in_the_gradient_is_an_infinite_error():
    assert gradient_error(cube, lambda dy, a: np.full_like(a, np.nan), [np.ones(3)]) == np.inf


def test_a_gradient_where_there_is_none_is_an_infinite_error_and_zero_for_zero_is_right():
    def constant(a):
        return np.zeros(2), a

    assert gradient_error(constant, lambda dy, a: np.zeros_like(a), [np.ones(3)]) == 0
    assert gradient_error(constant, lambda dy, a: np.full_like(a, 1e-9), [np.ones(3)]) == np.inf


def test_the_upstream_gradient_is_not_ones():
    def there_and_back(a):
        return np.array([a, -a]), a

    # The outputs cancel: with an upstream of ones the gradient is zero, and "0" would pass.
    assert gradient_error(there_and_back, lambda dy, a: np.zeros(()), [np.array(2.0)]) > 0.5


def test_noise_drawn_anew_in_each_evaluation_is_an_error():
    rng = np.random.default_rng(0)

    def noisy(mu, logvar):
        return npvae.reparameterize(mu, logvar, rng.standard_normal(mu.shape))

    assert gradient_error(noisy, npvae.reparameterize_backward, [np.zeros((2, 3)), np.zeros((2, 3))]) > 0.9


def test_the_arguments_are_left_as_they_were():
    a = np.random.default_rng(0).standard_normal(4)
    before = a.copy()
    gradient_error(cube, cube_backward, [a])
    np.testing.assert_array_equal(a, before)


def test_errors_come_one_for_each_argument():
    def product(a, b):
        return a * b, (a, b)

    def backward(dy, cache):
        a, b = cache
        return dy * b, 2 * dy * a

    right, wrong = gradient_errors(product, backward, [np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    assert right < BAR
    assert 0.9 < wrong < 1.1


def test_the_wrong_number_and_the_wrong_shape_of_gradients_are_named():
    with pytest.raises(ValueError, match="returned 2 gradients, expected 1"):
        gradient_error(cube, lambda dy, a: (dy, dy), [np.ones(3)])
    with pytest.raises(ValueError, match=r"gradient 0 has shape \(2,\), expected \(3,\)"):
        gradient_error(cube, lambda dy, a: dy[:2], [np.ones(3)])


def test_a_kink_within_a_difference_is_found_and_redrawn_and_counted():
    draws = iter([np.array([1e-6]), np.array([-2e-6]), np.array([0.5])])

    def check(rng):
        return gradient_error(npvae.relu, npvae.relu_backward, [next(draws)], 0, lambda h: h > 0)

    error, redrawn = redraw(check)
    assert redrawn == 2
    assert error < BAR


def test_a_point_that_stays_on_a_kink_is_an_error_in_the_end():
    def check(rng):
        return gradient_error(npvae.relu, npvae.relu_backward, [np.zeros(1)], 0, lambda h: h > 0)

    with pytest.raises(KinkError, match="100 points"):
        redraw(check)


def test_a_kink_in_the_model_is_seen_in_the_encoder_and_in_the_decoder():
    for network in ("encoder", "decoder"):
        model, x, eps = small_vae(activation="relu")
        before = model.params[f"{network}.0.W"], model.params[f"{network}.0.b"]
        before[0][...] = 0
        before[1][...] = np.linspace(1e-6, 1, len(before[1]))
        vector = model.params.vector.copy()
        with pytest.raises(KinkError):
            model_errors(model, x, eps)
        np.testing.assert_array_equal(model.params.vector, vector)


def test_the_table_has_a_row_for_each_function_and_each_parameter_and_all_pass():
    rows = {row.name: row for row in gradient_table(1)}
    models = [("VAE", likelihood) for likelihood in npvae.LIKELIHOODS]
    models += [(name, "bernoulli") for name in npvae.MODELS.own if name != "VAE"]
    networks = {f"{name} {activation} {of}" for name, of in models for activation in npvae.ACTIVATIONS}
    assert {name.split(":")[0] for name in rows} == {*all_pairs(), *networks}
    for parameter in small_vae(hidden_dims=(H, 6))[0].params:
        assert f"VAE tanh bernoulli: {parameter}" in rows
    assert all(row.passed for row in rows.values())
