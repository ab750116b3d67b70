"""Who handed in what and what of it is graded: one table, for the screen and for the summary."""

from collections.abc import Iterator

from npvae.coursework.collection import Collection, HandIn
from npvae.coursework.grading import differences
from npvae.coursework.variants import Variant
from npvae.internals.text import counted, printable

HEADER = ("person", "assignment", "form", "attempt", "exercises", "file", "why", "set aside")
NARROW = 40
"""Characters of a column on the screen; the last two are as long as they are."""
SHOWN = 5
"""Files set aside that are named."""


def rows(collection: Collection) -> list[list[str]]:
    """A row for each person."""
    return [[one.submission.student, *columns(one)] for one in collection.hand_ins]


def columns(one: HandIn) -> list[str]:
    """What is said of one person's file."""
    choice, look, origin = one.choice, one.choice.look, one.choice.look.origin
    if not one.submission.file:
        return ["", "", "", "", "nothing", "", ""]
    name = origin.variant.name if origin.variant else "not said"
    said = ", ".join(filter(None, (name, origin.form)))
    file = choice.file.path if choice.file else "none"
    more = [f"and {len(choice.aside) - SHOWN} more"] if len(choice.aside) > SHOWN else []
    aside = "; ".join([*(f"{path} ({why})" for path, why in choice.aside[:SHOWN]), *more])
    form, exercises = look.form or "not readable", str(len(look.exercises))
    return [said, form, choice.attempt, exercises, file, choice.why, aside]


def to_look_at(one: HandIn, assignment: Variant | None) -> list[str]:
    """What a human should look at before anything is run."""
    origin = one.choice.look.origin
    return [*one.flags, *origin.flags, *(differences(origin, assignment) if assignment else ())]


def on_screen(collection: Collection, assignment: Variant | None) -> Iterator[str]:
    """The table, the lines to look at, and how many of each there are."""
    cells = [[printable(cell) for cell in row] for row in [list(HEADER), *rows(collection)]]
    widths = [min(NARROW, max(map(len, column))) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    said = [(one.submission.student, to_look_at(one, assignment)) for one in collection.hand_ins]
    flagged = [f"{student}: {'; '.join(lines)}" for student, lines in said if lines]
    for line in (*flagged, *collection.strays):
        yield f"- {printable(line)}"
    yield from map(printable, collection.notes)
    people = counted(len(collection.hand_ins), "person", "people")
    files = sum(bool(one.submission.file and not one.submission.trouble) for one in collection.hand_ins)
    to_see = len(flagged) + len(collection.strays)
    yield f"{people}, {files} with a file that can be graded; {to_see} to look at"
