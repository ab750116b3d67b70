# ruff: noqa: F821
"""Tries to see what is hidden: by umount, in namespaces of its own, by capabilities and other identities."""

import ctypes
import os
import subprocess

libc = ctypes.CDLL(None, use_errno=True)


def attack():
    covered = [f"{FOLDER}/marks", f"{REPO}/npvae"]
    managed = [name for name, action in ACTIONS.items() if action() == 0]
    managed += [f"umount {path}" for path in [*covered, "/", "/scratch"] if libc.umount2(path.encode(), 2) == 0]
    managed += [
        " ".join(command) for command in COMMANDS if tried(lambda line: subprocess.run(line, check=True), command)
    ]
    managed += [name for name in ("setuid", "seteuid", "setgid") if tried(getattr(os, name), 0)]
    managed += ["another user" for user in (0, 1, 1000) if tried(os.setresuid, user, user, user)]
    managed += ["chroot"] * tried(os.chroot, "/scratch")
    files = (f"{FOLDER}/marks/marks.csv", f"{REPO}/npvae/latent.py")
    return {
        "managed": managed,
        "read": [path for path in files if tried(open, path)],
        "visible": tried(open, f"{FOLDER}/seen.txt"),
        "written": tried(open, f"{FOLDER}/new", "w"),
        "capabilities": capabilities(),
        "no_new_privileges": libc.prctl(39, 0, 0, 0, 0),
        "root": os.getuid() == 0,
    }


NEW_USER, NEW_MOUNTS = 0x10000000, 0x00020000
ACTIONS = {
    "mounts of its own": lambda: libc.unshare(NEW_MOUNTS),
    "users of its own": lambda: libc.unshare(NEW_USER),
    "both": lambda: libc.unshare(NEW_USER | NEW_MOUNTS),
    "remount": lambda: libc.mount(None, b"/", None, 32 | 4096, None),
    "a tmpfs": lambda: libc.mount(b"tmpfs", b"/scratch", b"tmpfs", 0, None),
    "proc": lambda: libc.mount(b"proc", b"/scratch", b"proc", 0, None),
    "a device": lambda: libc.mknod(b"/scratch/disk", 0o060666, 254 << 8),
    "ptrace": lambda: libc.ptrace(16, 1, 0, 0),
    "the first process's namespaces": lambda: libc.setns(os.pidfd_open(1), NEW_MOUNTS | NEW_USER),
    "host name": lambda: libc.sethostname(b"mine", 4),
}
COMMANDS = [
    ["unshare", "-Urm", "umount", f"{FOLDER}/marks"],
    ["/usr/bin/unshare", "-Urm", "umount", f"{FOLDER}/marks"],
    ["/usr/bin/umount", f"{FOLDER}/marks"],
    ["/usr/bin/su", "-c", "true"],
]


def capabilities():
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, data)
    bounding = sum(libc.prctl(23, number, 0, 0, 0) == 1 for number in range(41))
    return [*data, bounding]
