"""Outside oracles: automatic differentiation by HIPS autograd, densities by scipy."""

import pytest

autograd = pytest.importorskip("autograd")
stats = pytest.importorskip("scipy.stats")
import autograd.numpy as anp  # noqa: E402
import numpy as np  # noqa: E402
from autograd.scipy.special import logsumexp  # noqa: E402
from support import D, H, L, N, small_vae  # noqa: E402

import npvae  # noqa: E402

pytestmark = pytest.mark.slow

LIKELIHOODS = ["bernoulli", npvae.Gaussian(0.5), npvae.Gaussian("learned")]


def dense(h, p, name):
    return anp.dot(h, p[f"{name}.W"]) + p[f"{name}.b"]


def hidden(h, p, network, model):
    activation = {"tanh": anp.tanh, "relu": lambda a: anp.maximum(a, 0)}[model.activation]
    for i in range(len(model.hidden_dims)):
        h = activation(dense(h, p, f"{network}.{i}"))
    return h


def log_density(x, output, p, likelihood):
    """log p(x given z) of each example, written again from the lecture notes."""
    if isinstance(likelihood, npvae.Bernoulli):
        x_hat = 1 / (1 + anp.exp(-output))
        return anp.sum(x * anp.log(x_hat) + (1 - x) * anp.log(1 - x_hat), axis=-1)
    var = anp.exp(p["output.logvar"]) if likelihood.std == "learned" else likelihood.std**2
    return -anp.sum(0.5 * anp.log(2 * np.pi * var) + (x - output) ** 2 / (2 * var), axis=-1)


def loss_of(model, x, eps, labels=None):
    """The mean loss as a function of a dictionary of parameters."""
    one_hot = np.zeros((len(x), 0)) if labels is None else np.eye(model.label_dim)[labels]

    def decode(z, p):
        return dense(hidden(anp.concatenate([z, one_hot], axis=1), p, "decoder", model), p, "output")

    def loss(p):
        h = hidden(anp.concatenate([x, one_hot], axis=1), p, "encoder", model)
        if isinstance(model, npvae.AutoEncoder):
            return -anp.mean(log_density(x, decode(dense(h, p, "latent"), p), p, model.likelihood))
        mu, logvar = dense(h, p, "mu"), dense(h, p, "logvar")
        sigma = anp.sqrt(anp.exp(logvar))
        if not isinstance(model, npvae.ImportanceWeightedVAE):
            log_p = log_density(x, decode(mu + sigma * eps, p), p, model.likelihood)
            kl = -0.5 * anp.sum(1 + logvar - mu**2 - anp.exp(logvar), axis=1)
            return anp.mean(-log_p + model.beta * kl)
        log_w = []
        for noise in eps:
            z = mu + sigma * noise
            log_prior = anp.sum(-0.5 * anp.log(2 * np.pi) - z**2 / 2, axis=1)
            log_q = anp.sum(-0.5 * anp.log(2 * np.pi * sigma**2) - (z - mu) ** 2 / (2 * sigma**2), axis=1)
            log_w.append(log_density(x, decode(z, p), p, model.likelihood) + log_prior - log_q)
        return -anp.mean(logsumexp(anp.array(log_w), axis=0) - anp.log(len(eps)))

    return loss


def compare(model, x, eps, labels=None):
    loss = loss_of(model, x, eps, labels)
    params = {name: array.copy() for name, array in model.params.items()}
    ours, grad = model.loss_and_grad(x, eps, labels=labels)
    assert abs(ours - loss(params)) < 1e-10 * abs(ours)
    theirs = autograd.grad(loss)(params)
    for name, gradient in model.params.like(grad).items():
        assert np.linalg.norm(gradient - theirs[name]) <= 1e-10 * np.linalg.norm(theirs[name]), name


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden_dims", [(), (H,), (H, 6), (H, 6, 5)])
@pytest.mark.parametrize("n", [1, 4])
def test_the_loss_and_every_gradient_agree_with_automatic_differentiation(
    n, hidden_dims, activation, likelihood, beta
):
    model, x, eps = small_vae(11, n, hidden_dims=hidden_dims, activation=activation, likelihood=likelihood, beta=beta)
    compare(model, x, eps)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden_dims", [(), (H, 6)])
@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (npvae.AutoEncoder, {}),
        (npvae.ConditionalVAE, {"label_dim": 5}),
        (npvae.ImportanceWeightedVAE, {"importance_samples": 1}),
        (npvae.ImportanceWeightedVAE, {"importance_samples": 2}),
        (npvae.ImportanceWeightedVAE, {"importance_samples": 5}),
    ],
    ids=["autoencoder", "conditional", "importance 1", "importance 2", "importance 5"],
)
def test_loss_and_gradients_of_the_other_models_meet_autograd(kind, settings, hidden_dims, activation, likelihood):
    model, x, eps = small_vae(
        11, N, kind, hidden_dims=hidden_dims, activation=activation, likelihood=likelihood, **settings
    )
    labels = np.array([0, 4, 2, 2]) if kind is npvae.ConditionalVAE else None
    compare(model, x, eps, labels)


def test_they_agree_on_the_real_thing_784_400_20_on_mnist():
    (x_train, _), _ = npvae.load_mnist()
    model = npvae.VAE(dtype="float64")
    x = npvae.binarize(x_train[:16], 0).astype(np.float64)
    compare(model, x, model.draw_eps(16, 0))


def test_the_oracle_itself_would_notice_a_tenth_of_a_percent():
    model, x, eps = small_vae(11)
    right = model.backward

    def wrong(dloss, cache, grads):
        right(dloss, cache, grads)
        grads["logvar.W"][...] *= 1.001

    model.backward = wrong
    with pytest.raises(AssertionError, match=r"logvar\.W"):
        compare(model, x, eps)


def test_the_densities_are_scipys():
    rng = np.random.default_rng(0)
    x, mean, logvar = rng.standard_normal((3, N, D))
    np.testing.assert_allclose(
        npvae.gaussian_nll(x, mean, logvar)[0],
        -stats.norm(mean, np.exp(logvar / 2)).logpdf(x).sum(axis=1),
        rtol=1e-12,
    )
    pixels = npvae.binarize(rng.random((N, D)), rng)
    np.testing.assert_allclose(
        npvae.bernoulli_nll(pixels, mean)[0],
        -stats.bernoulli(1 / (1 + np.exp(-mean))).logpmf(pixels).sum(axis=1),
        rtol=1e-12,
    )


def test_the_ratio_of_prior_and_posterior_is_scipys():
    rng = np.random.default_rng(0)
    mu, logvar = rng.standard_normal((2, N, L))
    eps = rng.standard_normal((5, N, L))
    z, _ = npvae.reparameterize(mu, logvar, eps)
    expected = stats.norm.logpdf(z) - stats.norm(mu, np.exp(logvar / 2)).logpdf(z)
    np.testing.assert_allclose(npvae.log_prior_ratio(z, logvar, eps)[0], expected.sum(axis=-1), rtol=1e-11)
