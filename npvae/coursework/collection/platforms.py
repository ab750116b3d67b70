"""Whose a file is and which attempt, as platforms write it into names: Moodle, Canvas, Blackboard and others."""

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile

from npvae.coursework.collection.found import UNREADABLE, Found
from npvae.coursework.collection.names import attempt
from npvae.coursework.collection.person import Attempt, Person
from npvae.coursework.submissions import LARGEST

TIME = r"(\d{4})-(\d\d)-(\d\d)[-_ T](\d\d)[-:_](\d\d)[-:_](\d\d)"
DATED = {
    "Moodle": r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?P<file>.*)",
    "Blackboard": rf"(?P<name>.+)_attempt_(?P<time>{TIME})(?:_(?P<file>.+)|\.\w+)",
    "Gradescope": r"(?P<name>submission_(?P<number>\d+))",
    "nbgrader": rf"(?P<name>[^+]+)\+[^+]+\+(?P<time>{TIME})[^+]*(?:\+.*)?",
    "Brightspace": r"(?P<number>\d+)-\d+ - (?P<name>.+?) ?- "
    r"(?P<date>\w+ \d+, \d{4} \d{3,4} [AP]M)(?: - (?P<file>.*))?",
    "Sakai": r"(?P<name>[^()]+, [^()]+)\((?P<number>[^()]+)\)",
}
"""A part of a path that a platform wrote, by its name for it."""
CANVAS = (
    r"(?P<name>[^\W\d][^_]*)(?:_LATE)?_(?!20\d\d_\d\d_)(?P<number>\d+)"
    r"_(?:(?P<time>\d+)_(?P<file>.+)|(?:text|link|question)\b.*)"
)
"""Only believed where most in a folder is called so: dates and versions in names look alike."""
SUBMITTED = "submitted"
"""The folder in which nbgrader has a folder for each student, with one for each assignment."""
BESIDE_SUBMITTED = ("autograded", "feedback", "release", "source")
"""The other folders of its courses, which hold nothing that was handed in."""
DEEPEST_CANVAS = 3
"""Within so many folders its files are looked for."""
METADATA = "submission_metadata.yml"
"""Gradescope's list of who handed in what."""
Parts = tuple[str, ...]
"""Of a path."""


def by_platform(files: Sequence[Found]) -> dict[Parts, Person]:
    """Those of whom a platform says which files are theirs."""
    paths = {file: tuple(file.path.split("/")) for file in files}
    from_canvas = folders_of_canvas(paths.values())
    logins = blackboard_logins({part for path in paths.values() for part in path})
    registered = registered_people(files)
    courses = {(), *courses_of_nbgrader(paths.values())}
    everybody: dict[Parts, Person] = {}
    for file, path in paths.items():
        if SUBMITTED in path[:-3] and path[: (depth := path.index(SUBMITTED))] in courses:
            login = path[depth + 1]
            owner, number = Person(login, "", "nbgrader", ["", login]), attempt(path[depth + 2 :])
        elif known := next(matches(path, from_canvas), None):
            owner, number = read(*known, logins)
        else:
            continue
        if registered and owner.platform == "Gradescope" and owner.places[-1] not in registered:
            owner.flags.append(f"is not in {METADATA}")
        for person in registered.get(owner.places[-1], [owner]):
            everybody.setdefault((owner.platform, person.number or person.places[-1]), person).files[file] = number
    return everybody


def courses_of_nbgrader(paths: Iterable[Parts]) -> dict[Parts, set[Parts]]:
    """The folders that hold what was submitted and, beside it, folders that nbgrader writes; and these."""
    folders = {path[:depth] for path in paths for depth in range(1, len(path))}
    beside = defaultdict(set)
    for folder in folders:
        if folder[-1] in BESIDE_SUBMITTED and (*folder[:-1], SUBMITTED) in folders:
            beside[folder[:-1]].add(folder)
    return beside


def folders_of_canvas(paths: Iterable[Parts]) -> set[Parts]:
    """The folders and zips that hold mostly what is called as Canvas does it."""
    held = defaultdict(set)
    for path in paths:
        for depth, part in enumerate(path[:DEEPEST_CANVAS]):
            held[path[:depth]].add(part)
    fits = re.compile(CANVAS).fullmatch
    return {folder for folder, names in held.items() if 2 * len(list(filter(fits, names))) >= len(names)}


def matches(path: Parts, from_canvas: set[Parts]) -> Iterator[tuple[str, re.Match[str], Parts]]:
    """Platform, what it wrote, and what stands below it, for the parts of a path from the outermost."""
    for depth, part in enumerate(path):
        patterns = {**DATED, "Canvas": CANVAS} if path[:depth] in from_canvas else DATED
        for platform, pattern in patterns.items():
            if match := re.fullmatch(pattern, part):
                yield platform, match, path[depth + 1 :]


def read(platform: str, match: re.Match[str], below: Parts, logins: Mapping[str, str]) -> tuple[Person, Attempt]:
    """The person and the attempt that a platform wrote."""
    said = defaultdict(str, match.groupdict(""))
    if platform == "Blackboard":
        said["name"] = said["number"] = logins[said["name"]]
    name, number = said["name"], said["number"]
    alone = number in ("", name) or platform == "Gradescope"
    internal = platform in ("Moodle", "Canvas", "Gradescope")
    person = Person(name if alone else f"{name}_{number}", number, platform, [name] if internal else [number, name])
    times = [float(part) for part in re.findall(r"\d+", said["time"])]
    dates = [written_date(said["date"])] if said["date"] else times
    inside = [part for part in (said["file"], *below) if part] or [""]
    return person, (*dates, *attempt(inside))


def blackboard_logins(names: set[str]) -> dict[str, str]:
    """The login in each name of Blackboard: what differs behind the assignment's name, which all share."""
    heads = [match["name"] for name in names if (match := re.fullmatch(DATED["Blackboard"], name))]
    shared = len(list(takewhile(lambda letters: len(set(letters)) == 1, zip(*heads, strict=False))))
    return {head: head[head.rfind("_", 0, shared) + 1 :] for head in heads}


def written_date(text: str) -> float:
    """Order of a date as Brightspace writes it; months in other languages order nothing."""
    try:
        return datetime.strptime(text, "%b %d, %Y %I%M %p").timestamp()
    except ValueError:
        return 0.0


def registered_people(files: Sequence[Found]) -> dict[str, list[Person]]:
    """Those who handed in each submission, as Gradescope says it."""
    people: dict[str, list[Person]] = defaultdict(list)
    for file in files:
        if file.name == METADATA:
            with contextlib.suppress(*UNREADABLE):
                for submission, person in gradescope_people(file.load(LARGEST).decode("utf-8", "replace")):
                    people[submission].append(person)
    return people


def gradescope_people(text: str) -> Iterator[tuple[str, Person]]:
    """Submission, and person by name and number or address, of all who handed in, from submission_metadata.yml."""
    for block in re.split(r"(?m)^(?=[\"']?submission_\d+[\"']?:)", text):
        submission = re.match(r"[\"']?(submission_\d+)", block)
        submitters = re.search(r"(?m)^ *:?submitters: *\n((?: *-? +:?\w+:.*\n?)*?)(?=^  :|^ {0,2}\w|\Z)", block)
        if submission and submitters:
            for person in re.split(r"(?m)^ *- ", submitters[1])[1:]:
                said = dict(re.findall(r":?(name|sid|email): *['\"]?(.*?)['\"]? *$", person, re.MULTILINE))
                name, number = said.get("name", ""), said.get("sid") or said.get("email", "")
                if shown := "_".join(filter(None, (name, number))):
                    yield submission[1], Person(shown, number, "Gradescope", [number, name])
