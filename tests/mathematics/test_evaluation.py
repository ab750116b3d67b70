"""Bound, active units and log-likelihood, against sums written out and closed forms."""

import math
import tracemalloc

import numpy as np
import pytest
from support import D, L, small_vae

import npvae


def images(n=1200, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, D), np.uint8)


def test_a_model_that_knows_nothing_needs_one_bit_a_pixel():
    model, *_ = small_vae()
    model.params.vector = 0
    result = npvae.evaluate(model, images())
    assert math.isclose(result.bits_per_pixel, 1, rel_tol=1e-12)
    assert math.isclose(result.elbo, -D * math.log(2), rel_tol=1e-12)
    assert result.active_units == 0


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
def test_the_elbo_does_not_depend_on_beta_and_the_loss_does(beta):
    model, *_ = small_vae(beta=beta)
    result = npvae.evaluate(model, images())
    assert math.isclose(result.elbo, -(result.nll + result.kl), rel_tol=1e-12)
    assert math.isclose(result.loss, result.nll + beta * result.kl, rel_tol=1e-12)


def test_the_means_are_over_all_examples_with_z_drawn_from_q():
    model, *_ = small_vae(hidden_dims=())
    model.params["output.W"] *= 3  # a decoder that listens to z
    x = npvae.to_float(images(1200), np.float64)
    result = npvae.evaluate(model, x, rng=3)
    terms = model.loss_terms(x, np.random.default_rng(3).standard_normal((1200, L)))
    assert math.isclose(result.nll, terms.nll.mean(), rel_tol=1e-12)
    at_the_mean = model.loss_terms(x, np.zeros((1200, L)))
    assert abs(result.nll - at_the_mean.nll.mean()) > 0.01


def test_the_same_seed_gives_the_same_numbers_and_grey_levels_are_divided_by_255():
    model, *_ = small_vae()
    assert npvae.evaluate(model, images()) == npvae.evaluate(model, images() / 255)


def test_a_unit_is_active_where_its_mean_varies_with_x():
    model, *_ = small_vae(hidden_dims=())
    x = npvae.to_float(images(), np.float64)
    model.params["mu.W"][...] = 0
    model.params["mu.b"][...] = 5
    spread = x[:, 0].std()
    model.params["mu.W"][0, :] = np.array([0.0, 0.09, 0.11]) / spread  # variances 0, 0.0081 and 0.0121
    assert npvae.evaluate(model, x).active_units == 1


def test_printed_every_number_has_its_unit():
    model, *_ = small_vae()
    text = str(npvae.evaluate(model, images()))
    assert text.count("nats per image") == 4
    assert "per pixel" in text
    assert f"active of {L}" in text


def test_data_that_does_not_fit_is_refused():
    model, *_ = small_vae()
    with pytest.raises(ValueError, match=r"x has shape \(2, 8\)"):
        npvae.evaluate(model, np.zeros((2, 8), np.uint8))


def exact_log_likelihood(model, x):
    """log N(x; b, W'W + s^2 I) of a linear Gaussian decoder."""
    W, b = model.params["output.W"], model.params["output.b"]
    learned = model.likelihood.std == "learned"
    var = np.exp(model.params["output.logvar"]) if learned else model.likelihood.std**2
    covariance = W.T @ W + var * np.eye(D)
    residual = x - b
    quadratic = np.einsum("ni,ij,nj->n", residual, np.linalg.inv(covariance), residual)
    return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * covariance)[1])


@pytest.mark.parametrize("std", [0.7, "learned"])
def test_the_importance_weighted_estimate_meets_the_exact_log_likelihood(std):
    model, x, _ = small_vae(hidden_dims=(), likelihood=npvae.Gaussian(std))
    model.params["logvar.W"] = 0
    model.params["logvar.b"] = 0  # a q as wide as the prior: no weight is far from the others
    estimate = npvae.log_likelihood(model, x, n_samples=50_000, verbose=False)
    np.testing.assert_allclose(estimate, exact_log_likelihood(model, x), atol=0.03)


def test_the_mean_log_likelihood_of_one_sample_is_the_bound():
    model, x, _ = small_vae(hidden_dims=(), likelihood=npvae.Gaussian(0.7), n=1)
    many = np.repeat(x, 20_000, axis=0)
    draws = npvae.log_likelihood(model, many, n_samples=1, verbose=False)
    terms = model.loss_terms(many, model.draw_eps(20_000, 1))
    bound = -np.mean(terms.loss)
    assert abs(draws.mean() - bound) < 4 * math.hypot(draws.std(), terms.loss.std()) / math.sqrt(20_000)


@pytest.mark.parametrize("rows", [3, 7, 1000])
def test_the_chunks_do_not_change_what_is_estimated(monkeypatch, rows):
    monkeypatch.setattr("npvae.evaluation.ROWS", rows)
    model, x, _ = small_vae(hidden_dims=(), likelihood=npvae.Gaussian(0.7))
    estimate = npvae.log_likelihood(model, x, n_samples=2000, verbose=False)
    assert estimate.shape == (len(x),)
    np.testing.assert_allclose(estimate, exact_log_likelihood(model, x), atol=0.15)


def test_the_memory_of_an_estimate_grows_with_neither_samples_nor_images():
    model = npvae.VAE(784, 5, (20,))
    x = np.zeros((10, 784), np.uint8)
    tracemalloc.start()
    npvae.log_likelihood(model, x, n_samples=5000, verbose=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e7


def test_the_estimate_is_refused_without_samples_or_for_data_that_does_not_fit():
    model, x, _ = small_vae()
    with pytest.raises(ValueError, match="n_samples is 0"):
        npvae.log_likelihood(model, x, n_samples=0)
    with pytest.raises(ValueError, match="x has shape"):
        npvae.log_likelihood(model, x[:, :3])
