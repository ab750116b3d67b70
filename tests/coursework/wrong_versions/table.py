"""The table, and the decorator that writes a wrong version into it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class WrongVersion:
    """What may stand in the place of something right."""

    name: str
    what: str
    """One line: wrong -> right, then the symptom; or what it looks like."""
    number: int | None
    """Catalogue number; None for those beyond the catalogue."""
    wrong: Mapping[str, Any]
    """Wrong version by the dotted name of the right one; for a method that of class and attribute."""
    alike: bool
    """Whether forward and backward are wrong alike, so that they still agree."""


WRONG_VERSIONS: dict[str, WrongVersion] = {}
"""All of them by name."""


def replaces(*rights: str, number: int | None = None) -> Callable[[T], T]:
    """Enter a wrong function, or a class of static methods named like the originals, into the table.

    Its name becomes the wrong version's name, its docstring what is wrong.

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
        add(WrongVersion(wrong.__name__, inspect.getdoc(wrong) or "", number, versions, len(rights) > 1))
        return wrong

    return enter


def add(version: WrongVersion) -> None:
    """Enter it into the table."""
    if version.name in WRONG_VERSIONS:
        raise ValueError(f"two wrong versions are called {version.name}, expected a name of its own for each")
    WRONG_VERSIONS[version.name] = version
