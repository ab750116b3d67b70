"""The table, and the decorator that writes a wrong version into it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Mistake:
    """One mistake."""

    name: str
    """Name of the wrong function, or of the class that holds several."""
    what: str
    """One line: wrong -> right, then the symptom."""
    number: int | None
    """Catalogue number; None for those beyond the catalogue."""
    family: str
    """What it is about: the module that it stands in."""
    wrong: Mapping[str, Any]
    """Wrong version by the dotted name of the right one; for a method that of class and attribute."""

    @property
    def replaces(self) -> tuple[str, ...]:
        """Dotted names of what it stands in for."""
        return tuple(self.wrong)

    @property
    def alike(self) -> bool:
        """Whether it is wrong in several places alike, so that forward and backward still agree."""
        return len(self.wrong) > 1


MISTAKES: dict[str, Mistake] = {}
"""All mistakes by name."""


def replaces(*rights: str, number: int | None = None) -> Callable[[T], T]:
    """Enter a wrong function, or a class of static methods named like the originals, into the table.

    Its name becomes the mistake's name, its docstring what is wrong.

    Parameters
    ----------
    *rights : str
        Dotted name of what is replaced, or several.
    number : int, optional
        Catalogue number.
    """

    def enter(wrong: Any) -> Any:
        if isinstance(wrong, type):
            versions = {right: getattr(wrong, right.rpartition(".")[2]) for right in rights}
        else:
            (right,) = rights
            versions = {right: wrong}
        name, what = wrong.__name__, inspect.getdoc(wrong) or ""
        if name in MISTAKES:
            raise ValueError(f"two mistakes are called {name}, expected a name of its own for each")
        MISTAKES[name] = Mistake(name, what, number, wrong.__module__.rpartition(".")[2], versions)
        return wrong

    return enter
