"""Grading a class: marks, feedback, reports, and that nobody's work gets lost."""

import csv
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from choices import full
from classes import results
from unseen_answers import unseen

from npvae.cli import main
from npvae.coursework.assignments import variant
from npvae.coursework.exercises import EXERCISES, total
from npvae.coursework.grading import FORMAT, Graded, Kept, grade, grade_one
from npvae.coursework.handout import write_handout
from npvae.coursework.report import write_reports
from npvae.coursework.submissions import Submission, pseudonym, read
from npvae.coursework.variants import Variant
from npvae.coursework.workers import workers

LONG, SHORT = (total(Variant(form=form)) for form in ("long", "short"))
BONUS = total(Variant(), bonus=True)

pytestmark = pytest.mark.slow
SEEDS = ("textbook", "0", "1", "2", "3", "5", "7", "11")


def solution(tmp_path, seed="textbook"):
    """The lecturer's copy as a submission: all right."""
    (path,) = write_handout(tmp_path / f"solution-{seed}", seed, solutions=True)
    return path.read_bytes()


def handout(tmp_path, seed="textbook"):
    return write_handout(tmp_path / f"handout-{seed}", seed)[0].read_bytes()


def with_change(notebook, old, new):
    text = notebook.decode()
    quoted = json.dumps(old)[1:-1]
    assert text.count(quoted) >= 1, old
    return text.replace(quoted, json.dumps(new)[1:-1]).encode()


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    return solution(tmp_path_factory.mktemp("solution"))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reference_solution_earns_all_points_and_the_bonus_and_the_empty_handout_nothing(seed, tmp_path):
    assignment = variant(seed)
    best = grade_one(Submission("ada", "a.ipynb", solution(tmp_path, seed)), assignment)
    assert (best.total, best.bonus) == (LONG, BONUS)
    assert not any(best.findings.values())
    assert not best.failures
    empty = grade_one(Submission("bob", "b.ipynb", handout(tmp_path, seed)), assignment)
    assert (empty.total, empty.bonus) == (0, 0)


def test_the_script_of_a_handout_is_graded_like_its_notebook(tmp_path):
    path = write_handout(tmp_path / "both", "textbook")[1]
    graded = grade_one(Submission("ada", "a.py", path.read_bytes()), Variant())
    assert graded.total == 0
    assert {finding.name for findings in graded.findings.values() for finding in findings} <= {"blank", "needs"}


def test_the_short_form_is_worth_its_own_points(right):
    assert grade_one(Submission("ada", "a.ipynb", right), Variant(form="short")).total == SHORT


@pytest.mark.parametrize(
    ("old", "new", "exercise", "lost", "name"),
    [
        (
            "    slope = sigma / 2\n",
            "    slope = sigma\n",
            "reparameterize",
            {"drho"},
            "sigma stands in the place of its slope",
        ),
        (
            "    db = np.sum(dy, axis=0)\n",
            "    db = np.mean(dy, axis=0)\n",
            "dense_backward",
            {"several examples"},
            "it is averaged over the examples",
        ),
        (
            "    return dmu_z + dmu_kl, drho_z + drho_kl\n",
            "    return dmu_z + dmu_kl, drho_z\n",
            "latent_backward",
            {"drho"},
            "only the gradient through z arrives",
        ),
    ],
)
def test_a_mistake_costs_its_part_alone_and_is_named(right, old, new, exercise, lost, name):
    graded = grade_one(Submission("ada", "a.ipynb", with_change(right, old, new)), Variant())
    for other in EXERCISES:
        expected = {part: 0 if other == exercise and part in lost else points for part, points in full(other).items()}
        if other != "latent_backward" or exercise == "latent_backward":  # that one calls the student's own pair
            assert graded.marks[other] == expected
    assert any(name in finding.words for finding in graded.findings[exercise])


def planted():
    """The first two wrong answers of each exercise that are answers to the textbook's question."""
    for exercise in EXERCISES:
        mine = (each for each in unseen() if each.exercise == exercise and each.lost and each.is_textbook)
        yield from (pytest.param(each, id=each.what) for each in itertools.islice(mine, 2))


@pytest.mark.parametrize("answer", list(planted()))
def test_a_wrong_answer_loses_its_parts_in_the_sandbox_and_the_others_keep_theirs(answer, right):
    notebook = json.loads(right)
    notebook["cells"].append({"cell_type": "code", "metadata": {}, "source": answer.code})
    graded = grade_one(Submission("ada", "a.ipynb", json.dumps(notebook).encode()), Variant())
    for name in EXERCISES:
        lost = answer.lost if name == answer.exercise else ()
        expected = {part: 0 if part in lost else points for part, points in full(name).items()}
        if name != "latent_backward" or name == answer.exercise:  # that one calls the student's own pair
            assert graded.marks[name] == expected, name


# A class.


def small_class(folder, right, blank):
    folder.mkdir()
    (folder / "ada.ipynb").write_bytes(right)
    (folder / "bob.ipynb").write_bytes(blank)
    (folder / "cyd.ipynb").write_bytes(with_change(right, "    slope = sigma / 2\n", "    slope = sigma\n"))
    (folder / "dan.ipynb").write_bytes(b"no notebook")
    return folder


@pytest.fixture(scope="module")
def graded_class(tmp_path_factory, right):
    """A class of four, graded on the command line, and what it printed."""
    place = tmp_path_factory.mktemp("class")
    folder = small_class(place / "in", right, handout(place))
    status = main(["grade", str(folder), "--out", str(place / "out"), "--variant", "textbook", "--gradescope"])
    assert status == 0
    return place


def rows_of(path):
    with path.open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_grades_have_a_row_a_student_and_a_column_an_exercise(graded_class):
    rows = rows_of(graded_class / "out" / "grades.csv")
    assert set(rows) == {"ada", "bob", "cyd", "dan"}
    assert (rows["ada"]["total"], rows["ada"]["bonus"]) == (str(LONG), str(BONUS))
    assert rows["bob"]["total"] == rows["dan"]["total"] == "0"
    assert int(rows["cyd"]["reparameterize"]) == sum(full("reparameterize").values()) - full("reparameterize")["drho"]
    assert set(EXERCISES) <= set(rows["ada"])


def test_feedback_names_the_mistake_and_what_could_not_be_read(graded_class):
    feedback = graded_class / "out" / "feedback"
    assert f"{LONG} of {LONG} points" in (feedback / "ada.md").read_text()
    assert "drho: sigma stands in the place of its slope" in (feedback / "cyd.md").read_text()
    assert "the file is not a notebook" in (feedback / "dan.md").read_text()
    assert "is still to be written" in (feedback / "bob.md").read_text()


def test_the_summary_counts_mistakes_and_draws_them(graded_class):
    out = graded_class / "out"
    assert "sigma stands in the place of its slope" in (out / "mistakes.csv").read_text()
    assert (
        "4 students, 4 submissions, 3 graded\n\nAssignment textbook, long form." in (out / "summary.md").read_text()
    )
    assert (out / "mistakes.png").read_bytes().startswith(b"\x89PNG")


def test_gradescope_gets_a_result_for_each_part(graded_class):
    results = json.loads((graded_class / "out" / "gradescope" / "cyd" / "results.json").read_text())
    assert len(results["tests"]) == sum(len(full(name)) for name in EXERCISES)
    assert results["score"] == sum(test["score"] for test in results["tests"])
    assert sum(test["max_score"] for test in results["tests"]) == LONG


def test_marks_by_hand_are_merged_and_their_file_is_never_written_again(graded_class, capsys):
    out = graded_class / "out"
    manual = out / "manual.csv"
    code = pseudonym("ada")
    text = re.sub(rf"{code},,,,", f"{code},4,5,,2.5", manual.read_text())
    manual.write_text(text)
    assert main(["grade", str(graded_class / "in"), "--out", str(out), "--variant", "textbook"]) == 0
    assert manual.read_text() == text
    row = rows_of(out / "grades.csv")["ada"]
    assert [row[question] for question in ("W1", "W2", "W3", "W4")] == ["4.0", "5.0", "", "2.5"]
    assert "W4: 2.5 of 5 points" in (out / "feedback" / "ada.md").read_text()
    manual.write_text(text.replace("2.5", "good"))
    assert main(["grade", str(graded_class / "in"), "--out", str(out), "--variant", "textbook"]) == 1
    assert "'good', expected a number from 0 to 5, or nothing" in capsys.readouterr().err
    manual.write_text(text)


def test_a_second_run_grades_only_what_has_changed(graded_class, right, monkeypatch):
    out = graded_class / "out"
    before = {path.name: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    (graded_class / "in" / "dan.ipynb").write_bytes(right)
    assert main(["grade", str(graded_class / "in"), "--out", str(out), "--variant", "textbook"]) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    assert sum(before[name] != after[name] for name in before) == 1
    assert rows_of(out / "grades.csv")["dan"]["total"] == str(LONG)
    (graded_class / "in" / "dan.ipynb").write_bytes(b"no notebook")
    assert main(["grade", str(graded_class / "in"), "--out", str(out), "--variant", "textbook"]) == 0


def test_one_student_is_graded_again_and_the_others_stay(graded_class, capsys):
    out = graded_class / "out"
    before = {path.name: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    arguments = ["grade", str(graded_class / "in"), "--out", str(out), "--variant", "textbook", "--only"]
    assert main([*arguments, "cyd"]) == 0
    after = {path.name: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    assert sum(before[name] != after[name] for name in before) == 1
    assert {"ada", "bob", "cyd"} <= set(rows_of(out / "grades.csv"))
    assert main([*arguments, "zoe"]) == 1
    assert "nobody is called 'zoe', expected one of: ada, bob, cyd, dan\n" in capsys.readouterr().err


@pytest.fixture
def three(tmp_path, monkeypatch):
    """The arguments that grade a small class."""
    (path,) = write_handout(tmp_path / "solution", "2026", short=True, solutions=True)
    for name in ("ada", "bob", "cyd"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.ipynb").write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path)
    return ["grade", "in", "--out", "out", "--workers", "1"]


@pytest.mark.parametrize("harm", ["another file", "results of an earlier version"])
def test_beside_one_student_those_whose_results_no_longer_hold_are_graded_and_keep_their_place(harm, three):
    assert main(three) == 0
    if harm == "another file":
        with Path("in/bob.ipynb").open("a") as file:
            file.write("\n")
    else:
        path = Kept(Path("out/results")).place(Submission("bob", "", b""))
        path.write_text(path.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT - 1}'))
    before = {path.name: path.stat().st_mtime_ns for path in Path("out/results").iterdir()}
    assert main([*three, "--only", "ada"]) == 0
    assert sum(path.stat().st_mtime_ns != before[path.name] for path in Path("out/results").iterdir()) == 2
    assert {name: row["total"] for name, row in rows_of(Path("out/grades.csv")).items()} == dict.fromkeys(
        ("ada", "bob", "cyd"), str(SHORT)
    )


def test_whoever_is_not_graded_yet_is_named_where_one_student_is(three):
    assert main([*three, "--only", "ada"]) == 0
    to_look_at = Path("out/summary.md").read_text().partition("## To look at\n\n")[2]
    assert to_look_at == "- bob: not graded yet\n- cyd: not graded yet\n"


def test_the_assignment_is_taken_from_the_files_and_told_first(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (path,) = write_handout(tmp_path / "solution", "2026", short=True, solutions=True)
    (folder / "ada.ipynb").write_bytes(path.read_bytes())
    (folder / "bob.py").write_text("x = 1\n")
    assert main(["grade", str(folder), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "assignment 2026, short form" in printed[:2]
    assert rows_of(tmp_path / "out" / "grades.csv")["ada"]["total"] == str(SHORT)
    to_look_at = (tmp_path / "out" / "summary.md").read_text().partition("## To look at\n\n")[2]
    assert to_look_at == "- bob: bob.py holds nothing of the assignment\n"


def test_a_file_of_another_assignment_or_form_is_flagged_with_both(tmp_path):
    (path,) = write_handout(tmp_path / "solution", "2026", short=True, solutions=True)
    submission = Submission("ada", "a.ipynb", path.read_bytes())
    assert grade_one(submission, replace(variant("2026"), form="short")).flags == ()
    assert grade_one(submission, variant("0")).flags == (
        "handed out as 2026, graded as 0",
        "handed out as the short form, graded as the long form",
    )


def test_one_student_is_not_graded_as_another_assignment_than_the_rest(graded_class, capsys):
    out = graded_class / "out"
    before = (out / "grades.csv").read_bytes()
    arguments = ["grade", str(graded_class / "in"), "--out", str(out), "--only", "cyd"]
    assert main([*arguments, "--variant", "7"]) == 2
    seed = (out / "seed.txt").read_text().strip()
    assert (
        f"holds assignment textbook, long form with seed {seed}, and --only would grade assignment 7"
        in capsys.readouterr().err
    )
    assert main([*arguments, "--variant", "textbook", "--short"]) == 2
    assert main([*arguments, "--seed", "5"]) == 2
    assert (out / "seed.txt").read_text() == f"{seed}\n"
    assert (out / "grades.csv").read_bytes() == before
    assert main(arguments) == 0


SLEEPS = "\n".join(
    ['VARIANT = "textbook"\nimport time']
    + [f"def {name}(*args):\n    time.sleep(3600)" for exercise in EXERCISES.values() for name in exercise.functions]
)
SLEEPS += f"\n# {'z' * 100_000}"
"""Each of its exercises takes as long as the sandbox allows, and the file is more than a pipe holds."""


def descendants(pid):
    try:
        below = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has just ended
        return []
    return [*below, *(deeper for child in below for deeper in descendants(child))]


def runs(pid):
    """Whether a process is there and has not ended; somebody else may still have to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def becomes_true(holds, seconds):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_an_interrupted_grading_keeps_what_is_graded_and_leaves_no_process_behind(tmp_path, right):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    (folder / "ada.ipynb").write_bytes(right)
    for i in range(4):
        (folder / f"sleeper{i}.py").write_text(SLEEPS)
    command = [
        sys.executable,
        "-m",
        "npvae",
        "grade",
        str(folder),
        "--out",
        str(out),
        "--workers",
        "2",
        "--seed",
        "5",
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert becomes_true(lambda: list(out.glob("results/*.json")) and len(descendants(grader.pid)) >= 8, 60)
        running = descendants(grader.pid)
        grader.send_signal(signal.SIGINT)
        _, errors = grader.communicate(timeout=30)  # the sleepers would take four minutes
    finally:
        grader.kill()
    assert grader.returncode == 130
    assert errors.splitlines() == [
        f"graded and kept in {out / 'results'}: 1 of 5 students; the same command goes on from there",
        "npvae: error: interrupted",
    ]
    # an exercise that nobody ends goes on for 10 s
    assert becomes_true(lambda: not any(map(runs, running)), 5)
    submission = Submission("ada", "ada.ipynb", right)
    kept = Kept(out / "results", int((out / "seed.txt").read_text()))
    assert kept.load(submission, Variant()).total == LONG
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}


@pytest.mark.skipif(sys.platform != "linux", reason="sends a signal to processes of the grader alone")
def test_workers_leave_an_interruption_to_the_grader(capfd):
    with workers(1) as executor:
        executor.submit(os.kill, executor.submit(os.getpid).result(), signal.SIGINT).result()
        assert executor.submit(len, "abc").result() == 3
    assert capfd.readouterr().err == ""


def test_results_of_another_assignment_or_damaged_ones_are_not_taken(tmp_path, right):
    submission, kept = Submission("ada", "a.ipynb", right), Kept(tmp_path / "results")
    with ProcessPoolExecutor(1) as executor:
        grade([submission], Variant(), kept, executor)
    assert kept.load(submission, Variant()).total == LONG
    assert kept.load(submission, variant("7")) is None
    assert kept.load(submission, Variant(form="short")) is None
    assert kept.load(Submission("ada", "a.ipynb", right + b" "), Variant()) is None
    assert Kept(kept.folder, kept.seed + 1).load(submission, Variant()) is None
    (path,) = kept.folder.iterdir()
    for damaged in (path.read_text()[:100], "[]", "{}"):
        path.write_text(damaged)
        assert kept.load(submission, Variant()) is None
        assert kept.asked_before(submission) is None


def test_a_cluster_of_dask_grades_like_processes_of_ones_own(tmp_path, right):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    submissions = [Submission("ada", "a.ipynb", right), Submission("bob", "b.ipynb", b"no notebook")]
    kept = Kept(tmp_path / "results")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        graded = grade(submissions, Variant(), kept, client.get_executor())
    assert {student: (one.total, one.flags) for student, one in graded.items()} == {"ada": (LONG, ()), "bob": (0, ())}
    assert kept.load(submissions[0], Variant()).total == LONG


def test_the_guides_program_for_a_cluster_runs_as_printed_and_leaves_nothing_to_grade(tmp_path, monkeypatch):
    guide = (Path(__file__).parents[2] / "notebooks" / "coursework" / "README.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(from pathlib.*?)```", guide, re.DOTALL)
    (path,) = write_handout(tmp_path / "solution", "2026", short=True, solutions=True)
    with zipfile.ZipFile(tmp_path / "moodle.zip", "w") as archive:
        archive.write(path, "ada.ipynb")
    line = json.loads(path.read_text("utf-8"))["metadata"]["npvae"]["assignment"]
    monkeypatch.chdir(tmp_path)
    with ProcessPoolExecutor(1) as executor:
        cluster = SimpleNamespace(Client=lambda address: SimpleNamespace(get_executor=lambda: executor))
        monkeypatch.setitem(sys.modules, "dask", SimpleNamespace(distributed=cluster))
        monkeypatch.setitem(sys.modules, "dask.distributed", cluster)
        exec(program, {"VARIANT": line})
    kept = {path.name: path.stat().st_mtime_ns for path in Path("graded/results").iterdir()}
    assert main(["grade", "moodle.zip", "--out", "graded"]) == 0
    assert {path.name: path.stat().st_mtime_ns for path in Path("graded/results").iterdir()} == kept
    assert rows_of(Path("graded/grades.csv"))["ada"]["total"] == str(SHORT)


class Breaking:
    """An executor whose process dies on one submission."""

    def __init__(self, student):
        self.student = student

    def submit(self, call, submission, *rest):
        from concurrent.futures import Future

        future = Future()
        if submission.student == self.student:
            future.set_exception(BrokenProcessPool("it died"))
        else:
            future.set_result(call(submission, *rest))
        return future


def test_a_submission_on_which_the_grader_fails_stands_in_the_report_and_stops_nobody(tmp_path, right):
    submissions = [Submission(name, f"{name}.ipynb", right) for name in ("ada", "bob")]
    kept = Kept(tmp_path / "results")
    graded = grade(submissions, Variant(), kept, Breaking("ada"))
    assert (graded["ada"].total, graded["bob"].total) == (0, LONG)
    assert "the grader failed on this file" in graded["ada"].flags[0]
    assert kept.load(submissions[0], Variant()) is None
    write_reports(tmp_path, results(graded, Variant()))
    assert "ada: the grader failed" in (tmp_path / "summary.md").read_text()


def test_written_answers_are_collected_without_names(tmp_path):
    notebook = json.loads(handout(tmp_path))
    for cell in notebook["cells"]:
        if "".join(cell["source"]).startswith("*Write here"):
            cell["source"] = "Because of the logarithm."
    submission = Submission("ada", "a.ipynb", json.dumps(notebook).encode())
    assert read(submission).written["W1"].endswith("\n\nBecause of the logarithm.")
    graded = {"ada": grade_one(submission, Variant(form="short"))}
    write_reports(tmp_path, results(graded, Variant(form="short")))
    page = (tmp_path / "written" / "W1.md").read_text()
    assert "Because of the logarithm." in page
    assert "ada" not in page
    assert f"{pseudonym('ada')},ada" in (tmp_path / "written" / "codes.csv").read_text()


def test_a_student_called_like_a_formula_or_a_path_harms_no_table_and_no_folder(tmp_path):
    parts = {name: dict.fromkeys(full(name), 0) for name in EXERCISES}
    graded = {name: Graded(name, "a.py", parts, {}) for name in ("=cmd|' /C calc'!A0", "../../escaped", "a/b", "a_b")}
    (tmp_path / "out").mkdir()
    write_reports(tmp_path / "out", results(graded, Variant()))
    assert "'=cmd" in (tmp_path / "out" / "grades.csv").read_text()
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 4
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
