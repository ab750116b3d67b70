"""Whose a file is, as platforms, courses and students arrange them: right, or a line says what is unsure."""

import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from classes import SCRIPT, UNTOUCHED, answered, chosen, collected, different, flags, write, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from npvae.coursework.collection import collect, finding
from npvae.coursework.collection.archives import close_archives
from npvae.coursework.collection.found import EMPTY_FOLDER, PASSED_OVER

DONE = answered()
SOME = answered("activation").replace("return 3", "return 4")
GRADESCOPE = """---
submission_111:
  :submitters:
  - :name: Ada Lovelace
    :sid: '1815'
    :email: ada@example.org
  :created_at: 2026-01-01 00:00:00.000000000 Z
  :score: 0.0
submission_112:
  :submitters:
  - :name: Bob
    :sid: ''
    :email: bob@example.org
  - :name: Cyd
    :sid: '7'
"""

# Layouts: what is in the folder, and the file of each person. Nothing of it is unsure.
LAYOUTS = {
    "flat, by name": (
        {"ada.ipynb": DONE, "Bob B.py": SCRIPT},
        {"ada": "ada.ipynb", "Bob B": "Bob B.py"},
    ),
    "a folder each, files called alike": (
        {"ada/hw1.ipynb": DONE, "bob/hw1.ipynb": DONE},
        {"ada": "ada/hw1.ipynb", "bob": "bob/hw1.ipynb"},
    ),
    "a folder each, files called as anybody likes, at any depth": (
        {"ws26/ada/mine/final.ipynb": DONE, "ws26/bob/solution.ipynb": DONE, "ws26/cyd/a/b/c.py": SCRIPT},
        {"ada": "ws26/ada/mine/final.ipynb", "bob": "ws26/bob/solution.ipynb", "cyd": "ws26/cyd/a/b/c.py"},
    ),
    "groups of folders": (
        {"A/ada/x.ipynb": DONE, "A/bob/x.ipynb": DONE, "B/cyd/x.ipynb": DONE, "B/dan/x.ipynb": DONE},
        {"ada": "A/ada/x.ipynb", "bob": "A/bob/x.ipynb", "cyd": "B/cyd/x.ipynb", "dan": "B/dan/x.ipynb"},
    ),
    "groups of files": (
        {"A/ada.ipynb": DONE, "A/bob.ipynb": DONE, "B/cyd.ipynb": DONE, "B/dan.ipynb": DONE},
        {"ada": "A/ada.ipynb", "bob": "A/bob.ipynb", "cyd": "B/cyd.ipynb", "dan": "B/dan.ipynb"},
    ),
    "Moodle with folders": (
        {
            "Ada Lovelace_1815_assignsubmission_file_/assignment.ipynb": DONE,
            "Bob B_7_assignsubmission_file/my file.py": SCRIPT,
        },
        {
            "Ada Lovelace_1815": "Ada Lovelace_1815_assignsubmission_file_/assignment.ipynb",
            "Bob B_7": "Bob B_7_assignsubmission_file/my file.py",
        },
    ),
    "Moodle without folders": (
        {f"Ada L_{i}_assignsubmission_file_assignment.ipynb": DONE for i in (101, 102)},
        {f"Ada L_{i}": f"Ada L_{i}_assignsubmission_file_assignment.ipynb" for i in (101, 102)},
    ),
    "Moodle without names": (
        {"Participant 12_12_assignsubmission_file_/a.ipynb": DONE},
        {"Participant 12_12": "Participant 12_12_assignsubmission_file_/a.ipynb"},
    ),
    "Canvas": (
        {
            "lovelaceada_LATE_4711_81234_assignment-1.ipynb": answered(note="old"),
            "lovelaceada_4711_81299_assignment-2.ipynb": DONE,
            "lovelaceada_4712_81235_assignment.ipynb": DONE,
        },
        {
            "lovelaceada_4711": "lovelaceada_4711_81299_assignment-2.ipynb",
            "lovelaceada_4712": "lovelaceada_4712_81235_assignment.ipynb",
        },
    ),
    "Blackboard": (
        {
            "HW_1_a_b_attempt_2026-01-30-10-00-00_assignment.ipynb": DONE,
            "HW_1_a_b_attempt_2026-01-30-10-00-00.txt": "Name: A",
            "HW_1_a_b_attempt_2026-01-31-09-00-00_assignment.ipynb": DONE,
            "HW_1_cyd_attempt_2026-01-30-10-00-00_assignment.ipynb": DONE,
        },
        {
            "a_b": "HW_1_a_b_attempt_2026-01-31-09-00-00_assignment.ipynb",
            "cyd": "HW_1_cyd_attempt_2026-01-30-10-00-00_assignment.ipynb",
        },
    ),
    "Gradescope": (
        {
            "assignment_9_export/submission_metadata.yml": GRADESCOPE,
            "assignment_9_export/submission_111/assignment.ipynb": DONE,
            "assignment_9_export/submission_112/hw.ipynb": DONE,
        },
        {
            "Ada Lovelace_1815": "assignment_9_export/submission_111/assignment.ipynb",
            "Bob_bob@example.org": "assignment_9_export/submission_112/hw.ipynb",
            "Cyd_7": "assignment_9_export/submission_112/hw.ipynb",
        },
    ),
    "Gradescope without its list": (
        {"submission_111/a.ipynb": DONE, "submission_112/a.ipynb": DONE},
        {"submission_111": "submission_111/a.ipynb", "submission_112": "submission_112/a.ipynb"},
    ),
    "GitHub Classroom": (
        {
            "vae-ada/assignment.ipynb": DONE,
            "vae-ada/helper.py": "def helper(): return 1",
            "vae-ada/tests/test_vae.py": "def test_vae(): pass",
            "vae-ada/.git/config": "x",
            "vae-ada/.github/workflows/ci.yml": "x",
            "vae-bob/notebooks/assignment.ipynb": DONE,
            "vae-bob/README.md": "x",
        },
        {"vae-ada": "vae-ada/assignment.ipynb", "vae-bob": "vae-bob/notebooks/assignment.ipynb"},
    ),
    "nbgrader": (
        {
            "submitted/ada/vae/assignment.ipynb": DONE,
            "submitted/ada/vae/timestamp.txt": "2026",
            "submitted/bob/vae/assignment.ipynb": DONE,
        },
        {"ada": "submitted/ada/vae/assignment.ipynb", "bob": "submitted/bob/vae/assignment.ipynb"},
    ),
    "nbgrader with one student": (
        {"submitted/ada/vae/assignment.ipynb": DONE},
        {"ada": "submitted/ada/vae/assignment.ipynb"},
    ),
    "nbgrader's exchange": (
        {
            "inbound/ada+vae+2026-01-30 10:00:00.123456 UTC/assignment.ipynb": answered(note="old"),
            "inbound/ada+vae+2026-01-31 10:00:00.123456 UTC+abc/assignment.ipynb": DONE,
            "inbound/bob+vae+2026-01-30 10:00:00.123456 UTC/assignment.ipynb": DONE,
        },
        {
            "ada": "inbound/ada+vae+2026-01-31 10:00:00.123456 UTC+abc/assignment.ipynb",
            "bob": "inbound/bob+vae+2026-01-30 10:00:00.123456 UTC/assignment.ipynb",
        },
    ),
    "Otter's zips in folders": (
        {
            "ada/assignment_2026_01_01T10_00_00_000000.zip": zipped({"assignment.ipynb": DONE, ".OTTER_LOG": "x"}),
            "bob/assignment.ipynb": DONE,
        },
        {"ada": "ada/assignment_2026_01_01T10_00_00_000000.zip/assignment.ipynb", "bob": "bob/assignment.ipynb"},
    ),
    "zips called by name": (
        {"ada.zip": zipped({"hw/assignment.ipynb": DONE}), "bob.zip": zipped({"x.py": SCRIPT}), "cyd.ipynb": DONE},
        {"ada": "ada.zip/hw/assignment.ipynb", "bob": "bob.zip/x.py", "cyd": "cyd.ipynb"},
    ),
    "zips within Moodle's": (
        {
            "Ada L_1_assignsubmission_file_/hand in.zip": zipped(
                {"a/assignment.ipynb": DONE, "__MACOSX/a/._x.ipynb": "x"}
            )
        },
        {"Ada L_1": "Ada L_1_assignsubmission_file_/hand in.zip/a/assignment.ipynb"},
    ),
    "Brightspace": (
        {
            "104236-77 - Ada Lovelace - Jan 30, 2026 1000 AM/hw.ipynb": answered(note="old"),
            "104236-77 - Ada Lovelace - Jan 30, 2026 100 PM/hw.ipynb": DONE,
            "104237-77 - Ada Lovelace - Jan 29, 2026 100 PM/hw.ipynb": DONE,
        },
        {
            "Ada Lovelace_104236": "104236-77 - Ada Lovelace - Jan 30, 2026 100 PM/hw.ipynb",
            "Ada Lovelace_104237": "104237-77 - Ada Lovelace - Jan 29, 2026 100 PM/hw.ipynb",
        },
    ),
    "Sakai": (
        {
            "VAE/Lovelace, Ada(ada)/Submission attachment(s)/a.ipynb": DONE,
            "VAE/Lovelace, Ada(ada)/timestamp.txt": "2026",
            "VAE/B, Bob(bob)/Submission attachment(s)/b.ipynb": DONE,
        },
        {
            "Lovelace, Ada_ada": "VAE/Lovelace, Ada(ada)/Submission attachment(s)/a.ipynb",
            "B, Bob_bob": "VAE/B, Bob(bob)/Submission attachment(s)/b.ipynb",
        },
    ),
    "Teams": (
        {
            "Submitted files/Ada/VAE/Version 1/a.ipynb": answered(note="old"),
            "Submitted files/Ada/VAE/Version 2/a.ipynb": DONE,
            "Submitted files/Bob/VAE/Version 1/b.ipynb": DONE,
        },
        {"Ada": "Submitted files/Ada/VAE/Version 2/a.ipynb", "Bob": "Submitted files/Bob/VAE/Version 1/b.ipynb"},
    ),
    "a virtual environment, caches and what systems leave": (
        {
            "ada/assignment.ipynb": DONE,
            "ada/env/pyvenv.cfg": "x",
            "ada/env/lib/x.py": SCRIPT,
            "ada/__pycache__/x.py": "x",
            "ada/._assignment.ipynb": "x",
            "ada/.DS_Store": "x",
            "bob/assignment.ipynb": DONE,
        },
        {"ada": "ada/assignment.ipynb", "bob": "bob/assignment.ipynb"},
    ),
}


def test_a_folder_that_is_passed_over_whole_is_named(tmp_path):
    files = {
        "ada/a.ipynb": DONE,
        "bob/pyvenv.cfg": "x",
        "bob/a.ipynb": DONE,
        "cyd/venv/a.py": DONE,
        "dan/a.py": SCRIPT,
    }
    collection = collect(write(tmp_path, files))
    assert [one.submission.student for one in collection.hand_ins] == ["ada", "dan"]
    assert collection.strays == tuple(f"{name} belongs to nobody: {EMPTY_FOLDER}" for name in ("bob", "cyd"))


@pytest.mark.parametrize(("files", "expected"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_each_layout_gives_everybody_their_file_and_nothing_to_look_at(files, expected, packed, tmp_path):
    if packed:
        path = tmp_path / "class.zip"
        path.write_bytes(zipped({name: text for name, text in files.items() if "env/" not in name}))
    else:
        path = write(tmp_path / "in", files)
    collection = collect(path)
    people = {one.submission.student: one for one in collection.hand_ins}
    assert chosen(people) == expected
    assert flags(people) == ""
    assert collection.strays == ()


def test_an_empty_folder_is_named_where_it_may_be_a_persons(tmp_path):
    for folder in ("cyd", "ada/figures", "dan/.cache"):
        (tmp_path / "in" / folder).mkdir(parents=True)
    write(tmp_path / "in", {"ada/a.ipynb": DONE, "bob/a.ipynb": DONE})
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        for path in sorted((tmp_path / "in").rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "in"))
    for path in (tmp_path / "in", tmp_path / "class.zip"):
        collection = collect(path)
        assert {one.submission.student for one in collection.hand_ins} == {"ada", "bob"}
        assert not any(one.flags for one in collection.hand_ins)
        assert collection.strays[0] == f"cyd belongs to nobody: {EMPTY_FOLDER}"


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("above", ["", "ws26/"])
@pytest.mark.parametrize("name", [".cem", "venv", "..x", "__pycache__"])
def test_a_persons_folder_that_is_called_like_what_programs_leave_behind_is_named(name, above, packed, tmp_path):
    files = {f"{above}{person}/a.ipynb": DONE for person in ("ada", "bob", name)}
    beside = {f"{above}{path}": DONE for path in ("ada/venv/lib/x.py", "ada/__pycache__/x.py", "ada/.cache/x.ipynb")}
    nothing = {f"{above}{path}": "x" for path in (".git/config", "._ada.ipynb", ".idea/._x.py", ".git/hooks/x.py")}
    folder = write(tmp_path / "in", files | beside | nothing)
    (tmp_path / "class.zip").write_bytes(zipped(files | beside | nothing))
    collection = collect(tmp_path / "class.zip" if packed else folder)
    assert [one.submission.student for one in collection.hand_ins] == ["ada", "bob"]
    assert not any(one.flags for one in collection.hand_ins)
    assert collection.strays == (f"{above}{name} belongs to nobody: {PASSED_OVER}",)


def test_a_notebook_that_is_called_like_an_offices_lock_is_read(tmp_path):
    people = collected(tmp_path, {"~$gus.ipynb": DONE, "ada.ipynb": DONE, "~$thesis.docx": "x"})
    assert chosen(people) == {"~$gus": "~$gus.ipynb", "ada": "ada.ipynb"}


@pytest.mark.parametrize("above", ["", "vae101/"])
def test_what_nbgrader_keeps_beside_what_was_submitted_is_nobodys(above, tmp_path):
    names = ("submitted/ada", "submitted/bob", "autograded/ada", "release", "source")
    collection = collect(write(tmp_path, {f"{above}{name}/vae/assignment.ipynb": DONE for name in names}))
    assert [one.submission.student for one in collection.hand_ins] == ["ada", "bob"]
    assert collection.strays == tuple(
        f"{above}{name} belongs to nobody: a folder of nbgrader's with nothing that was handed in"
        for name in ("autograded", "release", "source")
    )


def test_a_submission_that_gradescopes_list_does_not_hold_is_told(tmp_path):
    files = {f"submission_{number}/a.ipynb": DONE for number in (111, 112, 113)}
    people = collected(tmp_path, {**files, "submission_metadata.yml": GRADESCOPE})
    assert flags(people) == "submission_113: is not in submission_metadata.yml"


def test_hand_ins_of_several_platforms_stand_side_by_side(tmp_path):
    people = collected(
        tmp_path,
        {
            "canvas.zip": zipped({"lada_4711_81234_a.ipynb": DONE, "obob_LATE_4712_81235_a.ipynb": DONE}),
            "moodle/Cyd C_7_assignsubmission_file_/a.ipynb": DONE,
            "blackboard/HW_dan_attempt_2026-01-30-10-00-00_a.ipynb": DONE,
            "github/vae-eve/a.ipynb": DONE,
            "github/vae-fay/src/a.ipynb": DONE,
            "submitted/gus/vae/a.ipynb": DONE,
            "export/submission_111/a.ipynb": DONE,
        },
    )
    assert set(people) == {
        *("lada_4711", "obob_4712", "Cyd C_7", "dan", "vae-eve", "vae-fay", "gus", "submission_111"),
    }
    assert flags(people) == ""


def test_a_point_in_a_name_is_no_suffix(tmp_path):
    files = {"anna.mueller/a.ipynb": DONE, "anna.schmid/a.ipynb": DONE, "anna@x.org/a.ipynb": DONE}
    assert set(collected(tmp_path / "folders", files)) == {"anna.mueller", "anna.schmid", "anna@x.org"}
    files = {"anna.mueller.ipynb": DONE, "anna.schmid.py": DONE, "dr. b.zip": zipped({"a.ipynb": DONE})}
    assert set(collected(tmp_path / "files", files)) == {"anna.mueller", "anna.schmid", "dr. b"}


def test_a_folder_for_each_task_in_each_persons_is_no_person(tmp_path):
    people = collected(
        tmp_path, {f"{name}/{part}/x.ipynb": DONE for name in ("ada", "bob") for part in ("ps1", "ps2")}
    )
    assert set(people) == {"ada", "bob"}


def test_people_that_seem_to_be_one_are_told(tmp_path):
    files = {"A/anna/hw.ipynb": DONE, "A/ben/hw.ipynb": DONE, "A/cem.ipynb": DONE, "B/dan.ipynb": DONE}
    people = collected(tmp_path, files)
    assert flags(people).count("under a name of its own: another person's?") == 2


APART = {
    "a file of two in one group's folder": (
        {"G1/anna.ipynb": DONE, "G1/ben.ipynb": SOME} | {f"G{i}/{i}.ipynb": DONE for i in (2, 3, 4)},
        "G1: G1/ben.ipynb has answers, too, under a name of its own: another person's?",
    ),
    "a round of the class": (
        {"round1.zip": zipped({"anna.ipynb": SOME, "ben.ipynb": DONE}), "round2.zip": zipped({"anna.ipynb": DONE})},
        "round1: round1.zip/anna.ipynb has answers, too, under a name of its own: another person's?",
    ),
    "people of one name in two groups": (
        {f"{group}/{name}/Abgabe 1/vae.ipynb": DONE for group in ("Gruppe A", "Gruppe B") for name in ("Ann", "Bob")},
        "Gruppe A: Gruppe A/Bob/Abgabe 1/vae.ipynb has answers, too, under a name of its own: another person's?\n"
        "Gruppe B: Gruppe B/Bob/Abgabe 1/vae.ipynb has answers, too, under a name of its own: another person's?",
    ),
}


@pytest.mark.parametrize(("files", "lines"), APART.values(), ids=APART)
def test_somebodys_answers_that_stand_under_another_name_than_the_graded_ones_are_told(files, lines, tmp_path):
    assert flags(collected(tmp_path, files)) == lines


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ju\u0308rgen Groß", "J\xfcrgen Groß"), ("Anna Lee", "anna lee"), ("J\xfcrgen Groß", "JU\u0308RGEN GROSS")],
)
def test_names_that_only_capitals_or_encodings_tell_apart_are_one_persons(one, other, tmp_path):
    files = {f"{one}.ipynb": DONE, f"{other}.py": SCRIPT, f"{other}.pdf": "%PDF", "bob.ipynb": DONE}
    people = collected(tmp_path / "files", files)
    assert sorted(chosen(people).values()) == sorted([f"{one}.ipynb", "bob.ipynb"])
    assert flags(people) == ""
    files = {f"A/{one}/a.ipynb": DONE, f"A/{other}/b.py": SCRIPT, "A/bob/a.ipynb": DONE}
    assert len(collected(tmp_path / "folders", files)) == 2


def test_logins_that_end_in_a_digit_are_people_and_not_attempts(tmp_path):
    people = collected(tmp_path, {"ivanov1.ipynb": DONE, "ivanov2.ipynb": DONE, "anna v2.ipynb": DONE})
    assert set(people) == {"ivanov1", "ivanov2", "anna"}


def test_files_that_name_nobody_stay_apart_and_are_flagged(tmp_path):
    people = collected(tmp_path, {"assignment.ipynb": DONE, "assignment (1).ipynb": different("b")})
    assert len(people) == 2
    assert flags(people).count("does not say whose it is") == 2


def test_two_people_of_one_name_stay_two(tmp_path):
    people = collected(
        tmp_path, {f"{group}/Anna/x.ipynb": DONE for group in "AB"} | {"B/Bob/x.ipynb": DONE, "A/C/x.py": SCRIPT}
    )
    assert set(people) == {"A/Anna", "B/Anna", "Bob", "C"}


def test_a_file_beside_the_folders_is_a_person_and_other_files_are_nobodys(tmp_path):
    write(
        tmp_path, {"ada/a.ipynb": DONE, "bob/b.ipynb": DONE, "cyd.ipynb": DONE, "dan.pdf": "%PDF-1", "list.csv": "x"}
    )
    collection = collect(tmp_path)
    assert [one.submission.student for one in collection.hand_ins] == ["ada", "bob", "cyd", "dan"]
    assert "dan.pdf is a PDF" in collection.hand_ins[3].flags
    assert collection.strays == ("list.csv: nobody's, and no answers",)


# What cannot be read.

UNREADABLE = {
    "a.pdf": (b"%PDF-1.4", "a.pdf is a PDF"),
    "a.docx": (b"PK\3\4", "a.docx is an Office document"),
    "a.rar": (b"Rar!", "a.rar is a RAR archive"),
    "a.7z": (b"7z\xbc\xaf", "a.7z is a 7z archive"),
    "a.zip": (b"PK\3\4 broken", "an archive that cannot be read"),
    "b.zip": (zipped({}), "an archive without files"),
    "c.zip": (
        zipped({"x.zip": zipped({"y.zip": zipped({"z.zip": zipped({"a.py": SCRIPT})})})}),
        "it stands in 3 others",
    ),
    "html.ipynb": (b"<!DOCTYPE html><html>", "is a web page"),
    "pdf.ipynb": (b"%PDF-1.4 \xff\0", "is not text"),
    "cut.ipynb": (DONE[: len(DONE) // 2].encode(), "ends in the middle"),
    "conflict.ipynb": (b"<<<<<<< HEAD\n" + DONE.encode(), "marks of a merge"),
    "lfs.ipynb": (b"version https://git-lfs.github.com/spec/v1", "is not a notebook"),
    "empty.ipynb": (b"", "is empty"),
    "large.ipynb": (b"x" * 5_000_001, "has 5,000,001 bytes, more than 5,000,000"),
    "list.ipynb": (b"[1, 2]", "is not a notebook"),
    "other.py": (b"x = 1", "holds nothing of the assignment"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_graded_is_one_line_that_says_what_it_is_and_stops_nobody(name, tmp_path):
    content, words = UNREADABLE[name]
    people = collected(tmp_path, {f"ada/{name}": content, "bob/assignment.ipynb": DONE})
    assert words in flags(people)
    assert flags(people).count("\n") == 0
    assert chosen(people)["bob"] == "bob/assignment.ipynb"
    assert people["ada"].submission.data in (b"", content)


READ_WITH_A_LINE = {
    "a.ipynb.json": (DONE.encode(), "under an unusual name"),
    "a.ipynb.txt": (DONE.encode(), "under an unusual name"),
    "a.ipynb (1)": (DONE.encode(), "under an unusual name"),
    "a.json": (DONE.encode(), "under an unusual name"),
    "a": (DONE.encode(), "under an unusual name"),
    "blank.ipynb": (UNTOUCHED.encode(), "has no function written"),
    "a.py.txt": (SCRIPT.encode(), "under an unusual name"),
    "utf16.ipynb": (DONE.encode("utf-16"), "UTF-16"),
    "umlaut.py": (f"# Übung\n{SCRIPT}".encode("cp1252"), "read as cp1252"),
    ".ipynb_checkpoints/a-checkpoint.ipynb": (DONE.encode(), "there is no other"),
    ".a.ipynb": (DONE.encode(), "there is no other"),
}


@pytest.mark.parametrize("name", READ_WITH_A_LINE)
def test_what_is_unusual_is_graded_and_said(name, tmp_path):
    content, words = READ_WITH_A_LINE[name]
    people = collected(tmp_path, {f"ada/{name}": content, "bob/assignment.ipynb": DONE})
    assert chosen(people)["ada"] == f"ada/{name}"
    assert words in flags(people)
    assert flags(people).count("\n") == 0


READ_WITHOUT_A_WORD = {
    "bom.ipynb": b"\xef\xbb\xbf" + DONE.encode(),
    "declared.py": f"# -*- coding: latin-1 -*-\n# Übung\n{SCRIPT}".encode("latin1"),
    "notebook.py": DONE.encode(),
    "A.IPYNB": DONE.encode(),
    "mac.py": SCRIPT.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("name", READ_WITHOUT_A_WORD)
def test_what_can_be_read_as_it_is_needs_no_line(name, tmp_path):
    people = collected(tmp_path, {f"ada/{name}": READ_WITHOUT_A_WORD[name], "bob/assignment.ipynb": DONE})
    assert chosen(people)["ada"] == f"ada/{name}"
    assert flags(people) == ""
    assert people["ada"].choice.look.is_of_the_assignment


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_not_followed_and_said(tmp_path):
    write(tmp_path, {"ada/a.ipynb": DONE, "bob/x.txt": "x"})
    (tmp_path / "bob" / "b.ipynb").symlink_to(tmp_path / "ada" / "a.ipynb")
    people = {one.submission.student: one for one in collect(tmp_path).hand_ins}
    assert flags(people) == "bob: bob/b.ipynb is a link, which is not followed"


def test_a_link_in_a_zip_is_not_read_as_its_target(tmp_path):
    link = zipfile.ZipInfo("ada/a.ipynb")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "class.zip", "w") as archive:
        archive.writestr(link, "../bob/b.ipynb")
        archive.writestr("bob/b.ipynb", DONE)
    ada, _ = collect(tmp_path / "class.zip").hand_ins
    assert ada.flags == ("ada/a.ipynb is a link, which is not followed",)


def test_tars_are_opened_like_zips(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("hw/assignment.ipynb")
        member.size = len(DONE)
        archive.addfile(member, io.BytesIO(DONE.encode()))
        link = tarfile.TarInfo("hw/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    people = collected(tmp_path, {"ada.tar.gz": packed.getvalue(), "bob.ipynb": DONE})
    assert chosen(people) == {"ada": "ada.tar.gz/hw/assignment.ipynb", "bob": "bob.ipynb"}
    assert flags(people) == "ada: ada.tar.gz/hw/link.py is a link or a device, which is not followed"
    path = tmp_path / "class.tgz"
    path.write_bytes(packed.getvalue())
    assert collect(path).hand_ins[0].submission.file == "hw/assignment.ipynb"


def test_names_of_zips_from_macos_and_windows_are_read(tmp_path):
    path = tmp_path / "class.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("Jörg/a.ipynb", "Zoë\\b.ipynb"):
            member = zipfile.ZipInfo("x")
            member.filename = name
            archive.writestr(member, DONE)
    raw = path.read_bytes().replace(b"\x00\x08", b"\x00\x00")  # the flag that says UTF-8
    path.write_bytes(raw)
    assert [one.submission.student for one in collect(path).hand_ins] == ["Jörg", "Zoë"]


def test_an_archive_that_says_it_unpacks_to_too_much_costs_only_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "MOST_UNPACKED", 100_000)
    bomb = zipped({f"{i}.py": "#" * 40_000 for i in range(3)})
    people = collected(tmp_path, {"ada/a.zip": bomb, "bob/b.ipynb": DONE})
    assert "ada/a.zip/2.py is not unpacked: all that stands in its archive has more than 100,000 bytes" in flags(
        people
    )
    assert chosen(people)["bob"] == "bob/b.ipynb"


def test_archives_in_an_archive_are_opened_up_to_a_sum(tmp_path, monkeypatch):
    monkeypatch.setattr(finding.opened, "__defaults__", (1, 45_000))
    inner = zipped({"a.py": f"{SCRIPT}\n#{'x' * 10_000}"})
    people = collected(tmp_path, {"ada/a.zip": zipped({f"{i}.zip": inner for i in range(3)}), "bob/b.ipynb": DONE})
    assert "ada/a.zip/1.zip is an archive of 10," in flags(people)
    assert chosen(people)["ada"] == "ada/a.zip/0.zip/a.py"


def test_of_an_archive_of_too_many_files_those_near_its_top_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "MOST_ARCHIVED", 20)
    many = zipped({f"deep/er/{i}.txt": "" for i in range(30)} | {"assignment.ipynb": DONE})
    people = collected(tmp_path, {"ada/a.zip": many, "bob/b.ipynb": DONE})
    assert chosen(people)["ada"] == "ada/a.zip/assignment.ipynb"
    assert "over 20 files in one archive" in flags(people)


def test_names_of_files_and_people_hold_nothing_that_a_terminal_obeys(tmp_path):
    path = tmp_path / "class.zip"
    path.write_bytes(zipped({"a\x1b[31m\nda\u202e.ipynb": DONE}))
    (one,) = collect(path).hand_ins
    assert one.submission.student == "a\\x1b[31m da\\u202e"
    assert one.submission.file.isprintable()


def test_names_in_a_zip_lead_nowhere_and_nothing_is_unpacked(tmp_path):
    path = tmp_path / "hostile.zip"
    path.write_bytes(zipped({"../../escaped.py": SCRIPT, "/etc/absolute.py": SCRIPT}))
    before = set(tmp_path.parent.iterdir())
    people = collect(path).submissions
    assert set(tmp_path.parent.iterdir()) == before
    assert list(tmp_path.iterdir()) == [path]
    assert [(one.student, one.file) for one in people] == [("escaped", "escaped.py"), ("etc", "etc/absolute.py")]


def test_a_place_with_nothing_to_grade_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match=r"holds no \.ipynb and no \.py file"):
        collect(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is neither a folder nor a zip at"):
        collect(tmp_path / "missing")
    for name in ("no.zip", "a.ipynb", "no.tar.gz"):
        (tmp_path / name).write_text("x")
        with pytest.raises(ValueError, match="is not an archive, expected a folder or a zip"):
            collect(tmp_path / name)


# Nothing vanishes.

PARTS = st.sampled_from(
    [
        *("ada", "Ada L_1_assignsubmission_file_", "anna.mueller", "submitted", "hw1", "a\\b", "(1)", "x" * 300, ""),
        *("\x1b[2J", "submission_12", "ada+vae+2026-01-30 10:00:00 UTC", "12-3 - Ada L - Jan 1, 2026 100 AM", "123"),
        *("L, Ada(ada)", "HW_ada_attempt_2026-01-30-10-00-00", "lada_4711_81234_a", "Version 2", "draft", "=x"),
    ]
)
SUFFIXES = st.sampled_from([".ipynb", ".py", ".zip", ".pdf", "", ".ipynb.json", ".tar.gz", ".txt", ".json"])
NAMES = st.builds("{}/{}x{}".format, PARTS, PARTS, SUFFIXES)
CONTENTS = st.sampled_from([DONE, SCRIPT, "", "{", "x = 1", "%PDF", "<html>", zipped({"a.ipynb": DONE}), b"PK\3\4"])
ROSTERS = st.sampled_from([None, "student,name\nada,Ada L\n123,Anna Mueller\n", "First name,id\nAda,1\nAda,2\n,12\n"])


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(NAMES, CONTENTS, max_size=6), ROSTERS)
def test_every_file_is_somebodys_or_named_and_everybody_has_a_name_of_their_own(files, roster):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "class.zip"
        path.write_bytes(zipped({"bob.py": SCRIPT, **files}))
        (Path(folder) / "class.csv").write_text(roster or "")
        collection = collect(path, Path(folder) / "class.csv" if roster else None)
        everything = {file.path for file in finding.find(path)}
        close_archives()
    people = [one.submission.student for one in collection.hand_ins]
    said = {path for one in collection.hand_ins for path, _ in one.choice.aside}
    said |= {one.choice.file.path for one in collection.hand_ins if one.choice.file}
    strays = " ".join(collection.strays)
    assert not [path for path in everything - said if path not in strays and " more: nobody's" not in strays]
    assert len(set(people)) == len(people)
    assert all(map(str.isprintable, people))
