"""The grader's side: runs the exercises of a submission one after the other, in the best isolation there is."""

import contextlib
import functools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from npvae.coursework.sandbox.isolation import be_private
from npvae.coursework.sandbox.process import FORKS, Job, Launcher
from npvae.coursework.sandbox.reading import Limits, Outcome
from npvae.coursework.sandbox.source import odd

DEFAULT = Limits()


def run(jobs: Mapping[str, Job], limits: Limits = DEFAULT, hide: Sequence[Path] = ()) -> dict[str, Outcome]:
    """Run exercises of a submission, each in a process of its own, in isolation.

    Parameters
    ----------
    jobs : mapping of str to Job
        What to run, by name.
    limits : Limits
        For each.
    hide : sequence of path
        Folders and files that the submission must not see: other submissions, marks.

    Returns
    -------
    outcomes : dict
        An `Outcome` for each job, in their order.

    Raises
    ------
    RuntimeError
        Where the sandbox does not start: that is no fault of a submission.
    """
    outcomes: dict[str, Outcome] = {}
    endless: dict[str, Outcome] = {}
    command, watch, _ = isolation()
    be_private()
    with contextlib.ExitStack() as stack:

        def start() -> Launcher:
            return stack.enter_context(contextlib.closing(Launcher(limits, hide, command, watch)))

        launcher = None
        for name, job in jobs.items():
            outcome = next((endless[where] for where, _ in job.statements if where in endless), None)
            if not outcome:
                used = launcher if launcher and launcher.alive else None
                launcher = used or start()
                outcome = launcher.ask(job)
                if used and not (used.alive or used.late):  # it is lost: an earlier exercise may have harmed it
                    launcher = start()
                    outcome = launcher.ask(job)
                if launcher.late and outcome.at:
                    endless[outcome.at] = outcome
            shown = odd([source for _, source in job.statements])
            outcomes[name] = replace(outcome, flags=(*shown, *outcome.flags))
    return outcomes


class Isolation(NamedTuple):
    """What the launcher is started with, and what that does not keep out."""

    command: tuple[str, ...]
    """What starts it in namespaces of its own; empty where there are none."""
    watch: bool
    """Whether the kernel tells what it does."""
    missing: str
    """What this system cannot enforce, in a sentence; "" where isolation is complete."""


NAMESPACES = {True: "-nmpif", False: "-Urnmpif"}
"""For the program unshare, by whether we are root; a child makes a user namespace of its own besides."""
FREE = (
    "submissions run without isolation here ({why}): they can read and change what {whom} can, use the network and "
    "leave processes behind; grade in a container or a virtual machine that holds nothing else"
)
UNWATCHED = "what submissions do as they run is not seen here, nor their memory added up over processes ({why})"


@functools.cache
def isolation() -> Isolation:
    """The best that works on this system, tried once."""
    if sys.platform != "linux":
        on_windows = "on Windows there is none, and no limits but that on time"
        why = f"{sys.platform} has none, and may not limit memory" if FORKS else on_windows
        return Isolation((), False, FREE.format(why=why, whom="you"))
    root = os.getuid() == 0
    program = shutil.which("unshare", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/bin"]))
    command = (program, NAMESPACES[root], "--kill-child") if program else ()
    unisolated = "" if program else "the program unshare is missing"
    unwatched = why_not(command, watch=True)
    if command and unwatched and (unisolated := why_not(command, watch=False)):
        command, unwatched = (), why_not((), watch=True)
    missing = [FREE.format(why=unisolated, whom="the user nobody" if root else "you")] if unisolated else []
    missing += [UNWATCHED.format(why=unwatched)] if unwatched else []
    return Isolation(command, not unwatched, "; ".join(missing))


def why_not(command: tuple[str, ...], watch: bool) -> str:
    """Why a child cannot be run so; "" where it can."""
    try:
        with contextlib.closing(Launcher(DEFAULT, (), command, watch)) as launcher:
            outcome = launcher.ask(Job("kl_divergence"))
    except RuntimeError as error:
        return str(error)
    return "" if outcome.results == [] else outcome.output.strip().rpartition("\n")[2] or "no reason given"
