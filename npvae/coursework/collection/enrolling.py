"""Who of a roster the people are that handed something in, and who did not."""

from collections import defaultdict
from collections.abc import Sequence

from npvae.coursework.collection.found import Found
from npvae.coursework.collection.names import NOBODY, names_nobody, without_suffix
from npvae.coursework.collection.person import Person
from npvae.coursework.collection.roster import Roster


def enrol(people: Sequence[Person], graded: Sequence[Found], roster: Roster) -> list[Person]:
    """The people with their rows of the roster, and all others in it, without files; what is unsure is said.

    Parameters
    ----------
    people : sequence of Person
    graded : sequence of Found
        Files that hold something of an assignment: a helper belongs to whomever its name holds.
    roster : Roster
    """
    enrolled = with_rows(people, graded, roster) if roster.students else list(people)
    for person in enrolled:
        if person.platform == "file" and not person.student and names_nobody(person.places[0]):
            person.flags.append("the file's name does not say whose it is")
    return enrolled


def with_rows(people: Sequence[Person], graded: Sequence[Found], roster: Roster) -> list[Person]:
    """The people with their rows of the roster, and all others in it, without files."""
    claims: dict[str, list[Person]] = defaultdict(list)
    enrolled = []
    by_name = {person: whom(person, roster) for person in people}
    for person in sorted(people, key=lambda person: not by_name[person]):
        meant = by_name[person] or by_files(person, roster) - claims.keys()
        if len(meant) == 1:
            claims[next(iter(meant))].append(person)
        else:
            several = ", ".join(sorted(meant))
            person.flags.append(f"may be any of these in the roster: {several}" if meant else "is not in the roster")
            enrolled.append(person)
    for student, claimed in claims.items():
        by_number = [person for person in claimed if student in roster.numbered(person.platform, person.number)]
        called = [person for person in claimed if any(roster.is_plainly(student, name) for name in person.places)]
        plainly = {*by_number, *called}
        for person in [each for each in claimed if plainly and each not in plainly]:
            if not person.files.keys().isdisjoint(graded):
                person.flags.append(f"is not in the roster, where a name is much like it: {student}")
                enrolled.append(person)
                claimed.remove(person)
        apart = [person for person in claimed if person.platform != "file"]
        if len(apart) < 2:
            first = (by_number or apart or claimed)[0]
            first.files = {file: attempt for person in claimed for file, attempt in person.files.items()}
            first.student, first.row = student, roster.students[student]
            enrolled.append(first)
            continue
        if len(by_number) == 1:
            by_number[0].student, by_number[0].row = student, roster.students[student]
        for person in claimed:
            if not person.student:
                others = ", ".join(other.name for other in claimed if other is not person)
                person.flags.append(f"is one of several with a name in the roster: {student}, like {others}")
        enrolled += claimed
    missing = roster.students.keys() - {person.student for person in enrolled}
    absent = [Person(name, student=name, row=row) for name, row in roster.students.items() if name in missing]
    return [*enrolled, *absent]


def whom(person: Person, roster: Roster) -> set[str]:
    """Who in the roster a person may be: by number, or else by what is called after them."""
    named = (roster.meant_by(place) for place in person.places)
    return roster.numbered(person.platform, person.number) or next(filter(None, named), set())


def by_files(person: Person, roster: Roster) -> set[str]:
    """Who a person may be by the names of files in a folder that names nobody."""
    if person.platform != "folder":
        return set()
    names = [without_suffix(file.name) for file in person.files if file.may_be_the_assignment]
    meant = set().union(*map(roster.meant_by, names))
    if len(meant) == 1 and not NOBODY.fullmatch(person.name):
        person.flags.append("is known by the name of a file alone: the folder's is not in the roster")
    return meant
