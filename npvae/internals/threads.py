"""How many threads the library behind NumPy's matrix products uses, and for how long.

One is the default everywhere. A second thread saves at most a quarter of the time on an idle machine; beside a single
busy process the threads wait for each other by spinning, and a step takes 4 to 50 times as long. The default does not
depend on the machine, since other numbers of threads give other last digits.
"""

import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from npvae.internals import validation

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


@contextlib.contextmanager
def limited_threads(threads: int) -> Iterator[None]:
    """Run matrix products on this many threads within the block; afterwards, restore the library's number.

    It warns if the library uses another number all the same. Libraries that threadpoolctl does not know, such as
    Apple's Accelerate, are left as they are.

    Raises
    ------
    ValueError
        For a number that is not whole or is below 1.
    """
    threads = validation.positive_int("threads", threads)
    libraries = _libraries()
    with libraries.limit(limits=threads):
        if other := {library["num_threads"] for library in libraries.info()} - {threads}:
            warnings.warn(
                f"{threads} threads were asked for, but NumPy runs on {max(other)}: the last digits may differ",
                stacklevel=3,
            )
        yield


@functools.cache
def _libraries() -> Any:
    """Return the matrix libraries that are loaded; finding them takes a hundred times as long as limiting them."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def count_of(threads: int) -> str:
    """Return the number of threads as a phrase."""
    return f"on {threads} thread{'s' * (threads > 1)}"


def available_cores() -> int:
    """Return how many cores this process may use, by affinity and by its control group's quota, as in containers."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *(int(quota) for quota in _quotas())]))


def _quotas() -> Iterator[float]:
    """Yield the quotas, in cores, of the control groups (version 2) around this process, from its own upwards."""
    try:
        lines = OWN_CGROUP.read_text("utf-8").splitlines()
    except OSError:
        return
    for own in (line.removeprefix("0::/") for line in lines if line.startswith("0::")):
        for group in (CGROUPS / own, *(CGROUPS / own).parents):
            with contextlib.suppress(OSError, ValueError):  # the root has no quota, and "max" means none
                quota, period = map(int, (group / "cpu.max").read_text("utf-8").split())
                yield quota / period
