"""The process of one exercise: it takes the probes, gives up all privileges, and executes the submission.

It writes lines of JSON, then the bytes of its arrays: nothing that would have to be unpickled.
"""

import __future__

import contextlib
import functools
import json
import linecache
import os
import pickle
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from npvae.coursework.sandbox import channel
from npvae.coursework.sandbox.calls import Failure, Probe, Results, described, not_numbers
from npvae.coursework.sandbox.cases import fixed_noise
from npvae.coursework.sandbox.channel import RESULT, STDERR, STDIN, STDOUT, write_all
from npvae.coursework.sandbox.isolation import give_up_privileges, leave_keyring, set_limits
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.sandbox.stand_ins import put_in_place
from npvae.coursework.sandbox.watching import be_watched

Config = Mapping[str, Any]
Statements = Sequence[tuple[str, str]]
"""Where each statement of a submission stands, and its source."""
Tried = Sequence[tuple[Probe, Sequence[str]]]
"""What functions are tried on, and the names of the results of each."""
FUTURE = __future__.annotations.compiler_flag
"""The one `from __future__ import` that still changes anything."""


def child(config: Config, result: int, output: int, launcher: socket.socket | None = None) -> NoReturn:
    """Take the probes, give up privileges, and run the submission; never comes back."""
    code = channel.NO_ISOLATION
    try:
        job = pickle.loads(channel.read_frame(STDIN))
        enter(config, result, output, launcher)
        code = 0
        perform(config, *job)
    except MemoryError:
        code = channel.OUT_OF_MEMORY
    except BaseException as error:
        code = code or 1
        write_all(STDERR, f"{error!r}\n".encode())
    finally:
        os._exit(code)


def enter(config: Config, result: int, output: int, launcher: socket.socket | None) -> None:
    """All that has to stand before a line of the submission runs."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), STDIN)
    os.dup2(output, STDOUT)
    os.dup2(output, STDERR)
    os.dup2(result, RESULT)
    to_launcher = launcher.fileno() if launcher else RESULT
    os.closerange(RESULT + 1, to_launcher)
    os.closerange(to_launcher + 1, 256)
    if not launcher:
        return os.chdir(config["scratch"])
    os.setsid()
    leave_keyring()
    if config["isolated"]:
        give_up_privileges(4 * config["file"], config["root"])
    else:
        os.chdir(tempfile.mkdtemp(dir=config["scratch"]))
    set_limits(config)
    if config["watch"]:
        listener = be_watched()
        socket.send_fds(launcher, [b"!"], [listener])
        os.close(listener)
    launcher.close()


def tell(**line: Any) -> None:
    """Write a line of JSON for the grader."""
    write_all(RESULT, json.dumps(line).encode() + b"\n")


def perform(config: Config, exercise: str, names: Sequence[str], statements: Statements, tried: Tried) -> None:
    """Execute the submission, call its functions on each probe, and write what comes."""
    put_in_place()
    came: list[Results] = []
    with fixed_noise(0):
        defined = define(statements)
        functions = [contained(name, defined.get(name, still_to_be_written)) for name in names]
        for probe, results in tried:
            try:
                came.append(RUN[exercise](functions, probe))
            except BaseException as error:  # from objects that do not let themselves be copied or compared
                came.append(dict.fromkeys(results, Failure("raises", f"raises {described(error)}")))
    write_results(came, config["file"] // 2)
    with contextlib.suppress(BaseException):
        sys.stdout.flush()


def still_to_be_written(*args: Any) -> NoReturn:
    """Stand in for a function that the submission does not define."""
    raise NotImplementedError


def contained(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but sys.exit in it is an error like any other, and it is told when it has begun and ended."""

    @functools.wraps(function)
    def call_it(*args: Any) -> Any:
        tell(at=name)
        try:
            return function(*args)
        except Exception:
            raise
        except BaseException as error:
            raise RuntimeError(described(error)) from None
        finally:
            tell(at="")

    return call_it


def define(statements: Statements) -> dict[str, Any]:
    """Execute the submission statement by statement: one that raises is told, and costs no other."""
    module = sys.modules["submission"] = ModuleType("submission")
    future = 0
    for where, source in statements:
        tell(at=where)
        linecache.cache[where] = len(source), None, source.splitlines(keepends=True), where
        try:
            code = compile(source, where, "exec", future, True)
            future |= code.co_flags & FUTURE
            exec(code, vars(module))
        except BaseException as error:
            tell(raised=f"{where} raises {described(error)}")
    tell(at="")
    return vars(module)


def write_results(came: Sequence[Results], room: int) -> None:
    """Kinds and shapes as a line of JSON, then the bytes of the arrays, one after the other."""
    listed: list[dict[str, Any]] = []
    arrays = []
    for results in came:
        listed.append({})
        for name, value in results.items():
            *listed[-1][name], data = as_plain(value, room)
            room -= len(data)
            arrays.append(data)
    tell(results=listed)
    write_all(RESULT, b"".join(arrays))


def as_plain(value: Any, room: int) -> tuple[str, Any, bytes]:
    """Kind, shape and bytes of what is or makes an array of real numbers; of all else a failure, and why."""
    if isinstance(value, Failure):
        return value.name, value.what, b""
    with contextlib.suppress(BaseException):  # whatever the methods of the value do
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            if array.nbytes > room:
                return "large", f"has {array.size} entries, far too many", b""
            array = array.astype(array.dtype.newbyteorder("="), copy=False)
            return array.dtype.str, array.shape, array.tobytes()
    return "type", not_numbers(value), b""
