"""The files of a zip or a tar, read in memory, each when it is asked for."""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from npvae.coursework.collection.found import ASSIGNMENT, EMPTY_FOLDER, PASSED_OVER, Found
from npvae.coursework.submissions import LARGEST
from npvae.internals.files import read_up_to, unzip
from npvae.internals.text import printable

LARGEST_ARCHIVE = 50_000_000
"""Bytes that an archive within a hand-in may have, with all archives in it."""
LONGEST_NAME = 255
"""Characters a file's name may have on a disk. A zip can claim longer ones."""
LEFT_BEHIND = re.compile(
    r"(__MACOSX|__pycache__|node_modules|site-packages|(\.(?!ipynb_checkpoints$)|~\$)[^/]*(?<!\.ipynb)(?<!\.py)|\._.*"
    r"|Thumbs\.db|desktop\.ini|[Vv]env)"
)
"""What systems, editors and version control leave behind: no file of a student's."""
TARS: dict[str, Callable[[Any], Any]] = {".tar": lambda file: file, ".gz": gzip.open, ".tgz": gzip.open}
TARS |= {".bz2": bz2.open, ".tbz2": bz2.open, ".xz": lzma.open, ".txz": lzma.open}
"""What unpacks a tar, by its suffix."""


def in_archive(file: Found, limit: int, most: int, place: Path | None = None) -> Iterator[Found]:
    """The files of a zip or a tar. What says that it unpacks to more than the limit is not read."""
    members = members_of(file, max(limit, LARGEST_ARCHIVE), place)
    unpacked = count = 0
    passed: set[str] = set()
    for member in sorted(members, key=lambda member: len(re.findall(r"[\\/]", member.path))):
        parts = [part for part in re.split(r"[\\/]", member.path) if part not in ("", ".", "..")] or ["(no name)"]
        path = "/".join([*([] if place else [file.path]), *(short(printable(part)) for part in parts)])
        if any(map(LEFT_BEHIND.fullmatch, parts)):
            folder = path.rpartition("/")[0]
            if not any(map(LEFT_BEHIND.fullmatch, parts[:-2])) and is_work(parts[-1]) and folder not in passed:
                passed.add(folder)
                yield Found(folder, trouble=PASSED_OVER)
            continue
        trouble, count = member.trouble, count + 1
        if count > most:
            yield Found(path, trouble=f"not looked at, like all after it: over {most:,} files in one archive")
            return
        if not trouble and ASSIGNMENT.search(member.path):
            unpacked += min(member.size, LARGEST)
            if unpacked > limit:
                trouble = f"not unpacked: all that stands in its archive has more than {limit:,} bytes"
        longest = max(map(len, parts))
        note = f"the name has {longest:,} characters and is shortened here" if longest > LONGEST_NAME else ""
        yield Found(path, member.size, member.time, member.load, trouble, note)


def is_work(name: str) -> bool:
    """Whether a file is called like a notebook or a script, and not like what programs leave behind."""
    return bool(ASSIGNMENT.search(name)) and not LEFT_BEHIND.fullmatch(name)


def short(name: str) -> str:
    """A name no longer than a disk takes it, with its end, which says what it is."""
    return name if len(name) <= LONGEST_NAME else f"{name[:100]}...{name[-100:]}"


@lru_cache(maxsize=4)
def open_archive(file: Found, limit: int, place: Path | None) -> zipfile.ZipFile | tarfile.TarFile:
    """A zip or a tar, open for as long as it is one of the last few. A tar is unpacked in memory."""
    unpack = TARS.get(file.suffix)
    if not unpack:
        return zipfile.ZipFile(place or io.BytesIO(file.load(LARGEST_ARCHIVE)))
    content = read_up_to(unpack(io.BytesIO(file.load(limit))), limit + 1)
    if len(content) > limit:
        raise ValueError(f"it unpacks to more than {limit:,} bytes")
    return tarfile.open(fileobj=io.BytesIO(content), mode="r:")


def close_archives() -> None:
    """Close those that are still open."""
    open_archive.cache_clear()


def read(file: Found, limit: int, place: Path | None, index: int, size: int) -> bytes:
    """At most so many bytes of one of the members."""
    archive = open_archive(file, limit, place)
    if isinstance(archive, zipfile.ZipFile):
        return bytes(unzip(archive, archive.infolist()[index], size))
    member = archive.extractfile(archive.getmembers()[index])
    return member.read(size) if member else b""


def members_of(file: Found, limit: int, place: Path | None) -> Iterator[Found]:
    """All members, by the names that they have in there; of folders those that are empty."""
    archive, load = open_archive(file, limit, place), partial(read, file, limit, place)
    if isinstance(archive, tarfile.TarFile):
        for index, info in enumerate(archive.getmembers()):
            if not info.isdir():
                trouble = "" if info.isreg() else "a link or a device, which is not followed"
                yield Found(info.name, info.size, float(info.mtime), partial(load, index), trouble)
        return
    filled = {str(parent) for name in archive.namelist() for parent in PurePosixPath(name).parents}
    for index, member in enumerate(archive.infolist()):
        trouble = "encrypted" if member.flag_bits & 1 else ""
        if stat.S_ISLNK(member.external_attr >> 16):
            trouble = "a link, which is not followed"
        if not member.filename.endswith("/"):
            yield Found(zip_name(member), member.file_size, zip_time(member), partial(load, index), trouble)
        elif str(PurePosixPath(member.filename)) not in filled:
            yield Found(zip_name(member), trouble=EMPTY_FOLDER)


def zip_time(member: zipfile.ZipInfo) -> float:
    """When a member was last changed; 0 where the archive says nonsense."""
    with contextlib.suppress(ValueError):
        return datetime(*member.date_time, tzinfo=timezone.utc).timestamp()
    return 0.0


def zip_name(member: zipfile.ZipInfo) -> str:
    """A member's name; macOS writes UTF-8 without saying so, and Windows backslashes."""
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            return member.filename.encode("cp437").decode("utf-8")
    return member.filename
