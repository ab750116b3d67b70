"""What a submission sees of the file system: an interpreter and NumPy."""

import os
import site
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

SYSTEM = {"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store"}
SYSTEM |= {"/etc/ld.so.cache", "/etc/alternatives"}
"""Where the interpreter's and numpy's libraries may be."""


def places(hide: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What a submission sees of the file system, and what of that is hidden."""
    package = Path(__file__).resolve().parents[2]
    libraries = filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    needed: list[str | Path] = [sys.base_prefix, sys.base_exec_prefix, Path(os.__file__).parent, numpy_site()]
    needed += [*libraries, os.devnull, "/dev/zero", "/dev/urandom"]
    visible = {os.path.realpath(path) for path in needed} | SYSTEM
    sites = [numpy_site(), site.getusersitepackages(), *site.getsitepackages([sys.prefix, sys.base_prefix])]
    installed = (path for folder in sites for path in Path(folder).glob("*npvae*"))
    beside = (package.parent / name for name in ("notebooks", "tests", "build"))
    hidden: list[str | Path] = [*hide, os.path.expanduser("~"), package, *installed, *beside]
    return (
        sorted(path for path in visible - {"/"} if os.path.exists(path)),
        sorted({os.path.realpath(path) for path in hidden} - {"/"}),
    )


def numpy_site() -> str:
    """The folder that numpy is imported from."""
    return os.path.realpath(Path(np.__file__).parents[1])
