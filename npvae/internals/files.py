"""Files, written atomically and read without pickles.

Modules that only files need are imported where a file is written or read, so that `import npvae` stays fast.
"""

import contextlib
import io
import math
import os
import struct
import sys
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from npvae.internals.types import Array

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
DAMAGED = (OSError, EOFError, ValueError, LookupError, OverflowError, RuntimeError, struct.error, zlib.error)
"""What reading a damaged, encrypted or hostile archive can raise, besides the format's own error."""
LARGEST_HEADER = 1 << 14
"""Bytes within which the header of an .npy file must end; NumPy itself refuses headers of more than 10,000."""
PORTIONED = (0, 8)
"""Stored and deflated: the zip methods that Python unpacks in portions. With others, 4 kB may become 4 GB at once."""
NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
ATTEMPTS = 10
"""How often a rename is tried on Windows, where a virus scanner or a viewer may keep the file open for a moment."""


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], Any]) -> None:
    """Put what `write` writes into a temporary file in the same folder, then rename it to `path`.

    Parameters
    ----------
    path : path-like
        Where to put the file. An existing file is replaced atomically.
    write : callable
        Takes a binary file, which is in memory: any error on the disk occurs here, and its message names `path`.

    Raises
    ------
    OSError
        If the folder does not exist or is not writable, or the disk is full.
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
            with contextlib.suppress(OSError):  # the folder may be gone; the error to report is the first
                os.unlink(temporary)
            raise
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error


def remove_strays(folder: Path) -> None:
    """Remove the unfinished files that killed processes have left behind."""
    for stray in folder.glob(".*.*.????????"):
        stray.unlink()


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text, atomically."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


@contextlib.contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file, gzipped or not, and give its unpacked content as a stream and its size on the disk.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        While it is read, for a damaged gzip file.
    """
    import gzip

    with open(path, "rb") as raw:
        is_zipped = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if is_zipped else raw
        try:
            yield file, os.fstat(raw.fileno()).st_size
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is a damaged gzip file: {error}") from error


def read_whole(file: IO[bytes], size: int) -> bytearray:
    """Read all of a file of `size` bytes on the disk, or raise a ValueError if it unpacks to more than is allowed."""
    content = read_up_to(file, unpacked_limit(size) + 1)
    refuse_bomb(len(content), size)
    return content


def read_array(path: str | os.PathLike[str]) -> Array:
    """Read the array in an .npy file, gzipped or not.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a file that is damaged, is not .npy, or holds Python objects, which are never unpickled.
    """
    with unpacked(path) as (file, size):
        try:
            return _array("the array", read_whole(file, size))
        except ValueError as error:
            raise ValueError(f"{path} is not an .npy file of a plain array, or it is damaged: {error}") from error


def array_names(path: str | os.PathLike[str]) -> list[str]:
    """Read the names of the arrays in an .npz file (none, for any other zip); errors as in `read_arrays`."""
    with _archive(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def read_arrays(path: str | os.PathLike[str], names: Collection[str] | None = None) -> dict[str, Array]:
    """Read the arrays in an .npz file, or only those with certain names: others are not touched.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a file that is damaged, is not .npz, would unpack to more than `unpacked_limit` allows, or holds Python
        objects, which are never unpickled.
    """
    with _archive(path) as archive:
        members = [
            member
            for member in archive.infolist()
            if names is None or (member.filename.endswith(".npy") and member.filename.removesuffix(".npy") in names)
        ]
        refuse_bomb(sum(member.file_size for member in members), os.stat(path).st_size)
        return dict(_named_array(archive, member) for member in members)


@contextlib.contextmanager
def _archive(path: str | os.PathLike[str]) -> "Iterator[ZipFile]":
    """Open an .npz file; whatever goes wrong while it is read becomes a ValueError."""
    import zipfile

    with open(path, "rb") as file:
        try:
            if file.read(2) != b"PK":
                raise ValueError("it is not a zip file")
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (*DAMAGED, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not an .npz file of plain arrays, or it is damaged: {error}") from error


def unpacked_limit(size: int) -> int:
    """Return the number of bytes that a compressed file of `size` bytes may unpack to.

    MNIST unpacks to 5 times the size of its file, or 120 times if drawn as zeros and ones in float64; a zip bomb to
    1000 times, or to whatever it claims. An honest file beyond the limit can be stored uncompressed.
    """
    return 100_000_000 + 100 * size


def refuse_bomb(unpacked: int, size: int) -> None:
    """Raise a ValueError if a file of `size` bytes unpacks to more than it may."""
    if unpacked > unpacked_limit(size):
        raise ValueError(
            f"it unpacks from {size:,} to {unpacked:,} bytes or more, expected at most {unpacked_limit(size):,}: "
            "if it is not an attack, store it uncompressed"
        )


def read_up_to(file: IO[bytes] | io.BufferedIOBase, size: int) -> bytearray:
    """Read at most size bytes, a chunk at a time, since read(size) would reserve memory for all of it at once."""
    content = bytearray()
    while len(content) < size and (chunk := file.read(min(CHUNK, size - len(content)))):
        content += chunk
    return content


def unzip(archive: "ZipFile", member: "ZipInfo", size: int) -> bytearray:
    """Read at most size bytes of a member of a zip file, or raise one of the errors in DAMAGED or a BadZipFile."""
    if member.compress_type not in PORTIONED:
        raise ValueError(f"{member.filename} is compressed by method {member.compress_type}, expected deflate")
    with archive.open(member) as file:
        return read_up_to(file, size)


def _named_array(archive: "ZipFile", member: "ZipInfo") -> tuple[str, Array]:
    name = member.filename
    if archive.getinfo(name) is not member:
        raise ValueError(f"it holds two arrays named {name}")
    return name.removesuffix(".npy"), _array(name, unzip(archive, member, member.file_size))


def _array(name: str, content: bytearray) -> Array:
    """Return the array that the bytes of an .npy file describe, sharing their memory."""
    if content.startswith(b"PK"):
        raise ValueError(f"{name} is an archive, expected a single array: rename the file to .npz")
    file = io.BytesIO(content[:LARGEST_HEADER])
    try:
        shape, is_fortran, dtype = NPY_HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:  # a header is a Python literal: reading one can raise almost anything
        raise ValueError(f"the header of {name} cannot be read: {error}") from error
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, which are stored as a pickle, and reading a pickle can run any code: "
            "save it as a plain array of numbers"
        )
    if dtype.kind == "V":
        raise ValueError(f"{name} holds records, expected plain numbers: save each field as a separate array")
    held, promised = len(content) - file.tell(), math.prod(shape) * dtype.itemsize
    if held != promised:
        raise ValueError(f"{name} holds {held} bytes, but its header, {shape} of {dtype}, promises {promised}")
    array = np.frombuffer(content, dtype, offset=file.tell())
    # From code points that Unicode does not have, NumPy would make strings that crash Python.
    if dtype.kind == "U" and np.any(array.view(f"{dtype.byteorder}u4") > sys.maxunicode):
        raise ValueError(f"{name} holds text that is not Unicode")
    return array.reshape(shape, order="F" if is_fortran else "C")


def _replace(source: str, target: Path) -> None:
    for attempt in range(ATTEMPTS):
        try:
            return os.replace(source, target)
        except PermissionError:
            if os.name != "nt" or attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.05 * 2**attempt)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
