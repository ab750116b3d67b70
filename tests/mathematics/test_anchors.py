"""Exact anchors: what the equations say of a whole model, solved on paper or integrated to many digits.

Gradient tests miss what is wrong in forward and backward alike. These are here to catch it.
"""

import itertools
import math
from typing import NamedTuple

import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from support import small_vae

import npvae

LOG_2PI = math.log(2 * math.pi)


# Probabilistic PCA: a linear Gaussian VAE has its best log-likelihood in closed form, and its bound can be tight.
# Tipping and Bishop (1999); Lucas et al. (2019), "Don't blame the ELBO".


class Trained(NamedTuple):
    """A linear VAE after training on x, its bound at each step, and for each example (N,) at the end."""

    model: npvae.VAE
    x: np.ndarray
    elbos: list[float]
    elbo: np.ndarray


@pytest.fixture(scope="module", params=[0, 1, 2], ids="problem {}".format)
def trained(request):
    N, D, L, steps = 300, 6, 2, 1500
    rng = np.random.default_rng(request.param)
    W, m = rng.standard_normal((L, D)), rng.standard_normal(D)
    x = rng.standard_normal((N, L)) @ W + m + 0.5 * rng.standard_normal((N, D))
    model = npvae.VAE(D, L, hidden_dims=(), likelihood=npvae.Gaussian("learned"), dtype="float64", rng=rng)

    # With a linear decoder the loss is quadratic in eps: its mean over 2L points of mean 0 and covariance I is
    # its expectation over N(0, I), so that neither loss nor gradient has any noise.
    points = math.sqrt(L) * np.concatenate([np.eye(L), -np.eye(L)])
    batch = np.repeat(x, 2 * L, axis=0), np.tile(points, (N, 1))

    optimizer, lr, elbos = npvae.Adam(), npvae.cosine_decay(0.3, steps), []
    for step in range(1, steps + 1):
        optimizer.lr = lr(step)
        loss, grad = model.loss_and_grad(*batch)
        optimizer.step(model.params.vector, grad)
        elbos.append(-loss)
    return Trained(model, x, elbos, -model.loss_terms(*batch).loss.reshape(N, 2 * L).mean(axis=1))


def probabilistic_pca(x, L):
    """The largest mean log-likelihood there is, in nats per example, and the variance of the noise there."""
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1]
    D, kept, variance = len(eigenvalues), eigenvalues[:L], eigenvalues[L:].mean()
    return -0.5 * (D * LOG_2PI + np.log(kept).sum() + (D - L) * np.log(variance) + D), variance


def marginal_log_likelihood(model, x):
    """log N(x; b, W'W + sigma^2 I) of each example: what a linear decoder says of x once z is integrated out."""
    W, b = model.params.layer("output")
    covariance = W.T @ W + np.exp(model.params["output.logvar"]) * np.eye(model.input_dim)
    residual, (_, log_det) = x - b, np.linalg.slogdet(covariance)
    squares = np.sum(residual * np.linalg.solve(covariance, residual.T).T, axis=1)
    return -0.5 * (model.input_dim * LOG_2PI + log_det + squares)


def test_the_elbo_of_a_linear_vae_climbs_to_the_log_likelihood_of_probabilistic_pca_and_never_above(trained):
    best, _ = probabilistic_pca(trained.x, trained.model.latent_dim)
    assert best - trained.elbo.mean() < 0.001
    assert max(trained.elbos) < best + 1e-12


def test_the_linear_vae_itself_has_that_log_likelihood_and_its_bound_is_tight_for_each_example(trained):
    log_p = marginal_log_likelihood(trained.model, trained.x)
    best, _ = probabilistic_pca(trained.x, trained.model.latent_dim)
    assert abs(log_p.mean() - best) < 0.001
    np.testing.assert_allclose(trained.elbo, log_p, rtol=0, atol=0.001)


def test_the_variance_that_the_linear_vae_learns_is_the_mean_of_the_discarded_eigenvalues(trained):
    _, variance = probabilistic_pca(trained.x, trained.model.latent_dim)
    np.testing.assert_allclose(np.exp(trained.model.params["output.logvar"]), variance, rtol=1e-5)


# Quadrature: with one or two latent dimensions log p(x) is an integral that can be done.

IMAGES = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
"""All 64 images of six pixels, (64, 6)."""


@pytest.fixture(params=[1, 2], ids="L = {}".format)
def model(request):
    """A VAE with weights of order one: its decoder listens to z, and its q is neither the prior nor the posterior."""
    rng = np.random.default_rng(request.param)
    model = npvae.VAE(6, request.param, hidden_dims=(5,), activation="tanh", dtype="float64")
    model.params.vector = rng.uniform(-1, 1, model.params.vector.size)
    model.params["logvar.W"] /= 4
    model.params["logvar.b"] -= 1  # sigma stays below 1 or so, where few nodes give many digits
    return model


def gauss_hermite(L):
    """Nodes (K, L) and weights (K,): sum(weights * f(nodes)) is the mean of f over N(0, I)."""
    nodes, weights = hermegauss(80)
    grid = np.array(list(itertools.product(nodes, repeat=L)))
    return grid, np.prod(list(itertools.product(weights / math.sqrt(2 * math.pi), repeat=L)), axis=1)


def log_normal(z, mean, logvar):
    """Log-density of N(mean, diag(exp(logvar))), summed over the last axis."""
    return -0.5 * np.sum(LOG_2PI + logvar + (z - mean) ** 2 / np.exp(logvar), axis=-1)


def log_likelihood(model, x, z):
    """log p(x given z) of every image under every z, (N, K), from the decoder's probabilities."""
    x_hat = model.decode(z)
    return x @ np.log(x_hat).T + (1 - x) @ np.log(1 - x_hat).T


def log_marginal(model, x):
    """log p(x) of each image, (N,): the likelihood integrated over the prior."""
    z, weights = gauss_hermite(model.latent_dim)
    return np.log(np.exp(log_likelihood(model, x, z)) @ weights)


def expected_elbo(model, x):
    """The bound of each image, (N,): the model's own terms, integrated over q."""
    eps, weights = gauss_hermite(model.latent_dim)
    terms = model.loss_terms(np.repeat(x, len(eps), axis=0), np.tile(eps, (len(x), 1)))
    return -(terms.nll + terms.kl).reshape(len(x), -1) @ weights


def kl_to_posterior(model, x):
    """KL(q || p(z given x)) of each image, (N,), on an even grid of z, where the posterior is normalized anew."""
    L, axis = model.latent_dim, np.linspace(-12, 12, 121)
    z, cell = np.array(list(itertools.product(axis, repeat=L))), (axis[1] - axis[0]) ** L
    log_joint = log_likelihood(model, x, z) + log_normal(z, 0, 0.0)
    log_posterior = log_joint - np.log(np.exp(log_joint).sum(axis=1, keepdims=True) * cell)
    log_q = log_normal(z, *(head[:, None] for head in model.encode(x)))
    return np.sum(np.exp(log_q) * (log_q - log_posterior), axis=1) * cell


def test_the_elbo_in_expectation_over_q_lies_below_log_p_for_every_image(model):
    assert np.all(expected_elbo(model, IMAGES) < log_marginal(model, IMAGES))


def test_log_p_is_the_elbo_plus_the_kl_divergence_from_q_to_the_true_posterior(model):
    elbo, kl = expected_elbo(model, IMAGES), kl_to_posterior(model, IMAGES)
    np.testing.assert_allclose(log_marginal(model, IMAGES), elbo + kl, rtol=0, atol=1e-8)


def importance_weighted_bound(model, x, k, rng, draws=4000):
    """Draws of log mean_k w, w = p(x, z) / q(z given x), for one image."""
    eps, (mu, logvar) = model.draw_eps(draws * k, rng), model.encode(x[None])
    z, _ = npvae.reparameterize(mu, logvar, eps)
    nll = model.loss_terms(np.tile(x, (draws * k, 1)), eps).nll
    log_w = log_normal(z, 0, 0.0) - nll - log_normal(z, mu, logvar)
    return np.log(np.exp(log_w).reshape(draws, k).mean(axis=1))


@pytest.mark.parametrize("n", [0b000000, 0b001101, 0b100110, 0b111111], ids="image {:06b}".format)
def test_the_importance_weighted_bound_rises_towards_log_p_with_k_and_stays_below(model, n):
    rng, log_p = np.random.default_rng(0), log_marginal(model, IMAGES)[n]
    bounds = [importance_weighted_bound(model, IMAGES[n], k, rng) for k in (1, 5, 50)]
    means = np.array([bound.mean() for bound in bounds])
    errors = np.array([bound.std() / math.sqrt(bound.size) for bound in bounds])
    assert np.all(means - 4 * errors < log_p)
    assert np.all(np.diff(means) > 4 * np.hypot(errors[1:], errors[:-1]))


def test_the_probabilities_of_all_64_images_with_z_integrated_out_sum_to_one(model):
    z, weights = gauss_hermite(model.latent_dim)
    for head in ("mu.W", "mu.b", "logvar.W", "logvar.b"):
        model.params[head] = 0  # q is the prior, and eps is z itself
    nll = model.loss_terms(np.repeat(IMAGES, len(z), axis=0), np.tile(z, (64, 1))).nll
    p = np.exp(-nll).reshape(64, -1) @ weights
    assert math.isclose(p.sum(), 1, rel_tol=1e-12)
    np.testing.assert_allclose(p, np.exp(log_marginal(model, IMAGES)), rtol=1e-10)


# The trick itself: two ways to estimate the gradient of E[f(z)], z from N(mu, sigma^2), for mu and logvar.

DRAWS = 200_000


def two_estimators(f, df, mu, logvar, rng):
    """Draws of the reparameterized and of the score-function gradient for (mu, logvar), each (2, DRAWS, points)."""
    z, cache = npvae.reparameterize(mu, logvar, rng.standard_normal((DRAWS, len(mu))))
    reparameterized = npvae.reparameterize_backward(df(z), cache)
    var = np.exp(logvar)
    score = (z - mu) / var, 0.5 * ((z - mu) ** 2 / var - 1)  # d log q(z) by mu and logvar
    return np.stack(reparameterized), f(z) * np.stack(score)


def five_points(rng):
    return rng.normal(0, 1, 5), rng.uniform(-1, 1, 5)


def standard_errors_off(draws, expected):
    """How far the means over draws (2, DRAWS, points) are from what is expected, in standard errors."""
    return np.abs(draws.mean(axis=1) - expected) / (draws.std(axis=1) / math.sqrt(DRAWS))


def square():
    """E[z^2] = mu^2 + sigma^2."""
    return np.square, lambda z: 2 * z, lambda mu, var: (2 * mu, var)


def cosine(k):
    """E[cos kz] = cos(k mu) exp(-k^2 sigma^2 / 2)."""

    def gradient(mu, var):
        damping = np.exp(-(k**2) * var / 2)
        return -k * np.sin(k * mu) * damping, -0.5 * k**2 * var * np.cos(k * mu) * damping

    return lambda z: np.cos(k * z), lambda z: -k * np.sin(k * z), gradient


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("f", "df", "gradient"), [square(), cosine(1), cosine(2), cosine(10)], ids=["z^2", "cos z", "cos 2z", "cos 10z"]
)
def test_both_estimators_meet_the_derivative_of_the_expectation(f, df, gradient, seed):
    rng = np.random.default_rng(seed)
    mu, logvar = five_points(rng)
    for draws in two_estimators(f, df, mu, logvar, rng):
        assert np.all(standard_errors_off(draws, gradient(mu, np.exp(logvar))) < 4)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_reparameterized_gradient_of_the_square_has_the_smaller_variance(seed):
    # By mu: 4 s^2 against mu^4 / s^2 + 14 mu^2 + 15 s^2; by logvar: mu^2 s^2 + 2 s^4 against
    # mu^4 / 2 + 15 mu^2 s^2 + 18.5 s^4, s being sigma: smaller everywhere.
    rng = np.random.default_rng(seed)
    mu, logvar = five_points(rng)
    f, df, _ = square()
    reparameterized, score = two_estimators(f, df, mu, logvar, rng)
    assert np.all(reparameterized.var(axis=1) < score.var(axis=1))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_score_function_gradient_of_a_fast_cosine_has_the_smaller_variance(seed):
    # Where k sigma is large, by mu: k^2 / 2 against 1 / (2 sigma^2); by logvar: k^2 sigma^2 / 8 against 1 / 4.
    rng = np.random.default_rng(seed)
    mu, logvar = five_points(rng)
    f, df, _ = cosine(10)
    reparameterized, score = two_estimators(f, df, mu, logvar, rng)
    assert np.all(score.var(axis=1) < reparameterized.var(axis=1))


@pytest.mark.parametrize("seed", [0, 1])
def test_of_a_step_the_reparameterized_gradient_is_zero_and_wrong_and_the_score_function_right(seed):
    rng = np.random.default_rng(seed)
    mu, logvar = five_points(rng)
    density = np.exp(log_normal(np.zeros((5, 1)), mu[:, None], logvar[:, None]))  # of z at the step
    gradient = np.stack([density, -0.5 * mu * density])  # of E[f] = P(z > 0) by mu and logvar
    reparameterized, score = two_estimators(lambda z: z > 0, np.zeros_like, mu, logvar, rng)
    assert not reparameterized.any()
    assert np.all(np.abs(gradient) > 0.01)
    assert np.all(standard_errors_off(score, gradient) < 4)


# Batches: the mean over examples knows neither their order nor how often the whole batch is told.


def test_permuting_the_examples_permutes_the_terms_and_leaves_loss_and_gradient():
    model, x, eps = small_vae(n=11)
    order = np.random.default_rng(0).permutation(11)
    for term, permuted in zip(model.loss_terms(x, eps), model.loss_terms(x[order], eps[order]), strict=True):
        np.testing.assert_allclose(permuted, term[order], rtol=1e-12)
    loss, grad = model.loss_and_grad(x, eps)
    same_loss, same_grad = model.loss_and_grad(x[order], eps[order])
    assert math.isclose(same_loss, loss, rel_tol=1e-13)
    np.testing.assert_allclose(same_grad, grad, rtol=1e-10, atol=1e-14)


def test_duplicating_the_batch_leaves_loss_and_gradient():
    model, x, eps = small_vae()
    loss, grad = model.loss_and_grad(x, eps)
    same_loss, same_grad = model.loss_and_grad(np.tile(x, (2, 1)), np.tile(eps, (2, 1)))
    assert math.isclose(same_loss, loss, rel_tol=1e-13)
    np.testing.assert_allclose(same_grad, grad, rtol=1e-10, atol=1e-14)
