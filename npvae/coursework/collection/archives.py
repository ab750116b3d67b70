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

from npvae.coursework.collection.found import ASSIGNMENT, EMPTY_FOLDER, Found
from npvae.coursework.submissions import LARGEST
from npvae.internals.files import read_up_to, unzip
from npvae.internals.text import printable

LARGEST_ARCHIVE = 50_000_000
"""Bytes that an archive within a hand-in may have, with all archives in it."""
LONGEST_NAME = 255
"""Characters a file's name may have on a disk. A zip can claim longer ones."""
PASSED_OVER = re.compile(
    r"(__MACOSX|__pycache__|node_modules|site-packages|\.(?!ipynb_checkpoints$)[^/]*(?<!\.ipynb)(?<!\.py)|\._.*"
    r"|Thumbs\.db|desktop\.ini|~\$.*|[Vv]env)"
)
"""What systems, editors and version control leave behind: no file of a student's."""
TARS: dict[str, Callable[[Any], Any]] = {
    ".tar": lambda file: file,
    **dict.fromkeys((".gz", ".tgz"), gzip.open),
    **dict.fromkeys((".bz2", ".tbz2"), bz2.open),
    **dict.fromkeys((".xz", ".txz"), lzma.open),
}
"""What unpacks a tar, by its suffix."""


def in_archive(file: Found, limit: int, most: int, place: Path | None = None) -> Iterator[Found]:
    """The files of a zip or a tar. What says that it unpacks to more than the limit is not read."""
    is_tar = PurePosixPath(file.name).suffix.lower() in TARS
    members = tar_members(file, max(limit, LARGEST_ARCHIVE)) if is_tar else zip_members(file, place)
    unpacked = count = 0
    for member in sorted(members, key=lambda member: len(re.findall(r"[\\/]", member.path))):
        parts = [part for part in re.split(r"[\\/]", member.path) if part not in ("", ".", "..")] or ["(no name)"]
        if any(map(PASSED_OVER.fullmatch, parts)):
            continue
        path = "/".join([*([] if place else [file.path]), *(short(printable(part)) for part in parts)])
        trouble, count = member.trouble, count + 1
        if count > most:
            yield Found(path, trouble=f"not looked at, like all after it: over {most:,} files in one archive")
            return
        if not trouble and ASSIGNMENT.search(member.path):
            unpacked += min(member.size, LARGEST)
            if unpacked > limit:
                trouble = f"not unpacked: all that stands in its archive has more than {limit:,} bytes"
        longest = max(map(len, parts), default=0)
        note = f"the name has {longest:,} characters and is shortened here" if longest > LONGEST_NAME else ""
        yield Found(path, member.size, member.time, member.load, trouble, note)


def short(name: str) -> str:
    """A name no longer than a disk takes it, with its end, which says what it is."""
    return name if len(name) <= LONGEST_NAME else f"{name[:100]}...{name[-100:]}"


@lru_cache(maxsize=4)
def open_zip(file: Found, place: Path | None) -> zipfile.ZipFile:
    """A zip, open for as long as it is one of the last few."""
    return zipfile.ZipFile(place or io.BytesIO(file.load(LARGEST_ARCHIVE)))


@lru_cache(maxsize=4)
def open_tar(file: Found, limit: int) -> tarfile.TarFile:
    """A tar, unpacked in memory."""
    packed = io.BytesIO(file.load(limit))
    content = read_up_to(TARS[PurePosixPath(file.name).suffix.lower()](packed), limit + 1)
    if len(content) > limit:
        raise ValueError(f"it unpacks to more than {limit:,} bytes")
    return tarfile.open(fileobj=io.BytesIO(content), mode="r:")


def close_archives() -> None:
    """Close those that are still open."""
    open_zip.cache_clear()
    open_tar.cache_clear()


def zip_members(file: Found, place: Path | None) -> Iterator[Found]:
    members = open_zip(file, place).infolist()
    filled = {str(parent) for member in members for parent in PurePosixPath(member.filename).parents}
    for index, member in enumerate(members):
        if member.filename.endswith("/"):
            if str(PurePosixPath(member.filename)) not in filled:
                yield Found(zip_name(member), trouble=EMPTY_FOLDER)
        else:
            trouble = "encrypted" if member.flag_bits & 1 else ""
            if stat.S_ISLNK(member.external_attr >> 16):
                trouble = "a link, which is not followed"
            load = partial(read_zip, file, place, index)
            yield Found(zip_name(member), member.file_size, zip_time(member), load, trouble)


def zip_time(member: zipfile.ZipInfo) -> float:
    """When a member was last changed; 0 where the archive says nonsense."""
    try:
        return datetime(*member.date_time, tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0


def zip_name(member: zipfile.ZipInfo) -> str:
    """A member's name; macOS writes UTF-8 without saying so, and Windows backslashes."""
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name


def read_zip(file: Found, place: Path | None, index: int, size: int) -> bytes:
    archive = open_zip(file, place)
    return bytes(unzip(archive, archive.infolist()[index], size))


def tar_members(file: Found, limit: int) -> Iterator[Found]:
    for index, member in enumerate(open_tar(file, limit).getmembers()):
        if not member.isdir():
            trouble = "" if member.isreg() else "a link or a device, which is not followed"
            yield Found(member.name, member.size, float(member.mtime), partial(read_tar, file, limit, index), trouble)


def read_tar(file: Found, limit: int, index: int, size: int) -> bytes:
    archive = open_tar(file, limit)
    member = archive.extractfile(archive.getmembers()[index])
    return member.read(size) if member else b""
