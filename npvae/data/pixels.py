"""Pixels: grey levels to floats, and floats to zeros and ones."""

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals import validation
from npvae.internals.types import Array, Rng


def to_float(x: Array, dtype: DTypeLike = np.float32) -> Array:
    """Images as the models take them: uint8 grey levels are divided by 255, floats are passed on.

    Parameters
    ----------
    x : ndarray of uint8 or float
    dtype : dtype
        Of the result.

    Returns
    -------
    x : ndarray of dtype, same shape

    Raises
    ------
    ValueError
        For another dtype, of x or of the result.
    """
    x = validation.pixels("x", x)
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype is {np.dtype(dtype)}, expected a type of floats, float32 or float64, say")
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=dtype)
    return validation.cast("x", x, dtype)


def binarize(x: Array, rng: Rng = None) -> Array:
    """Draw each pixel from a Bernoulli with its grey level as the probability.

    This is how the literature binarizes MNIST: once for a test set, anew in every epoch for training.

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
        For another dtype, or floats outside [0, 1].

    Notes
    -----
    Salakhutdinov and Murray (2008); Burda, Grosse and Salakhutdinov (2016) for drawing anew ("dynamic").
    """
    x, rng = _unit_interval(x), np.random.default_rng(rng)
    if x.dtype == np.uint8:
        return (rng.integers(0, 255, x.shape, np.uint8) < x).astype(np.float32)  # x of 255 equally likely levels
    return (rng.random(x.shape) < x).astype(x.dtype)


def binarize_threshold(x: Array, threshold: float = 0.5) -> Array:
    """Set each pixel to 1 where its grey level exceeds the threshold, to 0 elsewhere.

    Parameters
    ----------
    x : ndarray of uint8 (0..255) or float (0..1)
    threshold : float
        On the scale from 0 to 1.

    Returns
    -------
    x : ndarray of float, same shape
        Zeros and ones, in x's own float type, or float32 for grey levels.

    Raises
    ------
    ValueError
        For another dtype, or floats outside [0, 1].
    """
    x, threshold = _unit_interval(x), validation.finite_number("threshold", threshold, above=0)
    if x.dtype == np.uint8:
        return (x > 255 * threshold).astype(np.float32)
    return (x > threshold).astype(x.dtype)


def _unit_interval(x: Array) -> Array:
    x = validation.pixels("x", x)
    if x.dtype != np.uint8:
        validation.within("x", x, (0.0, 1.0))
    return x.astype(np.float32) if x.dtype.kind == "b" else x
