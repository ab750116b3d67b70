"""The lessons: what is committed is whole and clean, and what they show is what the package does today."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.coursework.assignments import variant
from npvae.coursework.check import findings_of
from npvae.coursework.diagnose import judge
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.grading import Graded
from npvae.coursework.key import answer_key
from npvae.coursework.report import feedback
from npvae.gradcheck import all_pairs
from npvae.lessons import compare

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
LESSONS = [path for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) if not path.stem.endswith("_lab")]
PAGES = [
    ROOT / "README.md",
    NOTEBOOKS / "README.md",
    NOTEBOOKS / "notes.md",
    NOTEBOOKS / "coursework" / "README.md",
    ROOT / "tests" / "README.md",
    ROOT / "tests" / "benchmarks" / "README.md",
]

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


def test_there_are_fourteen_lessons_in_an_unbroken_row():
    assert [path.name[:2] for path in LESSONS] == [f"{i:02d}" for i in range(14)]


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
    assert path.stat().st_size < 1_000_000
    answers = [cell["source"] for cell in cells(path)].index("## Answers")
    assert 15 <= answers <= 38
    assert max(len(cell["source"].splitlines()) for cell in cells(path, "code")) <= 15


def test_all_lessons_together_are_small_enough_to_download():
    assert sum(path.stat().st_size for path in LESSONS) < 9_000_000


@each_lesson
def test_a_lesson_begins_by_saying_what_to_do_where_npvae_is_missing(path):
    first = cells(path, "code")[0]["source"]
    assert first == cells(LESSONS[0], "code")[0]["source"]
    assert 'pip install ".[notebooks]"' in first
    assert "pip install npvae-*.whl" in first


@each_lesson
def test_the_answers_come_last_and_each_is_a_folded_cell_of_its_own(path):
    sources = [cell["source"] for cell in cells(path)]
    answers = sources[sources.index("## Answers") + 1 :]
    assert answers
    for answer in answers:
        assert re.fullmatch(r"<details><summary>[^<]*</summary>.*</details>", answer, re.DOTALL)
        assert answer.count("<details>") == 1
    assert "## Where to go next" in "\n".join(sources[: sources.index("## Answers")])


@each_lesson
def test_a_collapsed_cell_is_collapsed_everywhere_and_checks_nothing(path):
    for cell in cells(path):
        is_hidden = "hide-input" in cell["metadata"].get("tags", [])
        assert is_hidden == cell["metadata"].get("jupyter", {}).get("source_hidden", False)
        if is_hidden:
            assert cell["cell_type"] == "code"
            assert "assert" not in cell["source"]


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


def test_lessons_name_exercises_by_their_titles_and_each_is_named_in_its_own():
    titles = {exercise.title: exercise.lesson for exercise in EXERCISES.values()}
    named = {}
    for path in LESSONS:
        lines = "".join(re.findall(r"Coursework that now makes sense: ((?:.|\n  )*)", prose(path)))
        named[path.stem] = set(re.findall(r"\*([^*]+)\*", lines))
        assert named[path.stem] <= set(titles), path.stem
    for title, lesson in titles.items():
        assert title in named[lesson], f"{lesson}: {title}"


def test_the_minutes_of_a_lesson_are_the_same_in_it_on_the_lecturers_page_and_in_the_readme():
    minutes = {path.name: int(re.search(r"bout (\d+) minutes", prose(path))[1]) for path in LESSONS}
    table = re.findall(r"\((\d\d_\w+\.ipynb)\) \|.*\| (\d+) min \|", prose(NOTEBOOKS / "README.md"))
    assert {name: int(told) for name, told in table if "_lab" not in name} == minutes
    said = re.search(r"(\d+) to (\d+) minutes each", prose(ROOT / "README.md")).groups()
    assert tuple(map(int, said)) == (min(minutes.values()), max(minutes.values()))


@each_lesson
def test_a_lesson_uses_no_magic_no_widget_no_network_and_no_global_random_state(path):
    for cell in cells(path, "code"):
        assert not re.search(r"(?m)^\s*[%!]", cell["source"])
        assert not re.search(r"ipywidgets|urllib|requests|np\.random\.(?!default_rng|Generator)", cell["source"])


@pytest.mark.parametrize("path", [*LESSONS, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
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


LINK = re.compile(r"\[([^]]+)\]\(([^)]+)\)")


def table_of_the_notes():
    """Rows of the README's table: what is said, equation, gradient, code and lesson, tests of value, of gradient."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("## From the lecture notes to the code")[2].partition("\n\n|")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        *cells, tests = (cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip(" |")))
        yield *cells, *tests.split("<br>gradient: ")


def test_the_table_of_the_notes_has_a_row_for_every_section_and_a_link_in_every_place():
    rows = list(table_of_the_notes())
    headings = re.findall(r"(?m)^#+ (.*)$", (NOTEBOOKS / "notes.md").read_text("utf-8"))
    assert len(headings) == 8
    for heading in headings:
        name = heading.partition(" (")[0]
        assert [row for row in rows if f"**{name}**" in row[0]], f"{heading} is in no row"
    for said, equation, gradient, code, value_tests, gradient_tests in rows:
        assert equation, said
        assert gradient, said
        for cell, folder in zip(
            (code, code, value_tests, gradient_tests), ("npvae/", "notebooks/", "tests/", "tests/"), strict=True
        ):
            assert [path for _, path in LINK.findall(cell) if path.startswith(folder)], f"{said}: no link to {folder}"


def test_every_function_class_and_method_in_the_table_of_the_notes_exists_in_the_file_it_is_linked_to():
    for said, *_, code, _, _ in table_of_the_notes():
        for name, path in LINK.findall(code):
            if path.startswith("npvae/"):
                word = name.strip("`").rpartition(".")[2]
                assert re.search(rf"(?m)^ *(def|class) {word}\b", (ROOT / path).read_text("utf-8")), (
                    f"{said}: no {name} in {path}"
                )


def test_every_test_in_the_table_of_the_notes_exists_in_the_file_it_is_linked_to():
    cases = {name.partition(",")[0] for name in all_pairs()}
    for said, *_, value_tests, gradient_tests in table_of_the_notes():
        for name, path in LINK.findall(value_tests + gradient_tests):
            if name.startswith("`"):
                assert name.strip("`") in cases, f"{said}: no pair {name}"
                name = "the gradient meets finite differences"
            function = f"test_{name.replace(' ', '_')}"
            assert f"\ndef {function}(" in (ROOT / path).read_text("utf-8"), f"{said}: no {function} in {path}"


def test_every_cell_in_the_table_of_the_notes_exists_in_the_lesson_it_is_linked_to():
    for said, *_, code, _, _ in table_of_the_notes():
        lesson = None
        for path, number in re.findall(r"\((notebooks/[^)]+)\)|In\s\[(\d+)\]", code):
            lesson = ROOT / path if path else lesson
            if number:
                assert int(number) in [cell["execution_count"] for cell in cells(lesson, "code")], (
                    f"{said}: {lesson.name}"
                )
        assert lesson, said


def test_the_readme_shows_feedback_as_it_is_written():
    chosen = variant("2026")

    def bernoulli_nll(x, logits):
        return np.sum(np.log(1 + np.exp(logits)) - x * logits, axis=1), npvae.bernoulli_nll(x, logits)[1]

    functions = bernoulli_nll, npvae.bernoulli_nll_backward
    key = answer_key("kl_divergence", chosen, 0)
    findings = {
        "bernoulli_nll": findings_of(EXERCISES["bernoulli_nll"], chosen, functions, 0),
        "kl_divergence": judge(key, [{**right, "drho": -right["drho"]} for right in key.right]),
    }
    marks = {name: dict.fromkeys(exercise.points(chosen), 0) for name, exercise in EXERCISES.items()}
    lines = feedback(Graded("ada", "ada.py", marks, findings), chosen, {}).splitlines()
    readme = (ROOT / "README.md").read_text("utf-8")
    for shown in re.search(r"feedback:\n\n```\n(.*?)\n```", readme, re.DOTALL)[1].splitlines():
        assert [line for line in lines if line.removeprefix("## ").startswith(shown)], shown


def show_columns_of_the_lecturers_page():
    """Of each row that names cells or figures: the lesson's number and its In numbers, and the figures' names."""
    text = (NOTEBOOKS / "README.md").read_text("utf-8")
    for row in re.findall(r"(?m)^\|.*lesson \d\d, In .*\|$", text):
        shown = row.strip("| ").rpartition(" | ")[2]
        named = {}
        for number, cells_named in re.findall(r"lesson (\d\d), ((?:In \[\d+\](?: to |, )?)+)", shown):
            ranges = re.findall(r"\[(\d+)\](?: to In \[(\d+)\])?", cells_named)
            named[number] = {n for low, high in ranges for n in range(int(low), int(high or low) + 1)}
        yield named, re.findall(r"`(\d\d_\w+)`", shown)


def figures_of(path):
    """The name of each main figure of a lesson, and the In number of its cell."""
    tagged = [(tag, cell) for cell in cells(path, "code") for tag in cell["metadata"].get("tags", [])]
    return {
        f"{path.name[:2]}_{tag.removeprefix('figure:')}": cell["execution_count"]
        for tag, cell in tagged
        if tag.startswith("figure:")
    }


def test_every_cell_and_every_figure_on_the_lecturers_page_exists_and_belong_together():
    lessons = {path.name[:2]: path for path in LESSONS}
    rows = list(show_columns_of_the_lecturers_page())
    assert len(rows) > 12
    for named, figures in rows:
        assert figures or named
        for number, ins in named.items():
            assert ins <= {cell["execution_count"] for cell in cells(lessons[number], "code")}, number
        for figure in figures:
            number = figure[:2]
            assert figures_of(lessons[number]).get(figure) in named[number], figure


ANSWERS = {
    "04": """
def my_backward(dz, cache):
    sigma, eps = cache
    return dz, dz * sigma * eps / 2
""",
    "06": """
def my_kl(mu, logvar):
    return np.sum(mu**2 + np.exp(logvar) - logvar - 1, axis=1) / 2
def my_kl_gradients(mu, logvar):
    return mu, (np.exp(logvar) - 1) / 2
""",
    "07": """
def is_right(trick):
    z, _ = trick(many_mu, many_logvar, many_eps)
    return abs(z.var() / np.exp(-2) - 1) < 0.05 and abs(z.mean() - 0.5) < 0.01
""",
    "08": """
def my_adam_step(theta, g, m, v, t, lr=0.05, beta1=0.9, beta2=0.999, delta=1e-8):
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
    return theta - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + delta), m, v
""",
}
"""What a student may write, by lesson."""
WRONG = {
    "04": ("/ 2", "", "dlogvar: at"),
    "06": ("- logvar - 1", "- 1", "kl: at"),
    "07": ("< 0.05", "< 9", "your verdict True, expected False"),
    "08": ("(1 - beta2**t)", "1", "theta after step 1: at"),
}
"""A slip in that, and what is said of it."""
each_with_answers = pytest.mark.parametrize("number", sorted(ANSWERS))


def students_cells(number):
    """The code cells of a lesson, and the place of the one left to students; the next one judges."""
    code = cells(next(path for path in LESSONS if path.name.startswith(number)), "code")
    (place,) = [i for i, cell in enumerate(code) if "yours" in cell["metadata"].get("tags", [])]
    return code, place


@each_with_answers
def test_a_students_cell_is_stored_as_handed_out(number):
    code, place = students_cells(number)
    assert "..." in code[place]["source"]
    said = "".join(map(text_of, code[place + 1]["outputs"])).splitlines()
    assert said
    assert all("still to be written" in line for line in said)


def what_is_said_of(answer, number, capsys):
    code, place = students_cells(number)
    sources = [cell["source"] for cell in code]
    names = {"np": np, "npvae": npvae, "compare": compare}
    if number == "07":  # the suspects, without the examination
        exec(sources[1], names)
        for source in sources[place - 5 : place - 1]:
            exec(source.partition("table = []")[0], names)
    for source in (sources[place], answer, sources[place + 1]):
        exec(source, names)
    return capsys.readouterr().out


@each_with_answers
def test_of_a_right_answer_a_lesson_says_that_it_is_right(number, capsys):
    said = what_is_said_of(ANSWERS[number], number, capsys).splitlines()
    assert said
    for line in said:
        right = re.search(r"your verdict (\w+), expected \1$", line) if number == "07" else line.endswith(": right")
        assert right, line


@each_with_answers
def test_of_a_slip_a_lesson_says_your_value_and_the_expected_one(number, capsys):
    right, wrong, sentence = WRONG[number]
    assert sentence in what_is_said_of(ANSWERS[number].replace(right, wrong), number, capsys)


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
    if path.name.startswith("13_"):
        pytest.importorskip("torch", reason="lesson 13 needs the extra: pip install .[torch]")
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
