"""What one student handed in, read without running any of it."""

import codecs
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from npvae.coursework.origin import Origin
from npvae.coursework.statements import Code, code_of
from npvae.coursework.words import answers_in_words, uncommented
from npvae.internals.text import printable

LARGEST = 5_000_000
"""Bytes a submission may have. An assignment with its figures has less than one million."""
MOST_NOTES = 50
"""For the student of one file."""
INSTEAD = "hand in the notebook or the script itself, whole and as it was saved"
"""What to do about a file that cannot be read."""
SHOWN = 100
"""Characters of words that are no answer's."""
CELL = re.compile(r"(?m)^(?=#[ \t]*%%)")
"""Where a cell of a script begins, as VS Code, Jupytext and Spyder write it."""
TEXT = re.compile(r"#[ \t]*%%.*\[(markdown|md|raw)\]", re.IGNORECASE)
"""How one of text does."""


@dataclass(frozen=True)
class Submission:
    """One student's file, as bytes; nothing of it has been run or unpacked."""

    student: str
    """As the roster has it, or as the file's name says."""
    file: str
    """Where it was, for people to find it."""
    data: bytes
    others: tuple[str, ...] = ()
    """Further files of the assignment, which are not graded."""
    trouble: str = ""
    """Why it cannot be read: "is encrypted", "is a PDF"."""

    @property
    def digest(self) -> str:
        """Changes when the file does."""
        return hashlib.sha256(self.data + self.trouble.encode()).hexdigest()


@dataclass(frozen=True)
class Contents:
    """What a submission holds."""

    code: Code = field(default_factory=Code)
    written: Mapping[str, str] = field(default_factory=dict)
    """Answers in words, by W1, W2, ..., each below its question."""
    flags: tuple[str, ...] = ()
    """What a human should look at."""
    notes: tuple[str, ...] = ()
    """What could not be read, for the student."""
    origin: Origin = field(default_factory=Origin)
    """What it says of the assignment."""
    trouble: str = ""
    """Why there is nothing to grade, for the student."""


def writable(text: str) -> str:
    """The text without what UTF-8 cannot write: half of a surrogate pair, a byte of another encoding in a name."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def safe_name(student: str, taken: Iterable[str] = ()) -> str:
    """A file name for a student: nothing in it leads anywhere else, and no two students share one."""
    base = re.sub(r"[^\w@.+ -]", "_", student).strip(". ")[:80] or "unnamed"
    lowered = {other.lower() for other in taken}
    names = itertools.chain([base], (f"{base}-{i}" for i in itertools.count(2)))
    return next(name for name in names if name.lower() not in lowered)


def pseudonym(student: str) -> str:
    """What stands for a student where no name should, and is not what a spreadsheet takes for a number."""
    code = hashlib.sha256(student.encode()).hexdigest()[:8]
    return f"c{code}" if re.fullmatch(r"\d+(e\d+)?", code) else code


def read(submission: Submission) -> Contents:
    """Definitions and written answers of a submission."""
    if not submission.file:
        return Contents(trouble="nothing was handed in")
    notes: list[str] = []
    try:
        if submission.trouble:
            raise ValueError(submission.trouble)
        cells = cells_of(submission.file, submission.data, notes)
    except ValueError as error:
        return Contents(trouble=f"the file {error}; {INSTEAD}")
    code, origin = code_of([source for kind, source in cells if kind == "code"], notes)
    written, elsewhere = answers_in_words(cells)
    flags = (f"below none of the questions in words, it says: {printable(elsewhere)[:SHOWN]}",) if elsewhere else ()
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"and {len(notes) - MOST_NOTES} more like these"]
    return Contents(code, written, flags, tuple(notes), origin)


def cells_of(file: str, data: bytes, notes: list[str]) -> list[tuple[str, str]]:
    """Kind and source of each cell of a notebook or a script; notes get what was unusual about reading it.

    Raises
    ------
    ValueError
        For a file that is neither, with what it is instead: "is empty", "ends in the middle".
    """
    if len(data) > LARGEST:
        raise ValueError(f"has more than {LARGEST:,} bytes")
    text = text_of(data, notes)
    if not text.strip():
        raise ValueError("is empty")
    if re.match(r"\s*<(!doctype|html)", text, re.IGNORECASE):
        raise ValueError("is a web page")
    if ("<<<<<<< " in text or ">>>>>>> " in text) and re.search(r"(?m)^(<{7}|>{7}) ", text):
        raise ValueError("holds the marks of a merge (<<<<<<<), which has to be finished first")
    if not is_notebook(file, text):
        return list(cells_of_script(text))
    try:
        return list(cells_of_notebook(text))
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise ValueError("ends in the middle: it was cut off") from error
        raise ValueError(f"is not a notebook ({error})") from error
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise ValueError(f"is not a notebook ({' '.join(str(error).split())[:100]})") from error


def text_of(data: bytes, notes: list[str]) -> str:
    """The text of a file, in the encoding that it says or seems to have."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    if cookie := re.match(rb"(?:.*\n)?[ \t\f]*#.*?coding[:=][ \t]*(latin-?1|iso-8859-1|cp1252|windows-1252)", data):
        encoding = cookie[1].decode()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in data:
            raise ValueError(f"is not text: {error.reason} at byte {error.start}") from error
        notes.append(f"the file is not UTF-8 text ({error.reason} at byte {error.start}): it was read as cp1252")
        return data.decode("cp1252", "replace")
    if encoding == "utf-16":
        notes.append("the file is UTF-16 text, which Jupyter does not open: save it as UTF-8")
    return text


def is_notebook(file: str, text: str) -> bool:
    """Whether a file is a notebook, as its name says or, under another name, its content."""
    return file.lower().endswith(".ipynb") or (text.lstrip().startswith("{") and '"cells"' in text)


def cells_of_notebook(text: str) -> Iterator[tuple[str, str]]:
    """Kind and source of each cell, and of one that says the assignment as the metadata do, where they are left."""
    notebook = json.loads(text)
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    for cell in cells:
        source = cell.get("source", cell.get("input", ""))
        yield str(cell.get("cell_type")), writable(source if isinstance(source, str) else "".join(map(str, source)))
    match notebook:
        case {"metadata": {"npvae": {"assignment": str(line)}}}:  # what a handout says once more
            yield "code", f"VARIANT = {line!r}"


def cells_of_script(text: str) -> Iterator[tuple[str, str]]:
    """The cells of a script that marks them by `# %%`; one cell where it does not."""
    for cell in CELL.split(re.sub(r"\r\n?", "\n", text)):
        yield ("markdown", uncommented(cell)) if TEXT.match(cell) else ("code", cell)
