"""Which of a person's files is graded: content decides, then the attempt, then the time; what is unsure is named."""

import os

import pytest
from classes import ANSWERS, BLANK, SCRIPT, UNTOUCHED, answered, chosen, collected, different, flags, notebook, zipped

DONE = answered()
OTHERS = {"bob/a.ipynb": DONE, "cyd/a.ipynb": DONE}

CLEAR = {
    "a helper": ({"a.ipynb": DONE, "helper.py": "def helper():\n    return 1"}, "a.ipynb"),
    "tests": ({"a.ipynb": DONE, "tests/test_vae.py": "from a import *\ndef test_a():\n    assert 1"}, "a.ipynb"),
    "a checkpoint copy": ({"a.ipynb": DONE, ".ipynb_checkpoints/a-checkpoint.ipynb": different("old")}, "a.ipynb"),
    "the untouched handout": ({"assignment.ipynb": UNTOUCHED, "mine.ipynb": DONE}, "mine.ipynb"),
    "the untouched handout, downloaded again": ({"a.ipynb": DONE, "a (1).ipynb": UNTOUCHED}, "a.ipynb"),
    "a left-over draft": ({"draft.ipynb": answered("activation"), "vae.ipynb": DONE}, "vae.ipynb"),
    "a draft by its name": ({"vae_old.ipynb": different("a"), "vae.ipynb": different("b")}, "vae.ipynb"),
    "the same without words": (
        {
            "a.ipynb": DONE,
            "b.ipynb": DONE.replace('"cells": [', '"cells": [{"cell_type": "markdown", "source": "W"}, '),
        },
        "b.ipynb",
    ),
    "one that answers less, called after the task as well": (
        {"vae.ipynb": different("a"), "Abgabe_final_FINAL 2.ipynb": answered("activation", "kl_divergence")},
        "Abgabe_final_FINAL 2.ipynb",
    ),
    "an editor's backup": ({"a.py": SCRIPT + "\n", "a.py~": SCRIPT, "#a.py#": SCRIPT, "a.py.orig": SCRIPT}, "a.py"),
    "another notebook": ({"a.ipynb": notebook("print(1)"), "b.py": SCRIPT}, "b.py"),
    "the same as a script": ({"a.py": "\n\n".join(ANSWERS.values()), "vae.ipynb": DONE}, "vae.ipynb"),
    "a copy": ({"a.ipynb": DONE, "again.ipynb": answered(note="another comment")}, "a.ipynb"),
    "a later attempt": (
        {"a.ipynb": different("1"), "a (1).ipynb": different("2"), "a (2).ipynb": different("3")},
        "a (2).ipynb",
    ),
    "ten attempts": (
        {f"a v{i}.ipynb": different(i) for i in (2, 9, 10)},
        "a v10.ipynb",
    ),
    "attempts by time": (
        {f"a_2026_01_{day}T10_00_00.zip": zipped({"a.ipynb": different(day)}) for day in ("02", "03")},
        "a_2026_01_03T10_00_00.zip/a.ipynb",
    ),
    "empty files of a package": (
        {"vae/a.py": BLANK.replace("raise", "return 1\n    raise") + "\n    return 2", "vae/__init__.py": ""},
        "vae/a.py",
    ),
    "a table of another kind": ({"a.ipynb": DONE, "package.json": "{}", "data.json": '{"x": [1]}'}, "a.ipynb"),
    "its own export": (
        {"a.ipynb": DONE, "a.pdf": "%PDF", "a.html": "<html>", "data.csv": "1", "x.png": "x"},
        "a.ipynb",
    ),
}


@pytest.mark.parametrize(("files", "expected"), CLEAR.values(), ids=CLEAR)
def test_the_assignment_is_told_from_what_stands_beside_it(files, expected, tmp_path):
    people = collected(tmp_path, {f"ada/{name}": text for name, text in files.items()} | OTHERS)
    assert chosen(people)["ada"] == f"ada/{expected}"
    assert flags(people) == ""
    assert len(people["ada"].choice.aside) == len(files) - 1


UNSURE = {
    "two that are as likely": (
        {"one.ipynb": different("a"), "two.ipynb": different("b")},
        "any of these may be meant, and the first is graded: ada/one.ipynb, ada/two.ipynb",
    ),
    "an earlier attempt with more": (
        {"a.ipynb": DONE, "a (1).ipynb": answered("activation")},
        "an earlier attempt, ada/a.ipynb, answers what the latest does not",
    ),
    "a copy that answers more": (
        {"a.ipynb": answered("activation"), "a-Copy1.ipynb": DONE},
        "ada/a-Copy1.ipynb is a draft by its name, but newer or answers more",
    ),
    "a number behind another name": (
        {"vae.ipynb": different("a"), "assignment (1).ipynb": different("b")},
        "any of these may be meant, and the first is graded: ada/vae.ipynb, ada/assignment (1).ipynb",
    ),
    "other words": (
        {f"{i}.ipynb": DONE.replace("[", f'[{{"cell_type": "markdown", "source": "{i}"}}, ', 1) for i in "ab"},
        "any of these may be meant, and the first is graded: ada/a.ipynb, ada/b.ipynb",
    ),
    "another helper": (
        {"a.ipynb": notebook(ANSWERS["activation"], "k = 1"), "b.ipynb": notebook(ANSWERS["activation"], "k = 2")},
        "any of these may be meant, and the first is graded: ada/a.ipynb, ada/b.ipynb",
    ),
    "one of several cannot be read": ({"a.ipynb": DONE, "b.ipynb": "{"}, "ada/b.ipynb ends in the middle"),
    "a PDF of another name": ({"a.ipynb": DONE, "answers.pdf": "%PDF"}, "ada/answers.pdf is a PDF"),
    "an archive that is not opened": ({"a.ipynb": DONE, "all.rar": "Rar!"}, "ada/all.rar is a RAR archive"),
}


@pytest.mark.parametrize(("files", "words"), UNSURE.values(), ids=UNSURE)
def test_what_is_unsure_is_named(files, words, tmp_path):
    people = collected(tmp_path, {f"ada/{name}": text for name, text in files.items()} | OTHERS)
    assert words in flags(people)
    assert chosen(people)["ada"]


def test_of_two_files_the_newer_is_graded_and_that_is_said_where_only_time_tells(tmp_path):
    files = {"ada/one.ipynb": different("a"), "ada/two.ipynb": different("b"), **OTHERS}
    collected(tmp_path, files)
    os.utime(tmp_path / "in" / "ada" / "two.ipynb", (10**9, 10**9))
    people = collected(tmp_path, {})
    assert chosen(people)["ada"] == "ada/one.ipynb"
    assert "only time tells these apart, and the first is the newest: ada/one.ipynb, ada/two.ipynb" in flags(people)


def test_a_platforms_later_attempt_without_answers_is_named(tmp_path):
    name = "HW_ada_attempt_2026-01-{}-10-00-00_a.ipynb"
    people = collected(tmp_path, {name.format("30"): DONE, name.format("31"): UNTOUCHED})
    assert chosen(people) == {"ada": name.format("30")}
    assert "the latest attempt, HW_ada_attempt_2026-01-31-10-00-00_a.ipynb, has no answers" in flags(people)
