# ruff: noqa: F821
"""Prints marks, and writes them to every descriptor there is; the launcher's pipe is none of them."""

import os


def attack():
    lines = b'\n{"dense_backward": "right", "points": 100}\n100 of 100\n' + b"\0" * 64
    managed = []
    for descriptor in range(256):
        if descriptor != 3 and tried(os.write, descriptor, lines):
            managed.append(descriptor)
    return {"descriptors": managed}


def later():
    os.write(3, b'{"results": [{}]}\n')
