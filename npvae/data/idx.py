"""Reader for IDX, the format in which MNIST and its relatives are distributed."""

import gzip
import math
import os
import struct
import zlib
from io import BufferedReader

import numpy as np

from npvae.types import Array

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20
Stream = gzip.GzipFile | BufferedReader


def read_idx(path: str | os.PathLike[str]) -> Array:
    """Read an IDX file, gzipped or not.

    Parameters
    ----------
    path : path-like
        Such as train-images-idx3-ubyte.gz of MNIST, Fashion-MNIST or EMNIST.

    Returns
    -------
    array : ndarray
        Of the shape and type the header says, in native byte order.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that is not IDX, is truncated, or holds less or more than its header promises. Memory is
        bounded by what the file really holds, whatever the header promises.

    Notes
    -----
    Two zero bytes, a type code, the number of dimensions, the dimensions as big-endian 32-bit integers,
    then the entries in C order (Y. LeCun and C. Cortes, the MNIST database).
    """
    with open(path, "rb") as raw:
        zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        try:
            return _parse(gzip.open(raw) if zipped else raw, path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def _parse(file: Stream, path: str | os.PathLike[str]) -> Array:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in DTYPES:
        raise ValueError(f"{path} is not an IDX file: it begins with the bytes {magic.hex(' ') or '(none)'}")
    dtype, dimensions = np.dtype(DTYPES[magic[2]]), magic[3]
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise ValueError(f"{path} ends inside its header, which promises {dimensions} dimensions")
    shape = struct.unpack(f">{dimensions}I", header)
    promised = math.prod(shape) * dtype.itemsize
    content = _read_up_to(file, promised + 1)
    if len(content) != promised:
        held = f"only {len(content)}" if len(content) < promised else "more"
        raise ValueError(f"{path} holds {held}, its header {shape} promises {promised} bytes")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _read_up_to(file: Stream, size: int) -> bytearray:
    """At most size bytes; a chunk at a time, since read(size) would reserve memory for all of it at once."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(CHUNK, size - len(content)))):
        content += chunk
    return content
