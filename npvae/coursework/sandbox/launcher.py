"""The first process of a submission: it isolates itself, and forks a child for each exercise.

It ends everything that a child started, and passes on the bytes that it wrote, unread. It never sees a probe.
"""

import contextlib
import gc
import json
import os
import re
import select
import signal
import socket
import tempfile
import time

from npvae.coursework.sandbox import channel
from npvae.coursework.sandbox.child import Config, child
from npvae.coursework.sandbox.isolation import isolate, leave_keyring
from npvae.coursework.sandbox.watching import Watcher


def main() -> None:
    """Serve one submission, exercise by exercise, until the grader closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process of a namespace gets no signal it does not handle
    config = json.loads(channel.read_frame(channel.STDIN))
    leave_keyring()
    if config["isolated"]:
        config["visible"] += libraries()
        isolate(config["visible"], config["hidden"])
    gc.freeze()  # a child that collects need not copy what was there before it
    channel.write_all(channel.STDOUT, channel.READY)
    with contextlib.suppress(EOFError):
        while seconds := channel.SECONDS.unpack(channel.read_exactly(channel.STDIN, channel.SECONDS.size)):
            if not config["fork"]:
                child(config, os.dup(channel.STDOUT), os.open(os.devnull, os.O_WRONLY))
            channel.write_all(channel.STDOUT, one_exercise(config, *seconds))


def libraries() -> set[str]:
    """The folders of the shared libraries that this process has loaded."""
    with open("/proc/self/maps", "rb") as file:
        paths = {os.fsdecode(line.split(maxsplit=5)[-1].strip()) for line in file}
    return {os.path.dirname(path) for path in paths if re.search(r"\.so[.\d]*$", path)}


def one_exercise(config: Config, seconds: float) -> bytes:
    """Fork a child, watch it until it ends, end what is left of it, and give what it wrote."""
    result, output = blank_file(), blank_file()
    before = own_limits()
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        child(config, result, output, theirs)
    watcher = watch(ours, theirs, config)
    status = wait_for(pid, seconds, watcher)
    end_all(pid)
    if own_limits() != before:  # a child of the same user may do that, and the next would inherit it
        raise PermissionError("a child changed the launcher's limits")
    flags = json.dumps(watcher.flags if watcher else []).encode()
    pieces = [os.pread(result, config["file"], 0), os.pread(output, config["output"], 0), flags]
    for descriptor in (result, output, *([watcher.listener] if watcher else [])):
        os.close(descriptor)
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    return channel.REPLY.pack(code, status is None, *map(len, pieces)) + b"".join(pieces)


def watch(ours: socket.socket, theirs: socket.socket, config: Config) -> Watcher | None:
    """The watcher of a child that has just been forked; None where it is not watched, or ended before it could be."""
    theirs.close()
    with ours:
        _, listeners, _, _ = socket.recv_fds(ours, 1, 1)
    return Watcher(listeners[0], config) if listeners else None


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


def wait_for(pid: int, seconds: float, watcher: Watcher | None) -> int | None:
    """The wait status of the child, or None when time runs out or nobody waits for the results any longer."""
    end, pause = time.monotonic() + seconds, 0.5
    told = select.poll()
    told.register(channel.STDIN, 0)  # that the other end is closed is always told
    if watcher:
        told.register(watcher.listener, select.POLLIN)
    while time.monotonic() < end:
        for descriptor, event in told.poll(pause):
            if descriptor == channel.STDIN:
                return None
            if watcher and event & select.POLLIN:
                watcher.answer()
            else:
                told.unregister(descriptor)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        pause = min(1.5 * pause, 10)
    return None


def end_all(pid: int) -> None:
    """Kill and reap the child and what it started: all of it as first process of a namespace, else its group."""
    everything, each = (-1, -1) if os.getpid() == 1 else (-pid, pid)
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            with contextlib.suppress(OSError):
                os.kill(everything, signal.SIGKILL)
            os.waitpid(each, 0)
