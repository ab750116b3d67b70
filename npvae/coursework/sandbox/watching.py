"""What a human should look at: what a submission does as it runs."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from npvae.coursework.sandbox.stand_ins import put_in_place

AT_MOST = 20
"""Flags of a child."""
PATHS = {"open": "opens", "os.listdir": "lists", "os.scandir": "lists", "os.mkdir": "makes", "os.chmod": "changes"}
PATHS |= {"os.remove": "removes", "os.rmdir": "removes", "os.rename": "renames", "os.symlink": "links to"}
"""Events that name a path."""
EVENTS = {
    "socket.__new__": "opens a socket",
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.fork": "starts a process",
    "os.exec": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.kill": "sends a signal",
    "os.killpg": "sends a signal",
    "ctypes.dlopen": "calls C through ctypes",
    "gc.get_objects": "searches the memory",
    "gc.get_referrers": "searches the memory",
}


class Flags:
    """Tells the grader each thing once, at once: the process may not live long."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self.tell = tell
        self.told: set[str] = set()

    def __call__(self, what: str) -> None:
        """Tell it."""
        if what not in self.told and len(self.told) < AT_MOST:
            self.told.add(what)
            self.tell(flag=what)


def watch(flag: Callable[[str], None], config: Mapping[str, Any]) -> None:
    """Flag what the submission does as it runs, and put stand-ins where the handout imports from."""
    expected = tuple(f"{path}/" for path in (*config["visible"], os.getcwd(), os.devnull))

    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event in EVENTS:
            flag(EVENTS[event])
        elif event in PATHS and type(args[0]) in (str, bytes):
            path = os.path.abspath(os.fsdecode(args[0]))
            if not f"{path}/".startswith(expected):
                flag(f"{PATHS[event]} {path}")

    put_in_place(flag)
    sys.addaudithook(heard)
