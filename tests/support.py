"""What several test files use: sizes that tell axes apart, strategies, and a small model with a batch."""

import os

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

import npvae
from npvae.gradcheck import BAR, D, H, K, L, spread_biases

__all__ = ["BAR", "D", "H", "K", "L", "N", "activations", "examples", "scales", "seeds", "small_vae", "whole_model"]

N = 4
seeds = st.integers(0, 2**32 - 1)
examples = st.sampled_from([1, 4])
activations = st.sampled_from(npvae.ACTIVATIONS.own)
whole_model = settings(max_examples=settings.default.max_examples // (1 if "HYPOTHESIS_PROFILE" in os.environ else 4))
"""Of a test that differentiates a whole model: a quarter of the examples, unless a profile was asked for."""
scales = st.sampled_from([0.1, 1.0, 1.5])


def small_vae(rng=0, n=N, kind=npvae.VAE, **settings):
    """A float64 model with every parameter (biases too) away from zero, and a batch and noise for it."""
    rng = np.random.default_rng(rng)
    settings = {"hidden_dims": (H, 6), "activation": "tanh", "dtype": "float64", "rng": rng} | settings
    model = kind(D, L, **settings)
    spread_biases(model, rng)
    return model, rng.random((n, D)).astype(model.dtype), model.draw_eps(n, rng)
