"""The conditional VAE: the gradient of every parameter against differences, and where the label enters."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BAR, D, L, N, activations, examples, seeds, small_vae, whole_model

import npvae
from npvae.gradcheck import model_errors, redraw

C = 5


def small_cvae(rng=0, n=N, **settings):
    rng = np.random.default_rng(rng)
    return *small_vae(rng, n, npvae.ConditionalVAE, label_dim=C, **settings), rng.integers(0, C, n)


@whole_model
@given(
    activation=activations,
    hidden_dims=st.sampled_from([(), (8, 6)]),
    likelihood=st.sampled_from(["bernoulli", npvae.Gaussian("learned")]),
    seed=seeds,
    n=examples,
)
def test_the_gradient_of_every_parameter_meets_finite_differences(activation, hidden_dims, likelihood, seed, n):
    def check(rng):
        model, x, eps, labels = small_cvae(
            rng, n, activation=activation, hidden_dims=hidden_dims, likelihood=likelihood
        )
        return model_errors(model, x, eps, rng, labels)

    errors, _ = redraw(check, seed)
    assert max(errors.values()) < BAR, errors


def test_the_label_enters_the_encoder_and_the_decoder_one_hot_behind_the_rest():
    model, x, eps, labels = small_cvae(hidden_dims=())
    one_hot = np.eye(C)[labels]
    mu, logvar = model.encode(x, labels)
    np.testing.assert_allclose(mu, np.hstack([x, one_hot]) @ model.params["mu.W"] + model.params["mu.b"], rtol=1e-12)
    z, _ = npvae.reparameterize(mu, logvar, eps)
    logits = np.hstack([z, one_hot]) @ model.params["output.W"] + model.params["output.b"]
    np.testing.assert_allclose(model.decode(z, labels), 1 / (1 + np.exp(-logits)), rtol=1e-12)
    nll, _ = npvae.bernoulli_nll(x, logits)
    np.testing.assert_allclose(model.loss_terms(x, eps, labels).nll, nll, rtol=1e-12)


def test_another_label_changes_what_is_encoded_and_what_is_decoded():
    model, x, eps, labels = small_cvae()
    other = (labels + 1) % C
    assert np.all(np.abs(model.encode(x, labels)[0] - model.encode(x, other)[0]).max(axis=1) > 1e-3)
    z = eps
    assert np.all(np.abs(model.decode(z, labels) - model.decode(z, other)).max(axis=1) > 1e-3)


def test_samples_of_a_label_are_decoded_draws_from_the_prior_with_it():
    model, *_ = small_cvae()
    z = np.random.default_rng(3).standard_normal((4, L))
    np.testing.assert_array_equal(model.sample(4, 3, labels=2), model.decode(z, np.full(4, 2)))
    np.testing.assert_array_equal(model.sample(4, 3, labels=[0, 1, 2, 3]), model.decode(z, np.arange(4)))
    assert model.sample(0, labels=2).shape == (0, D)


def test_its_likelihood_is_that_of_the_image_given_the_label():
    model, x, _, labels = small_cvae(likelihood=npvae.Gaussian(0.7), hidden_dims=())
    W, b = model.params["output.W"], model.params["output.b"]
    mean = np.eye(C)[labels] @ W[L:] + b  # z = 0
    covariance = W[:L].T @ W[:L] + 0.49 * np.eye(D)
    residual = x - mean
    exact = -0.5 * (
        np.einsum("ni,ij,nj->n", residual, np.linalg.inv(covariance), residual)
        + np.linalg.slogdet(2 * np.pi * covariance)[1]
    )
    model.params["logvar.W"] = 0
    model.params["logvar.b"] = 0
    model.params["mu.W"] = 0
    model.params["mu.b"] = 0
    estimate = npvae.log_likelihood(model, x, labels, n_samples=200_000, verbose=False)
    np.testing.assert_allclose(estimate, exact, atol=0.05)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "labels are missing"),
        ([0, 1, 2, C], "labels run from 0 to 5, expected 0 to 4"),
        ([0, -1, 2, 3], "labels run from -1 to 3"),
        ([0, 1], r"labels have shape \(2,\), expected \(4,\)"),
        ([0.0, 1.0, 2.0, 3.0], "labels have dtype float64, expected whole numbers"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, message):
    model, x, eps, _ = small_cvae()
    for call in (
        lambda: model.loss_and_grad(x, eps, labels=labels),
        lambda: model.sample(4, labels=labels),
        lambda: npvae.fit(model, x, labels=labels, verbose=False),
        lambda: npvae.evaluate(model, x, labels),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_the_labels_of_the_test_set_are_named_apart():
    model, x, _, labels = small_cvae()
    with pytest.raises(ValueError, match="test_labels: labels are missing"):
        npvae.fit(model, x, x, labels=labels, verbose=False)


def test_told_the_label_it_describes_digits_better_and_comes_back_from_its_file(tmp_path):
    (x_train, y_train), (x_test, y_test) = npvae.load_digits()
    settings = {"epochs": 15, "batch_size": 32, "binarize": True, "verbose": False}
    plain, told = npvae.VAE(64, 2, (50,)), npvae.ConditionalVAE(64, 2, (50,))
    without = npvae.fit(plain, x_train, x_test, **settings)
    history = npvae.fit(told, x_train, x_test, labels=y_train, test_labels=y_test, **settings)
    assert history["test_loss"][-1] < without["test_loss"][-1] - 0.5
    told.save(tmp_path / "model.npz")
    loaded = npvae.load_model(tmp_path / "model.npz")
    assert (type(loaded), loaded.label_dim) == (npvae.ConditionalVAE, 10)
    np.testing.assert_array_equal(loaded.sample(5, 0, labels=3), told.sample(5, 0, labels=3))


def test_zero_weights_say_log_2_a_pixel_and_no_kl():
    model, x, eps, labels = small_cvae()
    model.params.vector = 0
    terms = model.loss_terms(x, eps, labels)
    np.testing.assert_allclose(terms.nll, np.full(N, D * math.log(2)), rtol=1e-14)
    np.testing.assert_array_equal(terms.kl, np.zeros(N))


def test_a_number_of_classes_that_cannot_be_is_refused_by_name():
    with pytest.raises(ValueError, match=r"^label_dim is 0"):
        npvae.ConditionalVAE(label_dim=0)


def test_draws_of_an_output_take_one_label_for_each_row_of_z():
    model, _, eps, labels = small_cvae(likelihood=npvae.Gaussian(1e-6))
    np.testing.assert_allclose(model.draw_output(eps, 0, labels), model.decode(eps, labels), atol=1e-4)
    np.testing.assert_allclose(model.draw_output(eps, 0, 2), model.decode(eps, np.full(N, 2)), atol=1e-4)


def test_samples_with_output_noise_are_draws_around_the_mean_of_the_label_asked_for():
    model, *_ = small_cvae(likelihood=npvae.Gaussian(1e-6))
    drawn = model.sample(4, 3, output_noise=True, labels=2)
    np.testing.assert_allclose(drawn, model.sample(4, 3, labels=2), atol=1e-4)


def test_the_code_of_an_image_is_its_mean_given_its_label():
    model, x, _, labels = small_cvae()
    np.testing.assert_array_equal(model.codes(x, labels), model.encode(x, labels)[0])


def test_reconstruct_hands_the_labels_to_the_encoder_and_to_the_decoder():
    model, x, eps, labels = small_cvae()
    mu, logvar = model.encode(x, labels)
    np.testing.assert_array_equal(model.reconstruct(x, labels=labels), model.decode(mu, labels))
    z, _ = npvae.reparameterize(mu, logvar, eps)
    np.testing.assert_array_equal(model.reconstruct(x, eps, labels), model.decode(z, labels))
