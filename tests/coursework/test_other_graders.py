"""nbgrader and Otter take the lecturer's copy as it is. With environments made for it: other_graders.py."""

import importlib.util
import sys

import pytest
from other_graders import THROUGH, answers, full_marks, leaks, locked, wrong_marks


@pytest.mark.slow
@pytest.mark.parametrize("tool", THROUGH)
def test_students_get_no_answer_and_submissions_get_the_marks_they_should(tool, tmp_path):
    if importlib.util.find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed here")
    student, marks = THROUGH[tool](sys.executable, tmp_path)
    assert leaks(student) == []
    assert locked(student) == []
    assert len(answers(student)) == len(full_marks())
    assert marks["right"] == full_marks()
    assert marks["wrong"] == wrong_marks()


def test_the_wrong_submission_errs_in_every_part_of_some_exercise_and_in_one_part_of_others():
    lost = {name: full_marks()[name] - wrong_marks()[name] for name in full_marks()}
    assert {points > 0 for points in lost.values()} == {True, False}
    assert 0 < sum(wrong_marks().values()) < sum(full_marks().values())
