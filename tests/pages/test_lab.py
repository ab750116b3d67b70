"""The lab: it is what the runner makes of its lesson, and it tells right lines from wrong and missing ones."""

import ast
import json
import re

import numpy as np
import pytest
from test_notebooks import LESSONS, NOTEBOOKS, cells, runner

from npvae.lessons import compare

LESSON = next(path for path in LESSONS if path.name.startswith("07_"))
LAB = NOTEBOOKS / "07_lab.ipynb"
BLANKS = {"dnll": "cell-12", "dmu_z": "cell-14", "dh_mu": "cell-17"}
"""The first name that a blank asks for, and the cell of the lesson that has the lines."""


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lab_is_what_the_runner_makes_of_its_lesson(path):
    run = runner()
    stored = run.lab_path(path)
    assert run.lab(path) == (stored.read_text("utf-8") if stored.exists() else None)


def test_the_lab_is_handed_out_without_outputs_and_its_blanks_hold_no_gradient():
    assert [cell["outputs"] for cell in cells(LAB, "code") if cell["outputs"]] == []
    blanks = [cell["source"] for cell in cells(LAB, "code") if cell["source"].startswith("# Yours")]
    assert len(blanks) == len(BLANKS)
    for blank in blanks:
        assert not [node for node in ast.walk(ast.parse(blank)) if isinstance(node, (ast.Call, ast.BinOp))]


def test_the_lab_is_a_notebook_whose_cells_are_short_and_have_names_of_their_own():
    notebook = json.loads(LAB.read_text("utf-8"))
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    assert max(len(cell["source"].splitlines()) for cell in cells(LAB, "code")) <= 15


def worked_through(capsys, last="model.loss_and_grad", change=(), left_blank=()):
    """Run the lab with the lesson's own lines in its blanks, some of them changed, and return what it prints."""
    lesson = {cell["id"]: cell["source"] for cell in cells(LESSON, "code")}
    names = {"__name__": "__main__"}
    for cell in cells(LAB, "code"):
        code = cell["source"]
        for name in BLANKS.keys() - set(left_blank):
            if code.startswith("# Yours") and f"\n{name}" in code:
                code = gradients(lesson[BLANKS[name]])
        for right, wrong in change:
            code = code.replace(right, wrong)
        exec(code, names)
        if last in cell["source"]:
            break
    return capsys.readouterr().out


def gradients(source):
    """The lines of a cell that compute, without those that check."""
    return "\n".join(line for line in source.splitlines() if re.match(r"[\w, ]+ = (?!.*check)", line))


def verdicts(printed):
    """What was said last of each gradient."""
    return dict(re.findall(r"(?m)^(d[\w.]+): (.*)$", printed))


def test_with_the_lines_of_the_lesson_every_gradient_is_right(capsys):
    printed = worked_through(capsys)
    assert set(verdicts(printed).values()) == {"right"}
    assert "24 of 24 gradients are yours." in printed
    assert "finite differences" not in printed


def test_as_handed_out_it_says_of_each_gradient_that_it_is_missing_and_goes_on(capsys):
    printed = worked_through(capsys, left_blank=BLANKS)
    assert set(verdicts(printed).values()) == {"still to be written"}
    assert "0 of 24 gradients are yours." in printed
    assert "def backward(self" in printed


def test_a_sign_that_is_wrong_is_seen_where_it_stands_and_behind_it_in_the_same_cell_only(capsys):
    printed = worked_through(
        capsys, change=[("npvae.tanh_backward(dg, g_cache)", "-npvae.tanh_backward(dg, g_cache)")]
    )
    wrong = {name for name, said in verdicts(printed).items() if said != "right"}
    assert wrong == {"da_g", "ddecoder.0.W", "ddecoder.0.b", "dz"}
    assert re.search(r"da_g: at \[\d, \d\] your value is \S+, the expected value -?[\d.e-]+$", printed, re.MULTILINE)


def test_one_head_forgotten_is_seen_from_h_on(capsys):
    printed = worked_through(capsys, change=[("dh = dh_mu + dh_logvar", "dh = dh_mu")])
    wrong = {name for name, said in verdicts(printed).items() if said != "right"}
    assert wrong == {"dh", "da_h", "dencoder.0.W", "dencoder.0.b"}


@pytest.mark.slow
@pytest.mark.parametrize("left_blank", [(), BLANKS], ids=["worked through", "as handed out"])
def test_the_lab_runs_to_its_last_cell(capsys, left_blank):
    printed = worked_through(capsys, last="own loss  test loss", left_blank=left_blank)
    assert "patient 5" in printed


@pytest.mark.parametrize(
    ("yours", "said"),
    [
        (np.array([1.0, 2.0]), "right"),
        (np.array([1.0, 2.0 + 1e-9]), "right"),
        (np.array([1.0, 2.1]), "at [1] your value is 2.1, the expected value 2"),
        (np.array([np.nan, 2.0]), "at [0] your value is nan, the expected value 1"),
        (np.array([[1.0, 2.0]]), "your value has shape (1, 2), the expected value (2,)"),
        (..., "still to be written"),
    ],
    ids=["equal", "to rounding", "off", "not a number", "other shape", "missing"],
)
def test_a_value_is_compared_in_one_sentence(capsys, yours, said):
    assert compare("dmu", yours, np.array([1.0, 2.0])) == (said == "right")
    assert capsys.readouterr().out == f"dmu: {said}\n"
