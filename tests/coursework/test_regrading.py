"""A second run into the same folder: nothing of the first stays that no longer holds, and nothing else goes."""

import csv
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from classes import answered, results, write

from npvae.cli import main
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.grading import Graded, Kept, grade
from npvae.coursework.submissions import Submission, pseudonym
from npvae.coursework.variants import Variant


@pytest.fixture
def graded(tmp_path, monkeypatch):
    """Grades the files of the folder `in` into `out` without running any; what was asked of whom."""
    asked = []

    def grade(submissions, assignment, kept, *rest, **more):
        kept.folder.mkdir(parents=True, exist_ok=True)
        parts = {name: dict.fromkeys(exercise.points(assignment), 0) for name, exercise in EXERCISES.items()}
        found = {one.student: Graded(one.student, one.file, parts, {"activation": []}) for one in submissions}
        for one in submissions:
            kept.save(one, assignment, found[one.student])
        asked.extend(found)
        return found

    monkeypatch.setattr("npvae.cli.coursework.grade", grade)
    monkeypatch.setattr("npvae.coursework.report.draw_mistakes", lambda graded, path: None)
    monkeypatch.chdir(tmp_path)
    return asked


def run(*options, given="in", variant="2026", form="--long"):
    return main(["grade", given, "--out", "out", "--variant", variant, form, "--workers", "1", *options])


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


# What an earlier run wrote.


def test_feedback_for_whoever_has_left_the_class_is_removed_and_nothing_else_is(graded):
    write(
        Path(), {"in/ada.ipynb": answered(), "all.csv": "student\nada\nz/e\nz_e\nzed\n", "now.csv": "student\nz_e\n"}
    )
    assert run("--roster", "all.csv", "--gradescope") == 0
    assert files("out/feedback") == ["ada.md", "z_e-2.md", "z_e.md", "zed.md"]
    write(Path("out"), {"feedback/zed-by-hand.md": "# zed", "feedback/all.zip": "x", "gradescope/zed/notes.txt": "x"})
    assert run("--roster", "now.csv", "--gradescope") == 0
    assert files("out/feedback") == ["ada.md", "all.zip", "z_e.md", "zed-by-hand.md"]
    assert files("out/gradescope") == ["ada/results.json", "z_e/results.json", "zed/notes.txt"]
    assert len(list(Path("out/gradescope").iterdir())) == 3
    assert Path("out/feedback/z_e.md").read_text().startswith("# z_e\n")


def test_results_for_gradescope_are_kept_up_to_date_once_they_are_there(graded):
    write(Path("in"), {"ada.ipynb": answered()})
    assert run() == 0
    assert not Path("out/gradescope").exists()
    assert run("--gradescope") == 0
    Path("out/gradescope/ada/results.json").write_text("of an earlier day")
    assert run() == 0
    assert '"score": 0' in Path("out/gradescope/ada/results.json").read_text()


def test_beside_one_student_and_after_an_interruption_everybodys_feedback_stays(graded, monkeypatch):
    write(Path("in"), {f"{name}.ipynb": answered() for name in ("ada", "bob")})
    assert run("--gradescope") == 0
    everything = files("out")
    assert run("--only", "ada") == 0
    assert files("out") == everything

    def interrupted(*rest, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr("npvae.cli.coursework.grade", interrupted)
    Path("in/bob.ipynb").unlink()
    assert run() == 130
    assert files("out") == everything


def test_beside_one_student_the_class_is_counted_whole(graded, capsys):
    write(Path("in"), {f"{name}.ipynb": answered() for name in ("ada", "bob", "cyd")})
    assert run("--only", "ada") == 0
    assert "3 students, 3 submissions, 1 graded; 2 to look at" in capsys.readouterr().out


# Marks by hand.


def test_the_table_for_marks_by_hand_is_of_the_whole_class_until_something_is_typed_into_it(graded):
    write(Path("in"), {f"{name}.ipynb": answered() for name in ("ada", "bob")})
    empty = "code,W1,W2,W3,W4\n" + "".join(sorted(f"{pseudonym(name)},,,,\n" for name in ("ada", "bob")))
    assert run("--only", "ada") == 0
    assert Path("out/manual.csv").read_text() == empty
    write(Path("in"), {"cyd.ipynb": answered()})
    assert run() == 0
    assert f"{pseudonym('cyd')},,,,\n" in Path("out/manual.csv").read_text()
    remarked = "code,W1,W2,W3,W4,remark\nold0code,,,,,ask her\n"
    Path("out/manual.csv").write_text(remarked)
    assert run() == 0
    assert Path("out/manual.csv").read_text() == remarked


def marked(text):
    Path("out/manual.csv").write_text(f"code,W1,W2,W3,W4\n{text}\n")


@pytest.mark.parametrize("row", ["c0ffee,5,,,", f"{pseudonym('ada')},6,,,", f"{pseudonym('ada')},good,,,"])
def test_a_wrong_mark_by_hand_is_refused_before_anything_is_graded(row, graded, capsys):
    write(Path("in"), {"ada.ipynb": answered()})
    assert run() == 0
    before = {path: Path("out", path).read_bytes() for path in files("out") if path != "manual.csv"}
    marked(row)
    graded.clear()
    assert run("--only", "ada") == 1
    assert run(variant="7") == 1
    assert "manual.csv, line 2" in capsys.readouterr().err
    assert graded == []
    assert {path: Path("out", path).read_bytes() for path in files("out") if path != "manual.csv"} == before


def test_marks_by_hand_of_answers_that_have_changed_are_flagged_until_the_student_is_graded_again(tmp_path):
    def grade_with(answer, again=False):
        submission = Submission("ada", "ada.pdf", b"", trouble=answer)
        made = Graded("ada", "ada.pdf", {}, {}, written={"W1": answer})
        executor = SimpleNamespace(submit=lambda *rest: done(made))
        (one,) = grade([submission], Variant(), Kept(tmp_path), executor, again=again).values()
        return results({"ada": one}, Variant(), by_hand={"ada": {"W1": 3}}).flags("ada")

    changed = ["its answers in words have changed: check its marks by hand, then grade it with --only"]
    assert grade_with("Because.") == []
    assert grade_with("Because not.") == changed
    assert grade_with("Because not.") == changed
    assert grade_with("Because not.", again=True) == []
    (one,) = grade(
        [Submission("ada", "ada.pdf", b"", trouble="Because not.")], Variant(), Kept(tmp_path), None
    ).values()
    assert results({"ada": replace(one, is_rewritten=True)}, Variant()).flags("ada") == []


def done(result):
    future = Future()
    future.set_result(result)
    return future


def test_marks_by_hand_for_another_assignment_are_not_added(graded, capsys):
    write(Path("in"), {"ada.ipynb": answered(), "bob.ipynb": answered()})
    assert run() == 0
    assert run(variant="7") == 0  # no mark has been given yet
    assert run() == 0
    marked(f"{pseudonym('ada')},5,,,")
    graded.clear()
    for other in ({"variant": "7"}, {"form": "--short"}):
        assert run(**other) == 2
    assert (
        "out/manual.csv holds marks for assignment 2026, long form, and this would grade assignment 7, long form: "
        "give another --out, or move that file away"
    ) in capsys.readouterr().err
    assert graded == []
    assert run("--seed", "5") == 0
    with Path("out/grades.csv").open(newline="") as file:
        assert [row["W1"] for row in csv.DictReader(file)] == ["5.0", ""]


@pytest.mark.parametrize("options", [("--seed", "-1"), ("--seed", "x"), ("--workers", "0")])
def test_numbers_that_mean_nothing_are_refused_before_anything_is_written(options, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["grade", str(tmp_path), "--out", str(tmp_path / "out"), *options])
    assert f"argument {options[0]}: {options[1]!r} is not a whole number, " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
