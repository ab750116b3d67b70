"""Whose a file is and which attempt, as platforms write it into names: Moodle, Canvas, Blackboard and others."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from npvae.coursework.collection.found import Found

TIME = r"(\d{4})-(\d\d)-(\d\d)[-_ T](\d\d)[-:_](\d\d)[-:_](\d\d)"
DATED = {
    "Moodle": r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)",
    "Blackboard": rf"(?P<name>.+)_attempt_(?P<time>{TIME})(?:_(?P<file>.+)|\.\w+)",
    "Gradescope": r"(?P<name>submission_(?P<number>\d+))(?P<file>)",
    "nbgrader": rf"(?P<name>[^+]+)\+[^+]+\+(?P<time>{TIME})[^+]*(?:\+.*)?(?P<file>)",
    "Brightspace": r"(?P<number>\d+)-\d+ - (?P<name>.+?) ?- "
    r"(?P<date>\w+ \d+, \d{4} \d{3,4} [AP]M)(?: - (?P<file>.*))?",
    "Sakai": r"(?P<name>[^()]+, [^()]+)\((?P<number>[^()]+)\)(?P<file>)",
}
"""A part of a path that a platform wrote, by its name for it."""
CANVAS = (
    r"(?P<name>[^\W\d][^_]*)(?:_LATE)?_(?!20\d\d_\d\d_)(?P<number>\d+)"
    r"_(?:(?P<upload>\d+)_(?P<file>.+)|(?:text|link|question)\b.*)"
)
"""Only believed where most in a folder is called so: dates and versions in names look alike."""
SUBMITTED = "submitted"
"""The folder in which nbgrader has a folder for each student, with one for each assignment."""
DEEPEST_CANVAS = 3
"""Within so many folders its files are looked for."""
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


@dataclass(frozen=True)
class Owner:
    """What a platform says of a file."""

    name: str
    """Of the person."""
    number: str = ""
    """The platform's own, or the login: two people with one name differ in it."""
    attempt: tuple[float, ...] = ()
    """Of two files of one person, the later has the larger."""
    file: str = ""
    """The student's own name for it, where the platform put its own before it."""
    platform: str = ""

    @property
    def shown(self) -> str:
        """Name and number, once each."""
        return (
            self.name
            if self.number in ("", self.name) or self.platform == "Gradescope"
            else f"{self.name}_{self.number}"
        )


def owners(files: Sequence[Found]) -> dict[Found, Owner]:
    """Whose each file is, for all of which a platform says it."""
    paths = {file: tuple(file.path.split("/")) for file in files}
    from_canvas = folders_of_canvas(paths.values())
    logins = blackboard_logins({part for path in paths.values() for part in path})
    found = {}
    for file, path in paths.items():
        known = next(matches(path, from_canvas), None)
        if path[0] == SUBMITTED and len(path) > 3:
            found[file] = Owner(path[1], file="/".join(path[2:]), platform="nbgrader")
        elif known:
            platform, match, rest = known
            found[file] = owner(platform, match, logins, rest)
    return found


def folders_of_canvas(paths: Iterable[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """The folders and zips that hold mostly what is called as Canvas does it."""
    held = defaultdict(set)
    for path in paths:
        for depth, part in enumerate(path[:DEEPEST_CANVAS]):
            held[path[:depth]].add(part)
    matched = {
        folder: sum(re.fullmatch(CANVAS, name) is not None for name in names) for folder, names in held.items()
    }
    return {folder for folder, names in held.items() if 2 * matched[folder] >= len(names)}


def matches(
    path: tuple[str, ...], from_canvas: set[tuple[str, ...]]
) -> Iterator[tuple[str, re.Match[str], Sequence[str]]]:
    """Platform, what it wrote, and what stands below it, for the parts of a path from the outermost."""
    for depth, part in enumerate(path):
        for platform, pattern in DATED.items():
            if match := re.fullmatch(pattern, part):
                yield platform, match, path[depth + 1 :]
        if path[:depth] in from_canvas and (match := re.fullmatch(CANVAS, part)):
            yield "Canvas", match, path[depth + 1 :]


def owner(platform: str, match: re.Match[str], logins: dict[str, str], rest: Sequence[str]) -> Owner:
    """What a platform wrote, read."""
    groups = match.groupdict()
    name, number = groups["name"], groups.get("number") or ""
    attempt: tuple[float, ...] = ()
    if platform == "Blackboard":
        name = number = logins[match["name"]]
    if groups.get("time"):
        attempt = tuple(map(float, re.findall(r"\d+", match["time"])))
    if groups.get("date"):
        attempt = (written_date(match["date"]),)
    if groups.get("upload"):
        attempt = (float(match["upload"]),)
    return Owner(name, number, attempt, "/".join([part for part in (groups.get("file"), *rest) if part]), platform)


def blackboard_logins(names: set[str]) -> dict[str, str]:
    """The login in each name of Blackboard: what differs behind the assignment's name, which all share."""
    heads = sorted({match["name"] for name in names if (match := re.fullmatch(DATED["Blackboard"], name))})
    letters = list(zip(*heads, strict=False))
    shared = next((i for i, column in enumerate(letters) if len(set(column)) > 1), len(letters))
    return {head: head[head.rfind("_", 0, shared) + 1 :] for head in heads}


def written_date(text: str) -> float:
    """Order of a date as Brightspace writes it; months in other languages order nothing."""
    try:
        return datetime.strptime(text, "%b %d, %Y %I%M %p").timestamp()
    except ValueError:
        return 0.0


def numbered(stem: str) -> tuple[str, float]:
    """A name without the number of an attempt, and that number."""
    match = VERSION.search(stem)
    if not match:
        return stem, 0.0
    number = float(next(group for group in match.groups() if group))
    return stem[: match.start()].rstrip("-_ ") or stem, number


def gradescope_people(text: str) -> Iterator[tuple[str, str, str]]:
    """Submission, name, and number or address, of each of those who handed in, from submission_metadata.yml."""
    for block in re.split(r"(?m)^(?=[\"']?submission_\d+[\"']?:)", text):
        submission = re.match(r"[\"']?(submission_\d+)", block)
        submitters = re.search(r"(?m)^ *:?submitters: *\n((?: *-? +:?\w+:.*\n?)*?)(?=^  :|^ {0,2}\w|\Z)", block)
        if submission and submitters:
            for person in re.split(r"(?m)^ *- ", submitters[1])[1:]:
                said = dict(re.findall(r":?(name|sid|email): *['\"]?(.*?)['\"]? *$", person, re.MULTILINE))
                if any(said.values()):
                    yield submission[1], said.get("name", ""), said.get("sid") or said.get("email", "")
