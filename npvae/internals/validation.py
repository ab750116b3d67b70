"""Checks of arguments: made once, in the public calls, so that the mathematics needs none.

Every message names the argument and says what it is, what was expected, and what to do.
"""

import operator
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals.types import Array, Generator, Rng


def whole_number(name: str, value: Any, least: int) -> int:
    """Return the value as an int of `least` or more, or raise a ValueError."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected a whole number, {least} or more")
    return number


def positive_int(name: str, value: Any) -> int:
    """Return the value as an int of 1 or more, or raise a ValueError."""
    return whole_number(name, value, 1)


def finite_number(name: str, value: Any, above: float) -> float:
    """Return the value as a finite float of `above` or more, or raise a ValueError."""
    try:
        number = float(value) if np.ndim(value) == 0 and np.isrealobj(value) else np.nan
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not above <= number < np.inf:
        raise ValueError(f"{name} is {value!r}, expected a finite number, {above:g} or more")
    return number


def widths(name: str, value: Any) -> tuple[int, ...]:
    """Return the value as a tuple of ints of 1 or more, or raise a ValueError."""
    if not isinstance(value, tuple | list):
        raise ValueError(f"{name} is {value!r}, expected a tuple of the layers' widths: ({value!r},) for one layer")
    return tuple(positive_int(name, width) for width in value)


def one_of(name: str, value: Any, known: Collection[str]) -> str:
    """Return the value if it is one of the known names, or raise a ValueError."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is {value!r}, expected one of: " + ", ".join(f'"{each}"' for each in known))
    return value


def float_type(name: str, value: DTypeLike) -> np.dtype[Any]:
    """Return the value as float32 or float64, or raise a ValueError."""
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(bool)
    if dtype not in (np.float32, np.float64):
        raise ValueError(f'{name} is {value!r}, expected "float32" (training) or "float64" (checking)')
    return dtype


def generator(name: str, rng: Rng) -> Generator:
    """Return the generator that a seed or a generator stands for, or raise a ValueError."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} is {rng!r}, expected a whole number from 0 as a seed, a numpy.random.Generator, or None"
        ) from error


def plain(name: str, values: Any) -> Array:
    """Return the values as a plain ndarray, of no subclass, or raise a ValueError."""
    if type(values) is not np.ndarray and np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries, expected none: fill them in, as with {name}.filled(0)")
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not an array, expected one, or nested lists of equal length: {error}") from error


def real(name: str, values: Any) -> Array:
    """Return the values as an array of real numbers, of any shape, or raise a ValueError."""
    array = plain(name, values)
    if array.dtype.kind not in "fbiu":
        raise ValueError(f"{name} has dtype {array.dtype}, expected real numbers: convert with .astype(np.float32)")
    return array


def cast(name: str, array: Array, dtype: DTypeLike) -> Array:
    """Return the array in the dtype, or raise a ValueError if a number is too large for it."""
    if array.dtype == dtype:
        return array
    try:
        with np.errstate(over="raise"):
            return array.astype(dtype)
    except FloatingPointError as error:
        largest = np.finfo(np.dtype(dtype)).max
        raise ValueError(
            f"{name} has entries too large for {np.dtype(dtype)}, expected up to {largest:.2g}: rescale it"
        ) from error


def finite(name: str, values: Any, dtype: DTypeLike) -> Array:
    """Return the values as an array of the dtype, of any shape, every entry finite, or raise a ValueError."""
    array = cast(name, real(name, values), dtype)
    within(name, array, (-np.inf, np.inf))
    return array


def target(name: str, array: Any) -> None:
    """Raise a ValueError unless the array itself, and not a copy of it, can be written into."""
    if type(array) is not np.ndarray:
        raise ValueError(f"{name} is a {type(array).__name__}, expected an ndarray, since it is changed in place")
    if not array.flags.writeable:
        raise ValueError(f"{name} is read-only, expected an array to change in place: pass {name}.copy()")


def buffer(name: str, array: Array | None, vector: Array, inputs: Iterable[Any]) -> Array:
    """Return a new vector or, if one is given, that one, which must be like the model's and apart from its inputs."""
    if array is None:
        return np.empty_like(vector)
    target(name, array)
    way_out = "use np.empty_like(model.params.vector)"
    if array.shape != vector.shape or array.dtype != vector.dtype:
        actual = f"shape {array.shape} and dtype {array.dtype}"
        raise ValueError(f"{name} has {actual}, expected {vector.shape} and {vector.dtype}: {way_out}")
    if any(np.may_share_memory(array, other) for other in (vector, *inputs)):
        raise ValueError(f"{name} shares memory with the parameters, x or eps, expected a separate buffer: {way_out}")
    return array


def gradient(grad: Any, params: Any, moments: Iterable[Array]) -> Array:
    """Return the gradient, if an optimizer with these moments may move params along it, or raise a ValueError."""
    target("params", params)
    array = real("grad", grad)
    if params.dtype.kind != "f":
        raise ValueError(f"params has dtype {params.dtype}, expected floats: convert with .astype(np.float32)")
    if np.may_share_memory(params, array):
        raise ValueError("grad shares memory with params, expected a separate array: pass grad.copy()")
    if params.ndim != 1 or {params.shape} != {array.shape, *(moment.shape for moment in moments), params.shape}:
        raise ValueError(
            f"params has shape {params.shape} and grad {array.shape}, expected (P,) for both and the same P at every "
            "step: make a new optimizer for another model"
        )
    return array


def rows(name: str, array: Array, width: int, width_name: str) -> None:
    """Raise a ValueError unless the array is (N, width) with N of 1 or more."""
    expected = f"{name} has shape {array.shape}, expected (N, {width}), where {width_name} is {width}"
    if array.ndim > 2 and len(array) and array[0].size == width:
        raise ValueError(f"{expected}: flatten each image first, with {name}.reshape(len({name}), -1)")
    if array.ndim == 1 and array.size == width:
        raise ValueError(f"{expected}: for a single example use {name}[None, :]")
    if array.ndim != 2 or array.shape[1] != width:
        raise ValueError(expected)
    if len(array) == 0:
        raise ValueError(f"{expected} and N is 1 or more: there is no example in it")


def latents(name: str, values: Any, width: int, dtype: DTypeLike) -> Array:
    """Return codes as a finite (N, width) array of the model's dtype, or raise a ValueError."""
    array = real(name, values)
    rows(name, array, width, "latent_dim")
    return finite(name, array, dtype)


def noise(name: str, values: Any, shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Return noise of this shape as a finite array of the model's dtype, or raise a ValueError."""
    array = real(name, values)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}: noise for each row of x")
    return finite(name, array, dtype)


def images(name: str, values: Any, width: int, support: tuple[float, float], dtype: DTypeLike) -> Array:
    """Return a batch of images, floats in `support`, as an (N, width) array of the dtype, or raise a ValueError."""
    array = plain(name, values)
    if array.dtype.kind not in "fb":
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected floats: "
            "divide grey levels by 255, or convert with .astype(np.float32)"
        )
    rows(name, array, width, "input_dim")
    array = cast(name, array, dtype)
    within(name, array, support)
    return array


def pixels(name: str, values: Any) -> Array:
    """Return the values as an array of uint8 grey levels, floats or bools, or raise a ValueError."""
    array = plain(name, values)
    if array.dtype != np.uint8 and array.dtype.kind not in "fb":
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected uint8 grey levels 0..255, or floats: "
            "convert with .astype(np.uint8) or .astype(np.float32)"
        )
    return array


def dataset(name: str, values: Any, width: int, support: tuple[float, float]) -> Array:
    """Return a whole data set, (N, width), uint8, float or bool, or raise a ValueError; all floats are checked once.

    It is not copied, however large: each batch is converted when it is taken.
    """
    array = plain(name, values)
    if array.ndim == 1 and len(array) != width:
        raise ValueError(
            f"{name} has shape {array.shape}, expected (N, {width}): if these are labels, pass them as labels= or "
            "test_labels= to a ConditionalVAE; other models take none"
        )
    array = pixels(name, array)
    rows(name, array, width, "input_dim")
    if array.dtype != np.uint8:
        within(name, array, support)
    return array


def within(name: str, array: Array, support: tuple[float, float]) -> None:
    """Raise a ValueError unless every pixel is finite and lies in the closed interval."""
    if array.size == 0:
        return
    low, high = support
    smallest, largest = array.min(), array.max()
    if not (smallest > -np.inf and largest < np.inf):  # NaN fails both
        bad = int(np.size(array) - np.count_nonzero(np.isfinite(array)))
        raise ValueError(
            f"{name} has {bad} entries that are NaN or infinite, expected finite numbers: np.isfinite finds them"
        )
    if smallest < low or largest > high:
        raise ValueError(
            f"{name} runs from {smallest:g} to {largest:g}, expected values in [{low:g}, {high:g}]: "
            "rescale it (grey levels are divided by 255), or use a Gaussian likelihood"
        )


def class_labels(values: Any, n: int, classes: int) -> Array:
    """Return the values as (n,) whole numbers in [0, classes), or raise a ValueError; one number stands for all."""
    labels = plain("labels", values)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have dtype {labels.dtype}, expected whole numbers, 0 to {classes - 1}")
    if labels.ndim == 0:
        labels = np.full(n, labels)
    if labels.shape != (n,):
        raise ValueError(f"labels have shape {labels.shape}, expected ({n},), one for each example")
    if n and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return labels
