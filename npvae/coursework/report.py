"""What a lecturer and the students get from grading: tables, feedback, a summary of the class."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import mean, median

from npvae.coursework.collection import Collection, HandIn
from npvae.coursework.diagnose import PLAIN
from npvae.coursework.exercises import EXERCISES, WRITTEN, asked, number, total
from npvae.coursework.gradebooks import canvas_csv, moodle_csv
from npvae.coursework.grading import Graded, Kept, mistakes_of
from npvae.coursework.listing import HEADER, rows
from npvae.coursework.submissions import safe_name
from npvae.coursework.tables import in_line, markdown_table, table
from npvae.coursework.variants import Variant
from npvae.coursework.written import Marks, write_written
from npvae.internals.files import write_text
from npvae.internals.text import counted

SHOWN = 20
"""Mistakes in the figure."""
LONGEST = 90
"""Characters of one of them there."""


@dataclass(frozen=True)
class Results:
    """What came of grading a class."""

    collection: Collection
    assignment: Variant
    graded: Mapping[str, Graded]
    """By student."""
    own: Mapping[str, tuple[Variant, Graded]] = field(default_factory=dict)
    """Of those whose file says that it is of another assignment: that, and what the file is worth under it."""
    by_hand: Marks = field(default_factory=dict)
    """Marks of the answers in words."""

    def flags(self, student: str) -> list[str]:
        """What a human should look at."""
        one = self.graded[student]
        said = [*self._found[student].flags, *one.flags, *(f"{name} {why}" for name, why in one.failures.items())]
        if student in self.own:
            assignment, other = self.own[student]
            said.append(f"as {assignment.title} it has {other.total} of {total(assignment)} points")
        if student in self.by_hand and one.is_rewritten:
            said.append("its answers in words have changed: check its marks by hand, then grade it with --only")
        return list(dict.fromkeys(said))

    @cached_property
    def size(self) -> str:
        """How many people there are, how many of them handed in something, and how many files were graded."""
        files = sum(bool(one.file) for one in self.collection.submissions)
        ran = sum(bool(one.findings) for one in self.graded.values())
        return f"{counted(len(self._found), 'student')}, {counted(files, 'submission')}, {ran} graded"

    @cached_property
    def _found(self) -> Mapping[str, HandIn]:
        return {one.submission.student: one for one in self.collection.hand_ins}

    @cached_property
    def to_look_at(self) -> list[str]:
        """A line for each person with something to look at, and each file that is nobody's."""
        said = {student: "; ".join(self.flags(student)) for student in self.graded}
        said |= {student: "not graded yet" for student in self._found if student not in said}
        return [*(f"{student}: {flags}" for student, flags in said.items() if flags), *self.collection.strays]


def write_reports(folder: Path, results: Results, gradescope: bool = False) -> None:
    """Write everything but the marks by hand, which are only read.

    Parameters
    ----------
    folder : path
        Where it all stands; what an earlier run wrote for people who are not among the results is removed.
    results : Results
    gradescope : bool
        Also a results.json for each student, as Gradescope reads it; without it, where there are some already.
    """
    graded, assignment = results.graded, results.assignment
    names = file_names([*graded, *sorted(Kept(folder / "results").students() - graded.keys())])
    gradescope = gradescope or (folder / "gradescope").is_dir()
    (folder / "feedback").mkdir(parents=True, exist_ok=True)
    write_text(folder / "grades.csv", grades_csv(results))
    write_gradebooks(folder, results)
    for student, name in names.items():
        page, place = folder / "feedback" / f"{name}.md", folder / "gradescope" / name
        if student not in graded:
            page.unlink(missing_ok=True)
            (place / "results.json").unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # there is none, or something else stands in it
                place.rmdir()
            continue
        write_text(page, feedback(graded[student], assignment, results.by_hand.get(student, {})))
        if gradescope:
            place.mkdir(parents=True, exist_ok=True)
            write_text(place / "results.json", gradescope_json(graded[student], assignment))
    write_written(folder, graded, (one.student for one in results.collection.submissions))
    write_text(folder / "summary.md", summary(results))
    write_text(folder / "mistakes.csv", mistakes_csv(results))
    draw_mistakes(results, folder / "mistakes.png")


def file_names(students: Iterable[str]) -> dict[str, str]:
    """What the files of each are called, no two alike."""
    names: dict[str, str] = {}
    for student in students:
        names[student] = safe_name(student, names.values())
    return names


def write_gradebooks(folder: Path, results: Results) -> None:
    """Write all points of each person, the bonus and the answers in words among them, for Moodle and for Canvas."""
    people = [one for one in results.collection.hand_ins if one.submission.student in results.graded]
    words = {student: sum(results.by_hand.get(student, {}).values()) for student in results.graded}
    marks = {student: one.total + one.bonus + words[student] for student, one in results.graded.items()}
    title, possible = f"Coursework {results.assignment.name}", total(results.assignment) + sum(WRITTEN.values())
    write_text(folder / "moodle.csv", moodle_csv(people, marks))
    write_text(folder / "canvas.csv", canvas_csv(people, marks, possible, title))


def grades_csv(results: Results) -> str:
    """One row per student, one column per exercise."""
    exercises = asked(results.assignment)
    header = ["student", "total", "bonus", *WRITTEN, *exercises, "flags", "handed out as", "total as that", "file"]
    lines = []
    for student, one in results.graded.items():
        hand = results.by_hand.get(student, {})
        words = [hand.get(question, "") for question in WRITTEN]
        points = [one.points(name) for name in exercises]
        other = results.own.get(student)
        own = [other[0].title, other[1].total] if other else ["", ""]
        lines.append([student, one.total, one.bonus, *words, *points, len(results.flags(student)), *own, one.file])
    return table(header, lines)


def feedback(one: Graded, assignment: Variant, by_hand: Mapping[str, float]) -> str:
    """What one student reads."""
    bonus = f", and {one.bonus} bonus" if one.bonus else ""
    blocks = [
        f"# {in_line(one.student)}",
        f"**{one.total} of {total(assignment)} points**{bonus}",
        bullets(one.notes),
    ]
    blocks += [f"{question}: {value:g} of {WRITTEN[question]} points" for question, value in by_hand.items()]
    for name, exercise in (asked(assignment) if one.findings else {}).items():
        earned, parts = one.marks[name], exercise.points(assignment)
        blocks.append(f"## {number(name)}. {exercise.title}: {one.points(name)} of {sum(parts.values())}")
        blocks.append(", ".join(f"{part} {earned[part]}/{value}" for part, value in parts.items()))
        blocks.append(bullets(said_of(name, one)))
    return "\n\n".join(filter(None, blocks)) + "\n"


def bullets(lines: Iterable[str]) -> str:
    """A list in Markdown of lines, each once."""
    return "\n".join(f"- {in_line(line)}" for line in dict.fromkeys(lines))


def said_of(name: str, one: Graded) -> Iterator[str]:
    """What a student reads of one exercise."""
    if name in one.failures:
        yield f"It {one.failures[name]}."
        return
    findings = one.findings.get(name, ())
    is_blank = any(finding.name == "blank" for finding in findings)
    for finding in findings:
        if not (is_blank and finding.name == "needs"):  # a forward that is still to be written says it all
            where = "" if finding.name in PLAIN else f" (wrong here: {', '.join(finding.where)})"
            yield f"{finding.sentence}{where}"


def gradescope_json(one: Graded, assignment: Variant) -> str:
    """One submission as Gradescope's autograder reads it: a test a part."""
    tests = []
    for name, exercise in asked(assignment).items():
        for part, value in exercise.points(assignment).items():
            said = [finding.sentence for finding in one.findings.get(name, ()) if finding.result == part]
            output, most = "; ".join(said) or one.failures.get(name, ""), 0 if exercise.bonus else value
            test = {"name": f"{exercise.title}: {part}", "score": one.marks[name][part], "max_score": most}
            tests.append(test | {"output": output, "visibility": "after_published"})
    whole = {"score": one.total + one.bonus, "output": "\n".join(one.notes), "tests": tests}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


# The class.


def summary(results: Results) -> str:
    """What a lecturer reads on Monday."""
    graded, assignment = results.graded, results.assignment
    ran = [one for one in graded.values() if one.findings]
    blocks = [f"# The class: {results.size}", f"{assignment.title.capitalize()}."]
    blocks.append(markdown_table(HEADER, rows(results.collection)))
    if ran:
        totals = [one.total for one in ran]
        blocks.append(f"Points: median {median(totals):g}, lowest {min(totals)}, highest {max(totals)}.")
        lines = []
        for name, exercise in asked(assignment).items():
            full, points = sum(exercise.points(assignment).values()), [one.points(name) for one in ran]
            lines.append([exercise.title, f"{mean(points):.1f}", full, points.count(full)])
        blocks.append(markdown_table(["exercise", "mean points", "of", "full marks"], lines))
    if mistakes := frequencies(results):
        blocks += ["## Mistakes, most frequent first", "![How often each mistake was made](mistakes.png)"]
        lines = [[count, EXERCISES[name].title, what] for (name, what), count in mistakes]
        blocks.append(markdown_table(["how often", "exercise", "what it looks like"], lines))
    if results.to_look_at:
        blocks += ["## To look at", bullets(results.to_look_at)]
    return "\n\n".join(blocks) + "\n"


def frequencies(results: Results) -> list[tuple[tuple[str, str], int]]:
    """Exercise and words of each mistake, and how many of those with this assignment made it, most frequent first."""
    asked = {student: one for student, one in results.graded.items() if student not in results.own}
    return sorted(Counter(mistakes_of(asked)).items(), key=lambda item: (-item[1], item[0]))


def mistakes_csv(results: Results) -> str:
    """The same as a table for other programs."""
    return table(["count", "exercise", "mistake"], [[count, *mistake] for mistake, count in frequencies(results)])


def draw_mistakes(results: Results, path: Path) -> None:
    """The most frequent mistakes as bars."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    from npvae.internals.files import write_atomically
    from npvae.plots import BLUE

    bars = frequencies(results)[:SHOWN][::-1]
    figure, axes = plt.subplots(figsize=(8, 1 + 0.28 * len(bars)), layout="constrained")
    labels = [f"{EXERCISES[exercise].title}: {words}"[:LONGEST] for (exercise, words), _ in bars]
    axes.barh(labels, [count for _, count in bars], color=BLUE)
    axes.set(xlabel="students", title="The most frequent mistakes" if bars else "No mistakes")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(axis="y", labelsize=8)
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))
    plt.close(figure)
