"""What a human should look at: seen in the source of a submission, or as it runs."""

import ast
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from npvae.coursework.sandbox.stand_ins import put_in_place

AT_MOST = 20
"""Flags of a child."""
HANDED_OUT = ("Checker", "passes", "earned")
"""What the handout imports from npvae.coursework."""
KNOWN = {"npvae", "npvae.coursework", *(f"npvae.coursework.{name}" for name in HANDED_OUT)}
ODD_MODULES = ("builtins", "ctypes", "gc", "importlib", "inspect", "multiprocessing", "socket", "subprocess")
ODD_CALLS = ("eval", "exec", "__import__")
FRAMES = ("f_back", "f_locals", "_getframe", "currentframe", "tb_frame", "gi_frame", "__closure__", "__code__")
"""Attributes through which a function sees who calls it, and with what."""
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


def looks_odd(tree: ast.Module) -> Iterator[str]:
    """What can be seen in the source."""
    nodes = list(ast.walk(tree))
    modules = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in imported:
            if name.partition(".")[0] == "npvae" and name not in KNOWN:
                yield f"looks for {name}"
            elif name.partition(".")[0] in ODD_MODULES:
                yield f"imports {name}"
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr in FRAMES:
            yield f"looks at what calls it: {node.attr}"
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            if isinstance(node.value, ast.Name) and node.value.id in modules:
                yield f"replaces {node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ODD_CALLS:
            yield f"calls {node.func.id}"


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
