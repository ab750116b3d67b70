"""What a submission does as it runs, as the kernel tells it: no code in the process can undo, hide or delay that.

A filter of system calls (seccomp, Linux 5.5 or later) stops the child at each call that is listed here until the
launcher has seen it. Opening files and the like goes on; what would be out of reach of the limits is refused.
"""

import contextlib
import ctypes
import errno
import os
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from npvae.coursework.sandbox.isolation import NO_NEW_PRIVILEGES, call, libc

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
CALLS: tuple[tuple[str, int | None, dict[str, tuple[int | None, int | None]]], ...] = (
    ("opens", 0, dict(open=(2, None), creat=(85, None))),
    ("opens", 1, dict(openat=(257, 56), openat2=(437, 437))),
    ("enters", 0, dict(chdir=(80, 49))),
    ("makes", 0, dict(mkdir=(83, None))),
    ("makes", 1, dict(mkdirat=(258, 34))),
    ("changes", 0, dict(chmod=(90, None), truncate=(76, 45))),
    ("changes", 1, dict(fchmodat=(268, 53), fchmodat2=(452, 452))),
    ("removes", 0, dict(unlink=(87, None), rmdir=(84, None))),
    ("removes", 1, dict(unlinkat=(263, 35))),
    ("renames", 0, dict(rename=(82, None))),
    ("renames", 1, dict(renameat=(264, 38), renameat2=(316, 276))),
    ("links to", 0, dict(symlink=(88, None), symlinkat=(266, 36), link=(86, None))),
    ("links to", 1, dict(linkat=(265, 37))),
    ("opens a socket", None, dict(socket=(41, 198))),
    ("sends a signal", None, dict(kill=(62, 129), tkill=(200, 130), tgkill=(234, 131), pidfd_send_signal=(424, 424))),
    ("starts a process", None, dict(clone=(56, 220), fork=(57, None), vfork=(58, None))),  # of clone: no thread
    ("starts a process", None, dict(execve=(59, 221), execveat=(322, 281))),
    ("makes memory that is not counted", None, dict(memfd_create=(319, 279), memfd_secret=(447, 447))),
    ("makes memory that is not counted", None, dict(shmget=(29, 194))),
    ("asks for io_uring", None, dict(io_uring_setup=(425, 425))),  # what it does is not a call
)
"""What it is, which argument is a path, and the numbers of the system calls on x86_64 and elsewhere."""
REFUSED = ("starts a process", "makes memory that is not counted", "asks for io_uring")
CLONE, CLONE3, CLONE_THREAD, SECCOMP = (56, 220), (435, 435), 0x10000, (317, 277)
HARMLESS = re.compile(
    r"/(lib[^/]*\.so[.\d]*|openssl\.cnf|python\d+\.zip)$"
    r"|^/(dev/\w+|etc/(localtime|inputrc|ld\.so\.\w+)|proc/(stat|meminfo|cpuinfo))$"
    r"|^/(usr/(share/zoneinfo|(share|lib)/locale)|sys/devices/system/cpu|proc/self)(/|$)"
)
"""What the interpreter and the C library look for on their own, whether it is there or not."""
MOST, LONGEST = 20, 200
"""Flags of a kind, and characters of a path."""
MORE = ""
"""Stands for the flags of a kind beyond these."""


def column() -> int:
    """Which of two numbers a system call has here."""
    return 0 if os.uname().machine == "x86_64" else 1


def calls() -> dict[int, tuple[str, int | None]]:
    """What each system call is, and which argument is a path, by its number here."""
    rows = ((numbers[column()], (what, path)) for what, path, named in CALLS for numbers in named.values())
    return {number: described for number, described in rows if number is not None}


# The child.

LOAD, IF_EQUAL, IF_AT_LEAST, IF_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
KILL, NO_SUCH_CALL, NOTIFY, ALLOW = 0x80000000, 0x00050000 | errno.ENOSYS, 0x7FC00000, 0x7FFF0000
NUMBER_OF_CALL, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
"""Where they stand in what the filter sees."""


def program() -> bytes:
    """The filter: instructions of Berkeley Packet Filter, each with jumps if true and if false."""
    here = column()
    lines = [(LOAD, 0, 0, ARCHITECTURE), (IF_EQUAL, 1, 0, ARCHITECTURES[os.uname().machine]), (RETURN, 0, 0, KILL)]
    lines += [(LOAD, 0, 0, NUMBER_OF_CALL), (IF_AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, NO_SUCH_CALL)]  # x32
    lines += [(IF_EQUAL, 0, 1, CLONE3[here]), (RETURN, 0, 0, NO_SUCH_CALL)]  # then clone is tried, which can be read
    lines += [(IF_EQUAL, 0, 4, CLONE[here]), (LOAD, 0, 0, FIRST_ARGUMENT), (IF_SET, 0, 1, CLONE_THREAD)]
    lines += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NOTIFY)]
    for number in calls():
        lines += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, NOTIFY)]
    lines += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def be_watched() -> int:
    """Install the filter, for good; gives the descriptor at which the kernel tells what is called."""
    if os.uname().machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"the numbers of system calls on {os.uname().machine} are not known")
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)  # whatever is executed never has more than there is now
    filter_ = program()
    buffer = ctypes.create_string_buffer(filter_)
    described = struct.pack("HP", len(filter_) // 8, ctypes.addressof(buffer))
    listener = libc().syscall(SECCOMP[column()], 1, 8, ctypes.create_string_buffer(described))
    if listener == -1:
        raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
    return int(listener)


# The launcher.

RECEIVE, SEND = 0xC0502100, 0xC0182101
"""Of ioctl."""
NOTIFICATION, ANSWER = struct.Struct("=QII iIQ 6Q"), struct.Struct("=QqiI")
GO_ON = 1


class Watcher:
    """Answers the kernel for a child, and keeps what a human should look at.

    Parameters
    ----------
    listener : int
        What `be_watched` gave.
    config : mapping
        With "visible", the paths that may be opened, "scratch", the child's own folder, and "package", whose files
        nobody needs.
    """

    def __init__(self, listener: int, config: Mapping[str, Any]) -> None:
        self.listener, self.scratch, self.package = listener, config["scratch"], f"{config['package']}/"
        self.expected = tuple(f"{path}/" for path in (*config["visible"], self.scratch))
        self.told: dict[str, Counter[str]] = defaultdict(Counter)
        self.calls = calls()

    def answer(self) -> None:
        """See one call, and let it go on or refuse it."""
        import fcntl  # not on Windows

        notified = bytearray(NOTIFICATION.size)
        with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
            fcntl.ioctl(self.listener, RECEIVE, notified)
            identity, pid, _, number, _, _, *arguments = NOTIFICATION.unpack(notified)
            what, argument = self.calls[number]
            self.see(what, None if argument is None else self.path(pid, arguments[argument]))
            error, flags = (-errno.EPERM, 0) if what in REFUSED else (0, GO_ON)
            fcntl.ioctl(self.listener, SEND, ANSWER.pack(identity, 0, error, flags))

    def path(self, pid: int, address: int) -> str:
        """The path at an address of a process, from the root."""
        buffer = ctypes.create_string_buffer(4096)
        ours = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 4096)
        theirs = (ctypes.c_size_t * 2)(address, 4096)
        libc().process_vm_readv(pid, ours, 1, theirs, 1, 0)
        return os.path.normpath(os.path.join(self.scratch, os.fsdecode(buffer.value)))

    def see(self, what: str, path: str | None) -> None:
        """Keep it where it is of interest. Each kind has room of its own: none can crowd out another."""
        kind = what
        if path is not None:
            inside = f"{path}/"
            above = any(folder.startswith(inside) for folder in self.expected)
            if inside.startswith(self.package):
                kind = f"{what} this package"
            elif above or inside.startswith(self.expected) or HARMLESS.search(path):
                return
            what = f"{what} {path[:LONGEST]}"
        told = self.told[kind]
        told[what if len(told) < MOST or what in told else MORE] += 1

    @property
    def flags(self) -> list[str]:
        """All of it, each once."""
        more = [f"{kind} {told[MORE]} more" for kind, told in self.told.items() if MORE in told]
        return [*(what for told in self.told.values() for what in told if what != MORE), *more]
