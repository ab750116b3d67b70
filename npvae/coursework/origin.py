"""Which assignment a submission was handed out as, by what its text says; nothing of it is run."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from npvae.coursework.assignments import apart, variant
from npvae.coursework.exercises import EXERCISES, SHORT
from npvae.coursework.variants import Variant

ASKS = {name: exercise.name for exercise in EXERCISES.values() for name in (exercise.name, *exercise.functions)}
"""By what a student checks or defines: the exercise that asks for it."""


NO_ASSIGNMENT = "something that names no assignment"


@dataclass(frozen=True)
class Origin:
    """What a submission says of itself."""

    variant: Variant | None = None
    """Its assignment; None where it does not say it plainly."""
    form: str | None = None
    """ "short" or "long"; None where it does not show."""
    flags: tuple[str, ...] = ()
    """What a human should look at."""


def origin_of(cells: Sequence[ast.Module]) -> Origin:
    """What the cells of a submission say."""
    said, asked = list(dict.fromkeys(variants(cells))), exercises(cells)
    match said:
        case []:
            return Origin(None, form(asked), ("does not say which assignment it is",) if asked else ())
        case [Variant() as one]:
            return Origin(one, one.form if one.package else form(asked))
    values = " and ".join(apart(said[:3]))
    return Origin(None, form(asked), (f"does not say plainly which assignment it is: VARIANT is {values}",))


def variants(cells: Sequence[ast.Module]) -> Iterator[Variant | str]:
    """What each statement makes VARIANT name: an assignment, or why it is none."""
    for statement in (statement for cell in cells for statement in cell.body):
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        if any(name.id == "VARIANT" and isinstance(name.ctx, ast.Store) for name in names):
            match statement:
                case ast.Assign(targets=[ast.Name()], value=ast.Constant(value=str() | int() as value)):
                    yield named(value)
                case _:
                    yield NO_ASSIGNMENT


def named(value: str | int) -> Variant | str:
    """The assignment that a value names, or why there is none."""
    try:
        return variant(value)
    except ValueError as error:
        return f"{NO_ASSIGNMENT} ({error})"


def exercises(cells: Sequence[ast.Module]) -> set[str]:
    """The exercises that are checked; those that are defined, where none is checked."""
    nodes = [node for cell in cells for node in ast.walk(cell)]
    checked = {
        node.args[0].value
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "check"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    return {ASKS[name] for name in checked or defined if name in ASKS}


def form(asked: set[str]) -> str | None:
    """Which form asks these exercises."""
    if asked - set(SHORT):
        return "long"
    return "short" if asked == set(SHORT) else None
