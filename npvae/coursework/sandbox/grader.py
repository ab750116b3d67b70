"""The grader's side: runs the exercises of a submission one after the other, in the best isolation there is."""

import contextlib
import functools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.sandbox.process import FORKS, Launcher
from npvae.coursework.sandbox.reading import Limits, Outcome

DEFAULT = Limits()


def run(
    code: str,
    jobs: Mapping[str, Sequence[Probe]],
    functions: Mapping[str, tuple[str, ...]],
    limits: Limits = DEFAULT,
    hide: Sequence[Path] = (),
) -> dict[str, Outcome]:
    """Run a submission, each exercise in a process of its own, in isolation.

    Parameters
    ----------
    code : str
        The submission's definitions, as Python source.
    jobs : mapping
        The probes by name of the exercise.
    functions : mapping
        By name of the exercise, the functions that its entry of `RUN` takes, in that order. One that the submission
        does not define gives a `Failure` named "blank".
    limits : Limits
        For each exercise.
    hide : sequence of path
        Folders and files that the submission must not see: other submissions, marks.

    Returns
    -------
    outcomes : dict
        An `Outcome` for each exercise, in the order of jobs.

    Raises
    ------
    RuntimeError
        Where the sandbox does not start: that is no fault of a submission.
    """
    outcomes: dict[str, Outcome] = {}
    endless: Outcome | None = None
    with contextlib.ExitStack() as stack:

        def start() -> Launcher:
            return stack.enter_context(Launcher(code, limits, hide, isolation().command))

        launcher = start()
        for name, probes in jobs.items():
            if endless:  # what every exercise executes first is what took too long
                outcomes[name] = endless
                continue
            fresh = not launcher.alive
            launcher = start() if fresh else launcher
            outcomes[name] = launcher.ask(name, functions[name], probes)
            if launcher.lost and not fresh:  # an earlier exercise may have harmed it
                launcher = start()
                outcomes[name] = launcher.ask(name, functions[name], probes)
            if launcher.late and not outcomes[name].defined:
                endless = outcomes[name]
    return outcomes


@dataclass(frozen=True)
class Isolation:
    """What the launcher is started with, and what that does not keep out."""

    command: tuple[str, ...]
    missing: str


NAMESPACES = {True: "-nmpif", False: "-Urnmpif"}
"""For the program unshare, by whether we are root; a child makes a user namespace of its own besides."""
FREE = (
    "submissions run without isolation here ({why}): they can read and change what {whom} can, use the network and "
    "leave processes behind; grade in a container or a virtual machine that holds nothing else"
)


def missing_isolation() -> str:
    """What this system cannot enforce, in a sentence; "" where isolation is complete."""
    return isolation().missing


@functools.cache
def isolation() -> Isolation:
    """The best that works on this system, tried once."""
    if not FORKS:
        why = "on Windows there is none, and no limits but that on time"
        return Isolation((), FREE.format(why=why, whom="you"))
    if sys.platform != "linux":
        return Isolation((), FREE.format(why=f"{sys.platform} has none, and may not limit memory", whom="you"))
    root = os.getuid() == 0
    why = "the program unshare is missing"
    if program := shutil.which("unshare", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/bin"])):
        command = (program, NAMESPACES[root], "--kill-child")
        try:
            with Launcher("", DEFAULT, (), command) as launcher:
                outcome = launcher.ask("kl_divergence", ("f",), [])
            if outcome.results == []:
                return Isolation(command, "")
            why = outcome.output.strip().rpartition("\n")[2] or "a process could not give up its privileges"
        except RuntimeError as error:
            why = str(error)
    return Isolation((), FREE.format(why=why, whom="the user nobody" if root else "you"))
