"""Labels: classes with the names that they have in the data, numbered from 0."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from npvae.internals.types import Array


class Labels(NamedTuple):
    """The names of the classes, and for each example the index of its name, (N,)."""

    names: tuple[str, ...]
    codes: Array


def read_labels(y: Array) -> Labels:
    """Read labels from whole numbers or text, (N,), (N, 1) or one-hot (N, C), or raise a ValueError."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    elif y.ndim == 2 and y.dtype.kind in "biuf" and np.all((y == 0) | (y == 1)) and np.all(y.sum(axis=1) == 1):
        y = y.argmax(axis=1)
    if y.ndim != 1:
        raise ValueError(f"labels have shape {y.shape}, expected (N,), one for each example, or one-hot (N, C)")
    if y.dtype.kind not in "biufSU":
        raise ValueError(f"labels have dtype {y.dtype}, expected whole numbers or text")
    values, codes = np.unique(y, return_inverse=True)
    if y.dtype.kind == "f":
        if not np.all(np.abs(values) < 2**53) or np.any(values % 1):  # NaN is not below anything
            raise ValueError(f"labels have values such as {values[-1]:g}, expected classes, whole numbers or text")
        values = values.astype(np.int64)
    if y.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    return in_order(map(str, values.tolist()), codes)


def in_order(names: Iterable[str], codes: Array) -> Labels:
    """Sort the classes, numerically if all names are numbers, otherwise alphabetically."""
    names = list(names)
    are_numbers = all(re.fullmatch(r"-?\d{1,18}", name) for name in names)
    ordered = sorted(names, key=lambda name: (int(name) if are_numbers else 0, name))
    return Labels(tuple(ordered), renumber(Labels(tuple(names), codes), ordered))


def renumber(labels: Labels, names: Sequence[str]) -> Array:
    """Return the labels as indices into other names, or raise a ValueError if one is missing there."""
    places = {name: i for i, name in enumerate(names)}
    if missing := [name for name in labels.names if name not in places]:
        raise ValueError(f"labels have the class {missing[0]!r}, expected one of: {', '.join(names[:50])}")
    return np.array([places[name] for name in labels.names], np.intp)[labels.codes]
