"""An assignment: what students get, or the lecturer's copy, which nbgrader and Otter take."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from npvae import __version__
from npvae.coursework.assignments import CHOICES, variant
from npvae.coursework.exercises import WRITTEN, asked, total
from npvae.coursework.notebook import NOT_FOR_STUDENTS, as_script, blank, lecturers_copy, of, role, select
from npvae.coursework.variants import Variant
from npvae.internals.files import write_text

MASTER = Path("notebooks") / "coursework" / "master.ipynb"
PAGE = Path(__file__).with_name("handout.md")
"""What a student reads first, with gaps in braces."""


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


def read_master(path: Path, chosen: Variant) -> dict[str, Any]:
    """The master notebook, with one solution of each exercise that is asked.

    Raises
    ------
    ValueError
        For another file.
    """
    try:
        notebook = json.loads(path.read_text("utf-8"))
        code = [cell for cell in select(notebook["cells"], chosen, "") if cell["cell_type"] == "code"]
        solutions = {name: sum(of(cell, name) for cell in code) for name in asked(chosen)}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a notebook, expected the master notebook: {error}") from error
    for name, count in solutions.items():
        if count != 1:
            raise ValueError(
                f"{path} has {count} cells of code for {name}, expected the master, which has one solution"
            )
    return dict(notebook)


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
        Number of the assignment, "textbook", or the line that an earlier handout carries.
    master : path, optional
        Another master notebook.
    feedback : str
        What `check` tells: "hint", "pass-fail" or "none".
    short : bool
        Only the exercises of the short form.
    solutions : bool
        Keep solutions, graded tests and other graders' marks: the lecturer's copy, and what nbgrader and Otter take.

    Returns
    -------
    paths : list of path
        What was written.

    Raises
    ------
    ValueError
        For a seed that names no assignment, and for a master that is none.
    FileExistsError
        Where a file of that name stands in the folder already.
    FileNotFoundError
        Where there is no master notebook.
    """
    chosen = assigned(seed, short)
    notebook = read_master(find_master(master), chosen)
    cells = list(lecturers_copy(select(notebook["cells"], chosen, feedback), chosen))
    if not solutions:
        cells = [blank(cell) for cell in cells if role(cell) not in NOT_FOR_STUDENTS]
    notebook["cells"] = [{"id": f"cell-{i:03}", **cell} for i, cell in enumerate(cells)]
    notebook["metadata"]["npvae"] = {"assignment": str(chosen)}
    contents = {folder / "assignment.ipynb": json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"}
    if not solutions:
        contents[folder / "assignment.py"] = as_script(cells)
        contents[folder / "README.md"] = readme(chosen, feedback, sorted(folder.glob("npvae-*.whl")))
    folder.mkdir(parents=True, exist_ok=True)
    for path in contents:
        if path.exists():
            raise FileExistsError(f"{path} exists already, expected a new folder: choose another, or remove it")
    for path, content in contents.items():
        write_text(path, content)
    return list(contents)


def assigned(seed: int | str, short: bool) -> Variant:
    """The assignment that is handed out for a number, "textbook", or the line of an earlier handout."""
    chosen = variant(seed, CHOICES)
    return replace(chosen, form="short" if short else chosen.form, package=chosen.package or __version__)


def readme(chosen: Variant, feedback: str, wheels: Sequence[Path]) -> str:
    """What stands beside the assignment; it names the package's file where that lies there already."""
    exercises = sum(not exercise.bonus for exercise in asked(chosen).values())
    bonus = total(chosen, bonus=True)
    more = f" A bonus exercise has {bonus} more." if bonus else ""
    gaps = "\nThey keep the numbers of the long form, so some numbers are missing." if chosen.form == "short" else ""
    return PAGE.read_text("utf-8").format(
        name=chosen.name,
        package=wheels[-1].name if wheels else "NPVAE",
        given="in the file that came with this page" if wheels else GIVEN,
        feedback=FEEDBACK_IN_WORDS[feedback],
        points=f"{exercises} exercises, {total(chosen)} points.{more}{gaps}",
        words=f"{len(WRITTEN)} questions in words, marked by hand, add {sum(WRITTEN.values())} points.",
    )


FEEDBACK_IN_WORDS = {
    "hint": "The first check of a wrong answer says where it is wrong, the second what it violates,\n"
    "the third what it looks like.",
    "pass-fail": "`check` says whether an answer is right, and no more.",
    "none": "`check` says only that your functions have come. Whether they are right, find out by other\n"
    "means, such as central differences.",
}
GIVEN = """\
for which write, in the
place of NPVAE, what you were given: a file that ends in .whl, or an address"""
