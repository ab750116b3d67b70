"""The questions in words: nothing that a student writes below one gets lost, and nothing else becomes an answer."""

import json
import re

import pytest
from classes import notebook

from npvae.coursework.exercises import EXERCISES, WRITTEN
from npvae.coursework.grading import Graded
from npvae.coursework.handout import write_handout
from npvae.coursework.notebook import WRITE_HERE
from npvae.coursework.submissions import Submission, pseudonym, read
from npvae.coursework.variants import FORMS
from npvae.coursework.written import page


def contents(text, file="a.ipynb"):
    return read(Submission("a", file, text.encode()))


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    """An assignment as a notebook and as a script."""
    written = write_handout(tmp_path_factory.mktemp("handout"), "2026", short=True)
    return {path.suffix: path.read_text("utf-8") for path in written[:2]}


def with_cells(handout, change, kind="markdown"):
    """The notebook with other cells in the place of those where answers go: change gives the text of one."""
    changed = json.loads(handout[".ipynb"])
    for cell in changed["cells"]:
        if "".join(cell["source"]) == WRITE_HERE:
            cell |= {"cell_type": kind, "source": change(cell["metadata"]["npvae"]["answer"])}
    return json.dumps(changed)


def read_from(handout, text, file="a.ipynb"):
    """What the marker sees of a student's answers, in a class with two who have written nothing."""
    class_of = {"ada": contents(text, file), **dict.fromkeys(("bob", "cyd"), contents(handout[".ipynb"]))}
    graded = {name: Graded(name, file, {}, {}, written=each.written) for name, each in class_of.items()}
    return {question: below(pseudonym("ada"), page(question, graded)) for question in WRITTEN}


def below(code, text):
    """What a page shows below a code."""
    shown = re.split(r"\n## [0-9a-f]{8}\n", text.partition(f"## {code}\n")[2])[0]
    return shown.strip("\n").removeprefix("```\n").removesuffix("\n```")


def test_all_below_a_question_is_its_answer_in_a_notebook_and_in_a_script():
    cells = [
        "**W1.** Why?",
        "Because.\n\nReally.",
        "**W2.** What?",
        WRITE_HERE,
        "## Your own variational autoencoder",
    ]
    assert contents(notebook(*cells, kind="markdown")).written == {"W1": "Why?\n\nBecause.\n\nReally.", "W2": "What?"}
    script = "# %% [markdown]\n# **W1.** Why?\n\n# %% [markdown]\n# Because.\n\n# %%\nx = 1\n"
    assert contents(script, "a.py").written == {"W1": "Why?\n\nBecause.\n\nx = 1"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", [".ipynb", ".py"])
def test_in_an_untouched_handout_no_question_is_answered(form, suffix, tmp_path):
    written = write_handout(tmp_path / "out", "2026", short=form == "short")[:2]
    (text,) = (path.read_text("utf-8") for path in written if path.suffix == suffix)
    read_back = contents(text, f"a{suffix}")
    assert set(read_from({".ipynb": written[0].read_text("utf-8")}, text, f"a{suffix}").values()) == {"(no answer)"}
    assert list(read_back.written) == list(WRITTEN)
    assert read_back.flags == ()


@pytest.mark.parametrize(
    "answer",
    [
        "Because.\n\n- a list\n  - in it\n\nReally.",
        "## Answer\n\nBecause.",
        "#1 Because",
        "## The KL divergence to the prior\n\nis closed.",
        "**W5.** is no question.",
        "$x$\n\n    code\n\n## 1. First\n\n---",
    ],
)
@pytest.mark.parametrize("kept", ["", f"{WRITE_HERE}\n\n"], ids=["replaced", "below the placeholder"])
def test_an_answer_is_read_as_it_was_typed(answer, kept, handout):
    for kind in ("markdown", "raw"):
        text = with_cells(handout, lambda question: f"{kept}{answer}", kind)
        assert read_from(handout, text) == dict.fromkeys(WRITTEN, answer)
    commented = "".join(f"# {line}".rstrip() + "\n" for line in (kept + answer).splitlines())
    text = handout[".py"].replace(f"# {WRITE_HERE}\n", commented)
    for script in (text, text.replace("# %%", "#%%"), text.replace("\n", "\r\n")):
        assert read_from(handout, script, "a.py") == dict.fromkeys(WRITTEN, answer)


def test_beside_a_placeholder_an_answer_stays(handout):
    text = with_cells(handout, lambda question: f"Because. {WRITE_HERE}")
    assert read_from(handout, text) == dict.fromkeys(WRITTEN, "Because.")
    typed_over = WRITE_HERE.replace("five sentences", "BECAUSE")
    assert read_from(handout, with_cells(handout, lambda question: typed_over)) == dict.fromkeys(WRITTEN, typed_over)


def test_an_answer_that_begins_with_its_question_goes_on_where_the_question_stands(handout):
    text = with_cells(handout, lambda question: f"**{question}.** Because.")
    assert read_from(handout, text) == dict.fromkeys(WRITTEN, "Because.")
    text = with_cells(handout, lambda question: "**W2.** I said it there." if question == "W4" else question)
    assert read_from(handout, text) == {"W1": "W1", "W2": "W2\n\nI said it there.", "W3": "W3", "W4": "(no answer)"}


@pytest.mark.parametrize("gap", [" ", "\n", "\n\n"])
def test_an_answer_in_the_questions_own_cell_is_read_without_the_question(gap, handout):
    changed = json.loads(handout[".ipynb"])
    for cell in changed["cells"]:
        if "".join(cell["source"]).startswith("**W"):
            cell["source"] = "".join(cell["source"]) + f"{gap}Because."
    seen = read_from(handout, json.dumps(changed))
    assert {question: answer.strip() for question, answer in seen.items()} == dict.fromkeys(WRITTEN, "Because.")


def test_what_stands_between_the_words_of_a_question_is_shown_with_them(handout):
    text = handout[".ipynb"].replace("Is it true", "THE PATH. Is it true")
    assert "THE PATH. Is it true" in read_from(handout, text)["W2"]


def test_an_answer_in_a_cell_of_code_is_read_and_code_elsewhere_is_not(handout):
    text = with_cells(handout, lambda question: "# Because.\nprint(1)", "code")
    assert read_from(handout, text) == dict.fromkeys(WRITTEN, "Because.\nprint(1)")
    changed = json.loads(handout[".ipynb"])
    for cell in changed["cells"]:
        if cell["cell_type"] == "code":
            cell["source"] = "# A COMMENT\n" + "".join(cell["source"])
    assert read_from(handout, json.dumps(changed)) == dict.fromkeys(WRITTEN, "(no answer)")


def test_an_answer_is_found_in_scripts_of_other_programs(handout):
    text = handout[".py"].replace(WRITE_HERE, "Because.")
    without_cells = "".join(line for line in text.splitlines(True) if not line.startswith("# %%"))
    assert read_from(handout, without_cells, "a.py") == dict.fromkeys(WRITTEN, "Because.")
    words = (f'"""**{question}.** Why?\n\nBecause.\n"""\n' for question in WRITTEN)
    in_quotes = contents("".join(["x = 1\n", *words]), "a.py").written
    assert in_quotes == dict.fromkeys(WRITTEN, "Why?\n\nBecause.")


@pytest.mark.parametrize("stub", ["YOUR ANSWER HERE", "_Type your answer here, replacing this text._"])
def test_what_nbgrader_and_otter_put_in_the_place_of_an_answer_is_none(stub, handout):
    text = with_cells(handout, lambda question: stub)
    assert set(read_from(handout, text).values()) == {"(no answer)"}
    marked = json.loads(text)
    marks = (
        "# begin solution",
        "# end solution",
        "# END QUESTION",
        "# BEGIN QUESTION\nname: W2\nmanual: true\npoints: 5",
    )
    marked["cells"] = [
        each
        for cell in marked["cells"]
        for each in (cell, *({"cell_type": "raw", "source": mark} for mark in marks if "*W" in str(cell["source"])))
    ]
    assert set(read_from(handout, json.dumps(marked)).values()) == {"(no answer)"}


def test_words_around_the_questions_are_flagged(handout):
    notebook = json.loads(handout[".ipynb"])
    words = {"cell_type": "markdown", "source": "W1: because\nof it"}
    below = json.dumps({**notebook, "cells": [*notebook["cells"], words]})
    assert contents(below).flags == ("below none of the questions in words, it says: W1: because of it",)
    without = [cell for cell in notebook["cells"] if not "".join(cell["source"]).startswith("**W1.")]
    above = json.dumps({**notebook, "cells": without}).replace(WRITE_HERE, "Because.", 1)
    assert contents(above).flags == ("below none of the questions in words, it says: Because.",)
    before = json.dumps({**notebook, "cells": [words, *notebook["cells"]]})
    assert contents(before).flags == ()


def test_no_exercise_ends_an_answer_by_its_title_alone():
    for exercise in EXERCISES.values():
        cells = ["**W1.** Why?", f"## {exercise.title}", f"## 7. {exercise.title} (12 points)\n\nTask."]
        assert contents(notebook(*cells, kind="markdown")).written == {"W1": f"Why?\n\n## {exercise.title}"}


def test_a_class_of_one_shows_the_question_with_the_answer():
    assert "Why? Because." in page("W1", {"ada": Graded("ada", "a.py", {}, {}, written={"W1": "Why? Because."})})
