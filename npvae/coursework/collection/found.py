"""A file that somebody handed in, and what it seems to be."""

import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from npvae.internals.files import DAMAGED
from npvae.internals.text import printable

HEAD = 512
"""Bytes that tell what a file is."""
UNREADABLE = (*DAMAGED, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError)
"""What reading a file can raise."""
ASSIGNMENT = re.compile(r"\.(ipynb|py)\b(?!\.(zip|gz|pdf|html?|png)\b)", re.IGNORECASE)
"""Names of notebooks and scripts, also where a browser added to them: hw1.ipynb.json, hw1.ipynb (1), hw1.py.txt."""
NOTEBOOK = re.compile(rb"(\xef\xbb\xbf)?\s*\{\s*\"(cells|metadata|nbformat|worksheets)\"")
"""How a notebook begins, whatever it is called."""
OFFICE = (".doc", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".pages", ".numbers", ".key", ".rtf")
TEXT = (".txt", ".md", ".csv", ".tsv", ".json", ".yml", ".yaml", ".toml", ".cfg", ".ini", ".log", ".xml", ".css")
DATA = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".npy", ".npz", ".pkl", ".pt", ".h5", ".whl", ".pyc", ".tex", ".js")
EMPTY_FOLDER = "a folder that is empty, or holds what programs leave behind, such as a Python environment"
PASSED_OVER = "a folder that is called like what programs leave behind, with a notebook or a script in it"
OTHER = "not a notebook and not a script"
"""What may stand beside an assignment, and is passed over."""
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

    @property
    def suffix(self) -> str:
        """What its name says of its kind, with the point."""
        return PurePosixPath(self.path).suffix.lower()

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
        plain = self.suffix in ("", ".json", ".txt") and not self.trouble
        return plain and NOTEBOOK.match(self.head()) is not None

    @cached_property
    def kind(self) -> str:
        """What it is, in words."""
        if self.trouble:
            return self.trouble
        if self.suffix in (*TEXT, *DATA):
            return OTHER
        if self.suffix in OFFICE:
            return "an Office document"
        head = self.head()
        return next((what for start, what in DOCUMENTS.items() if re.match(start.encode("latin1"), head)), OTHER)


def brief(error: BaseException) -> str:
    """What went wrong, on one line of bounded length."""
    return printable(str(error))[:100]
