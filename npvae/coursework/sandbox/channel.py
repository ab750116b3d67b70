"""What the grader, the launcher and a child say to each other: bytes, after their number."""

import os
import struct

STDIN, STDOUT, STDERR, RESULT = range(4)
"""Descriptors. RESULT is the file a child writes."""
READY = b"!"
SECONDS = struct.Struct(">d")
"""What a child may take: how the grader asks for one."""
LENGTH = struct.Struct(">Q")
REPLY = struct.Struct(">i?QQQ")
"""Exit code, whether time ran out, bytes of the result, of what was printed, and of the flags."""
OUT_OF_MEMORY, NO_ISOLATION, LOST = 71, 72, 73
"""Exit codes of a child; the last stands for a launcher that ended with it."""


def frame(data: bytes) -> bytes:
    """The bytes, after their number."""
    return LENGTH.pack(len(data)) + data


def read_frame(source: int) -> bytes:
    """Bytes that come after their number."""
    return read_exactly(source, *LENGTH.unpack(read_exactly(source, LENGTH.size)))


def read_exactly(source: int, count: int) -> bytes:
    """So many bytes, or an EOFError. Without a buffer: what follows may be for another process."""
    data = bytearray()
    while len(data) < count:
        piece = os.read(source, count - len(data))
        if not piece:
            raise EOFError("the grader is gone")
        data += piece
    return bytes(data)


def write_all(target: int, data: bytes) -> None:
    """All of it, or an OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
