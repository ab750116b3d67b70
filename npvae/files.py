"""Files are written beside their place and renamed into it, so that nothing is ever left half-written."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

PATIENCE = 10
"""How often a rename is tried on Windows, where a virus scanner or a viewer may hold the file for a moment."""


def write_atomically(path: str | os.PathLike[str], write: Callable[[IO[bytes]], Any]) -> None:
    """Let `write` fill a temporary file in the same folder, then rename it to `path`.

    Parameters
    ----------
    path : path-like
        Where the file will stand. A file that stands there is replaced whole, or not at all.
    write : callable
        Takes the open binary file.

    Raises
    ------
    OSError
        Where the folder does not exist or cannot be written.
    """
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        _replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    write_atomically(path, lambda file: file.write(text.encode("utf-8")))


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
