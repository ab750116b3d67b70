"""What stands in for modules that a submission imports and must not have, or does not need."""

import importlib.machinery
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

DRAWING = ("matplotlib", "seaborn", "plotly", "IPython", "ipywidgets")
"""Modules that functions to be marked do not need, and that take long to import: here they do nothing."""


def put_in_place(flag: Callable[[str], None]) -> None:
    """Give the handout what it imports, and flag whatever else of npvae is looked for."""

    def absent(package: str) -> Callable[[str], Any]:
        def get(name: str) -> Any:
            if not name.startswith("__"):
                flag(f"looks for {package}.{name}")
            raise AttributeError(f"{package}.{name} is not there while a submission is graded")

        return get

    vars(sys.modules["npvae"])["__getattr__"] = absent("npvae")
    coursework = vars(sys.modules["npvae.coursework"])
    coursework["__getattr__"] = absent("npvae.coursework")
    coursework |= {"Checker": Checker, "passes": lambda *args, **named: True, "earned": lambda *args, **named: {}}
    sys.meta_path.insert(0, Gate(flag))


class Checker:
    """Stand in for npvae's, and say nothing."""

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __call__(self, *args: Any) -> bool:
        """All is well."""
        return True


class Gate:
    """Finds modules: none of npvae's, and empty ones for drawing."""

    def __init__(self, flag: Callable[[str], None]) -> None:
        self.flag = flag

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As the import system asks."""
        top = name.partition(".")[0]
        if top == "npvae":
            self.flag(f"looks for {name}")
            raise ImportError(f"{name} is not there while a submission is graded")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if top in DRAWING else None  # type: ignore[arg-type]

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

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))  # figure, axes

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass
