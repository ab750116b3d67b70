"""A class of three, graded from the folder to the reports: a perfect file, an untouched one, and a hostile one.

The hostile one is harmless where isolation is missing. test_grading.py and test_sandbox.py, marked slow, go further.
"""

import csv
import json

import pytest

from npvae.cli import main
from npvae.coursework.exercises import EXERCISES, total
from npvae.coursework.grading import probes_seed
from npvae.coursework.handout import write_handout
from npvae.coursework.marks import GRADING_SEED
from npvae.coursework.sandbox.reading import Limits
from npvae.coursework.variants import Variant

HOSTILE = """
VARIANT = "textbook"
import sys

files = !ls
HALF = 1 / 0

def bernoulli_nll(x, logits):
    return HALF, files

def kl_divergence(mu, rho):
    sys.stdout.write("all right\\n" * 100_000)
    while True:
        pass
"""
"""Prints without end and never comes back."""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The folder of results, and the rows of grades.csv by student."""
    folder = tmp_path_factory.mktemp("class")
    handed_in, out = folder / "in", folder / "out"
    handed_in.mkdir()
    (notebook,) = write_handout(folder / "solution", "textbook", short=True, solutions=True)
    (handed_in / "ada.ipynb").write_bytes(notebook.read_bytes())
    (handed_in / "bob.ipynb").write_bytes(write_handout(folder / "handout", "textbook", short=True)[0].read_bytes())
    (handed_in / "eve.py").write_text(HOSTILE)
    options = ["--variant", "textbook", "--short", "--workers", "2"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("npvae.coursework.report.draw_mistakes", lambda graded, path: path.write_bytes(b""))
        limits = Limits(wall=2.0, processes=64)
        patch.setattr("npvae.coursework.grading.grade_one.__defaults__", (GRADING_SEED, (), limits))
        assert main(["grade", str(handed_in), "--out", str(out), *options]) == 0
    with (out / "grades.csv").open(newline="") as file:
        return out, {row["student"]: row for row in csv.DictReader(file)}


def test_everyone_stands_in_the_table_with_the_points_that_were_earned(graded):
    _, rows = graded
    assert {student: row["total"] for student, row in rows.items()} == {
        "ada": str(total(Variant(form="short"))),
        "bob": "0",
        "eve": "0",
    }


def test_feedback_says_what_is_still_to_be_written_and_what_took_too_long(graded):
    out, _ = graded
    assert "**{0} of {0} points**".format(total(Variant(form="short"))) in (out / "feedback" / "ada.md").read_text()
    assert (out / "feedback" / "bob.md").read_text().count("still to be written") >= 5
    assert "- It took longer than 2 s, in kl_divergence.\n" in (out / "feedback" / "eve.md").read_text()


def test_what_raises_and_what_was_left_out_is_named_where_an_exercise_needs_it(graded):
    out, _ = graded
    for text in ((out / "feedback" / "eve.md").read_text(), (out / "summary.md").read_text()):
        assert "line 6 of code cell 1 raises ZeroDivisionError: division by zero" in text
        assert "line 5 of code cell 1 was left out, and files stands there" in text


def test_the_summary_names_the_hostile_and_the_untouched_file_to_look_at_and_no_other(graded):
    out, _ = graded
    to_look_at = (out / "summary.md").read_text().partition("## To look at")[2]
    assert "; kl_divergence took longer than 2 s" in to_look_at
    assert "ada" not in to_look_at
    assert "- bob: bob.ipynb has no function written\n" in to_look_at


def test_the_seed_of_the_inputs_is_drawn_once_and_kept(graded):
    out, _ = graded
    seed = int((out / "seed.txt").read_text())
    used = {json.loads(path.read_text())["seed"] for path in (out / "results").glob("*.json")}
    assert used == {seed}
    assert probes_seed(out / "seed.txt") == seed
    assert seed != probes_seed(out / "another.txt")


def test_results_are_kept_one_file_per_student(graded):
    out, _ = graded
    kept = [json.loads(path.read_text()) for path in (out / "results").glob("*.json")]
    assert {one["graded"]["student"] for one in kept} == {"ada", "bob", "eve"}
    assert all(set(one["graded"]["marks"]) < set(EXERCISES) for one in kept)
