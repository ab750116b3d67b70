"""What was handed in: found in a folder or a zip, matched to students, and read without running any of it."""

import csv
import hashlib
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from npvae.coursework.origin import Origin
from npvae.coursework.statements import Code, code_of
from npvae.internals.files import DAMAGED, unpacked_limit, unzip

LARGEST = 5_000_000
"""Bytes a submission may have. An assignment with its figures has less than one million."""
LONGEST_NAME = 255
"""Characters a file's name may have. A zip can claim longer ones; no disk has them."""
MOST = 20_000
"""Files that are looked at."""
SUFFIXES = (".ipynb", ".py")
UNREADABLE = (*DAMAGED, zipfile.BadZipFile)
MOST_NOTES = 50
"""For the student of one file."""
PLACEHOLDER = "*Write here"


@dataclass(frozen=True)
class Submission:
    """One student's file, as bytes; nothing of it has been run or unpacked."""

    student: str
    """As the roster has it, or as the file's name says."""
    file: str
    """Where it was, for people to find it."""
    data: bytes
    others: tuple[str, ...] = ()
    """Further attempts, which are not graded."""

    @property
    def digest(self) -> str:
        """Changes when the file does."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Contents:
    """What a submission holds."""

    code: Code = field(default_factory=Code)
    written: Mapping[str, str] = field(default_factory=dict)
    """Answers in words, by W1, W2, ..."""
    notes: tuple[str, ...] = ()
    """What could not be read, for the student."""
    origin: Origin = field(default_factory=Origin)
    """What it says of the assignment."""


# Finding.


def collect(path: Path, roster: Path | None = None) -> list[Submission]:
    """The latest attempt of each student, in the order of their names.

    Parameters
    ----------
    path : path
        A folder of notebooks or scripts, of folders with one each, or a zip of either, as Moodle and Canvas write it.
    roster : path, optional
        CSV with a column "student", and "name" where the files are called so. A student without a file gets an
        empty submission.

    Raises
    ------
    FileNotFoundError
        Where there is nothing at that path.
    ValueError
        For a file that is no zip, a roster without its column, or a place with nothing to grade in it.
    """
    found = list(in_zip(path) if path.is_file() else in_folder(path))
    if not found:
        raise ValueError(f"{path} holds no .ipynb and no .py file, expected submissions: give the folder or the zip")
    students = read_roster(roster) if roster else {}
    attempts: dict[str, list[tuple[tuple[float, ...], str, bytes]]] = {name: [] for name in students}
    for name, changed, data in found:
        attempts.setdefault(student_of(name, students), []).append(((attempt_of(name), changed), name, data))
    return [latest(student, files) for student, files in sorted(attempts.items())]


def latest(student: str, files: list[tuple[tuple[float, ...], str, bytes]]) -> Submission:
    """The last of a student's attempts, or an empty one."""
    if not files:
        return Submission(student, "", b"")
    *earlier, (_, name, data) = sorted(files, key=lambda attempt: (attempt[0], attempt[1]))
    return Submission(student, name, data, tuple(name for _, name, _ in earlier))


def in_folder(path: Path) -> Iterator[tuple[str, float, bytes]]:
    """Name, time and bytes of each notebook and script below a folder. Links are not followed."""
    if not path.is_dir():
        raise FileNotFoundError(f"no folder and no zip at {path}")
    files = (
        file for file in sorted(path.rglob("*")) if wanted(file.name) and file.is_file() and not file.is_symlink()
    )
    for _, file in zip(range(MOST), files, strict=False):
        with file.open("rb") as opened:
            yield writable(file.relative_to(path).as_posix()), file.stat().st_mtime, opened.read(LARGEST + 1)


def in_zip(path: Path) -> Iterator[tuple[str, float, bytes]]:
    """The same for a zip. Nothing is unpacked: whatever its names and sizes say, only so many bytes are read."""
    unpacked = 0
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except UNREADABLE as error:
            raise ValueError(f"{path} is no zip, expected a folder or a zip of submissions: {error}") from error
        for member in archive.infolist()[:MOST]:
            if wanted(PurePosixPath(member.filename).name) and not member.is_dir():
                try:
                    data = bytes(unzip(archive, member, LARGEST + 1))
                except UNREADABLE as error:
                    data = f"# {error}".encode()  # damaged, encrypted: an empty answer, with its reason
                unpacked += len(data)
                if unpacked > unpacked_limit(path.stat().st_size):
                    raise ValueError(
                        f"{path} unpacks to more than {unpacked:,} bytes: give the folder you unpack it to"
                    )
                year, month, day, hour, minute, second = member.date_time
                order = ((((year * 12 + month) * 31 + day) * 24 + hour) * 60 + minute) * 60 + second
                yield member.filename, float(order), data


def wanted(name: str) -> bool:
    """Whether a file is a notebook or a script, and not what an editor or a system left behind."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(("._", ".", "~")) and len(name) <= LONGEST_NAME


def writable(text: str) -> str:
    """The text without what UTF-8 cannot write: half of a surrogate pair, a byte of another encoding in a name."""
    return text.encode("utf-8", "replace").decode("utf-8")


def read_roster(path: Path) -> dict[str, tuple[str, ...]]:
    """By student: all that may stand for them in a file's name."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "student" not in (reader.fieldnames or ()):
                raise ValueError(f'its columns are {reader.fieldnames}, expected one called "student"')
            rows = [row for row in reader if row["student"]]
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no roster, expected CSV in UTF-8: {error}") from error
    return {row["student"]: tuple(plain(value) for key, value in row.items() if key and value) for row in rows}


def plain(text: str) -> str:
    """Letters and digits alone, in lower case, without accents: how names are compared."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in decomposed if letter.isalnum()).lower()


def student_of(name: str, students: Mapping[str, Iterable[str]]) -> str:
    """Whose file it is: by the roster; else by folder or file name, without what Moodle and Canvas add."""
    place = plain(name)
    matches = {
        student: max((len(known) for known in all_known if known and known in place), default=0)
        for student, all_known in students.items()
    }
    best = max(matches.values(), default=0)
    if best and sum(length == best for length in matches.values()) == 1:
        return next(student for student, length in matches.items() if length == best)
    path = PurePosixPath(name)
    folders = [part for part in path.parts[:-1] if part not in ("/", "..", ".")]
    for folder in folders:
        moodle = re.match(r"(.+?_\d+)_assignsubmission", folder)
        if moodle:
            return moodle[1]
    canvas = re.match(r"([^_]+)(?:_LATE)?_\d+_\d+_", path.name)
    if canvas:
        return canvas[1]
    generic = re.fullmatch(r"assignment[-_ ]?\d*", re.sub(r"[-_ ]?\(\d+\)$", "", path.stem)) is not None
    stem = folders[-1] if folders and generic else path.stem
    return re.sub(r"([-_ ]?(attempt|v)[-_ ]?\d+|[-_ ]?\(\d+\))$", "", stem, flags=re.IGNORECASE) or stem


def attempt_of(name: str) -> float:
    """Number of an attempt, where the name says one."""
    stem = PurePosixPath(name).stem
    found = re.search(r"(?:attempt|v)[-_ ]?(\d+)$|\((\d+)\)$|_\d+_\d+_.*-(\d+)$", stem, flags=re.IGNORECASE)
    return float(next(group for group in found.groups() if group)) if found else 0.0


def safe_name(student: str, taken: Iterable[str] = ()) -> str:
    """A file name for a student: nothing in it leads anywhere else, and no two students share one."""
    base = re.sub(r"[^\w@.+ -]", "_", student).strip(". ")[:80] or "unnamed"
    lowered = {other.lower() for other in taken}
    name, i = base, 1
    while name.lower() in lowered:
        i += 1
        name = f"{base}-{i}"
    return name


# Reading.


def read(submission: Submission) -> Contents:
    """Definitions and written answers of a submission."""
    if not submission.file:
        return Contents(notes=("nothing was handed in",))
    if len(submission.data) > LARGEST:
        return Contents(notes=(f"the file has more than {LARGEST:,} bytes: hand in the assignment alone",))
    try:
        text = submission.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Contents(notes=(f"the file is not UTF-8 text: {error.reason} at byte {error.start}",))
    if not text.strip():
        return Contents(notes=("the file is empty",))
    try:
        notebook = submission.file.lower().endswith(".ipynb")
        cells = list(cells_of_notebook(text) if notebook else cells_of_script(text))
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        return Contents(notes=(f"the file is no notebook: {' '.join(str(error).split())[:100]}",))
    notes: list[str] = []
    code, origin = code_of([source for kind, source in cells if kind == "code"], notes)
    written = written_answers([source for kind, source in cells if kind == "markdown"])
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES:] = [f"{len(notes) - MOST_NOTES} more such notes were left out"]
    return Contents(code, written, tuple(notes), origin)


def cells_of_notebook(text: str) -> Iterator[tuple[str, str]]:
    """Kind and source of each cell, whatever metadata are left."""
    notebook = json.loads(text)
    cells = notebook["cells"] if "cells" in notebook else notebook["worksheets"][0]["cells"]
    for cell in cells:
        source = cell.get("source", cell.get("input", ""))
        yield str(cell.get("cell_type")), writable(source if isinstance(source, str) else "".join(map(str, source)))


def cells_of_script(text: str) -> Iterator[tuple[str, str]]:
    """The cells of a script that marks them by `# %%`; one cell where it does not."""
    for part in re.split(r"(?m)^(?=# %%)", text):
        head, _, body = part.partition("\n")
        if head.startswith("# %% [markdown]"):
            yield "markdown", re.sub(r"(?m)^# ?", "", body)
        else:
            yield "code", part


def written_answers(texts: list[str]) -> dict[str, str]:
    """What stands below each question in words."""
    answers: dict[str, list[str]] = {}
    current = None
    for text in texts:
        question = re.match(r"\s*\*\*(W\d+)\.\*\*", text)
        if question:
            current = question[1]
            answers[current] = []
        elif text.lstrip().startswith("#"):
            current = None
        elif current and not text.lstrip().startswith(PLACEHOLDER):
            answers[current].append(text.strip())
    return {name: "\n\n".join(parts) for name, parts in answers.items() if any(parts)}
