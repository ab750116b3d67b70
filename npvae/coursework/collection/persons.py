"""Which files are one person's."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from npvae.coursework.collection.archives import TARS
from npvae.coursework.collection.found import Found
from npvae.coursework.collection.names import NOBODY, attempt, names_nobody, numbered, without_archive, without_suffix
from npvae.coursework.collection.person import Person
from npvae.coursework.collection.platforms import METADATA, SUBMITTED, by_platform, courses_of_nbgrader
from npvae.coursework.collection.roster import Roster
from npvae.coursework.collection.spelling import normal

HANDED_IN = (".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rar", ".7z", ".zip", *TARS)
"""What stands for a person's work even where it cannot be graded."""

NBGRADERS = "a folder of nbgrader's with nothing that was handed in"


def persons(files: Sequence[Found], graded: Sequence[Found], roster: Roster) -> tuple[list[Person], list[Found]]:
    """Everybody, and the files that are nobody's.

    Parameters
    ----------
    files : sequence of Found
    graded : sequence of Found
        Those of them that hold something of an assignment: they tell at which depth of folders the persons stand.
    roster : Roster
    """
    everybody = by_platform(files)
    of_platforms = {file for person in everybody.values() for file in person.files}
    rest = [file for file in files if file not in of_platforms and file.name != METADATA]
    beside = courses_of_nbgrader(tuple(file.path.split("/")) for file in files).values()
    kept_apart = ["/".join(folder) for folder in sorted(set().union(*beside))]
    rest = [file for file in rest if not file.path.startswith(tuple(f"{folder}/" for folder in kept_apart))]
    left = set(rest)
    graded = [file for file in graded if file in left]
    shared = wrapper([file for file in rest if hands_in(file)], roster)
    inside = [tuple(file.path.split("/")[len(shared) :]) for file in graded]
    depth = person_depth(inside, roster)
    above = [part for part in shared if not NOBODY.fullmatch(part)][-1:]
    flat = depth == 0 or all(len(path) == 1 for path in inside)
    alone = above if flat and all(names_nobody(path[-1]) for path in inside) else []
    strays = [
        Found(folder, trouble="a folder of nbgrader's with nothing that was handed in") for folder in kept_apart
    ]
    for file in rest:
        path = file.path.split("/")
        path = path[len(shared) :] if path[: len(shared)] == shared else []
        if path and alone:
            name, parents, kind = alone[0], [], "folder"
        elif len(path) > depth > 0:
            folder = path[depth - 1]
            archive = without_archive(folder) != folder
            name = numbered(without_archive(folder))[0] if archive else folder
            parents, path, kind = path[: depth - 1], path[depth - archive :], "folder"
        elif path and hands_in(file):
            stem = without_suffix(path[-1])
            name = stem if names_nobody(path[-1]) else numbered(stem)[0]
            parents, path, kind = path[:-1], path[-1:], "file"
        else:
            strays.append(file)
            continue
        alike = tuple(map(normal, ("", *parents, name)))
        person = everybody.setdefault(alike, Person(name, "", kind, [name, *parents]))
        person.files[file] = attempt(path)
    people = list(everybody.values())
    name_apart(people)
    if alone and len(graded) > 1:
        people[-1].flags.append("stands for all files of one folder, whose names are nobody's")
    return people, strays


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
        long = [path for path in paths if len(path) > depth]
        names = {without_archive(path[depth - 1]) if depth else without_suffix(path[-1]) for path in long}
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
        above = {folder[: depth - 1] for folder in here}
        same_for_all = depth > 1 and (2 * len(names) <= len(here) or len(here) < 2 * len(above))
        if not (same_for_all or all(map(NOBODY.fullmatch, names))):
            break
        depth -= 1
    return depth


def hands_in(file: Found) -> bool:
    """Whether a file in nobody's folder is somebody's work."""
    return file.may_be_the_assignment or file.name.lower().endswith(HANDED_IN)


def name_apart(people: Sequence[Person]) -> None:
    """Give people of one name a longer one."""
    counts = Counter(normal(person.name) for person in people)
    for person in people:
        if counts[normal(person.name)] > 1 and person.platform in ("folder", "file"):
            name, *parents = person.places
            person.name = "/".join([*parents, name])
