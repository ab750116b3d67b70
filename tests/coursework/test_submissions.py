"""Reading what one student handed in: what of it is code worth running, and what it says of the assignment."""

import json

import pytest
from classes import notebook

from npvae.cli import main
from npvae.coursework.assignments import variant
from npvae.coursework.handout import assigned, write_handout
from npvae.coursework.origin import Origin
from npvae.coursework.submissions import LARGEST, Submission, pseudonym, read, safe_name
from npvae.coursework.variants import FORMS


def contents(text, file="a.ipynb"):
    return read(Submission("a", file, text.encode() if isinstance(text, str) else text))


def defined(text, file="a.ipynb"):
    """Names that its code binds."""
    return {name for each in contents(text, file).code.statements for name in each.binds}


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/b\\c", "", "x" * 300, "\0", ".bashrc", "CON"])
def test_a_students_name_never_leads_out_of_the_folder(name):
    safe = safe_name(name)
    assert safe
    assert not {"/", "\\", "\0"} & set(safe)
    assert not safe.startswith(".")
    assert len(safe) <= 80


def test_two_students_never_share_a_file():
    assert safe_name("a/b", ["a_b"]) == "a_b-2"
    assert safe_name("A_B", ["a_b", "a_b-2"]) == "A_B-3"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"#" * (LARGEST + 1), "has more than 5,000,000 bytes"),
        (b"\xff\xfe\x00", "is not text"),
        (b"\x80\x00", "is not text"),
        (b"hello", "is not a notebook"),
        (b"[1, 2]", "is not a notebook"),
        (b'{"cells": 3}', "is not a notebook"),
        (b'{"cells": [3]}', "is not a notebook"),
        (b'{"cells": [{"source": "x', "ends in the middle"),
        (b"[" * 100_000, "is not a notebook"),
        (b" <!DOCTYPE html>", "is a web page"),
        (b"<<<<<<< HEAD\n{}\n=======", "holds the marks of a merge"),
    ],
)
def test_what_is_not_a_notebook_is_an_empty_answer_with_a_reason(data, words):
    read_back = contents(data)
    assert read_back.code.statements == ()
    assert words in read_back.trouble


def test_the_pseudonym_of_a_student_is_not_what_a_spreadsheet_takes_for_a_number():
    codes = [pseudonym(str(i)) for i in range(2000)]
    for code in codes:
        with pytest.raises(ValueError, match="could not convert"):
            float(code)
    assert any(code.startswith("c") and code[1:].isdigit() for code in codes)
    assert len(set(codes)) == 2000


@pytest.mark.parametrize(
    "source",
    ["(" * 10_000, "-" * 50_000 + "1", "x = a" + ".b" * 50_000, "x = " + "[" * 5_000 + "]" * 5_000],
    ids=["brackets", "signs", "attributes", "lists"],
)
def test_code_that_is_nested_beyond_reason_is_left_out(source):
    assert contents(notebook(source, "def f():\n    return 1")).notes


def test_a_notebook_without_metadata_and_one_of_an_old_format_are_read():
    old = {"worksheets": [{"cells": [{"cell_type": "code", "input": ["def f():\n", "    return 1"]}]}], "nbformat": 3}
    assert defined(json.dumps(old)) == {"f"}
    assert defined(json.dumps({"cells": [{"cell_type": "code", "source": "def f(): pass"}]})) == {"f"}


# Which assignment a file was handed out as.


@pytest.mark.parametrize("seed", ["2026", "0", "textbook"])
@pytest.mark.parametrize("form", FORMS)
def test_a_handout_says_its_assignment_and_its_form_as_a_notebook_and_as_a_script(seed, form, tmp_path):
    handout = write_handout(tmp_path / "out", seed, short=form == "short")[:2]
    lecturers = write_handout(tmp_path / "lecturer", seed, short=form == "short", solutions=True)
    for path in (*handout, *lecturers):
        origin = read(Submission("a", path.name, path.read_bytes())).origin
        assert origin == Origin(assigned(seed, form == "short"), form)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('VARIANT = "2026"', "2026"),
        ("VARIANT = 2026", "2026"),
        ('VARIANT = "2026"\nVARIANT = 2026', "2026"),
        ('# VARIANT = "2026"', None),
        ("x = 'VARIANT = 2026'", None),
        ("print(VARIANT)", None),
    ],
)
def test_an_assignment_is_said_by_a_literal_and_by_nothing_else(source, said):
    assert contents(notebook(source)).origin == Origin(said and variant(said))


@pytest.mark.parametrize(
    "source",
    [
        'VARIANT = "2026"\nVARIANT = "7"',
        'VARIANT = "2026"\nVARIANT = str(7)',
        'VARIANT = OTHER = "2026"',
        'VARIANT, x = "2026", 1',
        'for VARIANT in ("2026",): pass',
        'if True:\n    VARIANT = "2026"',
        "VARIANT = True",
        "VARIANT = 2026.0",
        "VARIANT = -1",
        'VARIANT = "summer"',
        f"VARIANT = {'9' * 21}",
    ],
)
def test_an_assignment_that_is_not_said_plainly_is_flagged_and_not_guessed(source):
    origin = contents(notebook(source)).origin
    assert origin.variant is None
    assert origin.flags[0].startswith("does not say plainly which assignment it is: VARIANT is ")


@pytest.mark.parametrize("source", ["def kl_divergence(mu, rho):\n    pass", 'check("kl_divergence", kl_divergence)'])
def test_an_answer_that_does_not_say_its_assignment_is_flagged(source):
    assert contents(notebook(source)).origin.flags == ("does not say which assignment it is",)
    assert contents(notebook(source, 'VARIANT = "2026"')).origin.flags == ()
    assert contents(notebook("x = 1")).origin.flags == ()


def test_without_its_checks_a_file_shows_its_form_by_what_it_defines(tmp_path):
    for form in FORMS:
        path = write_handout(tmp_path / form, "3", short=form == "short")[1]
        stripped = "".join(line for line in path.read_text("utf-8").splitlines(True) if not line.startswith("check("))
        assert contents(stripped, "a.py").origin.form == form
    assert contents("def kl_divergence(mu, rho): pass", "a.py").origin.form is None


def test_a_helper_named_like_an_exercise_of_the_long_form_does_not_make_a_short_file_long(tmp_path):
    path = write_handout(tmp_path / "out", "3", short=True)[1]
    text = path.read_text("utf-8") + "\n\ndef activation(a):\n    return a\n"
    assert contents(text, "a.py").origin.form == "short"


def handed_in(folder, *handouts):
    """A folder with a file for each pair of assignment and form."""
    for i, (seed, form) in enumerate(handouts):
        written = write_handout(folder / "handouts" / str(i), seed, short=form == "short")
        (folder / "in").mkdir(exist_ok=True)
        (folder / "in" / f"student{i}.py").write_bytes(written[1].read_bytes())
    (folder / "in" / "silent.py").write_text("x = 1\n")
    return str(folder / "in")


def test_files_of_several_assignments_are_not_graded_until_one_is_named(tmp_path, capsys):
    folder = handed_in(tmp_path, ("2026", "long"), ("2026", "long"), ("7", "long"))
    assert main(["grade", folder, "--out", str(tmp_path / "out")]) == 2
    assert (
        "which variant to grade does not follow from the files (2026: 2, 7: 1, not said: 1): give it with --variant"
        in (capsys.readouterr().err)
    )
    assert not (tmp_path / "out").exists()


def test_files_of_both_forms_are_not_graded_until_one_is_named(tmp_path, capsys):
    folder = handed_in(tmp_path, ("7", "long"), ("7", "short"), ("7", "short"))
    assert main(["grade", folder, "--out", str(tmp_path / "out"), "--variant", "7"]) == 2
    assert (
        "which form to grade does not follow from the files (short: 2, long: 1, not said: 1): give it with --short"
        in (capsys.readouterr().err)
    )


def test_files_that_say_nothing_are_not_graded_by_a_default(tmp_path, capsys):
    (tmp_path / "ada.py").write_text("def kl_divergence(mu, rho):\n    return 1\n")
    assert main(["grade", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "which variant to grade does not follow from the files (not said: 1)" in capsys.readouterr().err
