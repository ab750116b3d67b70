"""How a run treats its pixels: drawn as 0 or 1, cut at one half, or left grey."""

from npvae.data.pixels import binarize, binarize_threshold
from npvae.data.sources import Dataset
from npvae.internals.types import Array
from npvae.training import TEST_SEED

BINARIZATIONS = {"stochastic": ", pixels drawn as 0 or 1", "threshold": ", pixels cut at one half", "none": ""}
"""By its name on the command line: what is said of the images."""


def support_of_data(binarization: str, support: tuple[float, float]) -> tuple[float, float]:
    """Where floats have to lie, given the likelihood's support: they are probabilities, unless they stay grey."""
    return support if binarization == "none" else (0.0, 1.0)


def test_images(dataset: Dataset, binarization: str) -> Array:
    """Test images as the model is meant to see them; what is random about it is drawn once, from a fixed seed."""
    if binarization == "stochastic":
        return binarize(dataset.x_test, TEST_SEED)
    return binarize_threshold(dataset.x_test) if binarization == "threshold" else dataset.x_test
