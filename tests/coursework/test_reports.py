"""What is written about a class: who handed in what, marks for other programs, and nothing forged in any of it."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from choices import full
from classes import answered, collected, notebook, results, write

from npvae.cli import main
from npvae.coursework.assignments import variant
from npvae.coursework.collection import collect
from npvae.coursework.diagnose import Finding
from npvae.coursework.exercises import EXERCISES, total
from npvae.coursework.gradebooks import canvas_csv, moodle_csv
from npvae.coursework.grading import Graded, grade_one
from npvae.coursework.report import feedback, frequencies, grades_csv, gradescope_json, summary
from npvae.coursework.submissions import pseudonym
from npvae.coursework.tables import in_line, quoted, table
from npvae.coursework.variants import Variant
from npvae.coursework.written import manual_marks, page

NOTHING = {name: dict.fromkeys(full(name), 0) for name in EXERCISES}
HOSTILE = "Eve\x1b]0;x\x07 <script>x</script> | ](http://x) `\n\n# To look at\n"
FORMULAS = ("=1+1", "+1", "-1", "@x", " =1", "\t=1", "\n=1", "\uff1d1", "a;=1", 'a"\n=1', "a\t=1")


def graded(student, **more):
    return Graded(student, f"{student}.py", NOTHING, dict.fromkeys(NOTHING, ()), **more)


# The table before anything runs.


def listed(folder, capsys, *options):
    assert main(["grade", str(folder), "--list", *options]) == 0
    return capsys.readouterr().out


def test_the_list_shows_that_a_file_does_not_say_its_assignment(tmp_path, capsys):
    write(tmp_path, {"ada.ipynb": answered(), "bob.py": "def conditional_inputs(x):\n    return x\n"})
    out = listed(tmp_path, capsys, "--long")
    assert "bob not said, long script" in " ".join(out.split())
    assert "- bob: does not say which assignment it is" in out


def test_the_list_shows_everybody_and_runs_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("npvae.cli.coursework.workers", None)
    monkeypatch.setattr("npvae.cli.coursework.grade", None)
    write(
        tmp_path / "in",
        {"ada/a.ipynb": answered(), "ada/b.py": "x = 1", "bob/a.pdf": "%PDF", "bob/~$x.docx": "x", "list.csv": "x"},
    )
    (tmp_path / "class.csv").write_text("student,group\nada,1\nbob,2\ncyd,1\n")
    out = listed(tmp_path / "in", capsys, "--roster", str(tmp_path / "class.csv"), "--long")
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "person assignment form attempt exercises file why set aside",
        "ada 2026, long notebook 1 of 1 3 ada/a.ipynb the only one with answers ada/b.py (nothing of the assignment)",
        "bob not said not readable 0 none bob/a.pdf (a PDF)",
        "cyd nothing",
        "",
        "- bob: handed in neither a notebook nor a script; bob/a.pdf is a PDF",
        "- cyd: handed in nothing",
        "- list.csv: nobody's, and no answers",
        "columns of the roster that stand for nobody: group",
        "3 people, 1 with a file that can be graded; 3 to look at",
        "assignment 2026, long form",
    ]


def test_the_list_says_who_has_another_assignment_and_where_none_follows(tmp_path, capsys):
    write(tmp_path, {"ada.ipynb": answered(), "bob.ipynb": answered(seed="7")})
    out = listed(tmp_path, capsys)
    assert "which variant to grade does not follow from the files (2026: 1, 7: 1, not said: 0)" in out
    assert "0 to look at" in out
    out = listed(tmp_path, capsys, "--variant", "2026", "--long")
    assert "- bob: handed out as 7, graded as 2026\n" in out
    assert "1 to look at" in out


def test_the_list_of_one_student_shows_nobody_else_and_goes_by_what_all_files_say(tmp_path, capsys):
    write(tmp_path, {"ada.ipynb": answered(), "bob.ipynb": notebook(), "cyd.ipynb": answered()})
    out = listed(tmp_path, capsys, "--long", "--only", "bob")
    assert "ada" not in out
    assert "1 person, 1 with a file that can be graded; 1 to look at\nassignment 2026, long form\n" in out
    assert main(["grade", str(tmp_path), "--list", "--only", "zoe"]) == 1
    assert "nobody is called 'zoe', expected one of: ada, bob, cyd\n" in capsys.readouterr().err


def test_grading_needs_a_place_for_what_it_writes(tmp_path, capsys):
    assert main(["grade", str(tmp_path)]) == 2
    assert "give --out DIR to grade, or --list to see whose files there are" in capsys.readouterr().err


def test_the_list_is_safe_to_show(tmp_path, capsys):
    write(tmp_path, {"a\x1b[2Jda\u202e.ipynb": answered()})
    out = listed(tmp_path, capsys)
    assert "a\\x1b[2Jda\\u202e" in out
    assert all(character.isprintable() for line in out.splitlines() for character in line)


# Marks.


def test_the_summary_opens_with_who_handed_in_what(tmp_path):
    people = collected(tmp_path, {"ada.ipynb": answered(), "bob.ipynb": answered()})
    seen = results({name: graded(name) for name in people}, variant("2026"))
    seen = type(seen)(collect(tmp_path / "in"), seen.assignment, seen.graded)
    lines = summary(seen).splitlines()
    assert lines[:2] == ["# The class: 2 students, 2 submissions, 2 graded", ""]
    assert lines[4].startswith("| person | assignment | form | attempt |")
    assert lines[6].startswith("| ada | 2026, long | notebook | 1 of 1 | 3 | ada.ipynb | the only one |")
    assert "To look at" not in summary(seen)


def of_points(**points):
    """A class of people with so many points; None for a file that could not be graded."""
    people = {name: graded(name) for name in points}
    for name, value in points.items():
        marks = {**NOTHING, "activation": {"da": value or 0}}
        people[name] = replace(people[name], marks=marks, **({"findings": {}} if value is None else {}))
    return summary(results(people, Variant())).split("\n\n")


def test_a_small_class_is_told_in_the_singular_and_shows_no_empty_table():
    assert of_points(ada=4)[0] == "# The class: 1 student, 1 submission, 1 graded"
    assert of_points(ada=4, bob=None)[0] == "# The class: 2 students, 2 submissions, 1 graded"
    headings = ["# The class: 1 student, 1 submission, 0 graded", "Assignment textbook, long form."]
    assert of_points(ada=None)[:2] == headings
    assert len(of_points(ada=None)) == 3
    assert of_points()[0] == "# The class: 0 students, 0 submissions, 0 graded"


def test_points_of_the_class_are_of_what_was_graded_and_the_median_of_an_even_number_lies_between_two():
    blocks = of_points(ada=1, bob=4, cyd=None, dan=5, eve=6)
    assert "Points: median 4.5, lowest 1, highest 6." in blocks
    assert f"| {EXERCISES['activation'].title} | 4.0 | 6 | 1 |" in "\n".join(blocks)


def test_feedback_for_what_was_not_graded_ends_with_what_the_file_is_and_what_to_do(tmp_path):
    people = collected(tmp_path, {"bob/a.pdf": "%PDF", "cyd.ipynb": answered()[:99]}, "student\nada\nbob\ncyd\n")
    instead = "hand in the notebook or the script itself, whole and as it was saved"
    for student, words in {
        "ada": "nothing was handed in",
        "bob": f"the file is a PDF; {instead}",
        "cyd": f"the file ends in the middle: it was cut off; {instead}",
    }.items():
        one = grade_one(people[student].submission, Variant())
        assert feedback(one, Variant(), {"W1": 1.5}) == (
            f"# {student}\n\n**0 of {total(Variant())} points**\n\n- {words}\n\nW1: 1.5 of 5 points\n"
        )
        assert json.loads(gradescope_json(one, Variant()))["output"] == words


def test_feedback_for_a_blank_forward_does_not_say_what_its_gradients_need():
    needs = Finding("dmu", (), (), "needs", "dmu needs a forward that works")
    for kind, lines in {
        "blank": ["- is blank"],
        "raises": ["- is raises", "- dmu needs a forward that works"],
    }.items():
        found = {"kl_divergence": [Finding("forward", (), (), kind, f"is {kind}"), needs]}
        text = feedback(replace(graded("ada"), findings=found), Variant(), {})
        assert [line for line in text.splitlines() if line.startswith("- ")] == lines


def test_what_ended_an_exercise_is_counted_once_and_not_for_each_of_its_functions():
    ended = [Finding(name, (), (), "ended", f"{name} took longer than 10 s") for name in ("forward", "dmu")]
    one = replace(
        graded("ada"), findings={"kl_divergence": ended}, failures={"kl_divergence": "took longer than 10 s"}
    )
    class_of_two = results({"ada": one, "bob": one}, Variant())
    assert frequencies(class_of_two) == [(("kl_divergence", "took longer than 10 s"), 2)]


def test_what_is_wrong_in_a_file_of_another_assignment_is_not_counted_among_the_mistakes_of_the_class():
    wrong = replace(
        graded("ada"), findings={"kl_divergence": [Finding("dmu", (), (), "unknown", "dmu: every entry is wrong")]}
    )
    seen = results({"ada": wrong, "bob": wrong}, variant("2026"), {"ada": (variant("7"), wrong)})
    assert [count for _, count in frequencies(seen)] == [1]


def test_the_mark_is_that_of_the_assignment_asked_and_the_files_own_stands_beside_it():
    own = {**NOTHING, "activation": full("activation", "7")}
    other = Graded("ada", "ada.py", own, {})
    seen = results({"ada": graded("ada")}, variant("2026"), {"ada": (variant("7"), other)})
    (row,) = csv.DictReader(io.StringIO(grades_csv(seen)))
    assert (row["total"], row["handed out as"], row["total as that"]) == (
        "0",
        "assignment 7, long form",
        str(other.total),
    )
    assert seen.to_look_at == [f"ada: as assignment 7, long form it has {other.total} of {total(Variant())} points"]


def test_a_file_of_another_assignment_is_graded_under_both(tmp_path, capsys, monkeypatch):
    asked = []

    def grade(submissions, assignment, kept, *rest, **more):
        asked.append((assignment.name, [one.student for one in submissions], kept.folder.name))
        parts = {name: dict.fromkeys(EXERCISES[name].points(assignment), 0) for name in EXERCISES}
        return {one.student: Graded(one.student, one.file, parts, {"dense_backward": ()}) for one in submissions}

    monkeypatch.setattr("npvae.cli.coursework.grade", grade)
    monkeypatch.setattr("npvae.cli.coursework.Kept.load", lambda *rest: True)
    monkeypatch.setattr("npvae.coursework.report.draw_mistakes", lambda graded, path: None)
    write(tmp_path / "in", {"ada.ipynb": answered(), "bob.ipynb": answered(seed="7")})
    options = ["--out", str(tmp_path / "out"), "--variant", "2026", "--long", "--workers", "1"]
    assert main(["grade", str(tmp_path / "in"), *options]) == 0
    assert asked == [("2026", ["ada", "bob"], "results"), ("7", ["bob"], "own")]
    assert "2 students, 2 submissions, 2 graded; 1 to look at" in capsys.readouterr().out
    assert (
        f"- bob: as assignment 7, long form it has 0 of {total(Variant())} points"
        in (tmp_path / "out/summary.md").read_text()
    )


def test_moodle_gets_its_own_worksheet_back_with_the_grades(tmp_path):
    roster = (
        'Identifier,"Full name","Email address",Status,Grade,"Maximum grade"\nParticipant 7,Ada L,a@x.org,late,,130\n'
    )
    people = collected(tmp_path, {"Ada L_7_assignsubmission_file_a.ipynb": answered()}, roster)
    assert moodle_csv(list(people.values()), {"Ada L": 42.5}) == (
        "Identifier,Full name,Email address,Status,Grade,Maximum grade\nParticipant 7,Ada L,a@x.org,late,42.5,130\n"
    )


def test_moodle_gets_its_worksheet_in_its_language_also_for_who_is_not_in_it(tmp_path):
    roster = "Identifikator;Vollständiger Name;Zuletzt geändert;Bewertung\nTeilnehmer/in7;Ada L;-;\n"
    names = ("Ada L_7_assignsubmission_file_a.ipynb", "Bob O_8_assignsubmission_file_a.ipynb", "notes.ipynb")
    people = collected(tmp_path, dict.fromkeys(names, answered()), roster)
    assert moodle_csv(list(people.values()), dict.fromkeys(people, 42)).splitlines() == [
        "Identifikator,Vollständiger Name,Zuletzt geändert,Bewertung",
        "Teilnehmer/in7,Ada L,-,42",
        "Teilnehmer/in8,Bob O_8,,42",
        ",notes,,42",
    ]


def test_whoever_earned_nothing_gets_a_zero_and_not_an_empty_cell(tmp_path):
    people = collected(tmp_path, {"Ada L_7_assignsubmission_file_a.ipynb": answered()})
    for text in (
        moodle_csv(list(people.values()), {"Ada L_7": 0}),
        canvas_csv([*people.values()], {"Ada L_7": 0}, 9, "C"),
    ):
        assert text.endswith(",0\n")


def test_moodle_gets_the_columns_it_needs_without_a_worksheet(tmp_path):
    people = collected(tmp_path, {"Ada L_7_assignsubmission_file_a.ipynb": answered()})
    (row,) = csv.DictReader(io.StringIO(moodle_csv(list(people.values()), {"Ada L_7": 42})))
    assert (row["Identifier"], row["Grade"]) == ("Participant 7", "42")


def test_moodle_gets_addresses_and_numbers_of_any_roster(tmp_path):
    roster = "Matrikelnummer;Vorname;Nachname;E-Mail\n1815;Ada;L;a@x.org\n"
    people = collected(tmp_path, {"1815.ipynb": answered()}, roster)
    (row,) = csv.DictReader(io.StringIO(moodle_csv(list(people.values()), dict.fromkeys(people, 42))))
    assert row == {
        **{"Identifier": "", "Full name": "Ada L", "ID number": "1815"},
        **{"Email address": "a@x.org", "Grade": "42"},
    }


def test_canvas_gets_its_columns_with_and_without_its_gradebook(tmp_path):
    files = {"lada_4711_81234_a.ipynb": answered()}
    for roster, expected in (
        (None, ["lada_4711", "4711", "", "", ""]),
        (
            'Student,ID,SIS User ID,SIS Login ID,Section\n"L, Ada",4711,s1,adal,A\n',
            ["L, Ada", "4711", "s1", "adal", "A"],
        ),
    ):
        people = collected(tmp_path, files, roster)
        text = canvas_csv(list(people.values()), dict.fromkeys(people, 42), 130, "Coursework 7")
        assert list(csv.reader(io.StringIO(text))) == [
            ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Coursework 7"],
            ["Points Possible", "", "", "", "", "130"],
            [*expected, "42"],
        ]


@pytest.mark.parametrize(
    ("name", "roster", "moodle", "canvas"),
    [
        ("Ada L_7_assignsubmission_file_a.ipynb", None, ["Participant 7", "", ""], ["7", "", "", ""]),
        ("lada_4711_81234_a.ipynb", None, ["", "4711", ""], ["", "4711", "", ""]),
        ("Ada L.ipynb", "name,Matrikelnummer\nAda L,1815\n", ["", "", "1815"], ["", "", "1815", ""]),
        ("Ada L.ipynb", "name,student\nAda L,1815\n", ["", "", "1815"], ["1815", "", "", ""]),
        (
            "Ada L.ipynb",
            "Identifier,Full name,Grade\nParticipant 7,Ada L,\n",
            ["Participant 7", "", ""],
            ["Participant 7", "", "", ""],
        ),
        ("Ada L.ipynb", "name,login\nAda L,al\n", ["", "al", ""], ["", "", "", "al"]),
        ("Ada L.ipynb", None, ["", pseudonym("Ada L"), ""], [pseudonym("Ada L"), "", "", ""]),
    ],
)
def test_without_names_a_number_stands_in_its_own_column_and_not_for_a_name(name, roster, moodle, canvas, tmp_path):
    people = collected(tmp_path, {name: answered()}, roster, anonymous=True)
    marks = dict.fromkeys(people, 42)
    _, row = csv.reader(io.StringIO(moodle_csv(list(people.values()), marks)))
    assert row == [*moodle, "", "42"]
    *_, row = csv.reader(io.StringIO(canvas_csv(list(people.values()), marks, 130, "Coursework 7")))
    assert row == [*canvas, "", "42"]


def test_a_name_does_not_stand_for_an_id_number(tmp_path):
    for roster, number in {"student\nAda L\n": "", "student,id\nAda L,1815\n": "1815"}.items():
        people = collected(tmp_path, {"Ada L.ipynb": answered()}, roster)
        (row,) = csv.DictReader(io.StringIO(moodle_csv(list(people.values()), dict.fromkeys(people, 42))))
        assert (row["Full name"], row["ID number"]) == ("Ada L", number)


# Marks by hand.


def manual(folder, text):
    path = folder / "manual.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return manual_marks(path, ["ada", "bob"])


ADA = pseudonym("ada")


@pytest.mark.parametrize(
    "text",
    [
        f"code,W1,W2,W3,W4\n{ADA},4,,,2.5\n",
        f"code;W1;W2;W3;W4\n{ADA};4;;;2,5\n",
        f"sep=;\r\ncode;W1;W2;W3;W4\r\n{ADA};4;;;2,5\r\n",
        f"code\tW1\tW2\tW3\tW4\n{ADA}\t4\t\t\t2.5\n".encode("utf-16"),
        f"code,W1,W2,W3,W4,remark\n{ADA},4,,,2.5,sehr schön\nold0code,,,,,\n".encode("cp1252"),
    ],
)
def test_marks_by_hand_are_read_as_spreadsheets_write_them(text, tmp_path):
    assert manual(tmp_path, text.encode("utf-8") if isinstance(text, str) else text) == {
        "ada": {"W1": 4.0, "W4": 2.5}
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("00000000,1,,,", "line 3: the code '00000000' is nobody's"),
        (f"{ADA},1,,,", f"line 3: the code '{ADA}' stands there twice"),
        (f"{pseudonym('bob')},6,,,", "line 3: '6', expected a number from 0 to 5"),
        (f"{pseudonym('bob')},-1,,,", "line 3: '-1', expected a number from 0 to 5"),
        (f"{pseudonym('bob')},nan,,,", "line 3: 'nan', expected a number from 0 to 5"),
        (f"{pseudonym('bob')},good,,,", "line 3: 'good', expected a number from 0 to 5"),
        (f"{pseudonym('bob')},4,5,3,2,1", "line 3 has 6 cells, but there are 5 titles: put a cell with ',' in it"),
    ],
)
def test_a_mark_by_hand_that_is_nobodys_or_out_of_range_is_refused_by_its_line(row, words, tmp_path):
    with pytest.raises(ValueError, match=r"manual\.csv.*[ (]line 3") as error:
        manual(tmp_path, f"code,W1,W2,W3,W4\n{ADA},4,,,\n{row}\n")
    assert words in str(error.value)


# Nothing forged.


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_is_a_formula_for_any_program(name):
    text = table(["student"], [[name]])
    for separator in ",;\t":
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            assert not [cell for cell in row if cell.lstrip()[:1] in ("=", "+", "-", "@", "\uff1d")], separator


def test_no_name_forges_a_section_a_link_or_html_in_any_page(tmp_path):
    bad = Graded(HOSTILE, HOSTILE, NOTHING, {}, {"activation": HOSTILE}, (HOSTILE,), (HOSTILE,), {"W1": HOSTILE})
    seen = results({HOSTILE: bad}, Variant())
    for text in (summary(seen), feedback(bad, Variant(), {})):
        assert "<script>" not in text
        assert not re.search(r"(?<!\\)\]\(", text.replace("![How often each mistake was made](", ""))
        assert "\x1b" not in text
        assert sum(line.startswith("# ") for line in text.splitlines()) == 1
    assert summary(seen).count("\n## To look at\n") == 1
    for line in summary(seen).splitlines():
        assert not line.startswith("| Eve") or line.replace("\\|", "").count("|") == 9


@pytest.mark.parametrize(
    "answer", ["# A\n## b1c2d3e4\n<img src=x>", "```\n## x\n````\n## y", "~~~\n## x", "\x1b[31mred"]
)
def test_an_answer_stands_as_it_is_and_forges_no_other(answer):
    text = page("W1", {"ada": graded("ada", written={"W1": answer})})
    outside, fence = [], None
    for line in text.splitlines():
        mark = line if set(line) == {"`"} and len(line) >= 3 else None
        if fence is None:
            outside.append(line)
            fence = mark
        elif mark and len(mark) >= len(fence):
            fence = None
    assert fence is None
    assert [line for line in outside if line.startswith("#")] == ["# W1", f"## {ADA}"]
    assert "\x1b" not in text


def test_text_that_is_shown_keeps_what_it_says():
    assert (
        in_line("a_b * c: 1 < 2 & `x` [y] | z \\alpha") == "a_b * c: 1 &lt; 2 &amp; \\`x\\` \\[y\\] \\| z \\\\alpha"
    )
    assert quoted("$\\sigma$\n  two") == "```\n$\\sigma$\n  two\n```"
