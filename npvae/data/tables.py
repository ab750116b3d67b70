"""Tables: CSV files of images or of anything else, one example per line, with or without a header and labels."""

import csv
import io
import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from npvae.data.labels import Labels, in_order, read_labels
from npvae.internals.types import Array
from npvae.internals.validation import DARK

LABELS = "label labels class classes target targets y digit letter species variety"
"""Names of a column of labels."""
NUMBER = r"(?i)[-+]?((\d+\.?\d*|\.\d+)(e[-+]?\d+)?|nan|inf|infinity)"
SMALLEST_SIDE = 8
"""Smallest side of an image in a table: 4, 9 or 25 columns are more likely to be something else."""


def read_table(where: object, content: bytes | bytearray) -> tuple[Array, Labels | None]:
    """Read a table of comma-separated values in UTF-8: the values, and the labels if there are any.

    The labels are the column that the header names so, or the only column of text; without a header, if rows have one
    number more than a square image, the first or the last column. The values are (N, H, W) if the rows are images, in
    uint8 if they are grey levels, otherwise (N, D) floats. Memory is bounded by the content. Errors name `where`.
    """
    try:
        header, first, lines = _begin(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig"))
        column, names = _label_column(header, first), dict[str, int]()
        encode: Any = {column: lambda text: names.setdefault(text.strip(), len(names))}
        settings: Any = {"comments": None, "delimiter": ",", "quotechar": '"', "encoding": None, "ndmin": 2}
        x = np.loadtxt(lines, np.float32, converters=None if column is None else encode, **settings)
        is_many = min(x.shape) > 1 and column != 0
        if is_many and np.array_equal(x[:, 0], x[0, 0] + np.arange(len(x))):
            raise ValueError("its first column numbers the lines: leave it out, as with to_csv(index=False)")
        if column is not None:
            labels = in_order(names, x[:, column].astype(np.intp))
        elif header is None and (column := _label_end(x)) is not None:
            labels = read_labels(x[:, column])
        else:
            return _images(x, header), None
    except (ValueError, csv.Error) as error:
        message = "is not a table of numbers with commas between them, no gaps, and one column of labels at most"
        raise ValueError(f"{where} {message}: {error}") from error
    header = header and [*header[:column], *header[column + 1 :]]
    return _images(np.delete(x, column, axis=1), header), labels


def _begin(text: io.TextIOWrapper) -> tuple[list[str] | None, list[str], Iterator[str]]:
    """Return the names of the columns, if there are any, the cells of the first row, and the lines of all rows."""
    lines = (line for line in text if line.strip())
    start = list(itertools.islice(lines, 2))
    cells = [[cell.strip() for cell in row] for row in csv.reader(start)]
    header = cells.pop(0) if cells and _is_header(cells[0]) else None
    if not cells:
        raise ValueError("it has no line of numbers")
    return header, cells[0], itertools.chain(start[-len(cells) :], lines)


def _is_header(cells: list[str]) -> bool:
    """Tell whether a first line names the columns, in words or counting from 0 as pandas does."""
    words = _words(cells)
    numbers = [cell for cell in cells if cell and cell not in words]
    return len(words) > 1 or numbers == list(map(str, range(len(numbers)))) != ["0"]


def _label_column(header: list[str] | None, first: list[str]) -> int | None:
    """Find the column of labels: the one named so, or the only one of text."""
    found = [i for i, name in enumerate(header or ()) if name.lower() in LABELS.split()]
    found = found or [i for i, cell in enumerate(first) if cell in _words(first)]
    if len(found) > 1:
        raise ValueError(f"any of the columns {', '.join(str(i + 1) for i in found[:9])} may be the labels")
    return found[0] if found else None


def _label_end(x: Array) -> int | None:
    """Find the column of labels in rows with one number more than a square image: the first or the last."""
    if not _side(x.shape[1] - 1) or _side(x.shape[1]):
        return None
    ends = [i for i in (0, x.shape[1] - 1) if not np.any(x[:, i] % 1) and 1 < len(np.unique(x[:, i])) < len(x)]
    if len(ends) > 1:
        raise ValueError("the first or the last column may be labels: name them in a first line, label,0,1,...")
    return ends[0] if ends else None


def _images(x: Array, header: list[str] | None) -> Array:
    """Return rows as images if they can be, in uint8 if they are grey levels; otherwise unchanged."""
    side = _side(x.shape[1])
    if not side or (header and not all(re.search(r"\d", name) for name in header)):
        return x
    if x.min() >= 0 and DARK < x.max() <= 255 and not np.any(x % 1):
        x = x.astype(np.uint8)
    return x.reshape(len(x), side, side)


def _side(columns: int) -> int:
    """Return the side of a square image of this many pixels, or 0 if there is none or it is tiny."""
    side = math.isqrt(columns)
    return side if side**2 == columns and side >= SMALLEST_SIDE else 0


def _words(cells: list[str]) -> list[str]:
    """Return the cells that are not numbers."""
    return [cell for cell in cells if cell and not re.fullmatch(NUMBER, cell)]
