"""What a file holds of the assignment, at a glance: enough to choose among files, in a millisecond each."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from npvae.coursework.collection.found import UNREADABLE, Found, brief
from npvae.coursework.magics import parse
from npvae.coursework.origin import ASKS, Origin, origin_of
from npvae.coursework.statements import LARGEST_CODE
from npvae.coursework.submissions import LARGEST, cells_of, is_notebook

FUNCTION = re.compile(r"(?m)^(?:async )?(?:def[ \t]+(?P<name>\w+)[ \t]*\(|(?P<bound>\w+)[ \t]*=(?!=))")
"""Where a function of the file, or a name bound to one, begins."""
BLANK = re.compile(r"raise NotImplementedError\b.*\s*\Z")


@dataclass(frozen=True)
class Look:
    """What a file holds."""

    form: str = ""
    """ "notebook" or "script"."""
    definitions: dict[str, str] = field(default_factory=dict)
    """Source of everything that a name is given to."""
    prose: str = ""
    """What stands in cells that are not code."""
    origin: Origin = field(default_factory=Origin)
    """What it says of the assignment."""
    notes: tuple[str, ...] = ()
    """What was unusual about reading it."""
    trouble: str = ""
    """Why it cannot be read."""

    @cached_property
    def answers(self) -> dict[str, str]:
        """Source of each function that an exercise asks for and that is written."""
        asked = {name: source for name, source in self.definitions.items() if name in ASKS}
        return {name: source for name, source in asked.items() if not BLANK.search(source)}

    @property
    def is_of_the_assignment(self) -> bool:
        """Whether it holds an exercise, written or not, or says which assignment it is."""
        return bool(ASKS.keys() & self.definitions.keys() or self.origin.variant)

    def same(self, other: "Look") -> bool:
        """Whether it holds nothing that another does not: the same definitions, and the same words or none."""
        return self.definitions.items() <= other.definitions.items() and self.prose in ("", other.prose)

    @property
    def exercises(self) -> frozenset[str]:
        """Exercises with a function that is written."""
        return frozenset(ASKS[name] for name in self.answers)


def look(file: Found) -> Look:
    """What a file holds; nothing of it is run."""
    if file.trouble:
        return Look(trouble=f"is {file.trouble}")
    if file.size > LARGEST:
        return Look(trouble=f"has {file.size:,} bytes, more than {LARGEST:,}")
    notes: list[str] = []
    try:
        data = file.load(LARGEST + 1)
    except UNREADABLE as error:
        return Look(trouble=f"cannot be read: {brief(error)}")
    try:
        cells = cells_of(file.path, data, notes)
    except ValueError as error:
        return Look(trouble=str(error))
    code = [source for kind, source in cells if kind == "code"]
    definitions = dict(defined(code))
    form = "notebook" if is_notebook(file.path, data[:2000].decode("utf-8", "ignore")) else "script"
    prose = "\n".join(" ".join(source.split()) for kind, source in cells if kind != "code")
    return Look(form, definitions, prose, said(code, definitions), tuple(notes))


def defined(code: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and source, without comments and empty lines, of each function, and of what is given a name."""
    for cell in code:
        starts = list(FUNCTION.finditer(cell)) if "def " in cell or "=" in cell else []
        ends = [*(start.start() for start in starts), len(cell)][1:]
        for start, end in zip(starts, ends, strict=True):
            block = re.split(r"\n(?=[^\s#)\]}])", cell[start.start() : end])[0]
            lines = (line.rstrip() for line in block.splitlines())
            source = "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))
            yield start["name"] or start["bound"], source


def said(code: Sequence[str], definitions: Iterable[str]) -> Origin:
    """What the cells say of the assignment: only those can that name it, check an exercise or define one."""
    speaking = [cell for cell in code if "VARIANT" in cell or "check" in cell]
    origin = origin_in(tuple(speaking))
    if origin.form is None:
        origin = origin_in((*speaking, *(f"def {name}(): pass" for name in definitions if name in ASKS)))
    return origin


@lru_cache(maxsize=32)
def origin_in(cells: tuple[str, ...]) -> Origin:
    """What cells say that are Python, up to the size that is read; most are the same for a whole class."""
    left, trees = LARGEST_CODE, []
    for cell in cells:
        left -= len(cell)
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            trees += [parse(cell)[0]] if left >= 0 else []
    return origin_of(trees)
