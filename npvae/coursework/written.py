"""Answers in words: read without names, marked by hand."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from npvae.coursework.exercises import WRITTEN
from npvae.coursework.grading import Graded
from npvae.coursework.submissions import pseudonym
from npvae.coursework.tables import quoted, read_table, table
from npvae.internals.files import write_text

Marks = Mapping[str, Mapping[str, float]]
"""By student and question."""


def write_written(folder: Path, graded: Mapping[str, Graded], students: Iterable[str]) -> None:
    """Write the answers to each question, who is behind a code, and a table for marks until one has been typed."""
    (folder / "written").mkdir(parents=True, exist_ok=True)
    for question in WRITTEN:
        write_text(folder / "written" / f"{question}.md", page(question, graded))
    codes = sorted((pseudonym(student), student) for student in students)
    write_text(folder / "written" / "codes.csv", table(["code", "student"], codes))
    manual = folder / "manual.csv"
    _, typed = read_table(manual) if manual.exists() else ([], [])
    if not any(text for _, row in typed for title, text in row.items() if title != "code"):
        unmarked = [[code, *[""] * len(WRITTEN)] for code, _ in codes]
        write_text(manual, table(["code", *WRITTEN], unmarked))


def page(question: str, graded: Mapping[str, Graded]) -> str:
    """All answers to one question, without names, in an order that has nothing to do with them."""
    answers = sorted((pseudonym(student), one.written.get(question, "")) for student, one in graded.items())
    asked = asked_by([answer for _, answer in answers])
    parts = [f"# {question}\n", *([f"{quoted(asked)}\n"] if asked else [])]
    parts.append("Mark by hand in manual.csv, by the code above each answer.\n")
    for code, text in answers:
        answer = text.removeprefix(asked).strip("\n")
        parts.append(f"## {code}\n\n{quoted(answer) if answer else '(no answer)'}\n")
    return "\n".join(parts)


def asked_by(answers: Iterable[str]) -> str:
    """The question: the paragraph that most answers begin with, where it is not one student's alone."""
    first = Counter(answer.partition("\n\n")[0] for answer in answers if answer)
    ((paragraph, count),) = first.most_common(1) or [("", 0)]
    return paragraph if count > 1 else ""


def manual_marks(path: Path, students: Iterable[str]) -> Marks:
    """Marks by hand.

    Raises
    ------
    ValueError
        For a file that is not a table of marks; by line, for an unknown code, one that stands there twice, and what
        is not a number of points.
    """
    if not path.exists():
        return {}
    try:
        titles, lines = read_table(path)
        if not {"code", *WRITTEN} <= set(titles):
            raise ValueError(f"its columns are {titles}, expected code,{','.join(WRITTEN)}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not a table of marks, expected a CSV file ({error})") from error
    known = {pseudonym(student): student for student in students}
    marks: dict[str, dict[str, float]] = {}
    for line, row in lines:
        given = {question: row[question] for question in WRITTEN if row[question]}
        if not given:
            continue
        where, code = f"{path}, line {line}", row["code"]
        if code not in known or known[code] in marks:
            what = "stands there twice" if code in known else "is nobody's in this class (any more)"
            raise ValueError(f"{where}: the code {code!r} {what}; written/codes.csv says whose: remove or correct it")
        marks[known[code]] = {question: points(value, WRITTEN[question], where) for question, value in given.items()}
    return marks


def points(text: str, most: int, where: str) -> float:
    """The points that a cell gives, also with a comma for the point."""
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = -1.0
    if not 0 <= value <= most:
        raise ValueError(f"{where}: {text!r}, expected a number from 0 to {most}, or nothing")
    return value
