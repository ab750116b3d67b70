"""Which files are one person's."""

import contextlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from npvae.coursework.collection.archives import TARS
from npvae.coursework.collection.found import ASSIGNMENT, UNREADABLE, Found
from npvae.coursework.collection.platforms import NOBODY, STAMP, SUBMITTED, gradescope_people, numbered, owners
from npvae.coursework.collection.roster import Roster, Student
from npvae.coursework.submissions import LARGEST

METADATA = "submission_metadata.yml"
"""Gradescope's list of who handed in what."""
HANDED_IN = (".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rar", ".7z", ".zip", *TARS)
"""What stands for a person's work even where it cannot be graded."""


@dataclass(frozen=True)
class Attempt:
    """A file, and which of a person's attempts it belongs to."""

    file: Found
    number: tuple[float, ...] = ()
    """The later has the larger: the platform's time or number, then those in names."""


@dataclass(eq=False)
class Person:
    """Somebody, and the files that are theirs."""

    name: str
    number: str = ""
    """The platform's, or the login."""
    platform: str = ""
    """What told the files apart: a platform, "folder" or "file"."""
    places: list[str] = field(default_factory=list)
    """What may name the person in a roster, the most telling first."""
    attempts: list[Attempt] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    """What a human should look at."""
    student: Student | None = None
    """The row of the roster."""


def persons(files: Sequence[Found], graded: Sequence[Found], roster: Roster) -> tuple[list[Person], list[Found]]:
    """Everybody, and the files that are nobody's.

    Parameters
    ----------
    files : sequence of Found
    graded : sequence of Found
        Those of them that hold something of an assignment: they tell at which depth of folders the persons stand.
    roster : Roster
    """
    of_platforms, everybody = by_platform(files)
    rest = [file for file in files if file not in of_platforms and file.name != METADATA]
    graded = [file for file in graded if file not in of_platforms]
    shared = wrapper([file for file in rest if hands_in(file)], roster)
    inside = [tuple(file.path.split("/")[len(shared) :]) for file in graded]
    depth = person_depth(inside, roster)
    above = [part for part in shared if not NOBODY.fullmatch(part)][-1:]
    flat = depth == 0 or all(len(path) == 1 for path in inside)
    alone = above if flat and all(names_nobody(path[-1]) for path in inside) else []
    strays = []
    for file in rest:
        path = file.path.split("/")
        if path[: len(shared)] != shared:
            strays.append(file)
            continue
        path = path[len(shared) :]
        if alone:
            key, name, parents, kind = ["", *alone], alone[0], [], "folder"
        elif len(path) > depth > 0:
            folder = path[depth - 1]
            archive = without_archive(folder) != folder
            name = numbered(without_archive(folder))[0] if archive else folder
            key, parents, kind = [*path[: depth - 1], name], path[: depth - 1], "folder"
            path = path[depth - archive :]
        elif hands_in(file):
            stem = without_suffix(path[-1])
            name = stem if names_nobody(path[-1]) else numbered(stem)[0]
            key, parents, kind = [*path[:-1], name], path[:-1], "file"
            path = path[-1:]
        else:
            strays.append(file)
            continue
        person = everybody.setdefault(("", *key), Person(name, "", kind, [name, *parents]))
        person.attempts.append(Attempt(file, told(path)))
    people = list(everybody.values())
    name_apart(people, everybody)
    if alone and len(graded) > 1:
        people[-1].flags.append("stands for all files of one folder, whose names are nobody's")
    return people, strays


def by_platform(files: Sequence[Found]) -> tuple[set[Found], dict[tuple[str, ...], Person]]:
    """The files of which a platform says whose they are, and those people."""
    owned = owners(files)
    registered = registered_people(files)
    everybody: dict[tuple[str, ...], Person] = {}
    for file, owner in owned.items():
        for shown, name, number in registered.get(owner.name, [(owner.shown, owner.name, owner.number)]):
            internal = owner.platform in ("Moodle", "Canvas") or name.startswith("submission_")
            person = Person(shown, number, owner.platform, [name] if internal else [number, name])
            person = everybody.setdefault((owner.platform, number or name), person)
            person.attempts.append(Attempt(file, (*owner.attempt, *told(owner.file.split("/")))))
    return set(owned), everybody


def registered_people(files: Sequence[Found]) -> dict[str, list[tuple[str, str, str]]]:
    """What Gradescope says of each submission: what to call each of those who handed it in, name and number."""
    people: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for file in files:
        if file.name == METADATA:
            with contextlib.suppress(*UNREADABLE):
                said = gradescope_people(file.load(LARGEST).decode("utf-8", "replace"))
                for submission, name, number in said:
                    people[submission].append(("_".join(filter(None, (name, number))), name, number))
    return people


def wrapper(files: Sequence[Found], roster: Roster) -> list[str]:
    """The folders that all files stand in and that are nobody's."""
    paths = [file.path.split("/")[:-1] for file in files]
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1 or SUBMITTED in shared or roster.meant_by(parts[0]):
            break
        shared.append(parts[0])
    return shared


def person_depth(paths: Sequence[Sequence[str]], roster: Roster) -> int:
    """How many folders lead to a person's; 0 where each file stands for somebody.

    Where a roster knows most names at some depth, that is it. Otherwise folders stand for persons where files begin,
    unless their names are the same for all (a folder for the assignment in each person's), or each holds files of
    several names (a group's).
    """
    folders = [tuple(path[:-1]) for path in paths if len(path) > 1]
    if not folders:
        return 1
    deepest = max(map(len, folders))
    known = {}
    for depth in range(deepest + 1):
        names = {
            without_archive(path[depth - 1]) if depth else without_suffix(path[-1])
            for path in paths
            if len(path) > depth
        }
        meant = [roster.meant_by(name) for name in names]
        known[depth] = sum(len(each) == 1 for each in meant) if 2 * sum(map(bool, meant)) >= len(names) else 0
    if max(known.values()):
        return max(known, key=lambda depth: (known[depth], depth > 0, -depth))
    depth = min(map(len, folders))
    held = defaultdict(set)
    for path in paths:
        if len(path) == depth + 1:
            held[tuple(path[:-1])].add(numbered(without_suffix(path[-1]))[0])
    crowded = [stems for stems in held.values() if len(stems) > 1 and not any(map(NOBODY.fullmatch, stems))]
    if 2 * len(crowded) > len(held):
        return 0
    while depth:
        here = {folder[:depth] for folder in folders if len(folder) >= depth}
        names = {folder[-1] for folder in here}
        same_for_all = depth > 1 and 2 * len(names) <= len(here)
        above = {folder[: depth - 1] for folder in here}
        if not (same_for_all or all(map(NOBODY.fullmatch, names)) or (depth > 1 and len(here) < 2 * len(above))):
            break
        depth -= 1
    return depth


def hands_in(file: Found) -> bool:
    """Whether a file in nobody's folder is somebody's work."""
    return file.may_be_the_assignment or file.name.lower().endswith(HANDED_IN)


def names_nobody(name: str) -> bool:
    """Whether the name of a file is that of the task and not of a person."""
    return NOBODY.fullmatch(numbered(without_suffix(name))[0]) is not None


def without_suffix(name: str) -> str:
    """The name of a file without what says which kind it is, and without what browsers put behind that."""
    if match := ASSIGNMENT.search(name):
        return name[: match.start()] + "".join(re.findall(r" ?\(\d+\)$", name[match.end() :]))
    return re.sub(r"(?i)(\.tar)?\.[^. ]*$", "", name) or name


def without_archive(name: str) -> str:
    """The name of a folder; of an archive, which stands for one, without its suffix."""
    return without_suffix(name) if name.lower().endswith((".zip", *TARS)) else name


def told(path: Sequence[str]) -> tuple[float, ...]:
    """Time, number in a folder's name and in the file's: how attempts are told apart without a platform."""
    stamps = [float("".join(match.groups())) for part in path if (match := STAMP.search(part))]
    folders = [numbered(without_archive(part))[1] for part in path[:-1]]
    return (
        max(stamps, default=0.0),
        max(folders, default=0.0),
        *(numbered(without_suffix(part))[1] for part in path[-1:]),
    )


def name_apart(people: Sequence[Person], keys: Iterable[tuple[str, ...]]) -> None:
    """Give people of one name a longer one."""
    counts = Counter(person.name for person in people)
    for person, key in zip(people, keys, strict=True):
        if counts[person.name] > 1:
            person.name = "/".join(filter(None, key)) if person.platform in ("folder", "file") else person.name
        if person.platform == "file" and names_nobody(person.places[0]):
            person.flags.append("the file's name does not say whose it is")
