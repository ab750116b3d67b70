# ruff: noqa: F821
"""Fills what is memory and counts for no process: files in memory, shared segments, its own folder."""

import contextlib
import ctypes
import mmap
import os

BLOCK = b"x" * 2**20
libc = ctypes.CDLL(None, use_errno=True)


def attack():
    return {"memfd": memfd(), "segments": segments(), "files": files(), "shared": shared()}


def memfd():
    written = 0
    with contextlib.suppress(OSError):
        for _ in range(40):
            descriptor = os.memfd_create("more")
            with contextlib.suppress(OSError):
                while written < 4096:
                    os.write(descriptor, BLOCK)
                    written += 1
    return written


def segments():
    return sum(16 for key in range(100) if libc.shmget(key + 1, 2**24, 0o1600) != -1)


def files():
    written = 0
    with contextlib.suppress(OSError):
        for i in range(40):
            with open(f"file{i}", "wb", buffering=0) as file, contextlib.suppress(OSError):
                while written < 4096:
                    written += file.write(BLOCK) == len(BLOCK)
    for i in range(40):
        tried(os.remove, f"file{i}")
    return written


def shared():
    kept = []
    with contextlib.suppress(OSError, MemoryError):
        while len(kept) < 64:
            kept.append(mmap.mmap(-1, 64 * 2**20))
            kept[-1][::4096] = b"x" * (64 * 2**20 // 4096)
    return 64 * len(kept)
