"""The first process of a submission: it isolates itself, and forks a child for each exercise.

It ends everything that a child started, and passes on the bytes that it wrote, unread. It never sees a probe.
"""

import contextlib
import gc
import json
import os
import select
import signal
import tempfile
import time

from npvae.coursework.sandbox.channel import READY, REPLY, STDIN, STDOUT, read_frame, write_all
from npvae.coursework.sandbox.child import Config, child
from npvae.coursework.sandbox.isolation import isolate, leave_keyring


def main() -> None:
    """Serve one submission, exercise by exercise, until the grader closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process of a namespace gets no signal it does not handle
    config = json.loads(read_frame(STDIN))
    leave_keyring()
    if config["isolated"]:
        isolate(config["visible"], config["hidden"])
    gc.freeze()  # a child that collects need not copy what was there before it
    write_all(STDOUT, READY)
    while os.read(STDIN, 1):
        if not config["fork"]:
            child(config, os.dup(STDOUT), os.open(os.devnull, os.O_WRONLY))
        write_all(STDOUT, one_exercise(config))


def one_exercise(config: Config) -> bytes:
    """Fork a child, wait, end what is left of it, and give what it wrote."""
    result, output = blank_file(), blank_file()
    before = own_limits()
    pid = os.fork()
    if pid == 0:
        child(config, result, output)
    status = wait_for(pid, config["wall"])
    end_all(pid, config["isolated"])
    if own_limits() != before:  # a child of the same user may do that, and the next would inherit it
        raise PermissionError("a child changed the launcher's limits")
    pieces = [os.pread(result, config["file"], 0), os.pread(output, config["output"], 0)]
    os.close(result)
    os.close(output)
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    return REPLY.pack(code, status is None, *map(len, pieces)) + b"".join(pieces)


def blank_file() -> int:
    """A file without a name, in memory where the system has such; RLIMIT_FSIZE holds for it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("npvae")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def own_limits() -> list[tuple[int, int]]:
    """All limits of this process."""
    import resource

    return [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]


def wait_for(pid: int, seconds: float) -> int | None:
    """The wait status of the child, or None when time runs out or nobody waits for the results any longer."""
    end, pause = time.monotonic() + seconds, 0.0005
    grader = select.poll()
    grader.register(STDIN, 0)  # that the other end is closed is always told
    while time.monotonic() < end and not grader.poll(0):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(pause)
        pause = min(1.5 * pause, 0.01)
    return None


def end_all(pid: int, isolated: bool) -> None:
    """Kill and reap the child and what it started: all of it as first process of a namespace, else its group."""
    if not (isolated and os.getpid() == 1):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        return
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)
