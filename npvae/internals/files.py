"""Files: written beside their place and renamed into it, never left half-written; read without pickles.

What only a file needs is imported where a file is written or read: `import npvae` stays quick.
"""

import contextlib
import io
import math
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from npvae.internals.types import Array

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

CHUNK = 1 << 20
DAMAGED = (OSError, EOFError, ValueError, LookupError, OverflowError, RuntimeError, struct.error, zlib.error)
"""What reading a damaged, encrypted or hostile archive can raise, besides its format's own error."""
LARGEST_HEADER = 1 << 14
"""Bytes of an .npy file in which its header ends; NumPy itself reads none of more than 10,000."""
PORTIONED = (0, 8)
"""Stored, deflated: the methods of a zip that Python unpacks in portions. Of others, 4 kB may become 4 GB at once."""
NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
PATIENCE = 10
"""How often a rename is tried on Windows, where a virus scanner or a viewer may hold the file for a moment."""


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], Any]) -> None:
    """Put what `write` writes into a temporary file in the same folder, then rename it to `path`.

    Parameters
    ----------
    path : path-like
        Where the file will stand. A file that stands there is replaced whole, or not at all.
    write : callable
        Takes a binary file. It lies in memory: whatever fails on the disk fails here, and is named.

    Raises
    ------
    OSError
        Where the folder does not exist or cannot be written, or the disk is full.
    """
    import tempfile

    path, content = Path(path), io.BytesIO()
    write(content)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            _replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):  # the folder may have gone, the error to tell is the first
                os.unlink(temporary)
            raise
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def remove_strays(folder: Path) -> None:
    """Remove what killed processes have left of files they had not finished."""
    for stray in folder.glob(".*.*.????????"):
        stray.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


def read_array(path: str | os.PathLike[str]) -> Array:
    """The array of an .npy file.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that is damaged, is not .npy, or holds Python objects: those are never unpickled.
    """
    with open(path, "rb") as file:
        try:
            return _array("the array", read_up_to(file, os.fstat(file.fileno()).st_size))
        except ValueError as error:
            raise ValueError(f"{path} is not an .npy file of a plain array, or it is damaged: {error}") from error


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Every array of an .npz file.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that is damaged, is not .npz, would unpack to more than `unpacked_limit` allows, or holds Python
        objects: those are never unpickled.
    """
    import zipfile

    with open(path, "rb") as file:
        try:
            if file.read(2) != b"PK":
                raise ValueError("it does not begin as a zip does")
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                refuse_bomb(sum(member.file_size for member in members), os.fstat(file.fileno()).st_size)
                return dict(_named_array(archive, member) for member in members)
        except (*DAMAGED, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not an .npz file of plain arrays, or it is damaged: {error}") from error


def unpacked_limit(size: int) -> int:
    """Bytes that a compressed file of `size` bytes may unpack to.

    MNIST unpacks to 5 times its file, drawn as zeros and ones in float64 to 120 times; a bomb to 1000 times, or to
    whatever it claims. An honest file beyond the limit can be stored uncompressed, and has none then.
    """
    return 100_000_000 + 100 * size


def refuse_bomb(unpacked: int, size: int) -> None:
    """A ValueError where a file of `size` bytes unpacks to more than it may."""
    if unpacked > unpacked_limit(size):
        raise ValueError(
            f"it unpacks from {size:,} to {unpacked:,} bytes or more, expected at most {unpacked_limit(size):,}: "
            "if it is no attack, store it uncompressed"
        )


def read_up_to(file: IO[bytes] | io.BufferedIOBase, size: int) -> bytearray:
    """At most size bytes; a chunk at a time, since read(size) would reserve memory for all of it at once."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(CHUNK, size - len(content)))):
        content += chunk
    return content


def unzip(archive: "ZipFile", member: "ZipInfo", size: int) -> bytearray:
    """At most size bytes of what a zip holds, or one of the errors in DAMAGED or a BadZipFile."""
    if member.compress_type not in PORTIONED:
        raise ValueError(f"{member.filename} is compressed by method {member.compress_type}, expected deflate")
    with archive.open(member) as file:
        return read_up_to(file, size)


def _named_array(archive: "ZipFile", member: "ZipInfo") -> tuple[str, Array]:
    name = member.filename
    if archive.getinfo(name) is not member:
        raise ValueError(f"it holds two arrays of the name {name}")
    return name.removesuffix(".npy"), _array(name, unzip(archive, member, member.file_size))


def _array(name: str, content: bytearray) -> Array:
    """The array that the bytes of an .npy file describe, sharing their memory."""
    if content.startswith(b"PK"):
        raise ValueError(f"{name} is an archive, expected one array: call it .npz")
    file = io.BytesIO(content[:LARGEST_HEADER])
    try:
        shape, is_fortran, dtype = NPY_HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # a header is a Python literal: there is hardly an error that reading one cannot raise
        raise ValueError(f"the header of {name} cannot be read: {error}") from error
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, which are stored as a pickle, and reading a pickle can run any code: "
            "save it as a plain array of numbers"
        )
    if dtype.kind == "V":
        raise ValueError(f"{name} holds records, expected plain numbers: save each field as an array of its own")
    held, promised = len(content) - file.tell(), math.prod(shape) * dtype.itemsize
    if held != promised:
        raise ValueError(f"{name} holds {held} bytes, its header {shape} of {dtype} promises {promised}")
    array = np.frombuffer(content, dtype, offset=file.tell())
    # Of code points that Unicode does not have NumPy would make strings that bring Python down.
    if dtype.kind == "U" and np.any(array.view(f"{dtype.byteorder}u4") > sys.maxunicode):
        raise ValueError(f"{name} holds text that is not Unicode")
    return array.reshape(shape, order="F" if is_fortran else "C")


def _replace(source: str, target: Path) -> None:
    for attempt in range(PATIENCE):
        try:
            return os.replace(source, target)
        except PermissionError:
            if os.name != "nt" or attempt == PATIENCE - 1:
                raise
            time.sleep(0.05 * 2**attempt)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
