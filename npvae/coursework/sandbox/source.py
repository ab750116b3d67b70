"""What a human should look at in the source of a submission. It is read by the grader, and nothing of it is run."""

import ast
import contextlib
from collections.abc import Iterator, Sequence

from npvae.coursework.sandbox.stand_ins import HANDED_OUT

KNOWN = {"npvae", "npvae.coursework", *(f"npvae.coursework.{name}" for name in HANDED_OUT)}
ODD_MODULES = ("builtins", "ctypes", "gc", "importlib", "inspect", "multiprocessing", "socket", "subprocess")
ODD_CALLS = ("eval", "exec", "__import__")
FRAMES = ("f_back", "f_locals", "_getframe", "currentframe", "tb_frame", "gi_frame", "__closure__", "__code__")
"""Attributes through which a function sees who calls it, and with what."""


def odd(sources: Sequence[str]) -> tuple[str, ...]:
    """What statements hold that an answer does not need, each once."""
    trees = []
    for source in sources:
        with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # it will not run either
            trees.append(ast.parse(source))
    return tuple(dict.fromkeys(found([node for tree in trees for node in ast.walk(tree)])))


def found(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """What these nodes say."""
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
        match node:
            case ast.Attribute(attr=name) if name in FRAMES:
                yield f"looks at what calls it: {name}"
            case ast.Attribute(ast.Name(owner), name, ast.Store() | ast.Del()) if owner in modules:
                yield f"replaces {owner}.{name}"
            case ast.Attribute(ast.Name("npvae"), name, ast.Load()) if f"npvae.{name}" not in KNOWN:
                yield f"looks for npvae.{name}"
            case ast.Call(ast.Name(name)) if name in ODD_CALLS:
                yield f"calls {name}"
