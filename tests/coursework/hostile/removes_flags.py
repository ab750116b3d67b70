# ruff: noqa: F821
"""Does what is flagged, and then all it can so that nobody hears of it."""

import ctypes
import gc
import os
import socket
import sys


def attack():
    for i in range(1000):  # crowd out what comes
        tried(open, f"/nothing/{i}")
    for name, module in list(sys.modules.items()):  # forget what is watched, and how it is told
        if name.rpartition(".")[2] in ("watching", "launcher", "channel", "isolation"):
            for key, value in vars(module).items():
                if isinstance(value, dict | set | list) and key != "__builtins__":
                    tried(value.clear)
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Watcher", "Flags"):
            tried(vars(thing).clear)
    tried(os.listdir, PACKAGE)
    tried(open, f"{PACKAGE}/latent.py")
    tried(open, "/etc/passwd")
    tried(socket.socket)
    os.write(3, b'{"flag": "nothing to see"}\n{"flags": []}\n' * 1000)
    os.lseek(3, 0, os.SEEK_SET)
    os.ftruncate(3, 0)
    for descriptor in range(4, 256):
        tried(os.close, descriptor)
    return {"rewound": os.lseek(3, 0, os.SEEK_CUR) == 0}


def later():
    """Ask the kernel for a filter of its own, which tells nobody, and look into another answer."""
    libc = ctypes.CDLL(None)
    instruction = ctypes.create_string_buffer((0x7FFF0000 << 32 | 0x06).to_bytes(8, "little"))
    program = ctypes.create_string_buffer(
        (1).to_bytes(8, "little") + ctypes.addressof(instruction).to_bytes(8, "little")
    )
    libc.prctl(22, 2, program, 0, 0)
    reached = tried(open, f"{PACKAGE}/likelihoods.py")
    return {"filtered": reached}
