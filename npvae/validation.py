"""The public door: what comes from outside is checked here, once, so that the mathematics need not.

Every message says which argument it is about, what came, what was expected and what to do.
"""

import operator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.types import Array


def positive_int(name: str, value: Any) -> int:
    """The value as an int of 1 or more, or a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected a whole number, 1 or more")
    return number


def finite_number(name: str, value: Any, above: float) -> float:
    """The value as a finite float of `above` or more, or a ValueError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not above <= number < np.inf:
        raise ValueError(f"{name} is {value!r}, expected a finite number, {above:g} or more")
    return number


def rows(name: str, array: Array, width: int, width_name: str) -> None:
    """A ValueError unless the array is (N, width) with N of 1 or more."""
    expected = f"{name} has shape {array.shape}, expected (N, {width}), {width_name} being {width}"
    if array.ndim > 2 and len(array) and array[0].size == width:
        raise ValueError(f"{expected}: flatten each image first, {name}.reshape(len({name}), -1)")
    if array.ndim == 1 and array.size == width:
        raise ValueError(f"{expected}: for a single example use {name}[None, :]")
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(expected)
    if len(array) == 0:
        raise ValueError(f"{expected} and N 1 or more: there is no example in it")


def matrix(name: str, values: Any, width: int, width_name: str, dtype: DTypeLike) -> Array:
    """The values as an (N, width) array of the model's dtype, N of 1 or more, or a ValueError."""
    array = np.asarray(values)
    if array.dtype.kind not in "fbiu":
        raise ValueError(f"{name} has dtype {array.dtype}, expected real numbers")
    rows(name, array, width, width_name)
    return array.astype(dtype, copy=False)


def images(name: str, values: Any, width: int, support: tuple[float, float], dtype: DTypeLike) -> Array:
    """A batch of images, floats in the interval, as an (N, width) array of the model's dtype, or a ValueError."""
    array = np.asarray(values)
    if array.dtype.kind not in "fb":
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected floats: "
            "divide grey levels by 255, or convert with .astype(np.float32)"
        )
    array = matrix(name, array, width, "input_dim", dtype)
    within(name, array, support)
    return array


def pixels(name: str, values: Any) -> Array:
    """The values as an array of uint8 grey levels or of floats, or a ValueError."""
    array = np.asarray(values)
    if array.dtype != np.uint8 and array.dtype.kind not in "fb":
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected uint8 grey levels 0..255, or floats: "
            "convert with .astype(np.uint8) or .astype(np.float32)"
        )
    return array if array.dtype.kind != "b" else array.astype(np.float32)


def dataset(name: str, values: Any, width: int, support: tuple[float, float]) -> Array:
    """A whole data set, (N, width), uint8 or float; every float is looked at once, before work begins."""
    array = pixels(name, values)
    rows(name, array, width, "input_dim")
    if array.dtype != np.uint8:
        within(name, array, support)
    return array


def within(name: str, array: Array, support: tuple[float, float]) -> None:
    """A ValueError unless every pixel is finite and lies in the closed interval."""
    low, high = support
    smallest, largest = array.min(), array.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
        raise ValueError(f"{name} has {bad} entries that are NaN or infinite, expected finite numbers")
    if smallest < low or largest > high:
        raise ValueError(
            f"{name} runs from {smallest:g} to {largest:g}, expected values in [{low:g}, {high:g}]: "
            "rescale it (grey levels are divided by 255), or use a Gaussian likelihood"
        )


def class_labels(values: Any, n: int, classes: int) -> Array:
    """The values as (n,) whole numbers from 0 to below `classes`, or a ValueError; one number stands for all."""
    labels = np.asarray(values)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have dtype {labels.dtype}, expected whole numbers, 0 to {classes - 1}")
    if labels.ndim == 0:
        labels = np.full(n, labels)
    if labels.shape != (n,):
        raise ValueError(f"labels have shape {labels.shape}, expected ({n},), one for each example")
    if n and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return labels
