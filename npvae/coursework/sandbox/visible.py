"""What a submission sees of the file system: the standard library and NumPy, and the shared libraries of both."""

import os
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import numpy as np

PACKAGE = Path(__file__).resolve().parents[2]
SITE = str(Path(np.__file__).resolve().parents[1])
"""The folder that numpy is imported from."""
LINKS = ("/lib", "/lib32", "/lib64", "/usr/lib32", "/usr/lib64")
"""By which the linker finds shared libraries, where these are links."""
SYSTEM = ("/etc/ld.so.cache", "/etc/alternatives", os.devnull, "/dev/zero", "/dev/urandom")


def places(hide: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What is visible, and what of that is hidden. The launcher adds the folders of its shared libraries."""
    standard = {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    numpy = [f"{SITE}/{name}" for name in ("numpy", "numpy.libs")]
    packages = [path for folder in standard for path in Path(folder).glob("*-packages")]
    hidden = [*hide, PACKAGE, Path.home(), *packages]
    visible = [*standard, *numpy, *SYSTEM, *filter(os.path.islink, LINKS)]
    return sorted(filter(os.path.exists, visible)), sorted({os.path.realpath(path) for path in hidden} - {"/"})
