"""Running a submission where it can do no harm: it gets inputs, and bytes come back that are read with care.

Nothing right ever enters the other process. What runs there is `npvae/coursework/trial/child.py`.
"""

import contextlib
import functools
import json
import math
import os
import pickle
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from npvae.coursework.trial import child
from npvae.coursework.trial.calls import Failure, Probe, Results
from npvae.coursework.trial.runs import RUN

MIB = 2**20
FORKS = hasattr(os, "fork")
"""Not on Windows: there each exercise gets a launcher of its own."""


@dataclass(frozen=True)
class Limits:
    """What an exercise may use."""

    wall: float = 10.0
    """Seconds."""
    cpu: int = 10
    """Seconds of a processor, for each process."""
    memory: int = 1024 * MIB
    """Bytes of address space, for each process."""
    file: int = 16 * MIB
    """Bytes of a file. All results together have half of it, all files four times as much."""
    processes: int = 64
    output: int = 64 * 1024
    """Bytes that are kept of what is printed."""


@dataclass(frozen=True)
class Outcome:
    """What came of one exercise."""

    results: list[Results] | None
    """For each probe arrays or a `Failure` by name, all the names that were asked for; None where nothing came."""
    failure: str
    """Why nothing came, as a sentence without a subject: "took longer than 10 s"; "" where results came."""
    flags: tuple[str, ...]
    """What a human should look at: "looks for npvae.latent", "opens /etc/passwd", "line 3 raises NameError: ..."."""
    output: str = ""
    """The beginning of what was printed, as it came."""


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
            reply = launcher.ask(name, functions[name], probes)
            if reply.status is None and not (fresh or reply.late):  # an earlier exercise may have harmed the launcher
                launcher = start()
                reply = launcher.ask(name, functions[name], probes)
            outcomes[name] = outcome_of(reply, limits)
            if reply.late and not reply.written.defined:
                endless = outcomes[name]
    return outcomes


def missing_isolation() -> str:
    """What this system cannot enforce, in a sentence; "" where isolation is complete."""
    return isolation().missing


# What isolation there is.


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
                reply = launcher.ask("kl_divergence", ("f",), [])
            if reply.written.results == []:
                return Isolation(command, "")
            why = reply.output.strip().rpartition("\n")[2] or "a process could not give up its privileges"
        except RuntimeError as error:
            why = str(error)
    return Isolation((), FREE.format(why=why, whom="the user nobody" if root else "you"))


def places(hide: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What a submission sees of the file system, and what of that is hidden."""
    package = Path(__file__).resolve().parents[1]
    libraries = filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    needed: list[str | Path] = [
        sys.base_prefix,
        sys.base_exec_prefix,
        Path(os.__file__).parent,
        numpy_site(),
        child.__file__,
    ]
    needed += [Path(child.__file__).parent, *libraries, os.devnull, "/dev/zero", "/dev/urandom"]
    visible = {os.path.realpath(path) for path in needed} | SYSTEM
    sites = [numpy_site(), site.getusersitepackages(), *site.getsitepackages([sys.prefix, sys.base_prefix])]
    hidden: list[str | Path] = [
        *hide,
        os.path.expanduser("~"),
        package,
        *(path for folder in sites for path in Path(folder).glob("*npvae*")),
    ]
    hidden += [package.parent / name for name in ("notebooks", "tests", "build")]
    return (
        sorted(path for path in visible - {"/"} if os.path.exists(path)),
        sorted({os.path.realpath(path) for path in hidden} - {"/"}),
    )


SYSTEM = {"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/nix/store"}
SYSTEM |= {"/etc/ld.so.cache", "/etc/alternatives"}
"""Where the interpreter's and numpy's libraries may be."""


def numpy_site() -> str:
    """The folder that numpy is imported from."""
    return os.path.realpath(Path(np.__file__).parents[1])


# The other process.

START = 60
"""Seconds that numpy may take to be imported."""
GRACE = 10
"""Seconds until we end a launcher that should have ended its child."""
KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables without which an interpreter may not start; the child gets no other of ours."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Written:
    """What a child wrote, as far as it is what a child writes."""

    flags: tuple[str, ...] = ()
    defined: bool = False
    """Whether it came to the end of the definitions."""
    results: list[Results] | None = None
    wrong: str = ""
    """What was wrong with it."""


@dataclass(frozen=True)
class Reply:
    """How a child ended."""

    status: int | None
    """Its exit code, negative for a signal; None where the launcher ended with it."""
    late: bool
    written: Written = field(default_factory=Written)
    output: str = ""


class Launcher:
    """The process of one submission: see `npvae.coursework.trial.child`."""

    def __init__(self, code: str, limits: Limits, hide: Sequence[Path], command: Sequence[str]) -> None:
        self.limits = limits
        self.alive = True
        self.late = False
        self.scratch = tempfile.TemporaryDirectory(prefix="npvae-", ignore_cleanup_errors=True)
        nobody: dict[str, Any] = {}
        if not command and FORKS and os.getuid() == 0:
            nobody = {"user": child.NOBODY, "group": child.NOBODY, "extra_groups": ()}
            os.chown(self.scratch.name, child.NOBODY, child.NOBODY)
        python = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
        folder = child.SCRATCH if command else self.scratch.name
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment |= dict.fromkeys(THREADS, "1") | dict.fromkeys(("HOME", "TMPDIR", "TMP", "TEMP"), folder)
        visible, hidden = places(hide)
        config = {
            "isolated": bool(command),
            "root": FORKS and os.getuid() == 0,
            "fork": FORKS,
            "code": code,
            "visible": visible,
            "hidden": hidden,
            "site": numpy_site(),
            "scratch": self.scratch.name,
            **vars(limits),
        }
        try:
            # -S: no .pth file is obeyed. Not -I: it would ignore the seed of hashes, the one variable that we set.
            self.process = subprocess.Popen(
                [*command, python, "-S", "-s", "-B", os.path.realpath(child.__file__)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", **environment},
                cwd=os.path.abspath(os.sep),
                start_new_session=True,  # Ctrl-C is for the grader
                **nobody,
            )
        except OSError as error:
            self.scratch.cleanup()
            raise RuntimeError(f"the sandbox does not start: {error}") from None
        try:
            with self.deadline(START):
                self.send(frame(json.dumps(config).encode()))
                self.receive(len(child.READY))
        except OSError:
            why = self.close().strip().rpartition("\n")[2]
            raise RuntimeError(f"the sandbox does not start: {why or 'no reason given'}") from None

    def __enter__(self) -> "Launcher":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(self, exercise: str, names: Sequence[str], probes: Sequence[Probe]) -> Reply:
        """Run one exercise."""
        expected = [tuple(RUN[exercise]([child.still_to_be_written] * len(names), probe)) for probe in probes]
        try:
            with self.deadline(self.limits.wall + (GRACE if FORKS else 0)):
                self.send(b">" + frame(pickle.dumps((exercise, tuple(names), list(probes)))))
                if not FORKS:
                    return self.last_reply(expected)
                status, late, *lengths = child.REPLY.unpack(self.receive(child.REPLY.size))
                if lengths[0] > self.limits.file or lengths[1] > self.limits.output:
                    raise OSError("no launcher writes that")
                result, output = (self.receive(length) for length in lengths)
        except OSError:
            self.close()
            return Reply(None, self.late)
        return Reply(status, late, read(result, expected), output.decode("utf-8", "replace"))

    def last_reply(self, expected: Sequence[Sequence[str]]) -> Reply:
        """Where there is no fork, the launcher itself is the child: all it writes, until it ends."""
        assert self.process.stdout
        result = self.process.stdout.read(self.limits.file)
        self.close()
        return Reply(self.process.returncode, self.late, read(result, expected))

    def send(self, data: bytes) -> None:
        """Write to the process."""
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self, count: int) -> bytes:
        """Read so many bytes, or raise an OSError."""
        assert self.process.stdout
        data = self.process.stdout.read(count)
        if len(data) < count:
            raise OSError("the launcher ended")
        return data

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
        with contextlib.suppress(OSError):
            assert self.process.stdin
            self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate()
        self.scratch.cleanup()
        return errors.decode("utf-8", "replace")


def frame(data: bytes) -> bytes:
    """The bytes, after their number."""
    return child.LENGTH.pack(len(data)) + data


# Reading what a submission wrote: whatever it claims, no more is made of it than bytes that came.

LINES, LINE = 100, MIB
"""Most lines of JSON, and bytes of one."""
TEXT = 300
"""Longest text that is believed."""
KINDS = ("blank", "raises", "changes", "number", "unsteady", "needs", "type", "large")
"""Names of a `Failure`."""
DTYPES = {np.dtype(code).str for code in "?bhilqBHILQefdg"}


def read(data: bytes, expected: Sequence[Sequence[str]]) -> Written:
    """The lines of a child and, where the last names the results that are expected, these."""
    stream = BytesIO(data)
    flags: list[str] = []
    defined = False
    try:
        for _ in range(LINES):
            text = stream.readline(LINE)
            if not text:
                break
            line = json.loads(text)
            if "results" in line:
                results = [results_in(stream, *pair) for pair in zip(line["results"], expected, strict=True)]
                return Written(tuple(flags), defined, results)
            if "flag" in line:
                flags.append(clean(line["flag"]))
            defined = defined or "defined" in line
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return Written(tuple(flags), defined, wrong="wrote something that is no list of arrays")
    return Written(tuple(flags), defined)


def results_in(stream: BytesIO, listed: Mapping[str, Any], expected: Sequence[str]) -> Results:
    """The results of one probe, or a ValueError."""
    if set(listed) != set(expected):
        raise ValueError("other results than those that were asked for")
    return {name: result_in(stream, *entry) for name, entry in listed.items()}


def result_in(stream: BytesIO, kind: str, content: Any) -> Any:
    """An array or a `Failure`, or a ValueError."""
    if kind in KINDS:
        return Failure(kind, clean(content))
    if kind not in DTYPES or not isinstance(content, list) or len(content) > 32:
        raise ValueError("no array")
    if not all(type(size) is int and 0 <= size < 2**62 for size in content):
        raise ValueError("no shape")
    count = math.prod(content) * np.dtype(kind).itemsize
    if count > stream.getbuffer().nbytes - stream.tell():
        raise ValueError("less came than was claimed")
    chunk = stream.read(count)
    if kind == np.dtype(bool).str:
        return np.ndarray(tuple(content), np.uint8, chunk) != 0  # a bool may have no other bits
    return np.ndarray(tuple(content), kind, chunk)


def clean(text: Any) -> str:
    """A text in one line of printable characters, or a ValueError."""
    if not isinstance(text, str):
        raise ValueError("no text")
    return "".join(c for c in " ".join(text[:TEXT].split()) if c.isprintable())


def outcome_of(reply: Reply, limits: Limits) -> Outcome:
    """What is told of a reply."""
    written = reply.written
    if not reply.late and written.results is not None:
        return Outcome(written.results, "", written.flags, reply.output)
    return Outcome(None, why_nothing(reply, limits), written.flags, reply.output)


def why_nothing(reply: Reply, limits: Limits) -> str:
    """Why no results came."""
    if reply.late:
        return f"took longer than {limits.wall:g} s"
    if reply.status is None:
        return "brought down the process that runs it"
    if reply.status == child.OUT_OF_MEMORY:
        return f"needed more than {amount(limits.memory)} of memory"
    if reply.status == child.NO_ISOLATION:
        return "was not run: its process could not give up its privileges"
    if reply.status < 0:
        number = -reply.status
        if number == getattr(signal, "SIGXCPU", None):
            return f"used a processor for longer than {limits.cpu} s"
        name = signal.Signals(number).name if number in list(signal.Signals) else f"signal {number}"
        return f"was ended by {name} before it gave a result"
    return reply.written.wrong or f"ended with status {reply.status} before it gave a result"


def amount(count: int) -> str:
    """Bytes in words."""
    return f"{count / 2**30:g} GiB" if count >= 2**30 else f"{count / MIB:g} MiB"
