# ruff: noqa: F821
"""Leaves its probe wherever the next exercise might find it, and looks for those of others. MARK is in each probe."""

import ctypes
import gc
import os
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
PLACES = (".", "/tmp", "/dev/shm", "/scratch", "/var/tmp", tempfile.gettempdir())
KEY = 0x6E707661


def attack():
    for place in PLACES:
        tried(open, f"{place}/probe", "w")
    libc.shmget(KEY, 4096, 0o1600)
    return {"others": others(), "pipe": from_the_pipe(), "launcher": from_the_launcher()}


def later():
    return {
        "left": [place for place in PLACES if os.path.exists(f"{place}/probe")],
        "shared": libc.shmget(KEY, 4096, 0o600) != -1,
        "others": others(),
    }


def others():
    """Probes of which more than one exercise's can be found."""
    probes = [thing for thing in gc.get_objects() if type(thing).__name__ == "Probe"]
    return sorted({probe.where for probe in probes})


def from_the_pipe():
    os.set_blocking(0, False)
    return len(os.read(0, 100))


def from_the_launcher():
    """Bytes of its memory."""
    buffer = ctypes.create_string_buffer(64)
    vector = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 64)
    return max(0, libc.process_vm_readv(1, vector, 1, vector, 1, 0))
