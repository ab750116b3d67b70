"""What a wrong version is, and how a line of the right one is changed."""

import ast
import inspect
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from npvae.lessons import source


@dataclass(frozen=True)
class WrongVersion:
    """What may stand in the place of something right."""

    name: str
    what: str
    """One line: wrong -> right, then the symptom; or what it looks like."""
    number: int | None
    """Catalogue number; None for those beyond the catalogue."""
    wrong: dict[Any, Any]
    """What is wrong, by what is right: functions, methods too, or an entry of a table."""
    alike: bool
    """Whether forward and backward are wrong alike, so that they still agree."""


def change(function, *texts):
    """The function with one text of its source changed to another: right, wrong; and so on, if it takes several."""
    code = source(function)
    for right, wrong in zip(texts[::2], texts[1::2], strict=True):
        if code.count(right) != 1:
            raise ValueError(f"{function.__qualname__} has {right!r} {code.count(right)} times, expected once")
        code = code.replace(right, wrong)
    made = {}
    exec(code, function.__globals__, made)
    return {function: made[function.__name__]}


def rows(module):
    """The wrong versions of a file: each is a name, and under it a sentence, with its catalogue number before it."""
    for row, below in pairwise([*ast.parse(inspect.getsource(module)).body, None]):
        if isinstance(row, ast.Assign):
            name, sentence = row.targets[0].id, ast.get_docstring(ast.Module([below], []))
            if sentence is None:
                raise ValueError(
                    f"{name} has no sentence under it, expected what is wrong -> what is right: the symptom"
                )
            number, what = re.fullmatch(r"(?:(\d+)\. )?(.+)", sentence).groups()
            wrong = getattr(module, name)
            yield WrongVersion(name, what, number and int(number), wrong, alike=len(wrong) > 1)
