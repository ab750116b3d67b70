"""What the name of a file or a folder says: its kind, a time, which attempt it is, or nothing of whose it is."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count

from npvae.coursework.collection.archives import TARS
from npvae.coursework.collection.found import ASSIGNMENT
from npvae.coursework.collection.spelling import is_common, normal, words

STAMP = re.compile(r"(\d{4})[-_](\d\d)[-_](\d\d)[T_ -](\d\d)[-_:](\d\d)[-_:](\d\d)")
"""A time as programs write it into names."""
NOBODY = re.compile(
    r"(copy of |kopie von )?(assignments?([-_ ]?(files|checkpoint))?|homework|hw|exercises?|solutions?"
    r"|(my)?submissions?|submitted([-_ ]files)?|notebooks?|tests?|code|src|work|files|untitled|main|index"
    r"|draft|final|old|new|alt|neu|backup|copy|abgaben?|übung|lösung|blatt|entwurf"
    r"|attempt|versuch|version|v|vae)[-_ ]?\d*",
    re.IGNORECASE,
)
"""Names of files and folders that name nobody."""
VERSION = re.compile(r"(?:^|[-_ ])(?:attempt|versuch|version|v)[-_ ]?(\d+)$|\((\d+)\)$|-copy(\d+)$", re.IGNORECASE)
"""How systems and students number attempts."""


def numbered(stem: str) -> tuple[str, float]:
    """A name without the number of an attempt, and that number."""
    match = VERSION.search(stem)
    if not match:
        return stem, 0.0
    return stem[: match.start()].rstrip("-_ ") or stem, float("".join(filter(None, match.groups())))


def names_nobody(name: str) -> bool:
    """Whether the name of a file is that of the task and not of a person."""
    return NOBODY.fullmatch(numbered(without_suffix(name))[0]) is not None


def telling(name: str) -> list[str]:
    """The words of a name that may say whose it is."""
    parts = re.findall(r"[^\W_]+", normal(name))
    return [word for part in parts if not NOBODY.fullmatch(part) for word in words(part) if not is_common([word])]


def without_suffix(name: str) -> str:
    """The name of a file without what says which kind it is, and without what browsers put behind that."""
    if match := ASSIGNMENT.search(name):
        return name[: match.start()] + "".join(re.findall(r" ?\(\d+\)$", name[match.end() :]))
    return re.sub(r"(?i)(\.tar)?\.[^. ]*$", "", name) or name


def without_archive(name: str) -> str:
    """The name of a folder; of an archive, which stands for one, without its suffix."""
    return without_suffix(name) if name.lower().endswith((".zip", *TARS)) else name


def attempt(path: Sequence[str]) -> tuple[float, ...]:
    """Time, number in a folder's name and in the file's: how attempts are told apart without a platform."""
    stamps = [float("".join(match.groups())) for part in path if (match := STAMP.search(part))]
    folders = [numbered(without_archive(part))[1] for part in path[:-1]]
    return max(stamps, default=0.0), max(folders, default=0.0), numbered(without_suffix(path[-1]))[1]


def apart(names: Iterable[str], pattern: str = "{} ({})") -> Iterator[str]:
    """The names, those that are taken with a number."""
    taken: set[str] = set()
    for name in names:
        free = next(each for each in chain([name], (pattern.format(name, i) for i in count(2))) if each not in taken)
        taken.add(free)
        yield free
