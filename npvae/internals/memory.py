"""Long vectors that start at a cache line."""

import numpy as np

from npvae.internals.types import Array

CACHE_LINE = 64
"""Bytes that the processor reads and writes at once, on nearly all of today's."""


def aligned(vector: Array) -> Array:
    """A copy that starts at a cache line, so that a store of a whole line need not touch two.

    NumPy starts its own arrays anywhere; on long vectors its loops then take up to twice as long.
    """
    memory = np.empty(vector.nbytes + CACHE_LINE, np.uint8)
    address, _ = memory.__array_interface__["data"]
    start = -address % CACHE_LINE
    copy: Array = memory[start : start + vector.nbytes].view(vector.dtype)
    copy[...] = vector
    return copy
