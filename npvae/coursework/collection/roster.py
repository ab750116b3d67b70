"""The class as a spreadsheet or a platform wrote it, and who in it is meant by a name."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path

from npvae.coursework.collection.names import apart, telling
from npvae.coursework.collection.spelling import is_common, normal, plain, spellings, words
from npvae.coursework.tables import read_table
from npvae.internals.text import printable

STUDENT = "student studierende studierender etudiant estudiante"
ADDRESSES = "email emailaddress mail emailadresse adressedecourriel"
IDENTIFIERS = f"""
    studentid idnumber idnummer sid studentnumber matriculationnumber matrikelnummer
    id identifier identifikator userid useridentifier number nummer matriculation matrikel
    matrikelnr matrnr matrnummer matriculenumber numerodetudiant orgdefinedid sisid sisuserid
    sisloginid username user login loginid benutzername anmeldename kennung account
    netid uid {ADDRESSES} github githubusername githubid githublogin
"""
NAMES = "name fullname vollstandigername nomcomplet nombrecompleto displayname studentname"
FIRST = "firstname givenname given forename first vorname prenom nombre"
LAST = "lastname surname familyname last nachname familienname nom apellido apellidos"
"""Titles of columns, in letters and digits alone: what else a roster holds, a group or a mark, stands for nobody."""
KNOWN = f"{STUDENT} {IDENTIFIERS} {NAMES} {FIRST} {LAST}".split()
MOST_WORDS = 8
"""Of a name that are looked at together."""
NOT_A_PERSON = {"Points Possible", "Student, Test", "Test Student"}
"""What Canvas puts between the rows of people."""
Row = Mapping[str, str]
"""Of a roster, by the titles of the columns."""


class Roster:
    """Students, and who of them is meant by a name.

    Parameters
    ----------
    rows : sequence of mapping
        One per student, by the titles of the columns.
    titles : sequence of str
        Of the columns.
    """

    def __init__(self, rows: Sequence[Row] = (), titles: Sequence[str] = ()) -> None:
        self.roles = {title: plain(title) for title in titles}
        self.ignored = tuple(title for title, role in self.roles.items() if title and role not in KNOWN)
        """Titles of columns that stand for nobody."""
        self.students = dict(zip(apart(self._shown(rows), "{}-{}"), rows, strict=True))
        """Rows by what each person is called in every table."""
        self._numbered = self._by(lambda row: numbers(self.values(row, IDENTIFIERS), self.values(row, "id")))
        self._identified = self._by(lambda row: identifiers(self.values(row, STUDENT, IDENTIFIERS)))
        self._named = self._by(lambda row: orders(self.names(row)))
        self._shortened = self._by(lambda row: orders(self.names(row), shortened=True))
        self._single = self._by(lambda row: (" ".join(words(name)) for name in self.names(row) if words(name)))

    def _by(self, keys: Callable[[Row], Iterable[str]]) -> dict[str, set[str]]:
        """Students by what stands for them."""
        found = defaultdict(set)
        for student, row in self.students.items():
            for key in keys(row):
                found[key].add(student)
        return found

    def values(self, row: Row, *roles: str) -> list[str]:
        """What a row has in the columns of these roles, in the order of the roles."""
        asked = " ".join(roles).split()
        return [row[title] for role in asked for title, its in self.roles.items() if its == role and row.get(title)]

    def names(self, row: Row) -> list[str]:
        """The names of a person."""
        first, last, whole = self.values(row, FIRST)[:1], self.values(row, LAST)[:1], self.values(row, NAMES)
        if first and not last and not set(words(first[0])) <= set(words(" ".join(whole))):
            last, whole = whole[:1], whole[1:]  # beside a first name, "name" is the family's
        parts = " ".join(first + last)
        return [*whole, *self.values(row, STUDENT), *filter(None, [parts])]

    def identifiers(self, row: Row) -> list[str]:
        """What stands for a person without a name. No address does: most hold the name."""
        student = self.values(row, STUDENT) if self.values(row, NAMES, FIRST, LAST) else []
        return [value for value in (*self.values(row, IDENTIFIERS), *student) if "@" not in value]

    def _shown(self, rows: Sequence[Row]) -> Iterator[str]:
        """What each is called: "student", a name or an identifier; two alike, with an identifier."""
        roles = [[*self.values(row, STUDENT), *self.names(row), *self.values(row, IDENTIFIERS)] for row in rows]
        first = Counter(called[0] for called in roles)
        for row, (name, *_) in zip(rows, roles, strict=True):
            others = [value for value in self.values(row, IDENTIFIERS) if value != name]
            yield f"{name}_{others[0]}" if others and first[name] > 1 else name

    def numbered(self, platform: str, number: str) -> set[str]:
        """Who has this number on this platform."""
        return self._numbered.get(f"{platform} {number}", set())

    def meant_by(self, text: str) -> set[str]:
        """Who is meant by the words of a text: an identifier counts before a name, of several the longest."""
        found = words(text)
        if " ".join(found) in self._identified:
            return self._identified[" ".join(found)]
        for known in (self._identified, self._named, self._shortened):
            for size in range(min(MOST_WORDS, len(found)), 0, -1):
                windows = [found[i : i + size] for i in range(len(found) - size + 1)]
                meant = [known[" ".join(each)] for each in windows if " ".join(each) in known and not is_common(each)]
                if meant:
                    return set().union(*meant)
        told = [word for word in telling(text) if not word.isdigit()]
        return self._single.get(told[0], set()) if len(told) == 1 else set()

    def is_plainly(self, student: str, text: str) -> bool:
        """Whether a text that means a student has a number of theirs in it, or no word that is not theirs."""
        row = self.students[student]
        theirs = {*words(" ".join([*spellings(self.names(row)), *self.values(row, IDENTIFIERS)]))}
        said = telling(text)
        return theirs.issuperset(said) or any(re.search(r"\d", word) for word in theirs.intersection(said))


def identifiers(values: Sequence[str]) -> set[str]:
    """How identifiers may be written: an address also without its domain, a number as a spreadsheet's 12345.0."""
    whole = [re.sub(r"^(\d+)[.,]0$", r"\1", value) for value in values]
    local = [value.partition("@")[0] for value in whole]
    return {" ".join(words(part)) for part in (*whole, *(each for each in local if len(each) > 2))} - {""}


def numbers(values: Sequence[str], canvas: Sequence[str]) -> set[str]:
    """Platforms' numbers in names of files: Moodle's worksheet says "Participant 101", Canvas's gradebook "ID"."""
    participants = (re.fullmatch(r"(?:parti?cip|partec|teilnehm|deelnem)\D*(\d+)", normal(value)) for value in values)
    moodle = {f"Moodle {match[1]}" for match in participants if match}
    return moodle | {f"Canvas {value}" for value in canvas if value.isdigit()}


def orders(names: Sequence[str], shortened: bool = False) -> set[str]:
    """How names may be written: their words in any order, or all in one; umlauts as one letter or two."""
    found = set()
    for spelled in spellings(names):
        parts = words(spelled)
        if shortened:
            parts = [parts[0], parts[-1]] if len(parts) > 2 else []
        if len(parts) > 1:
            rotations = [tuple(parts[i:] + parts[:i]) for i in range(len(parts))]
            every = permutations(parts) if len(parts) <= 4 else [*rotations, tuple(parts[::-1])]
            found |= {separator.join(order) for order in every for separator in ("", " ")}
    return found


def read_roster(path: Path) -> Roster:
    """Read the class from a CSV file, as spreadsheets and platforms write it.

    Raises
    ------
    ValueError
        For a file that is not a table, or that has no column for a person.
    """
    try:
        titles, lines = read_table(path)
        known = [title for title in titles if plain(title) in KNOWN]
        if not known:
            raise ValueError(f'its columns are {titles}, expected one called "student", "name", "email" or "id"')
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not a roster, expected a CSV file ({error})") from error
    rows = [{title: printable(cell) for title, cell in row.items()} for _, row in lines]
    rows = [dict(row) for row in dict.fromkeys(tuple(row.items()) for row in rows)]
    people = [row for row in rows if any(map(row.get, known)) and not NOT_A_PERSON & {row[title] for title in known}]
    return Roster(people, titles)
