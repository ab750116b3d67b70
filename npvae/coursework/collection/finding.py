"""Every file of what was handed in, in folders and archives, within bounds; nothing is unpacked onto the disk."""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property, lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from npvae.coursework.submissions import LARGEST
from npvae.internals.files import DAMAGED, read_up_to, unpacked_limit, unzip
from npvae.internals.text import printable

LARGEST_ARCHIVE = 50_000_000
"""Bytes that an archive within a hand-in may have."""
MOST_UNPACKED = 20_000_000
"""Bytes that the notebooks and scripts in it may unpack to."""
DEEPEST = 3
"""How many archives may stand one in another."""
LONGEST_NAME = 255
"""Characters a file's name may have on a disk. A zip can claim longer ones."""
MOST_NAMES = 300_000
"""Files and folders that are looked at, whatever they are."""
MOST_ARCHIVED = 2_000
"""Files that are looked at in an archive within a hand-in, those nearest to its top."""
HEAD = 512
"""Bytes that tell what a file is."""
UNREADABLE = (*DAMAGED, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError)
PASSED_OVER = re.compile(
    r"(__MACOSX|__pycache__|node_modules|site-packages|\.(?!ipynb_checkpoints$)[^/]*(?<!\.ipynb)(?<!\.py)|\._.*"
    r"|Thumbs\.db|desktop\.ini|~\$.*|[Vv]env)"
)
"""What systems, editors and version control leave behind: no file of a student's."""
ASSIGNMENT = re.compile(r"\.(ipynb|py)\b(?!\.(zip|gz|pdf|html?|png)\b)", re.IGNORECASE)
"""Names of notebooks and scripts, also where a browser added to them: hw1.ipynb.json, hw1.ipynb (1), hw1.py.txt."""
TARS: dict[str, Callable[[Any], Any]] = {
    ".tar": lambda file: file,
    **dict.fromkeys((".gz", ".tgz"), gzip.open),
    **dict.fromkeys((".bz2", ".tbz2"), bz2.open),
    **dict.fromkeys((".xz", ".txz"), lzma.open),
}
"""What unpacks a tar, by its suffix."""
NOTEBOOK = re.compile(rb"(\xef\xbb\xbf)?\s*\{\s*\"(cells|metadata|nbformat|worksheets)\"")
"""How a notebook begins, whatever it is called."""
OFFICE = (".doc", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".pages", ".numbers", ".key", ".rtf")
DATA = (
    *(
        ".txt",
        ".md",
        ".csv",
        ".tsv",
        ".json",
        ".yml",
        ".yaml",
        ".toml",
        ".cfg",
        ".ini",
        ".log",
        ".xml",
        ".css",
        ".js",
    ),
    *(".png", ".jpg", ".jpeg", ".gif", ".svg", ".npy", ".npz", ".pkl", ".pt", ".h5", ".whl", ".pyc", ".lock", ".tex"),
)
"""What may stand beside an assignment, and is passed over."""
OTHER = "not a notebook and not a script"
DOCUMENTS = {
    r"%PDF": "a PDF",
    r"PK\x03\x04": "a zip archive",
    r"Rar!": "a RAR archive",
    r"7z\xbc\xaf": "a 7z archive",
    r"\x1f\x8b|BZh|\xfd7zXZ": "a compressed file",
    r"\xd0\xcf\x11\xe0": "an Office document",
    r"(?i)(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)": "a web page",
    r"version https://git-lfs": "a Git LFS pointer, not the file it stands for",
}
"""What a file is, by its first bytes, however it is called."""


@dataclass(frozen=True)
class Found:
    """A file that is there; its bytes are read when they are asked for."""

    path: str
    """From the folder or zip of the class, archives being folders."""
    size: int = 0
    time: float = 0.0
    """Seconds, in whatever clock the place has."""
    load: Callable[[int], bytes] = lambda size: b""
    """At most so many of its bytes."""
    trouble: str = ""
    """What keeps it from being read."""
    note: str = ""
    """What is unusual about it."""

    @property
    def name(self) -> str:
        """Without its folders."""
        return PurePosixPath(self.path).name

    def head(self) -> bytes:
        """Its first bytes; none where it cannot be read."""
        try:
            return self.load(HEAD)
        except UNREADABLE:
            return b""

    @cached_property
    def may_be_the_assignment(self) -> bool:
        """Whether it is called or begins like a notebook or a script."""
        if ASSIGNMENT.search(self.name):
            return True
        plain = PurePosixPath(self.name).suffix.lower() in ("", ".json", ".txt")
        return plain and not self.trouble and NOTEBOOK.match(self.head()) is not None

    @cached_property
    def kind(self) -> str:
        """What it is, in words."""
        suffix = PurePosixPath(self.name).suffix.lower()
        if self.trouble:
            return self.trouble
        if suffix in DATA:
            return OTHER
        if suffix in OFFICE:
            return "an Office document"
        head = self.head()
        return next((what for start, what in DOCUMENTS.items() if re.match(start.encode("latin1"), head)), OTHER)


def find(path: Path) -> list[Found]:
    """All files of a folder or an archive, those nearest to its top first.

    Raises
    ------
    FileNotFoundError
        Where there is nothing at that path.
    ValueError
        For a file that is not an archive.
    """
    if path.is_dir():
        files = in_folder(path)
    elif path.is_file():
        whole = Found(path.name, path.stat().st_size, load=partial(read_file, path))
        try:
            files = in_archive(whole, unpacked_limit(whole.size), MOST_NAMES, path)
            files = iter([next(files), *files])
        except StopIteration:
            files = iter(())
        except UNREADABLE as error:
            raise ValueError(
                f"{path} is not an archive, expected a folder or a zip of submissions: {error}"
            ) from error
    else:
        raise FileNotFoundError(f"there is neither a folder nor a zip at {path}")
    found: list[Found] = []
    for file in files:
        if len(found) == MOST_NAMES:
            found.append(Found(file.path, trouble=f"not looked at, like all after it: over {MOST_NAMES:,} files"))
            break
        found += opened(file, 1)
    return found


def opened(file: Found, depth: int) -> Iterator[Found]:
    """The files in an archive, or the file itself."""
    if file.trouble or not is_archive(file):
        yield file
    elif depth > DEEPEST:
        yield Found(file.path, file.size, file.time, trouble=f"an archive in {DEEPEST} others, which is not opened")
    elif file.size > LARGEST_ARCHIVE:
        too_large = f"an archive of {file.size:,} bytes, which is not opened: more than {LARGEST_ARCHIVE:,}"
        yield Found(file.path, file.size, file.time, trouble=too_large)
    else:
        try:
            inside = list(in_archive(file, MOST_UNPACKED, MOST_ARCHIVED))
        except UNREADABLE as error:
            inside = [Found(file.path, trouble=f"an archive that cannot be read: {brief(error)}")]
        if not inside:
            inside = [Found(file.path, trouble="an archive without files")]
        for member in inside:
            yield from opened(member, depth + 1)


def is_archive(file: Found) -> bool:
    """Whether it is a kind of archive that is opened."""
    suffix = PurePosixPath(file.name).suffix.lower()
    if suffix in TARS:
        return suffix[1:] not in ("gz", "bz2", "xz") or f".tar{suffix}" in file.name.lower()
    return suffix == ".zip" or (suffix not in OFFICE and suffix == "" and file.head().startswith(b"PK\x03\x04"))


# Folders.


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
        if folder / "pyvenv.cfg" in entries:
            continue
        for entry in entries:
            if PASSED_OVER.fullmatch(entry.name):
                continue
            try:
                status = entry.lstat()
            except OSError as error:
                yield Found(relative(entry, root), trouble=f"a file that cannot be opened: {error.strerror}")
                continue
            if stat.S_ISDIR(status.st_mode):
                waiting.append(entry)
            elif stat.S_ISREG(status.st_mode):
                load = partial(read_file, entry)
                yield Found(relative(entry, root), status.st_size, status.st_mtime, load)
            else:
                link = stat.S_ISLNK(status.st_mode)
                what = "a link, which is not followed" if link else "neither a file nor a folder"
                yield Found(relative(entry, root), trouble=what)


def relative(path: Path, root: Path) -> str:
    """A path for people to read."""
    return "/".join(map(printable, path.relative_to(root).parts))


def read_file(path: Path, size: int) -> bytes:
    """At most so many bytes of a file."""
    with path.open("rb") as file:
        return file.read(size)


# Archives.


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
    for index, member in enumerate(open_zip(file, place).infolist()):
        if not member.filename.endswith("/"):
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


def brief(error: BaseException) -> str:
    """What went wrong, on one line of bounded length."""
    return printable(str(error))[:100]
