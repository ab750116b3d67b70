"""Conversion of pixels: grey levels to floats, and floats to zeros and ones."""

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals import validation
from npvae.internals.types import Array, Generator, Rng


def to_float(x: Array, dtype: DTypeLike = np.float32) -> Array:
    """Convert images to the floats that the models take: uint8 grey levels are divided by 255, floats are kept.

    Parameters
    ----------
    x : ndarray of uint8 or float
    dtype : dtype
        Type of the result.

    Returns
    -------
    x : ndarray of dtype, same shape

    Raises
    ------
    ValueError
        For another dtype of x or of the result.
    """
    x = validation.pixels("x", x)
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype is {np.dtype(dtype)}, expected a type of floats, float32 or float64, say")
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=dtype)
    return validation.cast("x", x, dtype)


def binarize(x: Array, rng: Rng = None) -> Array:
    """Draw each pixel from a Bernoulli with its grey level as the probability.

    This is how the literature binarizes MNIST: once for a test set, and again in every epoch for training.

    Parameters
    ----------
    x : ndarray of uint8 (0..255) or float (0..1)
    rng : numpy.random.Generator, int or None

    Returns
    -------
    x : ndarray of float, same shape
        Zeros and ones, in x's own float type, or float32 for grey levels.

    Raises
    ------
    ValueError
        For another dtype, floats outside [0, 1], or more than 100 uint8 images without a value above 16.

    Notes
    -----
    Salakhutdinov and Murray (2008); Burda, Grosse and Salakhutdinov (2016) for drawing in every epoch ("dynamic").
    """
    return draw_binary(_unit_interval(x), np.random.default_rng(rng))


def draw_binary(x: Array, rng: Generator) -> Array:
    """Binarize a batch of a data set that has been checked."""
    if x.dtype.kind == "b":
        x = x.astype(np.float32)
    if x.dtype == np.uint8:
        return (rng.integers(0, 255, x.shape, np.uint8) < x).astype(np.float32)  # x of 255 equally likely levels
    return (rng.random(x.shape) < x).astype(x.dtype)


def binarize_threshold(x: Array, threshold: float = 0.5) -> Array:
    """Set each pixel to 1 if its grey level exceeds the threshold, and to 0 otherwise.

    Parameters
    ----------
    x : ndarray of uint8 (0..255) or float (0..1)
    threshold : float
        Between 0 and 1.

    Returns
    -------
    x : ndarray of float, same shape
        Zeros and ones, in x's own float type, or float32 for grey levels.

    Raises
    ------
    ValueError
        For another dtype, floats outside [0, 1], or more than 100 uint8 images without a value above 16.
    """
    x, threshold = _unit_interval(x), validation.finite_number("threshold", threshold, above=0)
    if x.dtype == np.uint8:
        return (x > 255 * threshold).astype(np.float32)
    return (x > threshold).astype(np.float32 if x.dtype.kind == "b" else x.dtype)


def _unit_interval(x: Array) -> Array:
    x = validation.pixels("x", x)
    if x.dtype == np.uint8:
        validation.grey_levels("x", x)
    else:
        validation.within("x", x, (0.0, 1.0))
    return x
