"""Values of `reparameterize` and `kl_divergence`, and the identities that a gradient check cannot see.

Their gradients, and those of all other pairs: test_the_gradient_meets_finite_differences in test_pairs.py.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from support import seeds

import npvae

DRAWS = 200_000


def test_z_is_mu_plus_the_standard_deviation_times_the_noise():
    z, _ = npvae.reparameterize(
        np.array([[1.0, 1.0]]), np.array([[math.log(4), math.log(9)]]), np.array([[1.0, -2.0]])
    )
    np.testing.assert_allclose(z, [[3.0, -5.0]], rtol=1e-15)


def test_the_draws_of_z_have_mean_mu_and_variance_exp_logvar():
    rng = np.random.default_rng(1)
    mu, logvar = np.array([-1.0, 0.5, 2.0]), np.array([-3.0, 0.7, 2.0])
    z, _ = npvae.reparameterize(mu, logvar, rng.standard_normal((DRAWS, 3)))
    var = np.exp(logvar)
    assert np.all(np.abs(z.mean(axis=0) - mu) < 4 * np.sqrt(var / DRAWS))
    assert np.all(np.abs(z.var(axis=0) - var) < 4 * var * math.sqrt(2 / DRAWS))


def test_different_dimensions_of_z_are_uncorrelated():
    mu, logvar = np.array([-1.0, 0.5, 2.0]), np.array([-3.0, 0.7, 2.0])
    z, _ = npvae.reparameterize(mu, logvar, np.random.default_rng(2).standard_normal((DRAWS, 3)))
    correlations = np.corrcoef(z.T)[np.triu_indices(3, 1)]
    assert np.all(np.abs(correlations) < 4 / math.sqrt(DRAWS))


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.float32, -103, 88), (np.float64, -745, 709)])
def test_the_variance_of_any_log_variance_is_positive_and_finite_over_the_stated_range_and_not_beyond(
    dtype, low, high
):
    logvar = np.linspace(low, high, 10_001, dtype=dtype)[:, None]
    _, (_, var) = npvae.kl_divergence(np.zeros_like(logvar), logvar)
    assert np.all(var > 0)
    assert np.all(np.isfinite(var))
    with np.errstate(over="ignore"):
        beyond = np.exp(np.array([low - 1, high + 1], dtype))
    np.testing.assert_array_equal(beyond, [0, np.inf])


@pytest.mark.parametrize(
    ("kind", "shape"), [(npvae.VAE, (2000, 30)), (npvae.ImportanceWeightedVAE, (5, 400, 30))], ids=["VAE", "k draws"]
)
def test_the_noise_is_standard_normal_and_independent(kind, shape):
    eps = kind(4, 30, (), dtype="float64").draw_eps(shape[-2], rng=3)
    assert eps.shape == shape
    rows = eps.reshape(-1, 30)
    n = rows.size
    for power, moment in {1: 0, 2: 1, 3: 0, 4: 3}.items():
        values = rows**power
        assert abs(values.mean() - moment) < 4 * values.std() / math.sqrt(n)
    between_dimensions = np.corrcoef(rows.T)[np.triu_indices(30, 1)]
    between_examples = np.corrcoef(rows[:60])[np.triu_indices(60, 1)]
    assert np.max(np.abs(between_dimensions)) < 5 / math.sqrt(len(rows))  # the largest of 435
    assert np.max(np.abs(between_examples)) < 5 / math.sqrt(30)  # the largest of 1770


def test_kl_of_mu_2_and_logvar_0_is_2():
    kl, _ = npvae.kl_divergence(np.array([[2.0]]), np.array([[0.0]]))
    np.testing.assert_array_equal(kl, [2.0])


def test_kl_of_the_prior_to_itself_is_0_and_so_is_its_gradient():
    kl, cache = npvae.kl_divergence(np.zeros((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(kl, [0.0, 0.0])
    dmu, dlogvar = npvae.kl_divergence_backward(np.ones(2), cache)
    assert not dmu.any()
    assert not dlogvar.any()


def test_kl_of_a_wide_and_of_a_narrow_gaussian_are_the_closed_form():
    kl, _ = npvae.kl_divergence(np.zeros((2, 1)), np.log([[4.0], [0.25]]))
    np.testing.assert_allclose(kl, [1.5 - math.log(2), math.log(2) - 0.375], rtol=1e-14)


@given(seed=seeds)
def test_kl_is_symmetric_in_mu_positive_and_additive_over_dimensions(seed):
    mu, logvar = np.random.default_rng(seed).normal(0, 2, (2, 4, 3))
    kl, _ = npvae.kl_divergence(mu, logvar)
    np.testing.assert_array_equal(npvae.kl_divergence(-mu, logvar)[0], kl)
    assert np.all(kl > 0)
    parts = [npvae.kl_divergence(mu[:, [j]], logvar[:, [j]])[0] for j in range(3)]
    np.testing.assert_allclose(np.sum(parts, axis=0), kl, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_monte_carlo_kl_meets_the_analytic_one(seed):
    rng = np.random.default_rng(seed)
    mu, logvar = rng.normal(0, 1, (1, 3)), rng.normal(0, 1, (1, 3))
    z, _ = npvae.reparameterize(mu, logvar, rng.standard_normal((DRAWS, 3)))
    log_ratio = 0.5 * np.sum(z**2 - (z - mu) ** 2 / np.exp(logvar) - logvar, axis=1)  # log q(z|x) - log p(z)
    kl, _ = npvae.kl_divergence(mu, logvar)
    assert abs(log_ratio.mean() - kl[0]) < 4 * log_ratio.std() / math.sqrt(DRAWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log_variances_of_plus_and_minus_80_stay_finite(dtype):
    mu, logvar = np.zeros((1, 2), dtype), np.array([[-80.0, 80.0]], dtype)
    z, z_cache = npvae.reparameterize(mu, logvar, np.ones((1, 2), dtype))
    kl, kl_cache = npvae.kl_divergence(mu, logvar)
    gradients = (
        *npvae.reparameterize_backward(z, z_cache),
        *npvae.kl_divergence_backward(np.ones(1, dtype), kl_cache),
    )
    assert all(np.all(np.isfinite(array)) for array in (z, kl, *gradients))
    np.testing.assert_allclose(z, [[math.exp(-40), math.exp(40)]], rtol=1e-5)


def test_kl_sums_the_last_axis_and_no_other_of_several_draws_at_once():
    mu, logvar = np.random.default_rng(0).standard_normal((2, 5, 4, 3))
    kl, _ = npvae.kl_divergence(mu, logvar)
    each = [npvae.kl_divergence(*draw)[0] for draw in zip(mu, logvar, strict=True)]
    np.testing.assert_allclose(kl, each, rtol=1e-14)
