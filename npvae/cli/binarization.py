"""How a run treats its pixels: drawn as 0 or 1, thresholded at 0.5, or left grey."""

from npvae.data.pixels import binarize, binarize_threshold
from npvae.data.sources import Dataset
from npvae.internals.types import Array
from npvae.training import TEST_SEED

BINARIZATIONS = {"stochastic": ", pixels drawn as 0 or 1", "threshold": ", pixels thresholded at 0.5", "none": ""}
"""What to say about the images, by name on the command line."""


def support_of_data(binarization: str, support: tuple[float, float]) -> tuple[float, float]:
    """Return where floats must lie, given the likelihood's support: unless they stay grey, they are probabilities."""
    return support if binarization == "none" else (0.0, 1.0)


def test_images(dataset: Dataset, binarization: str) -> Array:
    """Return test images as the model is meant to see them; any random pixels come from a fixed seed."""
    if binarization == "stochastic":
        return binarize(dataset.x_test, TEST_SEED)
    return binarize_threshold(dataset.x_test) if binarization == "threshold" else dataset.x_test
