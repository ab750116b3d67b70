"""The launcher's process as the grader sees it: started, asked, and ended whatever it does."""

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from npvae.coursework.sandbox import channel
from npvae.coursework.sandbox.calls import Probe
from npvae.coursework.sandbox.child import Statements, still_to_be_written
from npvae.coursework.sandbox.isolation import NOBODY, SCRATCH
from npvae.coursework.sandbox.reading import Limits, Outcome, clean, outcome_of
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.sandbox.visible import PACKAGE, SITE, places

FORKS = hasattr(os, "fork")
"""Not on Windows: there each exercise gets a launcher of its own."""
PROGRAM = str(Path(__file__).resolve().with_name("__main__.py"))
START = 60
"""Seconds that numpy may take to be imported."""
GRACE = 10
"""Seconds until we end a launcher that should have ended its child."""
KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables without which an interpreter may not start; the child gets no other of ours."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Job(NamedTuple):
    """What a child does."""

    exercise: str
    """Which entry of `RUN` calls the functions."""
    functions: Sequence[str] = ()
    """What it takes, in that order. One that the submission does not define gives a `Failure` named "blank"."""
    statements: Statements = ()
    probes: Sequence[Probe] = ()


class Launcher:
    """The process of one submission: see `npvae.coursework.sandbox.launcher`."""

    def __init__(self, limits: Limits, hide: Sequence[Path], command: Sequence[str], watch: bool) -> None:
        self.limits = limits
        self.alive = True
        self.late = False
        """Whether an exercise took too long."""
        self.scratch = tempfile.TemporaryDirectory(prefix="npvae-", ignore_cleanup_errors=True)
        root = FORKS and os.getuid() == 0
        options: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        if root and not command:
            options |= {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
            os.chown(self.scratch.name, NOBODY, NOBODY)
        python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
        folder = SCRATCH if command else self.scratch.name
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= dict.fromkeys(THREADS, "1") | dict.fromkeys(("HOME", "TMPDIR", "TMP", "TEMP"), folder)
        visible, hidden = places(hide)
        config: dict[str, Any] = {"isolated": bool(command), "watch": watch, "root": root, "fork": FORKS}
        config |= {"visible": visible, "hidden": hidden, "scratch": folder, "package": str(PACKAGE), **vars(limits)}
        try:
            # -S: no .pth file is obeyed. Not -I: it would ignore the seed of hashes, the one variable that we set.
            self.process = subprocess.Popen(
                [*command, python, "-S", "-s", "-B", PROGRAM, SITE],
                env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", **environment},
                cwd=os.path.abspath(os.sep),
                start_new_session=True,  # Ctrl-C is for the grader
                **options,
            )
        except OSError as error:
            self.scratch.cleanup()
            raise RuntimeError(f"the sandbox does not start: {error}") from None
        self.stdin, self.stdout = (pipe.fileno() for pipe in (self.process.stdin, self.process.stdout) if pipe)
        try:
            with self.deadline(START):
                channel.write_all(self.stdin, channel.frame(json.dumps(config).encode()))
                channel.read_exactly(self.stdout, len(channel.READY))
        except (OSError, EOFError):
            why = self.close().strip().rpartition("\n")[2]
            raise RuntimeError(f"the sandbox does not start: {why or 'no reason given'}") from None

    def ask(self, job: Job) -> Outcome:
        """Run one exercise."""
        limits = self.limits
        blanks = [still_to_be_written] * len(job.functions)
        tried = [(probe, tuple(RUN[job.exercise](blanks, probe))) for probe in job.probes]
        task = pickle.dumps((job.exercise, job.functions, job.statements, tried))
        output, flags = b"", b"[]"
        self.late = False
        try:
            with self.deadline(limits.wall + (GRACE if FORKS else 0)):
                channel.write_all(self.stdin, channel.SECONDS.pack(limits.wall) + channel.frame(task))
                if FORKS:
                    reply = channel.read_exactly(self.stdout, channel.REPLY.size)
                    status, self.late, *lengths = channel.REPLY.unpack(reply)
                    if lengths[0] > limits.file or lengths[1] > limits.output:
                        raise OSError("no launcher writes that")
                    result, output, flags = (channel.read_exactly(self.stdout, length) for length in lengths)
                else:  # the launcher itself is the child: all it writes, until it ends
                    assert self.process.stdout
                    result = self.process.stdout.read(limits.file)
                    self.close()
                    status = self.process.returncode
        except (OSError, EOFError):
            self.close()
            result, status = b"", channel.LOST
        outcome = outcome_of(result, [names for _, names in tried], status, self.late, limits)
        seen = tuple(clean(flag) for flag in json.loads(flags))
        return replace(outcome, flags=seen, output=output.decode("utf-8", "replace"))

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Kill the process when it takes longer than this."""

        def end() -> None:
            self.late = True
            self.process.kill()

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def close(self) -> str:
        """End the process, whatever it does, and give what it wrote to stderr."""
        if not self.alive:
            return ""
        self.alive = False
        self.process.kill()  # unshare --kill-child passes it on
        _, errors = self.process.communicate()
        self.scratch.cleanup()
        return errors.decode("utf-8", "replace")
