# ruff: noqa: F821
"""Looks for keys of others in each keyring it has, and leaves one of its own in each.

ADD_KEY and KEYCTL are numbers of system calls, RING and KEY of the grader's session keyring and a key in it.
"""

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
TEXT = ctypes.create_string_buffer(64)
UNLINK, LINK, SEARCH, READ, SESSION_TO_PARENT, GET_PERSISTENT = 9, 8, 10, 11, 18, 22
RINGS = {"thread": -1, "process": -2, "session": -3, "user": -4, "user session": -5}


def works(number, *args):
    """Whether a system call succeeds."""
    given = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return libc.syscall(number, *given) != -1


def attack():
    graders = {
        "linked": works(KEYCTL, LINK, RING, -3),
        "searched": works(KEYCTL, SEARCH, RING, b"user", b"npvae-grader", 0),
        "read": works(KEYCTL, READ, KEY, TEXT, 64),
        "written": works(ADD_KEY, b"user", b"npvae-left", b"x", 1, RING),
        "unlinked": works(KEYCTL, UNLINK, KEY, RING),
    }
    before = found()
    works(KEYCTL, GET_PERSISTENT, -1, -2)
    left = [name for name, ring in RINGS.items() if works(ADD_KEY, b"user", b"npvae-left", b"x", 1, ring)]
    works(KEYCTL, SESSION_TO_PARENT)
    return {"found": before, "managed": [name for name, done in graders.items() if done], "left": "session" in left}


def later():
    return {"found": found()}


def found():
    """Keys of the grader or of another exercise or submission."""
    works(KEYCTL, GET_PERSISTENT, -1, -2)
    names = ("npvae-grader", "npvae-left")
    return [
        f"{name} in {ring}"
        for ring, number in RINGS.items()
        for name in names
        if works(KEYCTL, SEARCH, number, b"user", name.encode(), 0)
    ]
