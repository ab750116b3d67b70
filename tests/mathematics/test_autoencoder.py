"""The autoencoder: the gradient of every parameter against differences, its loss, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BAR, L, N, activations, examples, seeds, small_vae, whole_model

import npvae
from npvae.gradcheck import model_errors, redraw


@whole_model
@given(
    activation=activations,
    likelihood=st.sampled_from(["bernoulli", npvae.Gaussian("learned")]),
    seed=seeds,
    n=examples,
)
def test_the_gradient_of_every_parameter_meets_finite_differences(activation, likelihood, seed, n):
    def check(rng):
        model, x, _ = small_vae(rng, n, npvae.AutoEncoder, activation=activation, likelihood=likelihood)
        return model_errors(model, x, None, rng)

    errors, _ = redraw(check, seed)
    assert max(errors.values()) < BAR, errors


def test_the_loss_is_the_reconstruction_loss_of_one_code_per_image():
    model, x, eps = small_vae(kind=npvae.AutoEncoder)
    assert eps is None
    z = model.encode(x)
    assert z.shape == (N, L)
    x_hat = model.decode(z)
    np.testing.assert_array_equal(model.reconstruct(x), x_hat)
    terms = model.loss_terms(x, None)
    cross_entropy = -np.sum(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat), axis=1)
    np.testing.assert_allclose(terms.nll, cross_entropy, rtol=1e-12)
    np.testing.assert_array_equal(terms.loss, terms.nll)
    np.testing.assert_array_equal(terms.kl, np.zeros(N))


def test_its_head_is_called_latent_and_there_is_only_one():
    model, *_ = small_vae(kind=npvae.AutoEncoder)
    assert [name for name in model.params if name.split(".")[0] not in ("encoder", "decoder", "output")] == [
        "latent.W",
        "latent.b",
    ]


def test_it_has_no_sample_and_says_why():
    model, *_ = small_vae(kind=npvae.AutoEncoder)
    assert not hasattr(model, "sample")
    with pytest.raises(AttributeError, match=r"no distribution of codes.*01_autoencoder.*use a VAE"):
        model.sample(3)


def test_what_needs_a_distribution_is_refused():
    model, x, _ = small_vae(kind=npvae.AutoEncoder)
    with pytest.raises(ValueError, match="AutoEncoder has no log-likelihood: it defines no distribution"):
        npvae.log_likelihood(model, x)
    with pytest.raises(ValueError, match="AutoEncoder takes no noise"):
        model.loss_and_grad(x, np.zeros((N, L)))
    with pytest.raises(ValueError, match="beta is 2, expected 1: AutoEncoder has no KL"):
        npvae.AutoEncoder(beta=2.0)
    with pytest.raises(ValueError, match="labels were given"):
        model.loss_and_grad(x, None, labels=np.zeros(N, int))


def test_it_has_a_loss_but_no_bound():
    model, x, _ = small_vae(kind=npvae.AutoEncoder)
    result = npvae.evaluate(model, x)
    assert math.isclose(result.loss, model.loss_terms(x, None).loss.mean(), rel_tol=1e-12)
    assert math.isnan(result.elbo)
    assert math.isnan(result.bits_per_pixel)
    assert "elbo" not in str(result)


def test_it_learns_to_reconstruct_digits_and_comes_back_from_its_file(tmp_path):
    (x_train, _), (x_test, _) = npvae.load_digits()
    model = npvae.AutoEncoder(64, 8, (50,))
    history = npvae.fit(model, x_train, x_test, epochs=5, batch_size=32, verbose=False)
    assert history["test_loss"][-1] < history["test_loss"][0] - 2
    model.save(tmp_path / "model.npz")
    loaded = npvae.load_model(tmp_path / "model.npz")
    assert type(loaded) is npvae.AutoEncoder
    x = npvae.to_float(x_test)
    np.testing.assert_array_equal(loaded.reconstruct(x), model.reconstruct(x))
