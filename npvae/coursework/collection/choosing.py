"""Which of a person's files is graded: by what is in it, then by attempt, then by time; what is unsure is said."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from npvae.coursework.collection.found import EMPTY_FOLDER, OTHER, PASSED_OVER, Found
from npvae.coursework.collection.looking import Look
from npvae.coursework.collection.names import numbered, telling, without_archive, without_suffix
from npvae.coursework.collection.person import Person
from npvae.coursework.collection.spelling import normal

SOON = 60.0
"""Seconds within which files may have been written in any order, by unpacking or cloning."""
NOT_MEANT = re.compile(
    r"(?i)(^|[-_ .])(draft|entwurf|old|alt|backup|bak|copy|kopie|template|orig(inal)?|unfinished|wip)\d*($|[-_ .()])"
    r"|[~#]$"
)
"""Names of files that their owners hardly meant to hand in."""
MOST_FLAGS = 10
EMPTY = "is empty"
LACKS = ("cannot be read", "nothing of the assignment", "nothing is written in it")
"""Why a file is set aside for another with more in it, by its rank."""
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


class Candidates:
    """The files that are left to choose from; each step sets some aside, if it tells any apart."""

    def __init__(self, left: Sequence[Found], looks: Mapping[Found, Look]) -> None:
        self.left = sorted(left, key=lambda file: preferred(file, looks[file]))
        self.looks = looks
        self.aside: list[tuple[str, str]] = []
        self.why = "the only one"

    def keep(self, best_by: Callable[[Found], Any], why: str, lost: str = "") -> list[Found]:
        """Keep those that are best by something; what is set aside is what could not be, or what it lacks."""
        best = max(map(best_by, self.left))
        gone = [file for file in self.left if best_by(file) < best]
        self.left = [file for file in self.left if best_by(file) == best]
        self.why = why if gone else self.why
        self.aside += [(file.path, lost or LACKS[rank(self.looks[file])]) for file in gone]
        return gone


def choose(person: Person, looks: Mapping[Found, Look]) -> Choice:
    """Choose the file that is graded.

    Parameters
    ----------
    person : Person
    looks : mapping of Found to Look
        What is in each file that may be the assignment.
    """
    candidates = [file for file in person.files if file in looks]
    others = [file for file in person.files if file not in looks]
    flags = [f"{file.path} is {file.kind}" for file in others if hides(file, candidates)]
    aside = [(file.path, file.kind) for file in others]
    if not candidates:
        what = "neither a notebook nor a script" if others else "nothing"
        return Choice(aside=tuple(aside), flags=bounded([f"handed in {what}", *flags]))
    flags += [f"{file.path} {looks[file].trouble}" for file in candidates if looks[file].trouble not in ("", EMPTY)]
    field, number = Candidates(candidates, looks), person.files
    poorer = field.keep(lambda file: rank(looks[file]), "the only one with answers")
    field.keep(lambda file: not HIDDEN.search(file.path), "not a checkpoint", "a checkpoint or a hidden file")
    drafts = field.keep(lambda file: not NOT_MEANT.search(file.name), "not a draft", "a draft, by its name")
    earlier = field.keep(lambda file: number[file][:-1], "the latest attempt", "an earlier attempt")
    if len(set(map(place_of, field.left))) == 1:
        earlier += field.keep(lambda file: number[file][-1:], "the latest attempt", "an earlier attempt")
    first = field.left[0]
    field.keep(lambda file: file is first or not looks[file].same(looks[first]), field.why, "the same answers")
    most = max((looks[file].answers.keys() for file in field.left), key=len)
    field.keep(lambda file: not looks[file].answers.keys() < most, "answers the most", "answers less")
    newest = max(file.time for file in field.left)
    older = field.keep(lambda file: file.time > newest - SOON, "the newest", "older")
    file, *as_likely = field.left
    look, names = looks[file], ", ".join(each.path for each in (*field.left, *older))
    if as_likely:
        field.why = "the first of several"
        field.aside += [(each.path, "as likely") for each in as_likely]
        flags.append(f"any of these may be meant, and the first is graded: {names}")
    elif any(place_of(each) != place_of(file) for each in older):
        flags.append(f"only time tells these apart, and the first is the newest: {names}")
    more = [each.path for each in earlier if looks[each].exercises - look.exercises]
    flags += [f"an earlier attempt, {path}, answers what the latest does not" for path in more]
    newer = [each.path for each in drafts if is_better(each, file, looks)]
    flags += [f"{path} is a draft by its name, but newer or answers more" for path in newer]
    empty = [each.path for each in poorer if number[each][:-1] > number[file][:-1] and not looks[each].trouble]
    flags += [f"the latest attempt, {path}, has no answers" for path in empty]
    if person.platform in ("folder", "file"):
        rest = [each for each in candidates if each not in (*earlier, *older, *as_likely)]
        apart = [each.path for each in rest if seems_apart(each, file, looks)]
        flags += [f"{path} has answers, too, under a name of its own: another person's?" for path in apart]
    similar = [each for each in candidates if looks[each].is_of_the_assignment and each is not file]
    numbers = sorted({number[each] for each in (*similar, file)})
    attempt = f"{numbers.index(number[file]) + 1} of {len(numbers)}"
    beside = tuple(sorted(each.path for each in similar))
    flags += about(file, look)
    return Choice(file, look, field.why, (*aside, *field.aside), bounded(flags), attempt, beside)


def bounded(flags: list[str]) -> tuple[str, ...]:
    """As many of them as anybody reads."""
    more = len(flags) - MOST_FLAGS
    return (*flags[:MOST_FLAGS], *([f"and {more} more like these"] if more > 0 else []))


def rank(look: Look) -> int:
    """How much of the assignment is in a file: answers, blanks, nothing; or it cannot be read."""
    if look.trouble:
        return 0
    return 3 if look.answers else 2 if look.is_of_the_assignment else 1


def preferred(file: Found, look: Look) -> tuple[Any, ...]:
    """The order among files alike in all else: first the one with the words, then the one nearest to the top."""
    return look.form != "notebook", -len(look.prose), file.path.count("/"), len(file.path), file.path


def is_better(file: Found, chosen: Found, looks: Mapping[Found, Look]) -> bool:
    """Whether a draft may be what was meant: other answers, and newer or more of them."""
    draft, look = looks[file], looks[chosen]
    return not draft.same(look) and bool(draft.exercises - look.exercises or file.time > chosen.time + SOON)


def place_of(file: Found) -> tuple[str, str]:
    """Folder and name of a file, without the kind of file and the number of an attempt."""
    path = PurePosixPath(file.path)
    return normal(str(path.parent)), normal(numbered(without_suffix(path.name))[0])


def named(file: Found) -> tuple[list[list[str]], list[str]]:
    """What the folders of a file and its own name say of whose it is, in whatever order of words."""
    *folders, name = PurePosixPath(file.path).parts
    said = [sorted(telling(without_archive(folder))) for folder in folders]
    return list(filter(None, said)), sorted(telling(without_suffix(name)))


def seems_apart(file: Found, chosen: Found, looks: Mapping[Found, Look]) -> bool:
    """Whether a file with answers stands elsewhere, or under a name of its own, as somebody else's would."""
    (folders, stem), (its, other) = named(file), named(chosen)
    nested = all(ours == theirs for ours, theirs in zip(folders, its, strict=False))
    its_own = stem != other and (folders != its or (bool(stem) and not looks[file].same(looks[chosen])))
    meant = not NOT_MEANT.search(file.name) and not HIDDEN.search(file.path)
    return bool(looks[file].answers) and meant and (not nested or its_own)


def hides(file: Found, candidates: Iterable[Found]) -> bool:
    """Whether something that is not graded may hold what should be; a notebook's own export does not."""
    return file.kind not in (OTHER, EMPTY_FOLDER, PASSED_OVER) and place_of(file) not in map(place_of, candidates)


def about(file: Found, look: Look) -> Sequence[str]:
    """What is unusual about the file that is graded."""
    usual = file.name.lower().endswith((".ipynb", ".py"))
    unusual = {
        f"is a {look.form}, under an unusual name": not (look.trouble or usual),
        "is a checkpoint copy or a hidden file, and there is no other": HIDDEN.search(file.path),
        EMPTY: look.trouble == EMPTY,
        "holds nothing of the assignment": rank(look) == 1,
        "has no function written": rank(look) == 2,
    }
    notes = [f"{file.path}: {note}" for note in (*look.notes, file.note) if note]
    return [*notes, *(f"{file.path} {what}" for what, holds in unusual.items() if holds)]
