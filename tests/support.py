"""What several test files use: the table of all pairs, and strategies."""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

import npvae
from npvae.selfcheck import spread_biases

BAR = 1e-6
K, N, D, H, L = 5, 4, 7, 8, 3
seeds = st.integers(0, 2**32 - 1)
examples = st.sampled_from([1, 4])
activations = st.sampled_from(["tanh", "relu"])
scales = st.sampled_from([0.1, 1.0, 1.5])


class Pair(NamedTuple):
    """A forward with its backward, and what to call them with.

    `args` gets a gradient, `data` does not; both are drawn for n examples.
    """

    forward: object
    backward: object
    args: object
    data: object = lambda rng, n: ()
    data_first: bool = False
    pattern: object = None

    def closure(self, data):
        if self.data_first:
            return lambda *args: self.forward(*data, *args)
        return lambda *args: self.forward(*args, *data)


def normal(*shape):
    return lambda rng, n: rng.standard_normal([n if size == "n" else size for size in shape])


def several(*draws):
    return lambda rng, n: tuple(draw(rng, n) for draw in draws)


def uniform_pixels(rng, n):
    return (rng.random((n, D)),)


PAIRS = {
    "dense": Pair(npvae.dense, npvae.dense_backward, several(normal("n", D), normal(D, H), normal(H))),
    "relu": Pair(npvae.relu, npvae.relu_backward, several(normal("n", H)), pattern=lambda h: h > 0),
    "tanh": Pair(npvae.tanh, npvae.tanh_backward, several(normal("n", H))),
    "sigmoid": Pair(npvae.sigmoid, npvae.sigmoid_backward, several(normal("n", H))),
    "reparameterize": Pair(
        npvae.reparameterize,
        npvae.reparameterize_backward,
        several(normal("n", L), normal("n", L)),
        several(normal("n", L)),
    ),
    "kl_divergence": Pair(npvae.kl_divergence, npvae.kl_divergence_backward, several(normal("n", L), normal("n", L))),
    "log_prior_ratio": Pair(
        npvae.log_prior_ratio,
        npvae.log_prior_ratio_backward,
        several(normal(K, "n", L), normal("n", L)),
        several(normal(K, "n", L)),
    ),
    "log_mean_exp": Pair(npvae.log_mean_exp, npvae.log_mean_exp_backward, several(normal(K, "n"))),
    "bernoulli_nll": Pair(
        npvae.bernoulli_nll, npvae.bernoulli_nll_backward, several(normal("n", D)), uniform_pixels, True
    ),
    "gaussian_nll, logvar (N, D)": Pair(
        npvae.gaussian_nll,
        npvae.gaussian_nll_backward,
        several(normal("n", D), normal("n", D)),
        uniform_pixels,
        True,
    ),
    "gaussian_nll, logvar (D,)": Pair(
        npvae.gaussian_nll, npvae.gaussian_nll_backward, several(normal("n", D), normal(D)), uniform_pixels, True
    ),
    "gaussian_nll, logvar ()": Pair(
        npvae.gaussian_nll, npvae.gaussian_nll_backward, several(normal("n", D), normal()), uniform_pixels, True
    ),
}


def small_vae(rng=0, n=N, kind=npvae.VAE, **settings):
    """A float64 model with every parameter (biases too) away from zero, and a batch and noise for it."""
    rng = np.random.default_rng(rng)
    settings = {"hidden_dims": (H, 6), "activation": "tanh", "dtype": "float64", "rng": rng} | settings
    model = kind(D, L, **settings)
    spread_biases(model, rng)
    return model, rng.random((n, D)).astype(model.dtype), model.draw_eps(n, rng)
