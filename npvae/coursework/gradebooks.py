"""Marks as Moodle and Canvas read them."""

import re
from collections.abc import Callable, Mapping, Sequence

from npvae.coursework.collection import HandIn
from npvae.coursework.collection.roster import ADDRESSES, FIRST, LAST, NAMES, numbers
from npvae.coursework.collection.spelling import plain
from npvae.coursework.tables import table

MOODLE = ("Identifier", "Full name", "ID number", "Email address", "Grade")
MOODLE_GRADES = ("grade", "bewertung", "note", "calificacion", "valutazione", "punteggio", "cijfer")
"""Titles of the column for marks in Moodle's worksheet, in letters alone."""
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
NUMBERS = "studentid studentnumber matriculationnumber matrikelnummer matrikelnr matrnr matrikel sid"
ALSO = {
    "Full name": NAMES,
    "Student": NAMES,
    "ID number": f"{NUMBERS} id student",
    "SIS User ID": NUMBERS,
    "SIS Login ID": "login username benutzername",
    "Email address": ADDRESSES,
}
"""Roles of a roster's columns that say the same as a title."""
Marks = Mapping[str, float]
"""By student."""


def moodle_csv(hand_ins: Sequence[HandIn], marks: Marks) -> str:
    """Moodle's grading worksheet with the marks in it: the one given as roster, or else the columns it must have."""
    titles = list(dict.fromkeys(title for one in hand_ins for title in one.person.row))
    said = [cell for one in hand_ins for cell in one.person.row.items()]
    participants = {"Identifier": "Participant 0", **{title: text for title, text in said if numbers([text], [])}}
    header = titles if any(plain(title) in MOODLE_GRADES for title in titles) else MOODLE

    def value(one: HandIn, title: str) -> object:
        if plain(title) in MOODLE_GRADES:
            return marks[one.submission.student]
        if title in participants and one.person.platform == "Moodle":
            return re.sub(r"\d+$", one.person.number, participants[title])
        return by_title(one, title)

    return table(header, (line(one, header, value) for one in hand_ins))


def canvas_csv(hand_ins: Sequence[HandIn], marks: Marks, possible: float, name: str) -> str:
    """Canvas's gradebook with one column of marks."""

    def value(one: HandIn, title: str) -> object:
        if title == "ID" and one.person.platform == "Canvas":
            return one.person.number
        return by_title(one, title)

    people = [[*line(one, CANVAS, value), marks[one.submission.student]] for one in hand_ins]
    return table([*CANVAS, name], [["    Points Possible", "", "", "", "", possible], *people])


def line(one: HandIn, titles: Sequence[str], value: Callable[[HandIn, str], object]) -> list[object]:
    """One person's cells; where names are left out and another cell says who it is, none stands for the name."""
    cells = [value(one, title) for title in titles]
    if one.person.name or not any(cell for cell in cells if isinstance(cell, str)):
        is_name = [plain(title) in ("student", *NAMES.split()) for title in titles]
        pairs = zip(cells, is_name, strict=True)
        cells = [one.submission.student if name and not cell else cell for cell, name in pairs]
    return cells


def by_title(one: HandIn, title: str) -> str:
    """What the roster has under a title, however it is spelled, or under one that says the same."""
    row = {plain(its): text for its, text in one.person.row.items() if text}
    if title == "ID number" and one.person.name and not row.keys() & {*f"{NAMES} {FIRST} {LAST}".split()}:
        row.pop("student", None)  # that is the name
    names = [" ".join(row[role] for role in f"{FIRST} {LAST}".split() if role in row)]
    said = [row[role] for role in (plain(title), *ALSO.get(title, "").split()) if role in row]
    return [*said, *(names if title in ("Full name", "Student") else []), ""][0]
