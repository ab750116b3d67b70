"""Every file of what was handed in, in folders and archives, within bounds; nothing is unpacked onto the disk."""

import stat
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from npvae.coursework.collection.archives import LARGEST_ARCHIVE, LEFT_BEHIND, TARS, in_archive, is_work
from npvae.coursework.collection.found import EMPTY_FOLDER, PASSED_OVER, UNREADABLE, Found, brief
from npvae.internals.files import unpacked_limit
from npvae.internals.text import printable

MOST_UNPACKED = 20_000_000
"""Bytes that the notebooks and scripts in an archive within a hand-in may unpack to."""
COST_OF_A_TAR = LARGEST_ARCHIVE // 10
DEEPEST = 3
"""How many archives may stand one in another."""
MOST_NAMES = 300_000
"""Files and folders that are looked at, whatever they are."""
MOST_ARCHIVED = 2_000
"""Files that are looked at in an archive within a hand-in, those nearest to its top."""


def find(path: Path) -> list[Found]:
    """All files of a folder or an archive, those nearest to its top first.

    Raises
    ------
    FileNotFoundError
        Where there is nothing at that path.
    ValueError
        For a file that is not an archive.
    """
    found: list[Found] = []
    for file in files_at(path):
        if len(found) == MOST_NAMES:
            found.append(Found(file.path, trouble=f"not looked at, like all after it: over {MOST_NAMES:,} files"))
            break
        found += opened(file)
    return found


def files_at(path: Path) -> Iterable[Found]:
    """The files of a folder or an archive; archives among them are files like others."""
    if path.is_dir():
        return in_folder(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is neither a folder nor a zip at {path}")
    whole = Found(path.name, path.stat().st_size, load=partial(read_file, path))
    try:
        return list(in_archive(whole, unpacked_limit(whole.size), MOST_NAMES, path))
    except UNREADABLE as error:
        raise ValueError(f"{path} is not an archive, expected a folder or a zip of submissions: {error}") from error


def opened(file: Found, depth: int = 1, left: int = LARGEST_ARCHIVE) -> Iterator[Found]:
    """The files in an archive, and in those in it up to so many bytes in all; or the file itself."""
    if file.trouble or not is_archive(file):
        yield file
        return
    if depth > DEEPEST or file.size > left:
        why = f"it stands in {DEEPEST} others" if depth > DEEPEST else f"more than {left:,} bytes"
        yield replace(file, trouble=f"an archive of {file.size:,} bytes, which is not opened: {why}")
        return
    try:
        inside = list(in_archive(file, MOST_UNPACKED, MOST_ARCHIVED))
    except UNREADABLE as error:
        inside = [replace(file, trouble=f"an archive that cannot be read ({brief(error)})")]
    left -= cost(file)
    for member in inside or [replace(file, trouble="an archive without files")]:
        yield from opened(member, depth + 1, left)
        left -= cost(member)


def cost(file: Found) -> int:
    """What opening a file takes of the bytes that archives of a hand-in may have; a tar is unpacked as a whole."""
    if file.trouble or not is_archive(file):
        return 0
    return max(file.size, COST_OF_A_TAR if file.suffix in TARS else 0)


def is_archive(file: Found) -> bool:
    """Whether it is a kind of archive that is opened."""
    if file.suffix in TARS:
        return file.suffix not in (".gz", ".bz2", ".xz") or f".tar{file.suffix}" in file.name.lower()
    return file.suffix == ".zip" or (file.suffix == "" and file.head().startswith(b"PK\x03\x04"))


def in_folder(root: Path) -> Iterator[Found]:
    """The files below a folder. Links are not followed."""
    waiting = deque([root])
    while waiting:
        folder = waiting.popleft()
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            yield Found(relative(folder, root), trouble=f"a folder that cannot be opened: {error.strerror}")
            continue
        if folder != root and LEFT_BEHIND.fullmatch(folder.name):
            if any(is_work(entry.name) for entry in entries):
                yield Found(relative(folder, root), trouble=PASSED_OVER)
            continue
        is_environment = folder / "pyvenv.cfg" in entries
        kept = [] if is_environment else [entry for entry in entries if not LEFT_BEHIND.fullmatch(entry.name)]
        if not kept and folder != root:
            yield Found(relative(folder, root), trouble=EMPTY_FOLDER)
        for entry in entries if kept or (folder == root and not is_environment) else []:
            name = relative(entry, root)
            try:
                status = entry.lstat()
            except OSError as error:
                yield Found(name, trouble=f"a file that cannot be opened: {error.strerror}")
                continue
            if stat.S_ISDIR(status.st_mode):
                waiting.append(entry)
            elif entry not in kept:
                continue
            elif stat.S_ISREG(status.st_mode):
                yield Found(name, status.st_size, status.st_mtime, partial(read_file, entry))
            else:
                link = stat.S_ISLNK(status.st_mode)
                yield Found(name, trouble="a link, which is not followed" if link else "neither a file nor a folder")


def relative(path: Path, root: Path) -> str:
    """A path for people to read."""
    return "/".join(map(printable, path.relative_to(root).parts))


def read_file(path: Path, size: int) -> bytes:
    """At most so many bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)
