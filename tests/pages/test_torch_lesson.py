"""Lesson 13: what it says without PyTorch, and what it leaves unsaid with it. Running it is in test_notebooks.py."""

import configparser
import re
import sys

from test_notebooks import LESSONS, ROOT, cells, outputs, runner, text_of

LESSON = next(path for path in LESSONS if path.name.startswith("13_"))


def test_without_pytorch_lesson_13_says_in_one_sentence_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    exec(cells(LESSON, "code")[1]["source"], {})
    said = capsys.readouterr().out
    assert f'"{sys.executable}" -m pip install ".[torch]"' in said
    assert len(said.splitlines()) == 1


def test_without_pytorch_all_other_lessons_are_run_and_lesson_13_is_said_to_be_left_out(monkeypatch, capsys):
    run, done = runner(), []
    monkeypatch.setattr(run, "write_outputs", done.append)
    monkeypatch.setattr(run, "write_lab", lambda path: None)
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["run.py"])
    assert run.main() == 0
    assert done == [path for path in run.find([]) if path != LESSON]
    assert f'{LESSON.name}: left out, it needs the extra "torch"' in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["run.py", "13"])
    assert run.main() == 0
    assert done[-1] == LESSON


def test_the_extra_that_lesson_13_names_exists_and_the_package_itself_needs_no_pytorch():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert "torch" in setup["options.extras_require"]["torch"]
    assert "torch" not in setup["options"]["install_requires"]
    assert "torch" not in setup["options.extras_require"]["notebooks"]


def test_lesson_13_states_agreement_as_a_bound_and_never_shows_digits_of_rounding():
    shown = "\n".join(text_of(output) for output in outputs(LESSON))
    assert shown.count("below 1e-12") >= 11
    assert not re.search(r"e-1[3-9]", shown)
