"""Outside oracles: automatic differentiation by HIPS autograd."""

import pytest

autograd = pytest.importorskip("autograd")
import autograd.numpy as anp  # noqa: E402
import numpy as np  # noqa: E402
from support import H, small_vae  # noqa: E402

import npvae  # noqa: E402

pytestmark = pytest.mark.slow


def loss_of(model, x, eps):
    """The mean loss as a function of a dictionary of parameters, written again from the lecture notes."""
    activation = {"tanh": anp.tanh, "relu": lambda a: anp.maximum(a, 0)}[model.activation]
    layers = len(model.hidden_dims)

    def dense(h, p, name):
        return anp.dot(h, p[f"{name}.W"]) + p[f"{name}.b"]

    def loss(p):
        h = x
        for i in range(layers):
            h = activation(dense(h, p, f"encoder.{i}"))
        mu, logvar = dense(h, p, "mu"), dense(h, p, "logvar")
        z = mu + anp.sqrt(anp.exp(logvar)) * eps
        for i in range(layers):
            z = activation(dense(z, p, f"decoder.{i}"))
        output = dense(z, p, "output")
        if isinstance(model.likelihood, npvae.Bernoulli):
            x_hat = 1 / (1 + anp.exp(-output))
            nll = -anp.sum(x * anp.log(x_hat) + (1 - x) * anp.log(1 - x_hat), axis=1)
        else:
            learned = model.likelihood.std == "learned"
            var = anp.exp(p["output.logvar"]) if learned else model.likelihood.std**2
            nll = anp.sum(0.5 * anp.log(2 * np.pi * var) + (x - output) ** 2 / (2 * var), axis=1)
        kl = -0.5 * anp.sum(1 + logvar - mu**2 - anp.exp(logvar), axis=1)
        return anp.mean(nll + model.beta * kl)

    return loss


@pytest.mark.parametrize("beta", [1.0, 0.3])
@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.5), npvae.Gaussian("learned")])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden_dims", [(), (H,), (H, 6), (H, 6, 5)])
@pytest.mark.parametrize("n", [1, 4])
def test_the_loss_and_every_gradient_agree_with_automatic_differentiation(
    n, hidden_dims, activation, likelihood, beta
):
    model, x, eps = small_vae(11, n, hidden_dims=hidden_dims, activation=activation, likelihood=likelihood, beta=beta)
    compare(model, x, eps)


def test_they_agree_on_the_real_thing_784_400_20_on_mnist():
    (x_train, _), _ = npvae.load_mnist()
    model = npvae.VAE(dtype="float64")
    x = npvae.binarize(x_train[:16], 0).astype(np.float64)
    compare(model, x, model.draw_eps(16, 0))


def compare(model, x, eps):
    loss = loss_of(model, x, eps)
    params = {name: array.copy() for name, array in model.params.items()}
    ours, grad = model.loss_and_grad(x, eps)
    assert abs(ours - loss(params)) < 1e-10 * abs(ours)
    theirs = autograd.grad(loss)(params)
    for name, gradient in model.params.like(grad).items():
        assert np.linalg.norm(gradient - theirs[name]) <= 1e-10 * np.linalg.norm(theirs[name]), name


def test_the_oracle_itself_would_notice_a_tenth_of_a_percent():
    model, x, eps = small_vae(11)
    right = model.backward

    def wrong(dloss, cache, grads):
        right(dloss, cache, grads)
        grads["logvar.W"][...] *= 1.001

    model.backward = wrong
    with pytest.raises(AssertionError, match=r"logvar\.W"):
        compare(model, x, eps)
