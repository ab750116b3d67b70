"""A slip of a beginner is answered in one sentence; what a beginner prints says what it is in one line."""

import numpy as np
import pytest
from support import D, H, L

import npvae

X = np.random.default_rng(0).random((6, D), np.float32)
Y = np.arange(6)


def model(**settings):
    return npvae.VAE(D, L, **{"hidden_dims": (H,)} | settings)


def fit(*test, **settings):
    return npvae.fit(model(), X, *test, epochs=1, verbose=False, **settings)


def names(registry):
    return ", ".join(f'"{name}"' for name in registry)


SLIPS = {
    "hidden_dims=400": (
        lambda: model(hidden_dims=400),
        "hidden_dims is 400, expected a tuple of the layers' widths: (400,) for one layer",
    ),
    "likelihood=npvae.Gaussian": (
        lambda: model(likelihood=npvae.Gaussian),
        f"likelihood is <class 'npvae.likelihoods.Gaussian'>, expected {names(npvae.LIKELIHOODS)}, or an instance: "
        "write npvae.Gaussian()",
    ),
    "likelihood=None": (
        lambda: model(likelihood=None),
        f"likelihood is None, expected {names(npvae.LIKELIHOODS)}, or an instance: write npvae.Gaussian()",
    ),
    'activation=["relu"]': (
        lambda: model(activation=["relu"]),
        f"activation is ['relu'], expected one of: {names(npvae.ACTIVATIONS)}",
    ),
    'optimizer="adam"': (
        lambda: fit(optimizer="adam"),
        "optimizer is 'adam', expected an instance: write npvae.Adam(lr=1e-3)",
    ),
    "optimizer=npvae.SGD": (
        lambda: fit(optimizer=npvae.SGD),
        "optimizer is <class 'npvae.optim.SGD'>, expected an instance: write npvae.SGD(lr=1e-3)",
    ),
    "lr_schedule=1e-3": (
        lambda: fit(lr_schedule=1e-3),
        "lr_schedule is 0.001, expected a function of the epoch such as cosine_decay(1e-3, epochs): a constant "
        "belongs to the optimizer, Adam(lr=...), or to the model, VAE(beta=...)",
    ),
    'rng="a"': (
        lambda: fit(rng="a"),
        "rng is 'a', expected a whole number from 0 as a seed, a numpy.random.Generator, or None",
    ),
    "rng=-1 of a model": (
        lambda: model(rng=-1),
        "rng is -1, expected a whole number from 0 as a seed, a numpy.random.Generator, or None",
    ),
    "labels as the test set": (
        lambda: fit(Y),
        f"x_test has shape (6,), expected (N, {D}): if these are labels, pass them as labels= or test_labels= to a "
        "ConditionalVAE; other models take none",
    ),
}


@pytest.mark.parametrize(("slip", "sentence"), SLIPS.values(), ids=SLIPS)
def test_a_slip_is_answered_in_one_sentence(slip, sentence):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the whole message is compared
        slip()
    assert str(raised.value) == sentence


def test_loading_a_folder_names_the_file_that_is_meant(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder, expected an \.npz file: .*model\.npz"):
        npvae.load_model(tmp_path)


def test_what_is_printed_says_what_it_is_in_one_line():
    assert repr(npvae.VAE()) == "VAE(784-400-20, relu, bernoulli, beta=1: 652,824 parameters)"
    gaussian = npvae.AutoEncoder(D, L, (H, 5), likelihood=npvae.Gaussian("learned"), activation="tanh")
    assert repr(gaussian) == f"AutoEncoder({D}-{H}-5-{L}, tanh, gaussian: {gaussian.params.vector.size} parameters)"
    assert repr(npvae.VAE().params) == "Parameters(652,824 of float32 in 10 arrays: encoder.0.W to output.b)"
    assert repr(npvae.Gaussian(0.1)) == "Gaussian(std=0.1)"
    assert repr(npvae.Bernoulli()) == "Bernoulli()"
    assert repr(npvae.SGD(0.1, 0.9)) == "SGD(lr=0.1, weight_decay=0.0, momentum=0.9; 0 steps so far)"
    history = npvae.History()
    assert repr(history) == "History(0 epochs)"
    row = dict.fromkeys(npvae.history.COLUMNS, 1.0)
    history.rows = [row | {"test_loss": 40.0}, row | {"test_loss": 30.125}]
    assert repr(history) == "History(2 epochs, test loss 40.00 to 30.12 nats)"
    history.rows = [row | {"test_loss": np.nan, "train_loss": 41.0}]
    assert repr(history) == "History(1 epochs, train loss 41.00 to 41.00 nats)"
