"""Reading what a child wrote: whatever it claims, no more is made of it than bytes that came."""

import json
import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Failure, Results
from npvae.coursework.sandbox.channel import LOST, NO_ISOLATION, OUT_OF_MEMORY

MIB = 2**20
LINES, LINE = 10_000, MIB
"""Most lines of JSON, and bytes of one."""
MOST = 20
"""Statements that raised that are shown."""
TEXT = 300
"""Longest text that is believed."""
KINDS = ("blank", "raises", "changes", "number", "unsteady", "needs", "type", "large")
"""Names of a `Failure`."""
DTYPES = {np.dtype(code).str for code in "?bhilqBHILQefdg"}


@dataclass(frozen=True)
class Limits:
    """What an exercise may use."""

    wall: float = 10.0
    """Seconds."""
    cpu: int = 15
    """Seconds of a processor, for each process. More than `wall`: one thread meets that first, on every machine."""
    memory: int = 1024 * MIB
    """Bytes of address space, for each process."""
    file: int = 16 * MIB
    """Bytes of a file. All results together have half of it, all files four times as much; both are in memory."""
    processes: int = 8
    """Threads too. Where the kernel tells what a submission does, only threads."""
    output: int = 64 * 1024
    """Bytes that are kept of what is printed."""


@dataclass(frozen=True)
class Outcome:
    """What came of one exercise."""

    results: list[Results] | None = None
    """For each probe arrays or a `Failure` by name, all the names that were asked for; None where nothing came."""
    failure: str = ""
    """Why nothing came, as a sentence without a subject: "took longer than 10 s"; "" where results came."""
    flags: tuple[str, ...] = ()
    """What a human should look at: "looks for npvae.latent", "opens /etc/passwd"."""
    raised: tuple[str, ...] = ()
    """What became of statements that raised: "line 3 of code cell 7 raises NameError: ..."."""
    output: str = ""
    """The beginning of what was printed, as it came."""
    at: str = ""
    """Which of the submission's statements or functions it was in when it ended, or ""."""


def outcome_of(data: bytes, expected: Sequence[Sequence[str]], status: int, late: bool, limits: Limits) -> Outcome:
    """What came of a child that wrote this, and ended so or was late."""
    outcome = read(data, expected)
    if late:
        failure = f"took longer than {limits.wall:g} s" + f", in {outcome.at}" * bool(outcome.at)
    elif outcome.results is None:
        failure = why_it_ended(status, limits) or outcome.failure
    else:
        return outcome
    return replace(outcome, results=None, failure=failure or f"ended with status {status} before it gave a result")


def why_it_ended(status: int, limits: Limits) -> str:
    """What an exit code says, if anything."""
    if status >= 0:
        said = {OUT_OF_MEMORY: f"needed more than {amount(limits.memory)} of memory"}
        said |= {NO_ISOLATION: "was not run: its process could not give up its privileges"}
        said |= {LOST: "brought down the process that runs it"}
        return said.get(status, "")
    if -status == getattr(signal, "SIGXCPU", None):
        return f"used a processor for longer than {limits.cpu} s"
    name = signal.Signals(-status).name if -status in list(signal.Signals) else f"signal {-status}"
    return f"was ended by {name} before it gave a result"


def amount(count: int) -> str:
    """Bytes in words."""
    return f"{count / 2**30:g} GiB" if count >= 2**30 else f"{count / MIB:g} MiB"


def read(data: bytes, expected: Sequence[Sequence[str]]) -> Outcome:
    """The lines of a child and, where the last names the results that are expected, these."""
    stream = BytesIO(data)
    told: dict[str, list[str]] = {"raised": [], "at": [""]}
    results, failure = None, ""
    try:
        for text in islice(iter(lambda: stream.readline(LINE), b""), LINES):
            line = json.loads(text)
            if "results" in line:
                listed = line["results"]
                if [set(each) for each in listed] != [set(names) for names in expected]:
                    raise ValueError("other results than those that were asked for")
                results = [{name: result_in(stream, *entry) for name, entry in each.items()} for each in listed]
                break
            for kind, said in told.items():
                if kind in line:
                    said.append(clean(line[kind]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        failure = "wrote something that is not a list of arrays"
    raised = tuple(dict.fromkeys(told["raised"]))[:MOST]
    return Outcome(results, failure, raised=raised, at=told["at"][-1])


def result_in(stream: BytesIO, kind: str, content: Any) -> Any:
    """An array or a `Failure`, or a ValueError."""
    if kind in KINDS:
        return Failure(kind, clean(content))
    if kind not in DTYPES or not isinstance(content, list) or len(content) > 32:
        raise ValueError("not an array")
    if not all(type(size) is int and 0 <= size < 2**62 for size in content):
        raise ValueError("not a shape")
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
        raise ValueError("not a text")
    return "".join(c for c in " ".join(text[:TEXT].split()) if c.isprintable())
