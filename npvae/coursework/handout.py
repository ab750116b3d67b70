"""From the master notebook to what students get, or to what other graders are fed with."""

import copy
import json
import re
from pathlib import Path
from typing import Any

from npvae import __version__
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.marks import SHORT
from npvae.coursework.variants import Variant, variant
from npvae.internals.files import write_text

Cell = dict[str, Any]

MASTER = Path("notebooks") / "coursework" / "master.ipynb"
NOT_FOR_STUDENTS = ("tool", "grade")
"""Roles of cells that a handout leaves out: other graders' marks, graded tests."""
GUIDE = "guide"
"""Role of a cell that tells how to mark a written answer; in a handout the answer goes there."""
WRITE_HERE = "*Write here, in your own words, five sentences at most.*"
SOLUTION = re.compile(r"(?m)^( *)# BEGIN SOLUTION\n.*?^ *# END SOLUTION\n?", re.DOTALL)


def find_master(path: Path | None = None) -> Path:
    """The master notebook: the one given, or that of the clone we are in or were imported from.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    """
    places = [path] if path else [MASTER, Path(__file__).parents[2] / MASTER]
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f"no master notebook at {' or '.join(map(str, places))}: "
        "run this in a clone of the repository, or give one with --master"
    )


def write_handout(
    folder: Path,
    seed: int | str,
    *,
    master: Path | None = None,
    feedback: str = "hint",
    short: bool = False,
    solutions: bool = False,
) -> list[Path]:
    """Write an assignment: notebook, the same as a script, and a README; with solutions, the notebook alone.

    Parameters
    ----------
    folder : path
        Made where it does not exist; nothing in it is replaced.
    seed : int or str
        Number of the assignment, or "textbook".
    master : path, optional
        Another master notebook.
    feedback : str
        What `check` tells: "hint", "pass-fail" or "none".
    short : bool
        Only the exercises of the 50-point version.
    solutions : bool
        Keep solutions, graded tests and other graders' marks: the lecturer's copy, and what nbgrader and Otter take.

    Returns
    -------
    paths : list of path
        What was written.

    Raises
    ------
    ValueError
        For a seed that names no assignment.
    FileExistsError
        Where a file of that name stands in the folder already.
    FileNotFoundError
        Where there is no master notebook.
    """
    chosen = variant(seed)
    notebook = json.loads(find_master(master).read_text("utf-8"))
    cells = select(notebook["cells"], chosen, short)
    if not solutions:
        cells = [blank(cell) for cell in cells if role(cell) not in NOT_FOR_STUDENTS]
    notebook["cells"] = [settled(cell, chosen, feedback) for cell in cells]
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if solutions:
        contents = {"assignment.ipynb": text}
    else:
        contents = {
            "assignment.ipynb": text,
            "assignment.py": as_script(notebook["cells"]),
            "README.md": readme(chosen, feedback, short),
        }
    folder.mkdir(parents=True, exist_ok=True)
    for name in contents:
        if (folder / name).exists():
            raise FileExistsError(
                f"{folder / name} exists already, expected a new folder: choose another, or remove it"
            )
    for name, content in contents.items():
        write_text(folder / name, content)
    return [folder / name for name in contents]


def select(cells: list[Cell], chosen: Variant, short: bool) -> list[Cell]:
    """The cells that belong to an assignment, by their metadata: "exercise", and "only" by slot of the variant."""

    def belongs(cell: Cell) -> bool:
        own = cell["metadata"].get("npvae", {})
        fits = all(getattr(chosen, slot) in values for slot, values in own.get("only", {}).items())
        return fits and not (short and own.get("exercise", SHORT[0]) not in SHORT)

    return [copy.deepcopy(cell) for cell in cells if belongs(cell)]


def role(cell: Cell) -> str:
    """What a cell is for: "task", "given", "answer", "check", "written", GUIDE, or one of NOT_FOR_STUDENTS."""
    return str(cell["metadata"].get("npvae", {}).get("role", ""))


def source(cell: Cell) -> str:
    """The text of a cell."""
    return "".join(cell["source"])


def blank(cell: Cell) -> Cell:
    """A cell without its solution and without another grader's metadata; the blank says which exercise it is."""
    own = dict(cell["metadata"].get("npvae", {}))
    if role(cell) == GUIDE:
        cell, own["role"] = {**cell, "source": [WRITE_HERE]}, "written"
    name = own.get("exercise", "")
    number = list(EXERCISES).index(name) + 1 if name in EXERCISES else 0

    def empty(match: re.Match[str]) -> str:
        return f'{match[1]}raise NotImplementedError("exercise {number}, {name}: still to be written")\n'

    text = SOLUTION.sub(empty, source(cell)).rstrip("\n")
    kept = {key: own[key] for key in ("exercise", "role", "answer") if key in own}
    return {**cell, "source": text.splitlines(keepends=True), "metadata": {"npvae": kept} if kept else {}}


def settled(cell: Cell, chosen: Variant, feedback: str) -> Cell:
    """A cell with the constants of this assignment in the place of the textbook's."""
    constants = {
        'VARIANT = "textbook"': f'VARIANT = "{chosen.name}"',
        'FEEDBACK = "hint"': f'FEEDBACK = "{feedback}"',
        "seed=VARIANT": f'seed="{chosen.name}"',  # marks are for this assignment, whatever a student sets VARIANT to
        "PRIOR_MEAN, PRIOR_SIGMA = 0.0, 1.0": f"PRIOR_MEAN, PRIOR_SIGMA = {chosen.prior_mean}, {chosen.prior_sigma}",
    }
    text = source(cell)
    for old, new in constants.items():
        text = text.replace(old, new)
    return {**cell, "source": text.splitlines(keepends=True)}


def as_script(cells: list[Cell]) -> str:
    """The notebook as a plain Python file: code as it is, prose as comments, a line with `# %%` above each cell."""
    parts = []
    for cell in cells:
        if cell["cell_type"] == "code":
            parts.append(f"# %%\n{source(cell)}\n")
        else:
            lines = [f"# {line}".rstrip() for line in source(cell).splitlines()]
            parts.append("\n".join(["# %% [markdown]", *lines, ""]))
    return "\n".join(parts)


def readme(chosen: Variant, feedback: str, short: bool) -> str:
    """What stands beside the assignment."""
    points = {name: sum(e.points(chosen).values()) for name, e in EXERCISES.items() if name in SHORT or not short}
    bonus = [points.pop(name) for name, exercise in EXERCISES.items() if exercise.bonus and name in points]
    more = f" A bonus exercise has {sum(bonus)} more." if bonus else ""
    gaps = "\nThey keep the numbers of the long version, so some numbers are missing." if short else ""
    return README.format(
        name=chosen.name,
        wheel=f"npvae-{__version__}-py3-none-any.whl",
        feedback=FEEDBACK_IN_WORDS[feedback],
        points=f"{len(points)} exercises, {sum(points.values())} points.{more}{gaps}",
    )


FEEDBACK_IN_WORDS = {
    "hint": "The first check of a wrong answer says where it is wrong, the second what it violates,\n"
    "the third what it looks like.",
    "pass-fail": "`check` says whether an answer is right, and no more.",
    "none": "`check` says only that your functions have come. Whether they are right, find out by other\n"
    "means, such as central differences.",
}
README = """\
# A variational autoencoder by hand: assignment {name}

You write the pieces of a variational autoencoder and the gradient of each.
{points}
Four questions in words come on top and are marked by hand.

Two files hold the same: `assignment.ipynb` for Jupyter, `assignment.py` for any editor. Hand in
one of them. They need Python 3.10 or later and the package npvae, in the file that came with this
page (its name may have another number):

    python3 -m venv .venv
    .venv/bin/python -m pip install jupyterlab {wheel}
    .venv/bin/python -m jupyter lab assignment.ipynb

Without Jupyter, leave out `jupyterlab` and run `.venv/bin/python assignment.py`. On Windows write
`py` for `python3` and `.venv\\Scripts\\python` for `.venv/bin/python`. If you have a clone of npvae's
repository and no such file, write the folder of the clone.

Each exercise has a task, a cell to fill in, and a cell that calls `check`. Replace the line that
raises `NotImplementedError`, run the cell, run the check.
{feedback}

Keep the names of the functions, the order of their arguments, and `VARIANT`. In `assignment.py`, a
cell is what stands between two lines that begin with `# %%`, and answers in words are comments.

Marks are given for other inputs than those that `check` uses, and for each part on its own: a wrong
gradient does not cost the forward. Before you hand in, restart and run everything from top to
bottom: it has to work in that order.
"""
