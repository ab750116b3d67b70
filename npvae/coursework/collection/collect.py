"""A class: everybody once, with the file that is graded and what a human should look at."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from npvae.coursework.collection.archives import close_archives
from npvae.coursework.collection.choosing import Choice, choose
from npvae.coursework.collection.enrolling import enrol
from npvae.coursework.collection.finding import find
from npvae.coursework.collection.found import OTHER, UNREADABLE, Found, brief
from npvae.coursework.collection.looking import Look, look
from npvae.coursework.collection.names import apart
from npvae.coursework.collection.person import Person
from npvae.coursework.collection.persons import persons
from npvae.coursework.collection.roster import Roster, read_roster
from npvae.coursework.submissions import LARGEST, Submission, pseudonym

MOST = 20_000
"""Notebooks and scripts that are looked into."""
SHOWN = 5
"""Files that are named in one line."""


@dataclass(frozen=True)
class HandIn:
    """One person of the class."""

    person: Person
    submission: Submission
    choice: Choice
    flags: tuple[str, ...]
    """What a human should look at."""


@dataclass(frozen=True)
class Collection:
    """Everybody, in the order of their names."""

    hand_ins: tuple[HandIn, ...]
    strays: tuple[str, ...] = ()
    """Files that are nobody's, and what each is."""
    notes: tuple[str, ...] = ()
    """What to know of how names were matched."""

    @property
    def submissions(self) -> list[Submission]:
        """What is graded, one per person."""
        return [one.submission for one in self.hand_ins]


def collect(path: Path, roster: Path | None = None, anonymous: bool = False) -> Collection:
    """Everybody's file.

    Parameters
    ----------
    path : path
        A folder or an archive, as platforms, courses and students arrange them.
    roster : path, optional
        A CSV file of the class. Who handed in nothing gets an empty submission.
    anonymous : bool
        Identifiers in the place of all names, also those of files.

    Raises
    ------
    FileNotFoundError
        Where there is nothing at that path.
    ValueError
        For a file that is not an archive, a roster that cannot be read, or a place with nothing in it.
    """
    known = read_roster(roster) if roster else Roster()
    try:
        files = find(path)
        looks = looked_into(files)
        if not looks and all(file.kind == OTHER for file in files):
            what = "holds no .ipynb and no .py file, expected submissions: give their folder or zip"
            raise ValueError(f"{path} {what}")
        graded = [file for file, seen in looks.items() if seen.is_of_the_assignment] or list(looks)
        people, strays = persons(files, graded, known)
        everybody = enrol(people, graded, known)
        everybody.sort(key=lambda person: not person.student)  # the roster's names stay as they are
        names = apart(person.student or person.name for person in everybody)
        if anonymous:
            names = apart(identifier_of(person, known) for person in everybody)
        hand_ins = [handed_in(person, name, looks, anonymous) for person, name in zip(everybody, names, strict=True)]
    finally:
        close_archives()
    notes = [f"columns of the roster that stand for nobody: {', '.join(known.ignored)}"] if known.ignored else []
    in_order = sorted(hand_ins, key=lambda one: one.submission.student.casefold())
    return Collection(tuple(in_order), tuple(lines(strays, anonymous)), tuple(notes))


def looked_into(files: Sequence[Found]) -> dict[Found, Look]:
    """What is in each file that may be the assignment."""
    candidates = [file for file in files if file.may_be_the_assignment]
    looks = {file: look(file) for file in candidates[:MOST]}
    return looks | {file: Look(trouble=f"was not looked into: there are over {MOST:,}") for file in candidates[MOST:]}


def handed_in(person: Person, name: str, looks: Mapping[Found, Look], anonymous: bool) -> HandIn:
    """What is graded of a person, who is called by that name."""
    choice = choose(person, looks)
    if anonymous:
        person, choice = without_names(person, choice, name)
    file, data, trouble = choice.file.path if choice.file else "", b"", choice.look.trouble
    flags = [*person.flags, *choice.flags]
    if choice.file and not trouble:
        try:
            data = choice.file.load(LARGEST + 1)
        except UNREADABLE as error:  # it was there a moment ago
            trouble = f"cannot be read: {brief(error)}"
            flags.append(f"{file} {trouble}")
    elif not choice.file and choice.aside:
        file, what = choice.aside[0]
        trouble = f"is {what}"
    return HandIn(person, Submission(name, file, data, choice.others, trouble), choice, tuple(flags))


def identifier_of(person: Person, roster: Roster) -> str:
    """What stands for a person in the roster or on the platform; a code where only a name does."""
    number = "" if "@" in person.number else person.number
    return [*roster.identifiers(person.row), *filter(None, [number]), pseudonym(person.name)][0]


def without_names(person: Person, choice: Choice, identifier: str) -> tuple[Person, Choice]:
    """A person who has no name, and a choice that calls the files by other names."""
    suffixes = [PurePosixPath(file.path).suffix[:10] for file in person.files]
    names = {file.path: f"{identifier}/{i}{suffixes[i - 1]}" for i, file in enumerate(person.files, 1)}
    longest_first = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    whole = rf"(?<![\w/])({longest_first})(?![\w/])"
    nameless = replace(
        choice,
        file=choice.file and replace(choice.file, path=names[choice.file.path]),
        aside=tuple((names[path], why) for path, why in choice.aside),
        flags=tuple(re.sub(whole, lambda match: names[match[0]], flag) for flag in choice.flags),
        others=tuple(names[path] for path in choice.others),
    )
    flags = [flag.partition(":")[0] for flag in person.flags]
    row = {title: text for title, text in person.row.items() if text == identifier}
    return Person("", person.number, person.platform, flags=flags, row=row), nameless


def lines(strays: Sequence[Found], anonymous: bool) -> Iterator[str]:
    """What is nobody's, a line each; what hardly is an answer in one line."""
    if anonymous:
        yield from [f"files that belong to nobody: {len(strays)}"] if strays else []
        return
    plain = [file for file in strays if file.kind == OTHER and not file.may_be_the_assignment]
    yield from (f"{file.path} belongs to nobody: {file.kind}" for file in strays if file not in plain)
    if plain:
        more = f" and {len(plain) - SHOWN} more" if len(plain) > SHOWN else ""
        yield f"{', '.join(file.path for file in plain[:SHOWN])}{more}: nobody's, and no answers"
