"""All that keeps a submission in: a root folder, namespaces and keyrings of its own, no privileges, and limits.

Whoever starts the launcher has put it into namespaces of its own (the program unshare), where it may mount.
"""

import contextlib
import ctypes
import errno
import functools
import os
import re
import signal
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import Any

SCRATCH = "/scratch"
"""In isolation: the only folder that can be written, new for each exercise."""
NOSUID, NODEV, NOEXEC, READ_ONLY, REMOUNT, BIND, RECURSIVE = 2, 4, 8, 1, 32, 4096, 16384
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
"""Numbers of system calls that libc has no functions for. A machine that is missing here has no isolation."""
JOIN_SESSION_KEYRING = 1
NEW_NAMESPACES, NEW_USER = 0x00020000 | 0x08000000, 0x10000000
"""Mounts and System V IPC; users."""
DEATH_SIGNAL, DUMPABLE, DROP_BOUND, NO_NEW_PRIVILEGES = 1, 4, 24, 38
"""Of prctl."""
CAPABILITY_VERSION = 0x20080522
NOBODY = 65534
NEW_ROOT = "/sys"
"""Where the new root is mounted while it is built: a folder that exists everywhere, and that nothing in it needs."""


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *args: Any) -> None:
    """Call a function of the C library, or raise its OSError."""
    given = [os.fsencode(arg) if isinstance(arg, str | bytes) else ctypes.c_long(arg or 0) for arg in args]
    if libc()[name](*given) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{args}: {os.strerror(number)}")


def leave_keyring() -> None:
    """Have a session keyring of one's own, new and empty, instead of that of whoever started us."""
    if sys.platform == "linux" and (number := KEYCTL.get(os.uname().machine)):
        try:
            call("syscall", number, JOIN_SESSION_KEYRING, None)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EPERM):  # no keyrings here, or, in a container, for no process
                raise


def isolate(visible: Sequence[str], hidden: Sequence[str]) -> None:
    """Move into a root that holds nothing but the visible paths, all read-only, with the hidden ones out of sight.

    What is never shown cannot be seen; only what lies within a visible folder has to be hidden.
    """
    call("prctl", DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    be_private()
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, the kernel ends a submission first
    os.umask(0o022)
    before = mounts()
    call("mount", "tmpfs", NEW_ROOT, "tmpfs", NOSUID, "mode=755,size=1m")
    os.mkdir(NEW_ROOT + SCRATCH)
    places = [(path, show) for path in visible] + [(path, hide) for path in hidden]
    for path, place in sorted(places, key=lambda pair: pair[0].count("/")):  # the deeper one has the last word
        place(path)
    for number, path in mounts().items():
        if number not in before:
            make_read_only(path)
    os.chdir(NEW_ROOT)
    call("syscall", PIVOT_ROOT[os.uname().machine], ".", ".")
    call("umount2", ".", DETACH)
    os.chdir("/")


def show(path: str) -> None:
    """Make a path of the old root one of the new."""
    target = NEW_ROOT + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        with contextlib.suppress(FileExistsError):
            os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        open(target, "x").close()
    call("mount", path, target, None, BIND | RECURSIVE, None)


def hide(path: str) -> None:
    """Put an empty folder, or an empty file, over a path that was shown with one above it."""
    target = NEW_ROOT + path
    if os.path.isdir(target):
        call("mount", "tmpfs", target, "tmpfs", NOSUID, "mode=755,size=1m")
    elif os.path.exists(target):
        call("mount", os.devnull, target, None, BIND, None)


def mounts() -> dict[int, str]:
    """Where something is mounted, by number of the mount."""
    with open("/proc/self/mountinfo", "rb") as file:
        lines = [line.split() for line in file]
    unescape = functools.partial(re.sub, rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]))
    return {int(number): os.fsdecode(unescape(path)) for number, _, _, _, path, *_ in lines}


def make_read_only(path: str) -> None:
    """Remount with the flags it has: the kernel refuses to lose them."""
    flags = os.statvfs(path).f_flag & (NODEV | NOEXEC)
    call("mount", None, path, None, REMOUNT | BIND | READ_ONLY | NOSUID | flags, None)


def give_up_privileges(size: int, root: bool) -> None:
    """Become nobody: a scratch folder of one's own, a user namespace without a single user, no capability.

    A process whose user is not mapped can make no further user namespace, and with it no mount of its own.
    """
    call("unshare", NEW_NAMESPACES)
    call("mount", "tmpfs", SCRATCH, "tmpfs", NOSUID | NODEV, f"size={size},nr_inodes=1000,mode=777")
    os.chdir(SCRATCH)
    if root:  # truly: limits on processes would not bind; else the name is but a mask of the grader's user
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    call("unshare", NEW_USER)
    with contextlib.suppress(OSError):  # the first number that is not a capability
        for capability in range(64):
            call("prctl", DROP_BOUND, capability, 0, 0, 0)
    call("capset", struct.pack("=II", CAPABILITY_VERSION, 0), bytes(24))


def be_private() -> None:
    """Let no other process of the same user look into the memory of this one."""
    if sys.platform == "linux":
        call("prctl", DUMPABLE, 0, 0, 0, 0)


def set_limits(config: Mapping[str, Any]) -> None:
    """What the kernel itself counts."""
    import resource

    limits = {"AS": config["memory"], "FSIZE": config["file"], "NPROC": config["processes"], "NOFILE": 64, "CORE": 0}
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (config["cpu"], config["cpu"] + 1))
