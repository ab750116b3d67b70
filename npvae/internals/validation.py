"""Checks of arguments: made once, in the public calls, so that the mathematics needs none.

Every message names the argument and says what it is, what was expected, and what to do.
"""

import operator
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals.types import Array, Generator, Rng

DARK = 16
"""Whole numbers up to this are zeros and ones or grey levels of 0 to 16, and hardly grey levels of 0 to 255."""
FEW = 100
"""Number of images to evaluate that may all be dark."""
NUMBERING = (
    "number the classes with names, y = np.unique(y, return_inverse=True), and those of other examples by the same "
    "names, np.searchsorted(names, y)"
)
LARGE = 10
"""Root mean square beyond which a Gaussian model diverges in its first steps: its variances are exponentials."""


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
        raise ValueError(f"{name} has dtype {array.dtype}, expected real numbers")
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
        return np.full_like(vector, np.nan)  # so that what is not written shows
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
        raise ValueError(f"{name} has dtype {array.dtype}, expected floats{_way_to_floats(array)}")
    rows(name, array, width, "input_dim")
    array = cast(name, array, dtype)
    within(name, array, support)
    return array


def pixels(name: str, values: Any) -> Array:
    """Return the values as an array of uint8 grey levels, floats or bools, or raise a ValueError."""
    array = plain(name, values)
    if array.dtype != np.uint8 and array.dtype.kind not in "fb":
        way = _way_to_floats(array)
        raise ValueError(f"{name} has dtype {array.dtype}, expected uint8 grey levels 0..255, or floats{way}")
    return array


def dataset(name: str, values: Any, width: int, support: tuple[float, float], training: bool = False) -> Array:
    """Return a whole data set, (N, width), uint8, float or bool, or raise a ValueError; all numbers are checked once.

    It is not copied, however large: each batch is converted when it is taken. The scale of a training set is checked
    as well.
    """
    array = plain(name, values)
    if array.ndim == 1 and len(array) != width:
        raise ValueError(
            f"{name} has shape {array.shape}, expected (N, {width}): if these are labels, pass them as labels= or "
            "test_labels= to a ConditionalVAE; other models take none"
        )
    array = pixels(name, array)
    rows(name, array, width, "input_dim")
    if array.dtype == np.uint8:
        grey_levels(name, array, few=1 if training else FEW)
    else:
        within(name, array, support)
        if training and np.isinf(support).all():
            _moderate(name, array)
    return array


def grey_levels(name: str, array: Array, few: int = FEW) -> None:
    """Raise a ValueError if more than a few images in uint8 have no value above 16 and are not all black."""
    if array.dtype == np.uint8 and array.ndim > 1 and len(array) > few and 0 < (largest := array.max()) <= DARK:
        looks = "pixels of 0 and 1" if largest == 1 else f"levels of 0 to {DARK}"
        raise ValueError(
            f"{name} is uint8 and runs from {array.min()} to {largest}, expected grey levels of 0 to 255, and looks "
            f"like {looks}: {_way_out(largest)}"
        )


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
        way, grey = _way_to_unit_interval(smallest, largest), smallest >= 0 and DARK < largest <= 255
        raise ValueError(
            f"{name} runs from {smallest:g} to {largest:g}, expected values in [{low:g}, {high:g}]: {way}"
            + (", or use a Gaussian likelihood" if not grey else "")
        )


def _moderate(name: str, array: Array) -> None:
    """Raise a ValueError for floats on which training diverges at any learning rate, judging by some 1,000 rows."""
    some = array[:: max(1, len(array) // 1000)].astype(np.float64)
    largest = np.abs(some).max() or 1  # its square may be beyond all numbers
    size = largest * np.sqrt(np.mean((some / largest) ** 2))
    if size > LARGE:
        grey = " (grey levels of 0 to 255: x / 255)" if array.min() >= 0 and DARK < array.max() <= 255 else ""
        raise ValueError(
            f"{name} runs from {array.min():g} to {array.max():g} with a root mean square of {size:.3g}, expected at "
            f"most {LARGE}: rescale it to the order of 1, as with (x - x.mean()) / x.std(){grey}"
        )


def _way_to_floats(array: Array) -> str:
    """Return how to convert whole numbers to floats of the same meaning, judging by their range."""
    if array.dtype.kind not in "iu" or array.size == 0:
        return ""
    smallest, largest = array.min(), array.max()
    return f": {_way_out(largest) if smallest >= 0 else _way_to_unit_interval(smallest, largest)}"


def _way_out(largest: Any) -> str:
    """Return how to map whole numbers from 0 to `largest` to [0, 1]."""
    dark = "or x / 255 if they are grey levels and so dark"
    if largest == 1:
        return f"x.astype(np.float32) makes floats of zeros and ones, {dark}"
    if 0 < largest <= DARK:
        return f"x / {DARK} makes floats of levels up to {DARK}, {dark}"
    return _way_to_unit_interval(0, largest)


def _way_to_unit_interval(smallest: Any, largest: Any) -> str:
    if smallest == largest == 0 or (smallest >= 0 and DARK < largest <= 255):
        return "x / 255 makes floats of grey levels 0 to 255"
    if smallest >= -1 and largest <= 1:
        return "(x + 1) / 2 maps [-1, 1] to [0, 1]"
    return "rescale it with (x - low) / (high - low), from the lowest to the highest value it can take"


def class_labels(values: Any, n: int, classes: int) -> Array:
    """Return the values as (n,) whole numbers in [0, classes), or raise a ValueError; one number stands for all."""
    labels = plain("labels", values)
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels have dtype {labels.dtype}, expected whole numbers, 0 to {classes - 1}: {NUMBERING}")
    if labels.ndim == 0:
        labels = np.full(n, labels)
    if labels.shape != (n,):
        raise ValueError(f"labels have shape {labels.shape}, expected ({n},), one for each example")
    if n and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}: {NUMBERING}"
        )
    return labels
