"""From the cells of the master to those of an assignment.

The master holds what somebody has to write: tasks, given code, solutions, questions in words and marking guides. All
that follows from the declarations of the exercises is put around it here.
"""

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from npvae.coursework.exercise import EXTREMES, Exercise
from npvae.coursework.exercises import WRITTEN, asked, number
from npvae.coursework.variants import SLOTS, Variant

Cell = dict[str, Any]

NOT_FOR_STUDENTS = ("tool", "grade")
"""Roles of cells that a handout leaves out: other graders' marks, graded tests."""
GUIDE = "guide"
"""Role of a cell that tells how to mark a written answer; in a handout the answer goes there."""
WRITE_HERE = "*Write here, in your own words, five sentences at most.*"
SOLUTION = re.compile(r"(?m)^( *)# BEGIN SOLUTION\n.*?^ *# END SOLUTION\n?", re.DOTALL)
OTTER = """\
# ASSIGNMENT CONFIG
solutions_pdf: false
template_pdf: false
generate: true
run_tests: true
init_cell: false
check_all_cell: false
export_cell: false
strip_solutions_from_all_cells: true
files: []"""


def own(cell: Cell) -> dict[str, Any]:
    """What a cell says of itself: its role, and to what of an assignment it belongs."""
    return dict(cell["metadata"].get("npvae", {}))


def role(cell: Cell) -> str:
    """What a cell is for: "task", "given", "answer", "check", "written", GUIDE, or one of NOT_FOR_STUDENTS."""
    return str(own(cell).get("role", ""))


def source(cell: Cell) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def of(cell: Cell, name: str) -> bool:
    """Whether a cell belongs to an exercise. Those that share a task name several."""
    names = own(cell).get("exercise", ())
    return name in ([names] if isinstance(names, str) else names)


def select(cells: Sequence[Cell], chosen: Variant, feedback: str) -> list[Cell]:
    """The cells that belong where every slot that they name is chosen so; with the constants chosen."""
    constants = {
        "VARIANT": f'"{chosen}"',
        "FEEDBACK": f'"{feedback}"',
        "PRIOR_MEAN, PRIOR_SIGMA": f"{chosen.prior_mean}, {chosen.prior_sigma}",
    }
    assignment = re.compile(rf"(?m)^({'|'.join(constants)}) = .*$")

    def settled(cell: Cell) -> Cell:
        text = assignment.sub(lambda match: f"{match[1]} = {constants[match[1]]}", source(cell))
        return {**cell, "source": text.splitlines(keepends=True)}

    def belongs(cell: Cell) -> bool:
        return all(getattr(chosen, slot) == choice for slot, choice in own(cell).items() if slot in SLOTS)

    return [settled(cell) for cell in cells if belongs(cell)]


def markdown(text: str, **own: str) -> Cell:
    return {"cell_type": "markdown", "metadata": {"npvae": own}, "source": text.splitlines(keepends=True)}


def code(text: str, **own: str) -> Cell:
    return {**markdown(text, **own), "cell_type": "code", "execution_count": None, "outputs": []}


def tool(text: str) -> Cell:
    """A raw cell for Otter. What it begins in small letters nbgrader would take for its own in capital ones."""
    return {**markdown(text, role="tool"), "cell_type": "raw"}


def named(cell: Cell, name: str, points: int | None = None, solution: bool = False) -> Cell:
    """A cell with an id, which nbgrader knows it by."""
    nbgrader = {
        "grade_id": name,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
        "schema_version": 3,
        **({} if points is None else {"points": points}),
    }
    return {**cell, "id": name, "metadata": {**cell["metadata"], "nbgrader": nbgrader}}


# The lecturer's copy.


def lecturers_copy(cells: Sequence[Cell], chosen: Variant) -> Iterator[Cell]:
    """All cells of an assignment, from those of the master that belong to it."""
    places = [i for i, cell in enumerate(cells) if "exercise" in own(cell)]
    yield tool(OTTER)
    yield from (given(cell) for cell in cells[: places[0]])
    for exercise in asked(chosen).values():
        yield from around_exercise(exercise, [cell for cell in cells if of(cell, exercise.name)], chosen)
    for cell in cells[places[-1] + 1 :]:
        if "question" in own(cell):
            yield from around_question(own(cell)["question"], cell)
        elif role(cell) == "written":
            heading = f"## Questions in words ({sum(WRITTEN.values())} points, marked by hand)"
            yield markdown(f"{heading}\n\n{source(cell)}", role="written")
        else:
            yield given(cell)


def given(cell: Cell) -> Cell:
    """A cell that stays as it is; nbgrader locks code."""
    return named(cell, f"given-{cell['id']}") if cell["cell_type"] == "code" else cell


def around_exercise(exercise: Exercise, cells: Sequence[Cell], chosen: Variant) -> Iterator[Cell]:
    """An exercise: its task, its solution, and what checks and marks it."""
    name, points, functions = exercise.name, exercise.points(chosen), ", ".join(exercise.functions)
    worth = f"{'bonus, ' * exercise.bonus}{sum(points.values())} points"
    parts = ", ".join(f"{part} {value}" for part, value in points.items())
    task = [
        f"## {number(name)}. {exercise.title} ({worth})",
        *(source(cell) for cell in cells if cell["cell_type"] == "markdown"),
        f"*Points: {parts}. {extremes(exercise, chosen)}Read: {exercise.read}.*",
    ]
    (answer,) = (source(cell) for cell in cells if cell["cell_type"] == "code")
    yield tool(f"# BEGIN QUESTION\nname: {name}\npoints: {list(points.values())}")
    yield {**markdown("\n\n".join(task), exercise=name, role="task"), "id": f"task-{name}"}
    yield tool("# begin solution")
    yield named(code(answer, exercise=name, role="answer"), f"answer-{name}", solution=True)
    yield tool("# end solution")
    yield {**code(f'check("{name}", {functions});', exercise=name, role="check"), "id": f"check-{name}"}
    yield tool("# BEGIN TESTS")
    for part, value in points.items():
        test = code(hidden_test(exercise, part, value, chosen), exercise=name, role="grade")
        yield named(test, f"grade-{name}-{part.replace(' ', '-')}", points=value)
    yield tool("# END TESTS")
    yield tool("# END QUESTION")


def hidden_test(exercise: Exercise, part: str, value: int, chosen: Variant) -> str:
    """What marks a part in other graders. Otter looks for the word in its first line."""
    return f"""\
# Hidden test. {exercise.name}, {part}: {value} point{"s" * (value > 1)}
# BEGIN HIDDEN TESTS
from npvae.coursework import passes

assert passes("{exercise.name}", "{part}", {", ".join(exercise.functions)}, seed="{chosen}")
# END HIDDEN TESTS"""


def extremes(exercise: Exercise, chosen: Variant) -> str:
    """How large and how small the extreme values are, where an exercise has points for them."""
    probes = [probe for probe in exercise.probes(chosen, np.random.default_rng(0)) if probe.where == EXTREMES]
    if not probes:
        return ""
    numbers = np.concatenate([np.ravel(arg) for arg in probes[0].args if isinstance(arg, np.ndarray)])
    smallest = 10 ** math.ceil(math.log10(np.min(np.abs(numbers[numbers != 0]))))
    small = f", as small as {smallest:g}" if smallest < 1e-3 else ""
    return f"Extreme values: {rounded(numbers.min())} to {rounded(numbers.max())}{small}. "


def rounded(value: float) -> str:
    """A number to one digit."""
    return f"{float(f'{value:.0e}'):,.15g}"


def around_question(name: str, cell: Cell) -> Iterator[Cell]:
    """A question in words, or the guide to marking its answer."""
    points = WRITTEN[name]
    if role(cell) == GUIDE:
        guide = f"**Marking guide {name} ({points}).** {source(cell)}"
        yield named(markdown(guide, role=GUIDE, answer=name), f"written-{name}", points, solution=True)
        yield tool("# end solution")
        yield tool("# END QUESTION")
    else:
        yield tool(f"# BEGIN QUESTION\nname: {name}\nmanual: true\npoints: {points}")
        yield {**markdown(f"**{name}.** {source(cell)}", role="written"), "id": f"task-{name}"}
        yield tool("# begin solution")


# What students get.


def blank(cell: Cell) -> Cell:
    """A cell without its solution and without another grader's metadata; the blank says which exercise it is."""
    kept = own(cell)
    if role(cell) == GUIDE:
        cell, kept["role"] = {**cell, "source": [WRITE_HERE]}, "written"

    def empty(match: re.Match[str]) -> str:
        name = kept["exercise"]
        return f'{match[1]}raise NotImplementedError("exercise {number(name)}, {name}: still to be written")\n'

    text = SOLUTION.sub(empty, source(cell)).rstrip("\n")
    return {**cell, "source": text.splitlines(keepends=True), "metadata": {"npvae": kept}}


def as_script(cells: Sequence[Cell]) -> str:
    """The notebook as a plain Python file: code as it is, prose as comments, a line with `# %%` above each cell."""
    parts = []
    for cell in cells:
        if cell["cell_type"] == "code":
            parts.append(f"# %%\n{source(cell)}\n")
        else:
            lines = [f"# {line}".rstrip() for line in source(cell).splitlines()]
            parts.append("\n".join(["# %% [markdown]", *lines, ""]))
    return "\n".join(parts)
