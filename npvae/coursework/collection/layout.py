"""How the files of a class stand in folders, and whose each is by where it stands."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from npvae.coursework.collection.archives import TARS
from npvae.coursework.collection.found import Found
from npvae.coursework.collection.names import NOBODY, names_nobody, numbered, without_archive, without_suffix
from npvae.coursework.collection.platforms import SUBMITTED
from npvae.coursework.collection.roster import Roster

HANDED_IN = (".pdf", ".html", ".htm", ".doc", ".docx", ".odt", ".rar", ".7z", ".zip", *TARS)
"""What stands for a person's work even where it cannot be graded."""


@dataclass(frozen=True)
class Layout:
    """Where the persons stand."""

    shared: list[str]
    """Folders that everything stands in and that are nobody's."""
    depth: int
    """Of a person's folder below these; 0 where each file stands for somebody."""
    alone: str
    """Whose all files are, where each is called like the task; "" elsewhere."""

    def owner(self, file: Found) -> tuple[str, list[str], list[str]] | None:
        """What names the person ("folder" or "file"), its name and those of the folders above, and the path below.

        None for a file that is nobody's.
        """
        path, above = file.path.split("/"), len(self.shared)
        if path[:above] != self.shared:
            return None
        path = path[above:]
        if self.alone:
            return "folder", [self.alone], path
        if len(path) > self.depth > 0:
            folder, parents = path[self.depth - 1], path[: self.depth - 1]
            if without_archive(folder) != folder:
                return "folder", [numbered(without_archive(folder))[0], *parents], path[self.depth - 1 :]
            return "folder", [folder, *parents], path[self.depth :]
        if hands_in(file):
            stem = without_suffix(path[-1])
            return "file", [stem if names_nobody(path[-1]) else numbered(stem)[0], *path[:-1]], path[-1:]
        return None


def layout_of(files: Sequence[Found], graded: Sequence[Found], roster: Roster) -> Layout:
    """How files are arranged; those that hold something of an assignment tell at which depth the persons stand."""
    shared = wrapper([file for file in files if hands_in(file)], roster)
    inside = [tuple(file.path.split("/")[len(shared) :]) for file in graded]
    depth = person_depth(inside, roster)
    flat = depth == 0 or all(len(path) == 1 for path in inside)
    above = [part for part in shared if not NOBODY.fullmatch(part)]
    alone = above[-1] if above and flat and all(names_nobody(path[-1]) for path in inside) else ""
    return Layout(shared, depth, alone)


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
