"""What students get: none of the answers is in it, it fails exactly the exercises, and the master's answers pass."""

import inspect
import json
import os
import re
import runpy
import subprocess
import sys

import numpy as np
import pytest
from choices import EVERY_CHOICE, full
from other_graders import secrets

from npvae.cli import main
from npvae.coursework.assignments import variant
from npvae.coursework.check import FEEDBACK
from npvae.coursework.exercise import EXTREMES
from npvae.coursework.exercises import EXERCISES, SHORT, WRITTEN, total
from npvae.coursework.handout import MASTER, assigned, find_master, write_handout
from npvae.coursework.key import answer_key
from npvae.coursework.marks import GRADING_SEED, marks
from npvae.coursework.notebook import WRITE_HERE, extremes, own, role, select, source
from npvae.coursework.variants import SLOTS, Variant

SEEDS = ("textbook", *EVERY_CHOICE)
MASTERS_CELLS = json.loads(find_master().read_text("utf-8"))["cells"]
TEXTBOOK_ONLY = {"weights": "input first", "head": "log-variance"}

every_assignment = pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: variant(seed).name)
long_and_short = pytest.mark.parametrize("short", [False, True], ids=["long", "short"])


def asked(short):
    return [name for name in EXERCISES if name in SHORT or not short]


def still_missing(short):
    """What the last cell of a blank assignment names."""
    numbers = {name: i for i, name in enumerate(EXERCISES, 1)}
    return ", ".join(f"{numbers[name]}. {name}" for name in asked(short) if not EXERCISES[name].bonus)


def notebook_of(folder):
    return json.loads((folder / "assignment.ipynb").read_text("utf-8"))["cells"]


def code_of(cells):
    return [source(cell) for cell in cells if cell["cell_type"] == "code"]


def run(code):
    """The names that cells define when they are run from top to bottom."""
    names = {}
    for number, text in enumerate(code):
        exec(compile(text, f"cell {number}", "exec"), names)
    return names


def solved(seed, tmp_path):
    """The names that the lecturer's copy defines, without its checks and tests."""
    write_handout(tmp_path / "lecturer", seed, solutions=True)
    return run(source(cell) for cell in notebook_of(tmp_path / "lecturer") if role(cell) in ("given", "answer"))


def functions_of(name, names):
    return tuple(names[function] for function in EXERCISES[name].functions)


# What is in a handout, and what is not.


def test_the_lines_looked_for_are_those_of_every_solution_and_of_every_marking_guide():
    lines = secrets()
    assert len(lines) > 150
    for line in ("dx = dy @ W", "dx = dy @ W.T", "drho = sigma**2 / PRIOR_SIGMA**2 - 1", "return dbound * cache"):
        assert line in lines
    guides = [cell for cell in MASTERS_CELLS if role(cell) == "guide"]
    assert len(guides) == len(WRITTEN)
    assert all(set(source(guide).splitlines()) & lines for guide in guides)
    assert "x, W = cache" not in lines  # given


@long_and_short
@every_assignment
def test_no_line_of_a_solution_or_of_a_marking_guide_is_in_any_file(seed, short, tmp_path):
    paths = write_handout(tmp_path / "out", seed, short=short)
    texts = [path.read_text("utf-8") for path in paths]
    texts += ["\n".join(map(source, notebook_of(tmp_path / "out")))]
    for text in texts:
        assert {line for line in secrets() if line in text or json.dumps(line)[1:-1] in text} == set()


@long_and_short
@every_assignment
def test_nothing_of_other_graders_is_in_any_file(seed, short, tmp_path):
    paths = write_handout(tmp_path / "out", seed, short=short)
    for path in paths:
        for word in ("nbgrader", "otter", "passes(", "Hidden test", "# BEGIN", "# END"):
            assert word not in path.read_text("utf-8")
    cells = notebook_of(tmp_path / "out")
    assert {cell["cell_type"] for cell in cells} == {"markdown", "code"}
    assert {role(cell) for cell in cells} == {"task", "given", "answer", "check", "written"}
    assert all(set(cell["metadata"]) <= {"npvae"} for cell in cells)
    assert all(set(own(cell)) <= {"exercise", "role", "answer"} for cell in cells)


@long_and_short
@every_assignment
def test_each_exercise_is_asked_once_in_order_with_its_points(seed, short, tmp_path):
    write_handout(tmp_path, seed, short=short)
    cells = notebook_of(tmp_path)
    for kind in ("task", "answer", "check"):
        names = [cell["metadata"]["npvae"].get("exercise") for cell in cells if role(cell) == kind]
        assert [name for name in names if name] == asked(short)
    tasks = [source(cell).splitlines() for cell in cells if role(cell) == "task" and "exercise" in own(cell)]
    for name, (head, *_, foot) in zip(asked(short), tasks, strict=True):
        number, points = list(EXERCISES).index(name) + 1, full(name, seed)
        assert head.startswith(f"## {number}. {EXERCISES[name].title} (")
        assert head.endswith(f"{sum(points.values())} points)")
        parts = ", ".join(f"{part} {value}" for part, value in points.items())
        told = extremes(EXERCISES[name], variant(seed))
        assert foot == f"*Points: {parts}. {told}Read: {EXERCISES[name].read}.*"
    assert len({cell["id"] for cell in cells}) == len(cells)


@every_assignment
def test_the_extreme_values_that_are_told_are_those_that_marks_are_given_for(seed):
    for exercise in EXERCISES.values():
        told = re.match(r"Extreme values: (\S+) to ([\d,.]*\d)", extremes(exercise, variant(seed)))
        assert bool(told) == (EXTREMES in exercise.points(variant(seed)))
        for probe in answer_key(exercise.name, variant(seed), GRADING_SEED).probes:
            if probe.where == EXTREMES:
                numbers = np.concatenate([np.ravel(arg) for arg in probe.args if isinstance(arg, np.ndarray)])
                low, high = (float(bound.replace(",", "")) for bound in told.groups())
                assert low == pytest.approx(numbers.min(), rel=0.5)
                assert high == pytest.approx(numbers.max(), rel=0.5)


@every_assignment
def test_a_task_asks_for_the_choices_of_its_assignment_and_for_no_others(seed, tmp_path):
    write_handout(tmp_path, seed)
    chosen, text = assigned(seed, short=False), (tmp_path / "assignment.py").read_text("utf-8")
    assert f'VARIANT = "{chosen}"\n' in text
    assert f"PRIOR_MEAN, PRIOR_SIGMA = {chosen.prior_mean}, {chosen.prior_sigma}\n" in text
    tasks = "\n".join(source(cell) for cell in notebook_of(tmp_path) if role(cell) == "task")
    particular = {slot: [cell for cell in MASTERS_CELLS if slot in own(cell)] for slot in SLOTS}
    assert {slot for slot, cells in particular.items() if cells} >= {"activation", "head", "likelihood"}
    for slot, cells in particular.items():
        for cell in cells:
            if cell["cell_type"] == "markdown":
                assert (source(cell) in tasks) == (own(cell)[slot] == getattr(chosen, slot)), cell["id"]


def test_the_written_questions_leave_room_for_an_answer_that_can_be_found_again(tmp_path):
    write_handout(tmp_path, 3)
    places = [cell for cell in notebook_of(tmp_path) if source(cell) == WRITE_HERE]
    names = [cell["metadata"]["npvae"]["answer"] for cell in places]
    assert names == list(WRITTEN)


def test_a_cell_belongs_where_every_slot_it_names_fits():
    cells = [
        {"metadata": {"npvae": {"exercise": "kl_divergence", **only}}, "source": []}
        for only in ({}, TEXTBOOK_ONLY, {**TEXTBOOK_ONLY, "head": "softplus"})
    ]
    assert select(cells, Variant(), "hint") == cells[:2]
    assert select(cells, Variant(head="softplus"), "hint") == [cells[0], cells[2]]


@pytest.mark.parametrize("feedback", FEEDBACK)
def test_the_level_of_feedback_is_in_both_files_and_told_on_the_page(feedback, tmp_path, capsys):
    write_handout(tmp_path, 3, feedback=feedback)
    line = f'FEEDBACK = "{feedback}"'
    assert line in (tmp_path / "assignment.py").read_text("utf-8").splitlines()
    assert line in "\n".join(code_of(notebook_of(tmp_path))).splitlines()
    page = (tmp_path / "README.md").read_text("utf-8")
    told = {
        "hint": "the third what it looks like",
        "pass-fail": "and no more",
        "none": "`check` says only that your functions have come",
    }
    assert [level for level, words in told.items() if words in page] == [feedback]
    run(code_of(notebook_of(tmp_path)))
    said = {"hint": "still to be written", "pass-fail": "not right yet", "none": "received"}[feedback]
    assert capsys.readouterr().out.splitlines()[:-1] == [f"{name}: {said}" for name in EXERCISES]


def test_the_page_beside_it_tells_the_points_and_that_the_short_version_skips_numbers(tmp_path):
    for short in (False, True):
        write_handout(tmp_path / str(short), 3, short=short)
    long, short = [(tmp_path / name / "README.md").read_text("utf-8") for name in ("False", "True")]
    exercises = sum(not exercise.bonus for exercise in EXERCISES.values())
    bonus = total(Variant(), bonus=True)
    assert f"{exercises} exercises, {total(Variant())} points. A bonus exercise has {bonus} more." in long
    assert f"{len(SHORT)} exercises, {total(Variant(form='short'))} points.\n" in short
    assert ["some numbers are missing" in text for text in (long, short)] == [False, True]


def test_the_page_names_the_wheel_where_it_lies_there_and_nowhere_else(tmp_path):
    (tmp_path / "with").mkdir()
    (tmp_path / "with" / "npvae-0.9-py3-none-any.whl").touch()
    pages = {}
    for name in ("with", "without"):
        write_handout(tmp_path / name, 3)
        pages[name] = (tmp_path / name / "README.md").read_text("utf-8")
    assert "pip install jupyterlab npvae-0.9-py3-none-any.whl\n" in pages["with"]
    assert "pip install jupyterlab NPVAE\n" in pages["without"]
    assert "NPVAE" not in pages["with"]
    assert "npvae-" not in pages["without"]


@every_assignment
def test_the_script_holds_the_code_of_the_notebook(seed, tmp_path):
    write_handout(tmp_path, seed)
    parts = re.split(r"(?m)^# %%(.*)\n", (tmp_path / "assignment.py").read_text("utf-8"))[1:]
    code = [text.strip("\n") for kind, text in zip(parts[::2], parts[1::2], strict=True) if not kind]
    assert code == [text.strip("\n") for text in code_of(notebook_of(tmp_path))]
    prose = [text for kind, text in zip(parts[::2], parts[1::2], strict=True) if kind]
    assert all(line.startswith("#") for text in prose for line in text.splitlines() if line)


@pytest.mark.slow
def test_the_notebook_is_a_valid_one(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.read(write_handout(tmp_path, 3)[0], as_version=4))


def test_the_guide_for_lecturers_says_of_points_parts_and_choices_what_is_declared():
    guide = find_master().with_name("README.md").read_text("utf-8")
    program = runpy.run_path(str(find_master().with_name("guide.py")))
    assert program["rewritten"](guide) == guide, "run notebooks/coursework/guide.py"
    rows = "\n".join(program["declared"]())
    for name in EXERCISES:
        assert f"`{name}` | {sum(full(name, 3).values())} |" in rows
        assert all(f"{part} {value}" in rows for part, value in full(name, 3).items())


# What it does when it is run.


@pytest.mark.parametrize(("seed", "short"), [("textbook", False), (3, False), (3, True), (SEEDS[-1], False)])
def test_run_from_top_to_bottom_the_notebook_fails_exactly_the_exercises(seed, short, tmp_path, capsys):
    write_handout(tmp_path, seed, short=short)
    run(code_of(notebook_of(tmp_path)))
    *checks, last = capsys.readouterr().out.splitlines()
    assert checks == [f"{name}: still to be written" for name in asked(short)]
    assert last == f"Here your own VAE trains, once these are right: {still_missing(short)}"


def test_run_as_a_script_it_fails_exactly_the_exercises(tmp_path):
    write_handout(tmp_path, 3)
    done = subprocess.run(
        [sys.executable, "assignment.py"],
        cwd=tmp_path,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:-1] == [f"{name}: still to be written" for name in EXERCISES]
    assert done.stdout.splitlines()[-1].endswith(still_missing(short=False))


@every_assignment
def test_every_blank_raises_with_the_number_and_name_of_its_exercise(seed, tmp_path):
    write_handout(tmp_path, seed)
    names = run(source(cell) for cell in notebook_of(tmp_path) if role(cell) in ("given", "answer"))
    state = (None,) * (3 if variant(seed).optimizer == "AMSGrad" else 2)
    for number, (name, exercise) in enumerate(EXERCISES.items(), 1):
        for function in exercise.functions:
            arguments = inspect.signature(names[function]).parameters
            given = {"state": state, "cache": (None, None)}
            with pytest.raises(NotImplementedError) as raised:
                names[function](*(given.get(argument) for argument in arguments))
            assert str(raised.value) == f"exercise {number}, {name}: still to be written"


# The master's solutions.


def question(exercise, seed):
    """What of an assignment an exercise asks about, to try each question once."""
    return tuple(getattr(variant(seed), slot) for slot in EXERCISES[exercise].choices)


@pytest.mark.parametrize("probes_seed", [GRADING_SEED, *(pytest.param(i, marks=pytest.mark.slow) for i in range(4))])
@pytest.mark.parametrize("exercise", EXERCISES)
def test_the_master_solves_every_choice_and_earns_full_marks_whatever_the_probes(exercise, probes_seed, tmp_path):
    tried = {}
    for seed in SEEDS:
        tried.setdefault(question(exercise, seed), seed)
    for number, seed in enumerate(tried.values()):
        functions = functions_of(exercise, solved(seed, tmp_path / str(number)))
        key = answer_key(exercise, variant(seed), probes_seed)
        assert marks(key, [key.exercise.run(functions, probe) for probe in key.probes]) == key.points, seed


@pytest.mark.parametrize("seed", ["textbook", 3])
def test_with_solutions_every_check_is_right_and_every_hidden_test_passes(seed, tmp_path, capsys, monkeypatch):
    (path,) = write_handout(tmp_path, seed, solutions=True)
    cells = notebook_of(tmp_path)
    assert path.name == "assignment.ipynb"
    assert sum("assert passes(" in text for text in code_of(cells)) == sum(
        len(full(name, seed)) for name in EXERCISES
    )
    monkeypatch.setattr("npvae.coursework.last_cell.EPOCHS", 1)
    monkeypatch.setattr("npvae.coursework.last_cell.shown", lambda losses, *rest: print(f"{len(losses)} epoch"))
    run(code_of(cells))
    *checks, last = capsys.readouterr().out.splitlines()
    assert checks == [f"{name}: right" for name in EXERCISES]
    assert last == "1 epoch"


def test_a_hidden_test_fails_where_its_part_is_wrong_whatever_a_student_takes_for_the_variant(tmp_path):
    names = solved(3, tmp_path)
    right = names["reparameterize_backward"]
    names["reparameterize_backward"] = lambda dz, cache: (right(dz, cache)[0], 2 * right(dz, cache)[1])
    names["VARIANT"] = "textbook"
    failed = []
    for cell in notebook_of(tmp_path / "lecturer"):
        if role(cell) == "grade" and own(cell)["exercise"] == "reparameterize":
            try:
                exec(source(cell), names)
            except AssertionError:
                failed.append(source(cell).splitlines()[0])
    assert failed == ["# Hidden test. reparameterize, drho: 4 points"]


def test_hidden_tests_carry_the_points_of_their_parts_for_both_graders(tmp_path):
    write_handout(tmp_path, 3, solutions=True)
    for_nbgrader, for_otter = {}, {}
    for cell in notebook_of(tmp_path):
        name, text = own(cell).get("exercise"), source(cell)
        if role(cell) == "grade":
            for_nbgrader.setdefault(name, []).append(cell["metadata"]["nbgrader"]["points"])
        question = re.fullmatch(r"# BEGIN QUESTION\nname: (\w+)\npoints: (.*)", text)
        if question:
            for_otter[question[1]] = json.loads(question[2])
    assert for_nbgrader == for_otter == {name: list(full(name, 3).values()) for name in EXERCISES}


# What cannot be done.


def test_nothing_in_the_folder_is_replaced(tmp_path):
    (tmp_path / "assignment.py").write_text("mine", "utf-8")
    with pytest.raises(FileExistsError, match=r"assignment\.py exists already, expected a new folder"):
        write_handout(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["assignment.py"]
    assert (tmp_path / "assignment.py").read_text("utf-8") == "mine"


def test_a_master_that_is_not_there_is_told_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no master notebook at .*not_there\.ipynb: run this in a clone"):
        write_handout(tmp_path / "out", 3, master=tmp_path / "not_there.ipynb")
    assert not (tmp_path / "out").exists()


def test_a_master_that_is_none_is_told_with_what_is_missing(tmp_path):
    (handed_out,) = write_handout(tmp_path / "handout", 3, solutions=True)
    lesson = find_master().parents[1] / "01_autoencoder.ipynb"
    for path, words in (
        (handed_out, r"has \d+ cells of code for dense_backward, expected the master"),
        (lesson, "has 0 cells of code for dense_backward, expected the master"),
        (lesson.with_name("README.md"), "is not a notebook, expected the master"),
    ):
        with pytest.raises(ValueError, match=words):
            write_handout(tmp_path / "out", 3, master=path)
    assert not (tmp_path / "out").exists()


def test_the_master_is_found_in_the_folder_one_is_in_before_that_of_the_package(tmp_path, monkeypatch):
    assert find_master().parts[-3:] == MASTER.parts
    monkeypatch.chdir(tmp_path)
    assert find_master().is_absolute()
    MASTER.parent.mkdir(parents=True)
    MASTER.write_text("{}", "utf-8")
    assert find_master() == MASTER


def test_an_assignment_that_does_not_exist_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="expected a whole number from 0"):
        write_handout(tmp_path / "out", "-1")
    assert not (tmp_path / "out").exists()


def test_npvae_handout_prints_what_it_asks_and_where_it_wrote(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["handout", str(out), "--variant", "3"]) == 0
    first, *paths = capsys.readouterr().out.splitlines()
    assert first == str(assigned(3, short=False))
    assert first.startswith("variant 3, form long, npvae ")
    assert paths == [str(out / name) for name in ("assignment.ipynb", "assignment.py", "README.md")]
    assert sorted(str(path) for path in out.iterdir()) == sorted(paths)


def test_npvae_handout_takes_every_option(tmp_path, capsys):
    options = ["--variant", "7", "--short", "--feedback", "none", "--solutions", "--master", str(find_master())]
    assert main(["handout", str(tmp_path), *options]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [str(tmp_path / "assignment.ipynb")]
    text = "\n".join(code_of(notebook_of(tmp_path)))
    assert f'VARIANT = "{assigned(7, short=True)}"\nFEEDBACK = "none"\n' in text
    assert "def dense_backward" not in text


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--master", "not_there.ipynb"], 1, "no master notebook at not_there.ipynb"),
        (["--variant", "no"], 2, 'expected a whole number from 0, or "textbook"'),
        (["--feedback", "all"], 2, "--feedback"),
    ],
)
def test_npvae_handout_tells_an_error_in_one_line(options, status, words, tmp_path, capsys):
    try:
        returned = main(["handout", str(tmp_path / "out"), *options])
    except SystemExit as stopped:
        returned = stopped.code
    (line,) = capsys.readouterr().err.splitlines()
    assert returned == status
    assert words in line
    assert not (tmp_path / "out").exists()


def test_npvae_handout_fails_with_one_line_where_files_are(tmp_path, capsys):
    assert main(["handout", str(tmp_path)]) == 0
    assert main(["handout", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("npvae: error: ")
    assert "assignment.ipynb exists already" in line
