"""Which of a person's files is graded: by what is in it, then by attempt, then by time; what is unsure is said."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from npvae.coursework.collection.finding import OTHER, Found
from npvae.coursework.collection.looking import Look
from npvae.coursework.collection.persons import Attempt, Person, without_suffix
from npvae.coursework.collection.platforms import NOBODY, numbered

SOON = 60.0
"""Seconds within which files may have been written in any order, by unpacking or cloning."""
NOT_MEANT = re.compile(
    r"(?i)(^|[-_ .])(draft|entwurf|old|alt|backup|bak|copy|kopie|template|orig(inal)?|unfinished|wip)\d*($|[-_ .()])"
    r"|[~#]$"
)
"""Names of files that their owners hardly meant to hand in."""
MOST_FLAGS = 10
EMPTY = "is empty"
HIDDEN = re.compile(r"(^|/)\.")
"""Paths of checkpoint copies and hidden files."""


@dataclass(frozen=True)
class Choice:
    """One person's file, and why it is that one."""

    file: Found | None = None
    look: Look = field(default_factory=Look)
    why: str = ""
    aside: tuple[tuple[str, str], ...] = ()
    """The other files, and why each is not graded."""
    flags: tuple[str, ...] = ()
    """What a human should look at."""
    attempt: str = ""
    """Which of how many."""
    others: tuple[str, ...] = ()
    """Those of the other files that hold something of the assignment."""


def choose(person: Person, looks: dict[Found, Look]) -> Choice:
    """Choose the file that is graded.

    Parameters
    ----------
    person : Person
    looks : dict of Found to Look
        What is in each file that may be the assignment.
    """
    if not person.attempts:
        return Choice(flags=("handed in nothing",))
    left = sorted((each for each in person.attempts if each.file in looks), key=lambda each: preferred(each, looks))
    candidates = tuple(left)
    other = [each.file for each in person.attempts if each.file not in looks]
    aside = [(file.path, file.kind) for file in other]
    flags = [
        f"{file.path} is {kind}" for file, (_, kind) in zip(other, aside, strict=True) if hides(file, kind, left)
    ]
    if not left:
        return Choice(aside=tuple(aside), flags=bounded(["handed in no notebook and no script", *flags]))
    unread = [each.file for each in left if looks[each.file].trouble not in ("", EMPTY)]
    flags += [f"{file.path} {looks[file].trouble}" for file in unread]
    why = "the only one"

    def narrow(keep: Callable[[Attempt], Any], reason: str, lost: str | Callable[[Look], str]) -> list[Attempt]:
        nonlocal left, why
        best = max(keep(each) for each in left)
        gone = [each for each in left if keep(each) < best]
        left = [each for each in left if keep(each) == best]
        why = reason if gone else why
        aside.extend((each.file.path, lost if isinstance(lost, str) else lost(looks[each.file])) for each in gone)
        return gone

    poorer = narrow(lambda each: rank(looks[each.file]), "the only one with answers", what_lacks)
    narrow(lambda each: not HIDDEN.search(each.file.path), "not a checkpoint", "a checkpoint copy or a hidden file")
    drafts = narrow(
        lambda each: not NOT_MEANT.search(each.file.name), "not a draft", "a draft or a copy, by its name"
    )
    earlier = narrow(lambda each: each.number, "the latest attempt", "an earlier attempt")
    first = looks[left[0].file]
    narrow(lambda each: each is left[0] or looks[each.file].answers != first.answers, why, "the same answers")
    most = max((looks[each.file] for each in left), key=lambda look: len(look.answers))
    narrow(lambda each: not looks[each.file].answers.keys() < most.answers.keys(), "answers the most", "answers less")
    newest = max(each.file.time for each in left)
    older = narrow(lambda each: each.file.time > newest - SOON, "the newest", "older")
    chosen, look = left[0].file, looks[left[0].file]
    if len(left) > 1:
        why = "the first of several"
        flags.append(
            f"any of these may be meant, and the first is graded: {', '.join(each.file.path for each in left)}"
        )
        aside += [(each.file.path, "as likely") for each in left[1:]]
    elif any(place_of(each.file) != place_of(chosen) for each in older):
        flags.append(
            f"{chosen.path} is graded because it is newer than {', '.join(each.file.path for each in older)}"
        )
    richer = [each.file.path for each in earlier if looks[each.file].exercises - look.exercises]
    flags += [f"an earlier attempt, {path}, answers what the latest does not" for path in richer]
    doubtful = [each.file for each in drafts if looks[each.file].answers != look.answers]
    doubtful = [file for file in doubtful if looks[file].exercises - look.exercises or file.time > chosen.time + SOON]
    flags += [f"{file.path} is a draft or a copy by its name, but newer or answers more" for file in doubtful]
    empty = [each for each in poorer if each.number[:-1] > left[0].number[:-1] and not looks[each.file].trouble]
    flags += [f"the latest attempt, {each.file.path}, has no answers" for each in empty]
    if person.platform in ("folder", "file"):
        strange = [
            each.file.path for each in candidates if each not in earlier and seems_apart(each.file, chosen, looks)
        ]
        flags += [f"{path} has answers, too, under a name of its own: another person's?" for path in strange]
    holding = {each.file.path for each in candidates if looks[each.file].is_of_the_assignment}
    others = holding - {chosen.path}
    numbers = sorted({each.number for each in candidates if each.file.path in others} | {left[0].number})
    attempt = f"{numbers.index(left[0].number) + 1} of {len(numbers)}"
    said = bounded([*flags, *about(chosen, look)])
    return Choice(chosen, look, why, tuple(aside), said, attempt, tuple(sorted(others)))


def bounded(flags: list[str]) -> tuple[str, ...]:
    """As many of them as anybody reads."""
    return (
        *flags[:MOST_FLAGS],
        *([f"{len(flags) - MOST_FLAGS} more of this kind"] if len(flags) > MOST_FLAGS else []),
    )


def rank(look: Look) -> int:
    """How much of the assignment is in a file: answers, blanks, nothing; or it cannot be read."""
    if look.trouble:
        return 0
    return 3 if look.answers else 2 if look.is_of_the_assignment else 1


def what_lacks(look: Look) -> str:
    """Why a file is set aside for another with more in it."""
    return ("cannot be read", "nothing of the assignment", "nothing is written in it", "")[rank(look)]


def preferred(attempt: Attempt, looks: dict[Found, Look]) -> tuple[Any, ...]:
    """The order among files alike in all else: first a notebook, which has the words, near the top."""
    path = attempt.file.path
    return looks[attempt.file].form != "notebook", path.count("/"), len(path), path


def place_of(file: Found) -> tuple[str, str]:
    """Folder and name of a file, without the kind of file and the number of an attempt."""
    path = PurePosixPath(file.path)
    return str(path.parent), numbered(without_suffix(path.name))[0]


def seems_apart(file: Found, chosen: Found, looks: dict[Found, Look]) -> bool:
    """Whether a file with answers has another folder and another name, as somebody else's would."""
    (folder, stem), (its, other) = place_of(file), place_of(chosen)
    named = not NOBODY.fullmatch(PurePosixPath(folder).name) and not HIDDEN.search(file.path)
    return bool(looks[file].answers) and named and folder != its and stem != other and not NOT_MEANT.search(file.name)


def hides(file: Found, kind: str, candidates: Iterable[Attempt]) -> bool:
    """Whether something that is not graded may hold what should be; a notebook's own export does not."""
    return kind != OTHER and place_of(file) not in {place_of(each.file) for each in candidates}


def about(file: Found, look: Look) -> Sequence[str]:
    """What is unusual about the file that is graded."""
    said = [f"{file.path}: {note}" for note in (*look.notes, file.note) if note]
    if not file.name.lower().endswith((".ipynb", ".py")) and not look.trouble:
        said.append(f"{file.path} is a {look.form}, under an unusual name")
    if HIDDEN.search(file.path):
        said.append(f"{file.path} is a checkpoint copy or a hidden file, and there is no other")
    if look.trouble == EMPTY:
        said.append(f"{file.path} {EMPTY}")
    if rank(look) == 1:
        said.append(f"{file.path} holds nothing of the assignment")
    return said
