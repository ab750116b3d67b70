"""What a lecturer and the students get from grading: tables, feedback, a summary of the class."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from npvae.coursework.assignments import variant
from npvae.coursework.diagnose import PLAIN
from npvae.coursework.exercises import EXERCISES, WRITTEN, number
from npvae.coursework.grading import Assignment, Graded, mistakes_of
from npvae.coursework.submissions import safe_name
from npvae.internals.files import write_text

SHOWN = 20
"""Mistakes in the figure."""


def write_reports(
    folder: Path, graded: Mapping[str, Graded], assignment: Assignment, gradescope: bool = False
) -> None:
    """Write everything but the marks by hand, which are only read.

    Parameters
    ----------
    folder : path
        Where it all stands; the class of an earlier run is replaced.
    graded : mapping of str to Graded
        By student.
    assignment : Assignment
    gradescope : bool
        Also a results.json a student, as Gradescope reads it.

    Raises
    ------
    ValueError
        For marks by hand that cannot be understood.
    """
    by_hand = manual_marks(folder / "manual.csv", graded)
    for name in ("feedback", "written", *(["gradescope"] if gradescope else [])):
        (folder / name).mkdir(parents=True, exist_ok=True)
    write_text(folder / "grades.csv", grades_csv(graded, assignment, by_hand))
    taken: list[str] = []
    for student, one in graded.items():
        name = safe_name(student, taken)
        taken.append(name)
        write_text(folder / "feedback" / f"{name}.md", feedback(one, assignment, by_hand.get(code_of(student), {})))
        if gradescope:
            (folder / "gradescope" / name).mkdir(exist_ok=True)
            write_text(folder / "gradescope" / name / "results.json", gradescope_json(one, assignment))
    for question in WRITTEN:
        write_text(folder / "written" / f"{question}.md", written_page(question, graded))
    if not (folder / "manual.csv").exists():
        write_text(folder / "manual.csv", empty_manual(graded))
    write_text(folder / "written" / "codes.csv", codes_csv(graded))
    write_text(folder / "summary.md", summary(graded, assignment))
    write_text(folder / "mistakes.csv", mistakes_csv(graded))
    draw_mistakes(graded, folder / "mistakes.png")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV. A cell that a spreadsheet would take for a formula is kept from being one."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[inert(cell) for cell in row] for row in rows])
    return text.getvalue()


def inert(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell


def grades_csv(
    graded: Mapping[str, Graded], assignment: Assignment, by_hand: Mapping[str, Mapping[str, float]]
) -> str:
    """A row a student, a column an exercise."""
    header = ["student", "total", "bonus", *WRITTEN, *assignment.exercises, "flags", "file"]
    rows = []
    for student, one in graded.items():
        hand = by_hand.get(code_of(student), {})
        words = [hand.get(question, "") for question in WRITTEN]
        points = [one.points(name) for name in assignment.exercises]
        rows.append([student, one.total, one.bonus, *words, *points, len(one.flags), one.file])
    return table(header, rows)


def feedback(one: Graded, assignment: Assignment, by_hand: Mapping[str, float]) -> str:
    """What one student reads."""
    points = {name: EXERCISES[name].points(variant(assignment.seed)) for name in assignment.exercises}
    possible = sum(sum(parts.values()) for name, parts in points.items() if not EXERCISES[name].bonus)
    lines = [
        f"# {one.student}",
        "",
        f"**{one.total} of {possible} points**" + (f", and {one.bonus} bonus" if one.bonus else ""),
    ]
    lines += ["", *(f"- {note}" for note in one.notes)] if one.notes else []
    for question, value in by_hand.items():
        lines += ["", f"{question}: {value:g} points"]
    for name in assignment.exercises:
        earned, parts = one.marks[name], points[name]
        lines += ["", f"## {number(name)}. {EXERCISES[name].title}: {one.points(name)} of {sum(parts.values())}", ""]
        lines += [", ".join(f"{part} {earned[part]}/{value}" for part, value in parts.items()), ""]
        if name in one.failures:
            lines.append(f"- It gave no results: {one.failures[name]}.")
            continue
        for finding in one.findings.get(name, ()):
            where = "" if finding.name in PLAIN else f" (wrong here: {', '.join(finding.where)})"
            lines.append(f"- {finding.sentence}{where}")
    return "\n".join(lines) + "\n"


def gradescope_json(one: Graded, assignment: Assignment) -> str:
    """One submission as Gradescope's autograder reads it: a test a part."""
    tests = []
    for name in assignment.exercises:
        for part, value in EXERCISES[name].points(variant(assignment.seed)).items():
            said = [finding.what for finding in one.findings.get(name, ()) if finding.result == part]
            tests.append(
                {
                    "name": f"{EXERCISES[name].title}: {part}",
                    "score": one.marks[name][part],
                    "max_score": 0 if EXERCISES[name].bonus else value,
                    "output": "; ".join(said) or one.failures.get(name, ""),
                    "visibility": "after_published",
                }
            )
    return json.dumps({"score": one.total + one.bonus, "tests": tests}, indent=1, ensure_ascii=False) + "\n"


# Answers in words.


def code_of(student: str) -> str:
    """What stands for a student where no name should."""
    return hashlib.sha256(student.encode()).hexdigest()[:8]


def written_page(question: str, graded: Mapping[str, Graded]) -> str:
    """All answers to one question, without names, in an order that has nothing to do with them."""
    answers = sorted((code_of(student), one.written.get(question, "")) for student, one in graded.items())
    parts = [f"## {code}\n\n{answer or '(no answer)'}\n" for code, answer in answers]
    return "\n".join([f"# {question}\n\nMark by hand in manual.csv, by the code above each answer.\n", *parts])


def codes_csv(graded: Mapping[str, Graded]) -> str:
    """Who is behind a code."""
    return table(["code", "student"], sorted((code_of(student), student) for student in graded))


def empty_manual(graded: Mapping[str, Graded]) -> str:
    """A table for marks by hand, to be filled in."""
    return table(["code", *WRITTEN], [[code, *[""] * len(WRITTEN)] for code in sorted(map(code_of, graded))])


def manual_marks(path: Path, graded: Mapping[str, Graded]) -> dict[str, dict[str, float]]:
    """Marks by hand, by code and question; the file is never written to once it is there."""
    if not path.exists():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if not {"code", *WRITTEN} <= set(reader.fieldnames or ()):
                raise ValueError(f"its columns are {reader.fieldnames}, expected code,{','.join(WRITTEN)}")
            rows = list(reader)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is no table of marks, expected CSV in UTF-8: {error}") from error
    marks: dict[str, dict[str, float]] = {}
    for line, row in enumerate(rows, 2):
        try:
            marks[row["code"]] = {
                question: float(row[question]) for question in WRITTEN if (row[question] or "").strip()
            }
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}; expected numbers or nothing") from error
    return marks


# The class.


def summary(graded: Mapping[str, Graded], assignment: Assignment) -> str:
    """What a lecturer reads on Monday."""
    handed_in = [one for one in graded.values() if one.file]
    totals = sorted(one.total for one in handed_in)
    lines = [f"# The class: {len(graded)} students, {len(handed_in)} submissions", ""]
    lines += [f"{str(assignment).capitalize()}.", ""]
    if totals:
        median = totals[len(totals) // 2]
        lines += [f"Points: median {median}, lowest {totals[0]}, highest {totals[-1]}.", ""]
    lines += ["| exercise | mean points | of | full marks |", "| --- | ---: | ---: | ---: |"]
    for name in assignment.exercises:
        possible = sum(EXERCISES[name].points(variant(assignment.seed)).values())
        points = [one.points(name) for one in handed_in]
        mean = sum(points) / max(1, len(points))
        lines.append(f"| {EXERCISES[name].title} | {mean:.1f} | {possible} | {sum(p == possible for p in points)} |")
    lines += ["", "## Mistakes, most frequent first", "", "![How often each mistake was made](mistakes.png)", ""]
    lines += ["| how often | exercise | what it looks like |", "| ---: | --- | --- |"]
    for (exercise, _), count, what in frequencies(graded):
        lines.append(f"| {count} | {EXERCISES[exercise].title} | {what.replace('|', '/')} |")
    flagged = [one for one in graded.values() if one.flags or one.failures]
    if flagged:
        lines += ["", "## To look at", ""]
        for one in flagged:
            said = [*one.flags, *(f"{name}: {why}" for name, why in one.failures.items())]
            lines += [f"- {one.student}: {'; '.join(said)}"]
    return "\n".join(lines) + "\n"


def frequencies(graded: Mapping[str, Graded]) -> list[tuple[tuple[str, str], int, str]]:
    """Exercise and name, count and words of each mistake, most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    words: dict[tuple[str, str], str] = {}
    for exercise, name, what in mistakes_of(graded):
        counts[exercise, name] += 1
        words.setdefault((exercise, name), what)
    return [
        (mistake, count, words[mistake])
        for mistake, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def mistakes_csv(graded: Mapping[str, Graded]) -> str:
    """The same as a table for other programs."""
    rows = [[count, exercise, name, what] for (exercise, name), count, what in frequencies(graded)]
    return table(["count", "exercise", "mistake", "what"], rows)


def draw_mistakes(graded: Mapping[str, Graded], path: Path) -> None:
    """The most frequent mistakes as bars."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from npvae.internals.files import write_atomically
    from npvae.plots import BLUE

    bars = frequencies(graded)[:SHOWN][::-1]
    figure, axes = plt.subplots(figsize=(8, 1 + 0.28 * len(bars)), layout="constrained")
    labels = [f"{exercise}: {name.replace('_', ' ')}" for (exercise, name), _, _ in bars]
    axes.barh(labels, [count for _, count, _ in bars], color=BLUE)
    axes.set(xlabel="students", title="The most frequent mistakes" if bars else "No mistakes")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="y", labelsize=8)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))
    plt.close(figure)
