"""Which files are one person's."""

from collections import Counter
from collections.abc import Sequence

from npvae.coursework.collection.found import Found
from npvae.coursework.collection.layout import layout_of
from npvae.coursework.collection.names import attempt
from npvae.coursework.collection.person import Person
from npvae.coursework.collection.platforms import METADATA, by_platform, courses_of_nbgrader
from npvae.coursework.collection.roster import Roster
from npvae.coursework.collection.spelling import normal

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
    courses = courses_of_nbgrader(tuple(file.path.split("/")) for file in files)
    beside = sorted("/".join(folder) for folder in set().union(*courses.values()))
    strays = [Found(folder, trouble=NBGRADERS) for folder in beside]
    passed_over = tuple(f"{folder}/" for folder in beside)
    rest = [
        file
        for file in files
        if file not in of_platforms and file.name != METADATA and not file.path.startswith(passed_over)
    ]
    left = set(rest)
    graded = [file for file in graded if file in left]
    layout = layout_of(rest, graded, roster)
    for file in rest:
        owner = layout.owner(file)
        if owner is None:
            strays.append(file)
            continue
        kind, names, path = owner
        person = everybody.setdefault(("", *map(normal, names)), Person(names[0], "", kind, names))
        person.files[file] = attempt(path)
    people = list(everybody.values())
    name_apart(people)
    if layout.alone and len(graded) > 1:
        people[-1].flags.append("stands for all files of one folder, whose names are nobody's")
    return people, strays


def name_apart(people: Sequence[Person]) -> None:
    """Give people of one name a longer one."""
    counts = Counter(normal(person.name) for person in people)
    for person in people:
        if counts[normal(person.name)] > 1 and person.platform in ("folder", "file"):
            name, *parents = person.places
            person.name = "/".join([*parents, name])
