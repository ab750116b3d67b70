"""Who in the class a file is by: whole words and identifiers match, pieces never, and what is unsure is said."""

import pytest
from classes import SCRIPT, answered, chosen, collected, flags

from npvae.coursework.collection.names import apart
from npvae.coursework.collection.roster import read_roster

DONE = answered()
ROSTER = """\
student,name,email,group
s1001,Jörg Müller,j.mueller@uni.example,1
s1002,Bob Ode,bob@uni.example,2
s1003,Eve,,1
"""


def test_a_roster_names_everybody_and_those_without_a_file(tmp_path):
    files = {"Müller_Jörg_hw1 final.ipynb": DONE, "s1002-solution.py": SCRIPT, "stranger.py": SCRIPT}
    people = collected(tmp_path, files, ROSTER)
    assert chosen(people) == {
        "s1001": "Müller_Jörg_hw1 final.ipynb",
        "s1002": "s1002-solution.py",
        "s1003": "",
        "stranger": "stranger.py",
    }
    assert flags(people) == "s1003: handed in nothing\nstranger: is not in the roster"


@pytest.mark.parametrize(
    "name",
    [
        "Jörg Müller", "Mueller, Joerg", "MULLER_JORG", "Mu\u0308ller Jo\u0308rg", "muellerjoerg", "hw1-jörg-müller",
        "j.mueller@uni.example", "j.mueller", "S1001", "s1001_hw1", "vae-j-mueller",
    ],
)  # fmt: skip
def test_a_person_is_known_however_their_name_is_written(name, tmp_path):
    for layout in (f"{name}.ipynb", f"{name}/hw1.ipynb", f"{name}_77_assignsubmission_file_/hw1.ipynb"):
        people = collected(tmp_path / str(len(layout)), {layout: DONE}, ROSTER)
        assert chosen(people)["s1001"] == layout


@pytest.mark.parametrize(
    "name",
    [
        "1",
        "group 1",
        "s10011",
        "xs1001",
        "s1001x",
        "müllerin jörgen",
        "bobby odes",
        "bob",
        "hw 2026 1",
        "everything",
        "1001",
    ],
)
def test_a_group_a_piece_of_a_name_and_a_part_of_a_number_are_nobody(name, tmp_path):
    people = collected(
        tmp_path, {f"{name}/hw1.ipynb": DONE}, "student,name,group\ns1001,Jörg Müller,1\ns1002,Bob Ode,2\n"
    )
    assert not chosen(people)["s1001"]
    assert not chosen(people)["s1002"]
    assert f"{name}: is not in the roster" in flags(people)


@pytest.mark.parametrize(
    "encoded",
    [
        ROSTER.encode(),
        ROSTER.encode("utf-8-sig"),
        ROSTER.encode("utf-16"),
        ROSTER.encode("cp1252"),
        ROSTER.replace(",", ";").encode("cp1252"),
        ROSTER.replace(",", "\t").encode("utf-16"),
        ROSTER.replace("\n", "\r\n").encode(),
        b"sep=;\r\n" + ROSTER.replace(",", ";").encode(),
        ROSTER.replace("student,", "Student ,").encode(),
    ],
    ids=["UTF-8", "BOM", "UTF-16", "cp1252", "semicolons", "tabs", "CRLF", "sep", "title"],
)
def test_rosters_are_read_as_excel_writes_them(encoded, tmp_path):
    people = collected(tmp_path, {"Müller Jörg.ipynb": DONE}, encoded)
    assert chosen(people)["s1001"] == "Müller Jörg.ipynb"
    assert len(people) == 3


@pytest.mark.parametrize("written", ["12345", "0012345", "12345.0"])
@pytest.mark.parametrize("named", ["0012345", "12345", "hw1_0012345"])
def test_zeros_that_a_spreadsheet_dropped_are_no_difference(written, named, tmp_path):
    people = collected(tmp_path, {f"{named}.ipynb": DONE}, f"Name;Matrikelnummer\nAda L;{written}\nBob O;54321\n")
    assert chosen(people) == {"Ada L": f"{named}.ipynb", "Bob O": ""}


PLATFORMS = {
    "Moodle's worksheet": (
        "Identifier,Full name,Email address,Grade\nParticipant 101,Ada L,a@x.org,\nParticipant 102,Ada L,b@x.org,\n",
        {f"Ada L_{i}_assignsubmission_file_a.ipynb": DONE for i in (101, 102)},
        {"Ada L_Participant 101": 0, "Ada L_Participant 102": 1},
    ),
    "Moodle's worksheet in German": (
        '"Vollständiger Name";ID;E-Mail-Adresse;Bewertung\n'
        "Ada L;Teilnehmer/in101;a@x.org;\nAda L;Teilnehmer/in102;b@x.org;\n",
        {f"Ada L_{i}_assignsubmission_file_a.ipynb": DONE for i in (101, 102)},
        {"Ada L_Teilnehmer/in101": 0, "Ada L_Teilnehmer/in102": 1},
    ),
    "Canvas's gradebook": (
        'Student,ID,SIS User ID,SIS Login ID,Section,HW (1)\n"    Points Possible",,,,,10\n'
        '"L, Ada",4711,s1,adal,A,\n"L, Ada",4712,s2,adal2,A,\n"Student, Test",9,,,A,\n',
        {"lada_LATE_4711_81234_a.ipynb": DONE, "lada_4712_81235_a.ipynb": DONE},
        {"L, Ada_4711": 0, "L, Ada_4712": 1},
    ),
    "Gradescope's roster": (
        "First Name,Last Name,SID,Email,Role\nAda,L,77,a@x.org,Student\nBob,O,,bob@x.org,Student\n",
        {
            "submission_1/a.ipynb": DONE,
            "submission_2/a.ipynb": DONE,
            "submission_metadata.yml": "submission_1:\n  :submitters:\n  - :name: Ada L\n    :sid: '77'\n"
            "submission_2:\n  :submitters:\n  - :name: Bob O\n    :sid: ''\n    :email: bob@x.org\n",
        },
        {"Ada L": 0, "Bob O": 1},
    ),
    "GitHub Classroom's roster": (
        "identifier,github_username,github_id,name\nada@x.org,ada-l,1,\nbob@x.org,bobo,2,\n",
        {"vae-ada-l/a.ipynb": DONE, "vae-bobo/a.ipynb": DONE},
        {"ada@x.org": 0, "bob@x.org": 1},
    ),
    "Blackboard's": (
        "Last Name,First Name,Username,Student ID\nL,Ada,al,1\nO,Bob,bo,2\n",
        {f"HW_{login}_attempt_2026-01-30-10-00-00_a.ipynb": DONE for login in ("al", "bo")},
        {"Ada L": 0, "Bob O": 1},
    ),
}


@pytest.mark.parametrize(("roster", "files", "expected"), PLATFORMS.values(), ids=PLATFORMS)
def test_a_platforms_own_list_fits_its_own_names(roster, files, expected, tmp_path):
    people = collected(tmp_path, files, roster)
    assert chosen(people) == {student: list(files)[i] for student, i in expected.items()}
    assert flags(people) == ""


def test_a_participants_number_is_no_students_number(tmp_path):
    people = collected(tmp_path, {"Zoe Z_10101_assignsubmission_file_a.ipynb": DONE}, "student,name\n10101,Ada L\n")
    assert chosen(people) == {"10101": "", "Zoe Z_10101": "Zoe Z_10101_assignsubmission_file_a.ipynb"}


@pytest.mark.parametrize("name", ["hw 12 final", "vae 2026 01 30", "vae 20260130", "ada (12)"])
def test_a_short_number_or_a_year_among_other_words_is_nobodys_number(name, tmp_path):
    people = collected(tmp_path, {f"{name}.ipynb": DONE}, "id,name\n12,Bob Ode\n2026,Cyd Kim\n20260130,Dan Lee\n")
    assert set(chosen(people).values()) == {"", f"{name}.ipynb"}
    assert not any(chosen(people)[student] for student in ("Bob Ode", "Cyd Kim", "Dan Lee"))
    people = collected(tmp_path / "whole", {"12.ipynb": DONE}, "id,name\n12,Bob Ode\n")
    assert chosen(people) == {"Bob Ode": "12.ipynb"}


@pytest.mark.parametrize("number", ["2034567", "1954321", "20341234", "20261"])
def test_a_number_that_begins_like_a_year_is_somebodys_number(number, tmp_path):
    people = collected(
        tmp_path, {f"vae_{number}_2026-01-30.ipynb": DONE}, f"id,name\n{number},Bob Ode\n2026,Cyd Kim\n"
    )
    assert chosen(people) == {"Bob Ode": f"vae_{number}_2026-01-30.ipynb", "Cyd Kim": ""}


def test_a_file_that_is_known_by_its_number_needs_no_name(tmp_path):
    people = collected(tmp_path, {f"vae_{number}.ipynb": DONE for number in (3154321, 77777)}, "id\n3154321\n")
    assert flags(people) == "vae_77777: is not in the roster; the file's name does not say whose it is"


def test_a_name_of_one_word_is_known_where_no_other_name_stands(tmp_path):
    files = {"王小明_hw1.ipynb": DONE, "Eve.ipynb": DONE, "Madonna Ciccone.ipynb": DONE}
    people = collected(tmp_path, files, "id,name\n1,王小明\n2,Eve\n3,Madonna\n")
    assert chosen(people)["王小明"] == "王小明_hw1.ipynb"
    assert chosen(people)["Eve"] == "Eve.ipynb"
    assert not chosen(people)["Madonna"]


def test_somebody_who_stands_in_the_roster_twice_is_one(tmp_path):
    people = collected(tmp_path, {"Ada L.ipynb": DONE}, "student,name\ns1,Ada L\ns1,Ada L\n")
    assert chosen(people) == {"s1": "Ada L.ipynb"}


def test_two_of_one_name_are_not_given_each_others_file(tmp_path):
    people = collected(tmp_path, {"Ada L/a.ipynb": DONE}, "student,name\ns1,Ada L\ns2,Ada L\n")
    assert chosen(people) == {"s1": "", "s2": "", "Ada L": "Ada L/a.ipynb"}
    assert "Ada L: may be any of these in the roster: s1, s2" in flags(people)


def test_two_hand_ins_of_one_name_in_the_roster_stay_two(tmp_path):
    files = {f"Ada L_{i}_assignsubmission_file_a.ipynb": DONE for i in (101, 102)}
    people = collected(tmp_path, files, "student,name\ns1,Ada L\n")
    assert set(people) == {"s1", "Ada L_101", "Ada L_102"}
    assert "Ada L_101: is one of several with a name in the roster: s1, like Ada L_102" in flags(people)


def test_several_files_of_one_person_are_one_persons(tmp_path):
    people = collected(tmp_path, {"hw1_s1001.ipynb": DONE, "s1001 helper.py": "def helper(): pass"}, ROSTER)
    assert chosen(people)["s1001"] == "hw1_s1001.ipynb"
    assert len(people) == 3


def test_the_longest_name_is_meant(tmp_path):
    roster = "student,name\ns1,Anna Maria\ns2,Anna Maria Sol\n"
    people = collected(tmp_path, {"Anna Maria Sol.ipynb": DONE, "Anna Maria.ipynb": DONE}, roster)
    assert chosen(people) == {"s1": "Anna Maria.ipynb", "s2": "Anna Maria Sol.ipynb"}


@pytest.mark.parametrize(
    ("student", "own", "other"),
    [
        ("Maria Lopez", "maria_lopez", "maria_lopez_garcia"),
        ("Maria Lopez", "Lopez, Maria - hw1 final", "maria_lopez_garcia"),
        ("Li Na", "li_na", "lina"),
    ],
)
@pytest.mark.parametrize("layout", ["{}.ipynb", "{}/hw1.ipynb"])
def test_who_is_called_like_somebody_in_the_roster_does_not_take_their_place(student, own, other, layout, tmp_path):
    files = {layout.format(own): answered("activation"), layout.format(other): DONE}
    people = collected(tmp_path, files, f"student\n{student}\n")
    assert chosen(people)[student] == layout.format(own)
    assert flags(people) == f"{other}: is not in the roster, where a name is much like it: {student}"


def test_a_helper_that_is_called_after_somebody_is_theirs(tmp_path):
    people = collected(tmp_path, {"jörg müller.ipynb": DONE, "jörg müller extra.py": "def extra(): pass"}, ROSTER)
    assert len(people) == 3


def test_a_number_behind_a_login_is_an_attempt_and_nobody_else(tmp_path):
    people = collected(tmp_path, {"anna.ipynb": DONE, "anna (1).ipynb": DONE}, "student\nanna\nanna1\n")
    assert chosen(people) == {"anna": "anna (1).ipynb", "anna1": ""}


def test_the_roster_tells_at_which_depth_the_people_are(tmp_path):
    files = {"X/s1/alpha/x.ipynb": DONE, "X/s2/beta/x.ipynb": DONE, "Y/s3/gamma/x.ipynb": DONE}
    people = collected(tmp_path, files, "student\ns1\ns2\ns3\n")
    assert all(chosen(people).values())
    assert flags(people) == ""


def test_a_folder_that_names_nobody_with_a_file_that_does_is_said(tmp_path):
    people = collected(tmp_path, {"xyz/s1001.ipynb": DONE, "s1002/a.ipynb": DONE, "s1003/a.ipynb": DONE}, ROSTER)
    assert chosen(people)["s1001"] == "xyz/s1001.ipynb"
    assert flags(people) == "s1001: is known by the name of a file alone: the folder's is not in the roster"


def test_beside_a_first_name_a_name_is_the_familys(tmp_path):
    roster = "Nr.;Name;Vorname;Matrikel-Nr.\n1;Müller;Zoë;2512345\n2;Ode;Ben;2512346\n"
    people = collected(tmp_path, {"Zoë Müller.ipynb": DONE, "2512346.ipynb": DONE}, roster.encode("cp1252"))
    assert chosen(people) == {"Zoë Müller": "Zoë Müller.ipynb", "Ben Ode": "2512346.ipynb"}
    assert flags(people) == ""


def test_a_whole_name_beside_a_first_name_stays_as_it_is(tmp_path):
    people = collected(tmp_path, {"ben-ode.ipynb": DONE}, "Name,Vorname\nBen Ode,Ben\n")
    assert chosen(people) == {"Ben Ode": "ben-ode.ipynb"}


@pytest.mark.parametrize(
    ("roster", "words"),
    [
        ("Name\nLee, Ann\nOde, Ben\n", "line 2 has 2 cells, but there are 1 titles: put a cell with ',' in it"),
        ("name;id\nAnn;1\nBen;2;7\n", "line 3 has 3 cells, but there are 2 titles: put a cell with ';' in it"),
        (b"PK\x03\x04...", "it is an Excel workbook, or a zip: save it as CSV"),
    ],
)
def test_a_table_in_which_a_cell_may_belong_to_another_title_is_refused(roster, words, tmp_path):
    with pytest.raises(ValueError, match=r"class\.csv is not a roster") as error:
        collected(tmp_path, {"ann.ipynb": DONE}, roster)
    assert words in str(error.value)


@pytest.mark.parametrize("content", ["group,mark\n1,2\n", "", "\n\n", 'student\n"open'])
def test_what_is_no_roster_is_refused_with_its_name(content, tmp_path):
    (tmp_path / "class.csv").write_text(content)
    with pytest.raises(ValueError, match=r"class\.csv is not a roster, expected a CSV file"):
        read_roster(tmp_path / "class.csv")


def test_columns_that_stand_for_nobody_are_told(tmp_path):
    (tmp_path / "class.csv").write_text(ROSTER)
    assert read_roster(tmp_path / "class.csv").ignored == ("group",)


def test_without_names_everything_that_is_written_goes_by_identifier(tmp_path):
    roster = "student,name,email\n4711,Ada L,a@x.org\n4712,Bob O,b@x.org\n"
    files = {"Ada L/Ada vae.ipynb": DONE, "Ada L/Ada.pdf": "%PDF", "Zoe/a.ipynb": DONE}
    people = collected(tmp_path, files, roster, anonymous=True)
    assert {"4711", "4712"} < set(people)
    text = repr(
        [(one.submission.file, one.choice.aside, one.flags, one.submission.student) for one in people.values()]
    )
    assert not [name for name in ("Ada", "Bob", "Zoe") if name in text]
    assert chosen(people)["4711"] == "4711/1.ipynb"
    assert "4711/2.pdf is a PDF" in flags(people)


@pytest.mark.parametrize("title", ["Email", "Adresse de courriel", "SIS Login ID", "Username", "ID"])
def test_without_names_no_address_stands_for_anybody_whatever_its_column_is_called(title, tmp_path):
    roster = f"name,{title},student\nAda L,ada.l@x.org,4711\nBob O,bob.o@x.org,4712\n"
    people = collected(tmp_path, {"Ada L/vae.ipynb": DONE}, roster, anonymous=True)
    assert set(people) == {"4711", "4712"}


def test_without_names_what_is_unsure_names_nobody(tmp_path):
    files = {f"Ada L_{i}_assignsubmission_file_a.ipynb": DONE for i in (101, 102)}
    people = collected(tmp_path, files, "student,name\ns1,Ada L\n", anonymous=True)
    assert "101: is one of several with a name in the roster" in flags(people)
    assert "Ada" not in flags(people)


def test_nobody_is_called_as_somebody_else_whatever_they_are_called():
    assert list(apart(["x", "x (2)", "x", "x"])) == ["x", "x (2)", "x (3)", "x (4)"]
