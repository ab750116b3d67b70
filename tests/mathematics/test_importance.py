"""The importance-weighted VAE: the gradient of every parameter against differences, and its bound."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BAR, D, N, activations, examples, seeds, small_vae, whole_model

import npvae
from npvae.gradcheck import model_errors, redraw

counts = pytest.mark.parametrize("k", [1, 2, 5])


def small_iwae(rng=0, n=N, k=5, **settings):
    return small_vae(rng, n, npvae.ImportanceWeightedVAE, importance_samples=k, **settings)


@whole_model
@given(k=st.sampled_from([1, 2, 5]), activation=activations, seed=seeds, n=examples)
def test_the_gradient_of_every_parameter_meets_finite_differences(k, activation, seed, n):
    def check(rng):
        model, x, eps = small_iwae(rng, n, k, activation=activation)
        return model_errors(model, x, eps, rng)

    errors, _ = redraw(check, seed)
    assert max(errors.values()) < BAR, errors


@whole_model
@given(likelihood=st.sampled_from([npvae.Gaussian(0.5), npvae.Gaussian("learned")]), seed=seeds)
def test_the_gradient_of_a_gaussian_model_without_hidden_layers_meets_finite_differences(likelihood, seed):
    model, x, eps = small_iwae(seed, likelihood=likelihood, hidden_dims=())
    assert max(model_errors(model, x, eps, seed).values()) < BAR


@counts
def test_the_loss_is_minus_the_logarithm_of_the_mean_weight(k):
    model, x, eps = small_iwae(k=k)
    mu, logvar = model.encode(x)
    sigma = np.exp(logvar / 2)
    weights = []
    for i in range(k):
        z = mu + sigma * eps[i]
        x_hat = model.decode(z)
        p_x = np.prod(x_hat**x * (1 - x_hat) ** (1 - x), axis=1)
        p_z = np.prod(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), axis=1)
        q_z = np.prod(np.exp(-((z - mu) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma), axis=1)
        weights.append(p_x * p_z / q_z)
    terms = model.loss_terms(x, eps)
    np.testing.assert_allclose(terms.loss, -np.log(np.mean(weights, axis=0)), rtol=1e-12)
    np.testing.assert_allclose(terms.nll + terms.kl, terms.loss, rtol=1e-12)
    loss, _ = model.loss_and_grad(x, eps)
    assert math.isclose(loss, terms.loss.mean(), rel_tol=1e-12)


def test_the_bound_of_one_draw_is_the_vaes_with_a_sampled_kl():
    model, x, eps = small_iwae(k=1)
    plain, *_ = small_vae()
    plain.params.vector = model.params.vector
    ours, theirs = model.loss_terms(x, eps), plain.loss_terms(x, eps[0])
    np.testing.assert_allclose(ours.nll, theirs.nll, rtol=1e-12)
    sampled = model.loss_terms(np.tile(x, (4000, 1)), model.draw_eps(4000 * N, 0)).kl.reshape(4000, N)
    error = np.std(sampled, axis=0) / math.sqrt(4000)
    assert np.all(np.abs(np.mean(sampled, axis=0) - theirs.kl) < 4 * error)


def test_the_bound_rises_with_the_number_of_draws():
    model, x, _ = small_iwae(k=1, n=1)
    bounds = []
    for k in (1, 5, 50):
        model.importance_samples = k
        bounds.append(-np.mean(model.loss_terms(np.tile(x, (2000, 1)), model.draw_eps(2000, 0)).loss))
    (log_p,) = npvae.log_likelihood(model, x, n_samples=20_000, verbose=False)
    assert bounds[0] < bounds[1] < bounds[2] < log_p + 0.01


def test_equal_draws_count_as_one():
    model, x, eps = small_iwae(k=3)
    single, *_ = small_iwae(k=1)
    same = np.repeat(eps[:1], 3, axis=0)
    loss, grad = model.loss_and_grad(x, same)
    expected_loss, expected = single.loss_and_grad(x, eps[:1])
    assert math.isclose(loss, expected_loss, rel_tol=1e-12)
    np.testing.assert_allclose(grad, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_mean_exp_neither_overflows_nor_underflows(dtype):
    log_w = np.array([[-1e4, 1e4, 0.0], [-1e4, -1e4, 0.0]], dtype)
    out, weights = npvae.log_mean_exp(log_w)
    np.testing.assert_allclose(out, [-1e4, 1e4 - math.log(2), 0.0], rtol=1e-6)
    np.testing.assert_array_equal(weights, [[0.5, 1, 0.5], [0.5, 0, 0.5]])


def test_log_mean_exp_is_the_logarithm_of_the_mean_not_the_mean_of_the_logarithms():
    out, _ = npvae.log_mean_exp(np.log([[1.0], [3.0]]))
    np.testing.assert_allclose(out, [math.log(2)], rtol=1e-14)


def test_noise_of_another_number_of_draws_is_refused_and_so_is_beta():
    model, x, eps = small_iwae()
    with pytest.raises(ValueError, match=r"eps has shape \(4, 4, 3\), expected .*\(5, 4, 3\)"):
        model.loss_and_grad(x, eps[:4])
    with pytest.raises(ValueError, match="has no KL term to weigh"):
        npvae.ImportanceWeightedVAE(beta=2.0)
    with pytest.raises(ValueError, match="beta_schedule was given"):
        npvae.fit(model, x, beta_schedule=npvae.linear_warmup(1, 3), verbose=False)
    with pytest.raises(ValueError, match="importance_samples is 0"):
        npvae.ImportanceWeightedVAE(importance_samples=0)


def test_it_trains_on_digits_and_comes_back_from_its_file(tmp_path):
    (x_train, _), (x_test, _) = npvae.load_digits()
    model = npvae.ImportanceWeightedVAE(64, 5, (50,), importance_samples=3)
    history = npvae.fit(model, x_train, x_test, epochs=5, batch_size=32, binarize=True, verbose=False)
    assert history["test_loss"][-1] < history["test_loss"][0] - 2
    model.save(tmp_path / "model.npz")
    loaded = npvae.load_model(tmp_path / "model.npz")
    assert (type(loaded), loaded.importance_samples) == (npvae.ImportanceWeightedVAE, 3)
    np.testing.assert_array_equal(loaded.params.vector, model.params.vector)


def test_zero_weights_say_log_2_a_pixel_however_many_draws():
    model, x, eps = small_iwae()
    model.params.vector = 0
    np.testing.assert_allclose(model.loss_terms(x, eps).loss, np.full(N, D * math.log(2)), rtol=1e-13)
