"""Who handed in what and what of it is graded: one table, for the screen and for the summary."""

from collections.abc import Iterator, Sequence

from npvae.coursework.collection import Collection, HandIn
from npvae.coursework.grading import differences
from npvae.coursework.variants import Variant
from npvae.internals.text import printable

HEADER = ("person", "assignment", "form", "attempt", "exercises", "file", "why", "set aside")
NARROW = 40
"""Characters of a column on the screen; the last two are as long as they are."""
SHOWN = 5
"""Files set aside that are named."""


def rows(collection: Collection) -> list[list[str]]:
    """A row for each person."""
    return [[one.submission.student, *columns(one)] for one in collection.hand_ins]


def columns(one: HandIn) -> Iterator[str]:
    """What is said of one person's file."""
    choice, look = one.choice, one.choice.look
    if not one.submission.file:
        yield from ("", "", "", "", "nothing", "", "")
        return
    name = look.origin.variant.name if look.origin.variant else None
    yield ", ".join(filter(None, (name, look.origin.form))) or "not said"
    yield look.form or "not readable"
    yield choice.attempt
    yield str(len(look.exercises))
    yield choice.file.path if choice.file else "none"
    yield choice.why
    more = [f"and {len(choice.aside) - SHOWN} more"] if len(choice.aside) > SHOWN else []
    yield "; ".join([*(f"{path} ({why})" for path, why in choice.aside[:SHOWN]), *more])


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
    yield counted(collection.hand_ins, len(flagged) + len(collection.strays))


def counted(hand_ins: Sequence[HandIn], flagged: int) -> str:
    """How many people, files and lines to look at."""
    files = sum(one.choice.file is not None for one in hand_ins)
    return (
        f"{len(hand_ins)} people, {files} with a file to grade, {len(hand_ins) - files} without; {flagged} to look at"
    )
