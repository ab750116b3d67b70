"""Forms of arrays: any array of examples becomes (N, D), with the shape of an image if that is known."""

import math

import numpy as np

from npvae.internals.types import Array

Shape = tuple[int, ...]
"""Height and width of an image, and 3 for one in colour."""


def flatten(where: object, x: Array, is_table: bool) -> tuple[Array, Shape | None]:
    """Return the examples as (N, D), colours last, and the shape of an image, or None if it is not known.

    x is images (N, H, W), (N, H, W, 1) or (N, 1, H, W), colour images (N, H, W, 3) or (N, 3, H, W), or rows (N, D) or
    (N, 1, D). Rows are images if D is a square, unless `is_table` is true. Any other form raises a ValueError that
    names the file, `where`.
    """
    given = x.shape
    if x.ndim == 4 and 1 in (x.shape[1], x.shape[3]):
        x = x[..., 0] if x.shape[3] == 1 else x[:, 0]
    elif x.ndim == 4 and x.shape[1] == 3 != x.shape[3]:
        x = np.moveaxis(x, 1, 3)
    if x.size == 0 or x.ndim not in (2, 3, 4) or (x.ndim == 4 and x.shape[3] != 3):
        hint = ": is it a file of labels?" if x.ndim == 1 else ""
        raise ValueError(
            f"{where} has an array of shape {given}, expected images, (N, H, W) or (N, H, W, 3), or rows (N, D){hint}"
        )
    if x.ndim == 3 and x.shape[0] == x.shape[1] < x.shape[2]:
        raise ValueError(f"{where} has shape {given}, expected (N, H, W): np.moveaxis(x, 2, 0) puts N in front")
    rows = x.reshape(len(x), -1)
    if x.ndim > 2 and 1 not in x.shape[1:3]:
        return rows, x.shape[1:]
    side = math.isqrt(rows.shape[1])
    return rows, (side, side) if side**2 == rows.shape[1] and not is_table else None
