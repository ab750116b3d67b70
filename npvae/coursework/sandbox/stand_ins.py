"""What stands in for modules that a submission imports and must not have, or does not need."""

import importlib.machinery
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

DRAWING = ("matplotlib", "seaborn", "plotly", "IPython", "ipywidgets")
"""Modules that functions to be marked do not need, and that take long to import: here they do nothing."""


HANDED_OUT: dict[str, Any] = {
    "Checker": lambda *args, **named: lambda *args: True,
    "passes": lambda *args, **named: True,
    "earned": lambda *args, **named: {},
    "own_vae": lambda *args: None,
}
"""What the handout imports from npvae.coursework: here all is well, and nothing is said."""


def put_in_place() -> None:
    """Give the handout what it imports."""
    vars(sys.modules["npvae.coursework"]).update(HANDED_OUT)
    sys.meta_path.insert(0, Finder())


class Finder:
    """Finds empty modules for drawing."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As the import system asks."""
        drawing = name.partition(".")[0] in DRAWING
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if drawing else None  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType:
        """A module that does nothing."""
        return Nothing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


class Nothing(ModuleType):
    """Whatever is asked of it is nothing again."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self

    __getitem__ = __enter__ = __call__

    def __setitem__(self, *args: Any) -> None:
        pass

    __exit__ = __setitem__

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))  # figure, axes
