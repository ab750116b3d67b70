# ruff: noqa: F821
"""Ends all it can reach: only where it is in a process namespace, whose first process is its parent."""

import os
import resource
import signal


def attack():
    if os.getppid() != 1 or os.getpid() > 1000:
        return {"contained": False}
    managed = []
    for name in ("SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP", "SIGALRM", "SIGSEGV"):
        tried(os.kill, 1, getattr(signal, name))
        tried(os.kill, -1, getattr(signal, name))
    if tried(os.kill, GRADER, 0):
        managed.append("reached the grader")
    return {"contained": True, "managed": managed, "parent": os.getppid()}


def later():
    """Starve the launcher instead."""
    if os.getppid() == 1:
        tried(resource.prlimit, 1, resource.RLIMIT_NOFILE, (3, 3))
        tried(resource.prlimit, 1, resource.RLIMIT_FSIZE, (0, 0))
    return {}
