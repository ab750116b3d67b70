"""What a submission does as it runs, as the kernel tells it: no code in the process can undo, hide or delay that.

A filter of system calls (seccomp, Linux 5.5 or later) stops the child at each call that is listed here until the
launcher has seen it. Opening files and the like goes on; what would be out of reach of the limits is refused.
"""

import ctypes
import errno
import os
import re
import struct
from collections.abc import Mapping
from typing import Any

from npvae.coursework.sandbox.isolation import libc

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7, "riscv64": 0xC00000F3}
CALLS: tuple[tuple[str, int | None, int | None, int | None], ...] = (
    ("opens", 0, 2, None),  # open
    ("opens", 0, 85, None),  # creat
    ("opens", 1, 257, 56),  # openat
    ("opens", 1, 437, 437),  # openat2
    ("enters", 0, 80, 49),  # chdir
    ("makes", 0, 83, None),  # mkdir
    ("makes", 1, 258, 34),  # mkdirat
    ("changes", 0, 90, None),  # chmod
    ("changes", 1, 268, 53),  # fchmodat
    ("changes", 1, 452, 452),  # fchmodat2
    ("changes", 0, 76, 45),  # truncate
    ("removes", 0, 87, None),  # unlink
    ("removes", 1, 263, 35),  # unlinkat
    ("removes", 0, 84, None),  # rmdir
    ("renames", 0, 82, None),  # rename
    ("renames", 1, 264, 38),  # renameat
    ("renames", 1, 316, 276),  # renameat2
    ("links to", 0, 88, 36),  # symlink, symlinkat
    ("links to", 0, 266, None),  # symlinkat
    ("links to", 0, 86, None),  # link
    ("links to", 1, 265, 37),  # linkat
    ("opens a socket", None, 41, 198),  # socket
    ("sends a signal", None, 62, 129),  # kill
    ("sends a signal", None, 200, 130),  # tkill
    ("sends a signal", None, 234, 131),  # tgkill
    ("sends a signal", None, 424, 424),  # pidfd_send_signal
    ("starts a process", None, 56, 220),  # clone, but of a thread
    ("starts a process", None, 57, None),  # fork
    ("starts a process", None, 58, None),  # vfork
    ("starts a process", None, 59, 221),  # execve
    ("starts a process", None, 322, 281),  # execveat
    ("makes memory that is not counted", None, 319, 279),  # memfd_create
    ("makes memory that is not counted", None, 447, 447),  # memfd_secret
    ("makes memory that is not counted", None, 29, 194),  # shmget
    ("asks for io_uring", None, 425, 425),  # io_uring_setup: what it does is not a call
)
"""What it is, which argument is a path, and the number of the system call on x86_64 and elsewhere."""
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


def column() -> int:
    """Which of two numbers a system call has here."""
    return 0 if os.uname().machine == "x86_64" else 1


def calls() -> dict[int, tuple[str, int | None]]:
    """What each system call is, and which argument is a path, by its number here."""
    rows = ((numbers[column()], (what, path)) for what, path, *numbers in CALLS)
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
        With "visible", the paths that may be opened, and "package", whose files nobody needs.
    scratch : str
        The child's own folder.
    """

    def __init__(self, listener: int, config: Mapping[str, Any], scratch: str) -> None:
        self.listener, self.scratch, self.package = listener, scratch, f"{config['package']}/"
        self.expected = tuple(f"{path}/" for path in (*config["visible"], scratch))
        self.told: dict[str, dict[str, None]] = {}
        self.more: dict[str, int] = {}
        self.calls = calls()

    def answer(self) -> None:
        """See one call, and let it go on or refuse it."""
        import fcntl  # not on Windows

        notified = bytearray(NOTIFICATION.size)
        try:
            fcntl.ioctl(self.listener, RECEIVE, notified)
            identity, pid, _, number, _, _, *arguments = NOTIFICATION.unpack(notified)
            what, argument = self.calls[number]
            self.see(what, None if argument is None else self.path(pid, arguments[argument]))
            error, flags = (-errno.EPERM, 0) if what in REFUSED else (0, GO_ON)
            fcntl.ioctl(self.listener, SEND, ANSWER.pack(identity, 0, error, flags))
        except FileNotFoundError:  # it has ended meanwhile
            pass

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
            if inside.startswith(self.package):
                kind = f"{what} this package"
            elif (
                inside.startswith(self.expected)
                or HARMLESS.search(path)
                or any(folder.startswith(inside) for folder in self.expected)
            ):
                return
            what = f"{what} {path[:LONGEST]}"
        told = self.told.setdefault(kind, {})
        if len(told) < MOST or what in told:
            told[what] = None
        else:
            self.more[kind] = self.more.get(kind, 0) + 1

    @property
    def flags(self) -> list[str]:
        """All of it, each once."""
        more = [f"{kind} {count} more" for kind, count in self.more.items()]
        return [*(what for told in self.told.values() for what in told), *more]
