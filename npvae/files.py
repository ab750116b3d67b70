"""Files: written beside their place and renamed into it, never left half-written; read without pickles.

What only a file needs is imported where a file is written or read: `import npvae` stays quick.
"""

import contextlib
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from npvae.types import Array

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
    import io
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


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Every array of an .npz file.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that is damaged, is not .npz, or holds Python objects: those are never unpickled.
    """
    import zipfile

    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{path} is not an .npz file of plain arrays, or it is damaged: {error}") from error


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
