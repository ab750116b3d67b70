"""Real data, shipped with the package, and what turns it into batches."""

from npvae.data.idx import read_idx
from npvae.data.pixels import binarize, binarize_threshold, to_float
from npvae.data.shipped import load_digits, load_mnist

__all__ = ["binarize", "binarize_threshold", "load_digits", "load_mnist", "read_idx", "to_float"]
