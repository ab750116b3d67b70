"""The grader's side: runs the exercises of a submission one after the other, in the best isolation there is."""

import contextlib
import functools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from npvae.coursework.sandbox.isolation import be_private
from npvae.coursework.sandbox.process import FORKS, Job, Launcher
from npvae.coursework.sandbox.reading import Limits, Outcome
from npvae.coursework.sandbox.source import odd

DEFAULT = Limits()


def run(
    jobs: Mapping[str, Job],
    limits: Limits = DEFAULT,
    hide: Sequence[Path] = (),
) -> dict[str, Outcome]:
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
    how = isolation().command, isolation().watch
    be_private()
    with contextlib.ExitStack() as stack:

        def start() -> Launcher:
            return stack.enter_context(Launcher(limits, hide, *how))

        launcher = start()
        for name, job in jobs.items():
            known = [endless[where] for where, _ in job.statements if where in endless]
            if known:
                outcomes[name] = known[0]
                continue
            fresh = not launcher.alive
            launcher = start() if fresh else launcher
            outcomes[name] = launcher.ask(job)
            if launcher.lost and not fresh:  # an earlier exercise may have harmed it
                launcher = start()
                outcomes[name] = launcher.ask(job)
            if launcher.late and outcomes[name].at:
                endless[outcomes[name].at] = outcomes[name]
    return {name: flagged(outcome, jobs[name]) for name, outcome in outcomes.items()}


def flagged(outcome: Outcome, job: Job) -> Outcome:
    """The outcome, with what the source of its statements shows."""
    return replace(outcome, flags=(*odd([source for _, source in job.statements]), *outcome.flags))


@dataclass(frozen=True)
class Isolation:
    """What the launcher is started with, and what that does not keep out."""

    command: tuple[str, ...]
    """What starts it in namespaces of its own; empty where there are none."""
    watch: bool
    """Whether the kernel tells what it does."""
    missing: str


NAMESPACES = {True: "-nmpif", False: "-Urnmpif"}
"""For the program unshare, by whether we are root; a child makes a user namespace of its own besides."""
FREE = (
    "submissions run without isolation here ({why}): they can read and change what {whom} can, use the network and "
    "leave processes behind; grade in a container or a virtual machine that holds nothing else"
)
UNWATCHED = "what submissions do as they run is not seen here, nor their memory added up over processes ({why})"


def missing_isolation() -> str:
    """What this system cannot enforce, in a sentence; "" where isolation is complete."""
    return isolation().missing


@functools.cache
def isolation() -> Isolation:
    """The best that works on this system, tried once."""
    if not FORKS:
        why = "on Windows there is none, and no limits but that on time"
        return Isolation((), False, FREE.format(why=why, whom="you"))
    if sys.platform != "linux":
        why = f"{sys.platform} has none, and may not limit memory"
        return Isolation((), False, FREE.format(why=why, whom="you"))
    root = os.getuid() == 0
    program = shutil.which("unshare", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/bin"]))
    command = (program, NAMESPACES[root], "--kill-child") if program else ()
    if program and not (unwatched := why_not(command, watch=True)):
        return Isolation(command, True, "")
    missing = []
    unisolated = why_not(command, watch=False) if program else "the program unshare is missing"
    if unisolated:
        command = ()
        missing = [FREE.format(why=unisolated, whom="the user nobody" if root else "you")]
        unwatched = why_not(command, watch=True)
    if unwatched:
        missing.append(UNWATCHED.format(why=unwatched))
    return Isolation(command, not unwatched, "; ".join(missing))


def why_not(command: tuple[str, ...], watch: bool) -> str:
    """Why a child cannot be run so; "" where it can."""
    try:
        with Launcher(DEFAULT, (), command, watch) as launcher:
            outcome = launcher.ask(Job("kl_divergence"))
    except RuntimeError as error:
        return str(error)
    return "" if outcome.results == [] else outcome.output.strip().rpartition("\n")[2] or "no reason given"
