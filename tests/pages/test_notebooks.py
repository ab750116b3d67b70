"""The lessons: what is committed is whole and clean, and what they show is what the package does today."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
PAGES = [ROOT / "README.md", NOTEBOOKS / "README.md", NOTEBOOKS / "notes.md"]

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def cells(path, kind=None):
    all_cells = json.loads(path.read_text("utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in all_cells if kind in (None, cell["cell_type"])]


def prose(path):
    if path.suffix == ".md":
        return path.read_text("utf-8")
    return "\n\n".join(cell["source"] for cell in cells(path, "markdown"))


def outputs(path):
    return [output for cell in cells(path, "code") for output in cell["outputs"]]


def text_of(output):
    data = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "".join(data)


def test_there_are_thirteen_lessons_in_an_unbroken_row():
    assert [path.name[:2] for path in LESSONS] == [f"{i:02d}" for i in range(13)]


@each_lesson
def test_a_lesson_was_run_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


@each_lesson
def test_committed_outputs_hold_figures_and_no_error_no_warning_no_path(path):
    shown = outputs(path)
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not [output for output in shown if output["output_type"] == "error" or output.get("name") == "stderr"]
    everything = "\n".join(text_of(output) for output in shown)
    assert not re.search(r"(^|[\s'\"=(])(/\w+/|[A-Za-z]:\\|~/)|site-packages", everything)


@each_lesson
def test_a_lesson_is_small_enough_to_read_and_to_load(path):
    assert path.stat().st_size < 400_000
    assert 15 <= len(cells(path)) <= 30
    assert max(len(cell["source"].splitlines()) for cell in cells(path, "code")) <= 15


@each_lesson
def test_a_lesson_begins_with_the_interpreter_and_what_to_do_where_npvae_is_missing(path):
    first = cells(path, "code")[0]["source"]
    assert first == cells(LESSONS[0], "code")[0]["source"]
    assert 'pip install ".[notebooks]"' in first


@each_lesson
def test_a_lesson_asks_answers_and_checks(path):
    text = prose(path)
    questions = {int(n) for n in re.findall(r"\*\*Question (\d+)", text)}
    answers = {int(n) for n in re.findall(r"<summary>Answer (\d+)", text)}
    assert questions == answers == set(range(1, len(questions) + 1))
    assert len(questions) >= 3
    assert "rediction" in text
    assert "★" in text
    assert "## Where to go next" in text
    assert sum("assert" in cell["source"] for cell in cells(path, "code")) >= 3


@each_lesson
def test_a_lesson_uses_no_magic_no_widget_no_network_and_no_global_random_state(path):
    for cell in cells(path, "code"):
        assert not re.search(r"(?m)^\s*[%!]", cell["source"])
        assert not re.search(r"ipywidgets|urllib|requests|np\.random\.(?!default_rng|Generator)", cell["source"])


@pytest.mark.parametrize("path", [*LESSONS, *PAGES], ids=lambda path: path.name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(path):
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", prose(path)):
        target = "".join(target)
        if re.match(r"https?:|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


def anchors(path):
    """The anchors that a forge gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.*)$", prose(path))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def table_of_the_notes():
    """The rows of the README's table from the notes to the code: section, equation, code, lesson."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("## From the lecture notes to the code")[2].partition("\n\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip(" |").split("|")] for line in table.splitlines()[2:]]


def test_the_table_of_the_notes_has_a_row_for_every_section_with_code_and_lesson():
    rows = table_of_the_notes()
    headings = re.findall(r"(?m)^#+ (.*)$", (NOTEBOOKS / "notes.md").read_text("utf-8"))
    assert len(headings) == 8
    for heading in headings:
        name = heading.partition(" (")[0]
        assert [row for row in rows if name in row[0]], f"{heading} is in no row"
    for section, _, code, lesson in rows:
        assert re.search(r"npvae/[\w/]+\.py", code), section
        assert re.search(r"notebooks/\d\d_\w+\.ipynb", lesson), section


def test_every_name_in_the_table_of_the_notes_exists_in_the_file_it_stands_beside():
    for section, _, code, _ in table_of_the_notes():
        files = re.findall(r"\((npvae/[\w/]+\.py)\)", code)
        sources = "".join((ROOT / file).read_text("utf-8") for file in files)
        for name in re.findall(r"(?<!\[)`([\w.]+)`", code):
            word = name.rpartition(".")[2]
            assert re.search(rf"(def|class) {word}\b|\"{word}\"", sources), f"{section}: no {name} in {files}"


def runner():
    spec = importlib.util.spec_from_file_location("run_lessons", NOTEBOOKS / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_lesson_is_found_by_the_beginning_of_its_name():
    find = runner().find
    assert [path.stem for path in find(["04", "00"])] == ["00_gradients_by_hand", "04_reparameterization"]
    assert find([]) == LESSONS
    assert find(["77"]) == []


@pytest.mark.slow
@each_lesson
def test_a_lesson_runs_and_shows_what_is_committed(path, tmp_path, monkeypatch):
    """Through a kernel where nbclient is installed; numbers may differ in value, never in place."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    if importlib.util.find_spec("nbclient") is None:
        arguments = [sys.executable, NOTEBOOKS / "run.py", "--figures", tmp_path, path.stem]
        subprocess.run(arguments, check=True)
        assert list(tmp_path.glob("*.svg"))
        return
    fresh = [cell for cell in runner().execute(path).cells if cell.cell_type == "code"]
    for now, committed in zip(fresh, cells(path, "code"), strict=True):
        assert [shape(output) for output in now["outputs"]] == [shape(output) for output in committed["outputs"]]


def shape(output):
    """An output with its interpreter and every number masked: its kind, its words, whether it draws."""
    words = re.sub(r"at \S*python\S*", "at PYTHON", text_of(output))
    words = re.sub(r"[-+]?\d[\d.,]*(e[-+]?\d+)?", "#", words)
    return output["output_type"], " ".join(words.split()), "image/png" in output.get("data", {})
