"""Reader for IDX, the format in which MNIST and its relatives are distributed."""

import math
import os
import struct
from typing import IO

import numpy as np

from npvae.internals.files import read_up_to, refuse_bomb, unpacked, unpacked_limit
from npvae.internals.types import Array

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file, gzipped or not.

    Parameters
    ----------
    path : path-like
        For example train-images-idx3-ubyte.gz of MNIST, Fashion-MNIST or EMNIST.

    Returns
    -------
    array : ndarray
        With the shape and type given in the header, in native byte order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a file that is not IDX, is truncated, or holds less or more than its header promises. Memory is bounded by
        what the file really holds, whatever the header promises, and for a gzipped file by
        `npvae.internals.files.unpacked_limit`.

    Notes
    -----
    Two zero bytes, a type code, the number of dimensions, the dimensions as big-endian 32-bit integers,
    then the entries in C order (Y. LeCun and C. Cortes, the MNIST database).
    """
    with unpacked(path) as (file, size):
        return _parse(file, path, size)


def _parse(file: IO[bytes], path: str | os.PathLike[str], size: int) -> Array:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise ValueError(f"{path} is not an IDX file: it begins with the bytes {magic.hex(' ') or '(none)'}")
    dtype, dimensions = np.dtype(DTYPES[magic[2]]), magic[3]
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise ValueError(f"{path} ends inside its header, which promises {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", header)
    promised = math.prod(shape) * dtype.itemsize
    content = read_up_to(file, min(promised, unpacked_limit(size)) + 1)
    try:
        refuse_bomb(len(content), size)
        if len(content) != promised:
            held = f"only {len(content)}" if len(content) < promised else "more"
            raise ValueError(f"it holds {held}, its header {shape} promises {promised} bytes")
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
