"""Whether a result is the one that it should be."""

from typing import Any

import numpy as np

from npvae.internals.types import Array

SINGLE, DOUBLE = 1e-3, 1e-5
"""By the precision of what came: relative, with a floor of a hundredth of the array's largest entry."""


def agree(came: Any, should: Array) -> bool:
    """Whether an array is right, to the precision it came in."""
    came = as_numbers(came)
    return came is not None and came.shape == should.shape and bool(np.all(entries_agree(came, should)))


def entries_agree(came: Array, should: Array) -> Array:
    """The same, entry by entry, for arrays of one shape."""
    tolerance = SINGLE if came.dtype.str[1:] == "f4" else DOUBLE
    scale = np.abs(should) + 0.01 * np.max(np.abs(should), initial=0)
    with np.errstate(invalid="ignore"):
        return np.isfinite(came) & (np.abs(came - should) <= tolerance * scale + 1e-11)


def as_numbers(value: Any) -> Array | None:
    """The value as an array of real numbers, or None where it is not one, such as a `Failure`."""
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind == "b":
        return array.astype(np.float64)
    return array if array.dtype.kind in "fiu" else None


def same_error(came: Any, made: Any) -> bool:
    """Whether a wrong result is what a mistake makes; NaN may agree too."""
    came, made = as_numbers(came), as_numbers(made)
    if came is None or made is None or came.shape != made.shape:
        return False
    finite = np.isfinite(made)
    return np.array_equal(came[~finite], made[~finite], equal_nan=True) and agree(came[finite], made[finite])
