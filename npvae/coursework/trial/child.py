"""The program that runs a submission; `npvae.coursework.sandbox` starts it, as a file.

It has two roles, and the second has no privileges:

- The launcher isolates itself, imports numpy once, forks a child for each exercise, ends everything that the child
  started, and passes on the bytes that it wrote, unread. It never sees a probe.
- A child takes the probes of its exercise, gives up all privileges, and executes the submission.

A child writes lines of JSON, then the bytes of its arrays: nothing that would have to be unpickled.
"""

import ast
import contextlib
import ctypes
import errno
import functools
import gc
import importlib.machinery
import json
import os
import pickle
import re
import select
import signal
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from npvae.coursework.trial.calls import Failure, Results

Config = dict[str, Any]
STDIN, STDOUT, STDERR, RESULT = range(4)
"""Descriptors. RESULT is the file a child writes."""
READY = b"!"
LENGTH = struct.Struct(">Q")
REPLY = struct.Struct(">i?QQ")
"""Exit code, whether time ran out, bytes of the result, bytes of what was printed."""
OUT_OF_MEMORY, NO_ISOLATION = 71, 72
"""Exit codes of a child."""
SCRATCH = "/scratch"
"""In isolation: the only folder that can be written, new for each exercise."""


def main() -> None:
    """Serve one submission, exercise by exercise, until the grader closes the pipe."""
    del sys.path[0]  # the folder of this file
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process of a namespace gets no signal it does not handle
    config = json.loads(read_frame(STDIN))
    leave_keyring()
    if config["isolated"]:
        isolate(config["visible"], config["hidden"])
    sys.path.append(config["site"])
    load_trial()
    gc.freeze()  # a child that collects need not copy what was there before it
    write_all(STDOUT, READY)
    while os.read(STDIN, 1):
        if not config["fork"]:
            child(config, os.dup(STDOUT), os.open(os.devnull, os.O_WRONLY))
        write_all(STDOUT, one_exercise(config))


def load_trial() -> None:
    """Import numpy and what calls the functions, below packages that hold nothing else."""
    package, coursework = ModuleType("npvae"), ModuleType("npvae.coursework")
    package.__path__ = []
    coursework.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    package.coursework = coursework  # type: ignore[attr-defined]
    sys.modules |= {"npvae": package, "npvae.coursework": coursework}
    importlib.import_module("npvae.coursework.trial.runs")
    coursework.__path__ = []


# Bytes.


def read_exactly(source: int, count: int) -> bytes:
    """So many bytes, or an EOFError. Without a buffer: what follows may be for another process."""
    data = b""
    while len(data) < count:
        piece = os.read(source, count - len(data))
        if not piece:
            raise EOFError("the grader is gone")
        data += piece
    return data


def read_frame(source: int) -> bytes:
    """Bytes that come after their number."""
    return read_exactly(source, *LENGTH.unpack(read_exactly(source, LENGTH.size)))


def write_all(target: int, data: bytes) -> None:
    """All of it, or an OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]


# The launcher: one child after the other.


def one_exercise(config: Config) -> bytes:
    """Fork a child, wait, end what is left of it, and give what it wrote."""
    result, output = blank_file(), blank_file()
    before = own_limits()
    pid = os.fork()
    if pid == 0:
        child(config, result, output)
    status = wait_for(pid, config["wall"])
    end_all(pid, config["isolated"])
    if own_limits() != before:  # a child of the same user may do that, and the next would inherit it
        raise PermissionError("a child changed the launcher's limits")
    pieces = [os.pread(result, config["file"], 0), os.pread(output, config["output"], 0)]
    os.close(result)
    os.close(output)
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    return REPLY.pack(code, status is None, *map(len, pieces)) + b"".join(pieces)


def blank_file() -> int:
    """A file without a name, in memory where the system has such; RLIMIT_FSIZE holds for it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("npvae")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def own_limits() -> list[tuple[int, int]]:
    """All limits of this process."""
    import resource

    return [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]


def wait_for(pid: int, seconds: float) -> int | None:
    """The wait status of the child, or None when time runs out or nobody waits for the results any longer."""
    end, pause = time.monotonic() + seconds, 0.0005
    grader = select.poll()
    grader.register(STDIN, 0)  # that the other end is closed is always told
    while time.monotonic() < end and not grader.poll(0):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(pause)
        pause = min(1.5 * pause, 0.01)
    return None


def end_all(pid: int, isolated: bool) -> None:
    """Kill and reap the child and what it started: all of it as first process of a namespace, else its group."""
    if not (isolated and os.getpid() == 1):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        return
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            os.waitpid(-1, 0)


# Isolation, on Linux. The caller has put us into namespaces of our own (the program unshare), where we may mount.

NOSUID, NODEV, NOEXEC, READ_ONLY, REMOUNT, BIND, RECURSIVE = 2, 4, 8, 1, 32, 4096, 16384
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
KEYCTL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}
"""Numbers of system calls that libc has no functions for. A machine that is missing here has no isolation."""
JOIN_SESSION_KEYRING = 1
NEW_NAMESPACES, NEW_USER = 0x00020000 | 0x08000000, 0x10000000
"""Mounts and System V IPC; users."""
DEATH_SIGNAL, DUMPABLE, DROP_BOUND, NO_NEW_PRIVILEGES = 1, 4, 24, 38
"""Of prctl."""
CAPABILITY_VERSION = 0x20080522
NOBODY = 65534
NEW_ROOT = "/sys"
"""Where the new root is mounted while it is built: a folder that exists everywhere, and that nothing in it needs."""


@functools.cache
def libc() -> ctypes.CDLL:
    """The C library."""
    return ctypes.CDLL(None, use_errno=True)


def call(name: str, *args: Any) -> None:
    """Call a function of the C library, or raise its OSError."""
    given = [ctypes.c_char_p(os.fsencode(arg)) if isinstance(arg, str) else ctypes.c_long(arg or 0) for arg in args]
    if libc()[name](*given) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{args}: {os.strerror(number)}")


def leave_keyring() -> None:
    """Have a session keyring of one's own, new and empty, instead of that of whoever started us."""
    if sys.platform != "linux" or os.uname().machine not in KEYCTL:
        return
    try:
        call("syscall", KEYCTL[os.uname().machine], JOIN_SESSION_KEYRING, None)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM):  # no keyrings here, or, in a container, for no process
            raise


def isolate(visible: Sequence[str], hidden: Sequence[str]) -> None:
    """Move into a root that holds nothing but the visible paths, all read-only, with the hidden ones out of sight.

    What was never brought in cannot be seen; only what lies within a visible folder has to be hidden.
    """
    call("prctl", DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    call("prctl", DUMPABLE, 0, 0, 0, 0)  # no child looks into this process
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where memory runs out, the kernel ends a submission first
    os.umask(0o022)
    before = mounts()
    call("mount", "tmpfs", NEW_ROOT, "tmpfs", NOSUID, "mode=755,size=1m")
    os.mkdir(NEW_ROOT + SCRATCH)
    places = [(path, bring_in) for path in visible] + [(path, hide) for path in hidden]
    for path, place in sorted(places, key=lambda pair: pair[0].count("/")):  # the deeper one has the last word
        place(path)
    for number, path in mounts().items():
        if number not in before:
            make_read_only(path)
    os.chdir(NEW_ROOT)
    call("syscall", PIVOT_ROOT[os.uname().machine], ".", ".")
    call("umount2", ".", DETACH)
    os.chdir("/")


def bring_in(path: str) -> None:
    """Make a path of the old root one of the new."""
    target = NEW_ROOT + path
    if os.path.islink(path):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "x").close()
    call("mount", path, target, None, BIND | RECURSIVE, None)


def hide(path: str) -> None:
    """Put an empty folder, or an empty file, over a path that came with one above it."""
    target = NEW_ROOT + path
    if os.path.isdir(target):
        call("mount", "tmpfs", target, "tmpfs", NOSUID, "mode=755,size=1m")
    elif os.path.exists(target):
        call("mount", os.devnull, target, None, BIND, None)


def mounts() -> dict[int, str]:
    """Where something is mounted, by number of the mount."""
    with open("/proc/self/mountinfo", "rb") as file:
        lines = [line.split() for line in file]
    unescape = functools.partial(re.sub, rb"\\(\d{3})", lambda match: bytes([int(match[1], 8)]))
    return {int(number): os.fsdecode(unescape(path)) for number, _, _, _, path, *_ in lines}


def make_read_only(path: str) -> None:
    """Remount with the flags it has: the kernel refuses to lose them."""
    flags = os.statvfs(path).f_flag & (NODEV | NOEXEC)
    call("mount", None, path, None, REMOUNT | BIND | READ_ONLY | NOSUID | flags, None)


def give_up_rights(size: int, root: bool) -> None:
    """Become nobody: a scratch folder of one's own, a user namespace without a single user, no capability.

    A process whose user is not mapped can make no further user namespace, and with it no mount of its own.
    """
    call("unshare", NEW_NAMESPACES)
    call("mount", "tmpfs", SCRATCH, "tmpfs", NOSUID | NODEV, f"size={size},nr_inodes=1000,mode=777")
    os.chdir(SCRATCH)
    if root:  # truly: limits on processes would not bind; else the name is but a mask of the grader's user
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    call("unshare", NEW_USER)
    with contextlib.suppress(OSError):  # the first number that is no capability
        for capability in range(64):
            call("prctl", DROP_BOUND, capability, 0, 0, 0)
    call("prctl", NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    header = struct.pack("=II", CAPABILITY_VERSION, 0)
    if libc().capset(header, bytes(24)) == -1:
        raise OSError(ctypes.get_errno(), "capset")


# The child.


def child(config: Config, result: int, output: int) -> NoReturn:
    """Take the probes, give up privileges, and run the submission; never comes back."""
    code = NO_ISOLATION
    try:
        exercise, names, probes = pickle.loads(read_frame(STDIN))
        enter(config, result, output)
        code = 0
        perform(config, exercise, names, probes)
    except MemoryError:
        code = OUT_OF_MEMORY
    except BaseException as error:
        code = code or 1
        write_all(STDERR, f"{error!r}\n".encode())
    finally:
        os._exit(code)


def enter(config: Config, result: int, output: int) -> None:
    """All that has to stand before a line of the submission runs."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), STDIN)
    os.dup2(output, STDOUT)
    os.dup2(output, STDERR)
    if result != RESULT:
        os.dup2(result, RESULT)
    os.closerange(RESULT + 1, 256)
    if not config["fork"]:
        return os.chdir(config["scratch"])
    os.setsid()
    leave_keyring()
    if config["isolated"]:
        give_up_rights(4 * config["file"], config["root"])
    else:
        os.chdir(tempfile.mkdtemp(dir=config["scratch"]))
    set_limits(config)


def set_limits(config: Config) -> None:
    """What the kernel itself counts."""
    import resource

    limits = {
        resource.RLIMIT_AS: config["memory"],
        resource.RLIMIT_FSIZE: config["file"],
        resource.RLIMIT_NPROC: config["processes"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS refuses some
            resource.setrlimit(limit, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (config["cpu"], config["cpu"] + 1))


def tell(**line: Any) -> None:
    """Write a line of JSON for the grader."""
    write_all(RESULT, json.dumps(line).encode() + b"\n")


def perform(config: Config, exercise: str, names: Sequence[str], probes: Sequence[Any]) -> None:
    """Execute the submission, call its functions on each probe, and write what comes."""
    from npvae.coursework.trial.calls import Failure
    from npvae.coursework.trial.runs import RUN

    asked = [tuple(RUN[exercise]([still_to_be_written] * len(names), probe)) for probe in probes]
    flag = Flags()
    tree = ast.parse(config["code"])
    for what in looks_odd(tree):
        flag(what)
    watch(flag, config)
    defined = define(tree, flag)
    tell(defined=True)
    functions = [contained(defined.get(name, still_to_be_written)) for name in names]
    came: list[Results] = []
    for probe, results in zip(probes, asked, strict=True):
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


def contained(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, but sys.exit in it is an error like any other."""

    def call_it(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception:
            raise
        except BaseException as error:
            raise RuntimeError(described(error)) from None

    return call_it


def described(error: BaseException) -> str:
    """Kind and message in a line, whatever the error's own methods do."""
    try:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    except BaseException:
        return type(error).__name__


def define(tree: ast.Module, flag: Callable[[str], None]) -> dict[str, Any]:
    """Execute the submission statement by statement: one that raises costs no other. The first error is a flag."""
    module = sys.modules["submission"] = ModuleType("submission")
    future = 0
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            for alias in statement.names:
                future |= getattr(importlib.import_module("__future__"), alias.name).compiler_flag
        try:
            exec(compile(ast.Module([statement], []), "submission", "exec", future, True), vars(module))
        except BaseException as error:
            flag(f"line {statement.lineno} raises {described(error)}")
    return vars(module)


def write_results(came: "Sequence[Results]", room: int) -> None:
    """Kinds and shapes as a line of JSON, then the bytes of the arrays, one after the other."""
    listed: list[dict[str, Any]] = []
    arrays = []
    for results in came:
        listed.append({})
        for name, value in results.items():
            plain = as_plain(value, room)
            if isinstance(plain, tuple):
                dtype, shape, data = plain
                room -= len(data)
                arrays.append(data)
                listed[-1][name] = [dtype, shape]
            else:
                listed[-1][name] = [plain.name, plain.what]
    tell(results=listed)
    for data in arrays:
        write_all(RESULT, data)


def as_plain(value: Any, room: int) -> "tuple[str, tuple[int, ...], bytes] | Failure":
    """Kind, shape and bytes of a value that is an array of real numbers or makes one."""
    import numpy as np

    from npvae.coursework.trial.calls import Failure

    if isinstance(value, Failure):
        return value
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            if array.nbytes > room:
                return Failure("large", f"has {array.size} entries, far too many")
            array = array.astype(array.dtype.newbyteorder("="), copy=False)
            return array.dtype.str, array.shape, array.tobytes()
    except BaseException:  # whatever the methods of the value do
        pass
    return Failure("type", f"is a {type(value).__name__}, expected an array of numbers")


# What a human should look at.

AT_MOST = 20
"""Flags of a child."""
HANDED_OUT = ("Checker", "passes", "earned")
"""What the handout imports from npvae.coursework."""
KNOWN = {"npvae", "npvae.coursework", *(f"npvae.coursework.{name}" for name in HANDED_OUT)}
ODD_MODULES = ("builtins", "ctypes", "gc", "importlib", "inspect", "multiprocessing", "socket", "subprocess")
ODD_CALLS = ("eval", "exec", "__import__")
FRAMES = ("f_back", "f_locals", "_getframe", "currentframe", "tb_frame", "gi_frame", "__closure__", "__code__")
"""Attributes through which a function sees who calls it, and with what."""
DRAWING = ("matplotlib", "seaborn", "plotly", "IPython", "ipywidgets")
"""Modules that functions to be marked do not need, and that take long to import: here they do nothing."""
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

    def __init__(self) -> None:
        self.told: set[str] = set()

    def __call__(self, what: str) -> None:
        """Tell it."""
        if what not in self.told and len(self.told) < AT_MOST:
            self.told.add(what)
            tell(flag=what)


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


def watch(flag: Callable[[str], None], config: Config) -> None:
    """Flag what the submission does as it runs, and put stand-ins where the handout imports from."""
    expected = tuple(f"{path}/" for path in (*config["visible"], os.getcwd(), os.devnull))

    def heard(event: str, args: tuple[Any, ...]) -> None:
        if event in EVENTS:
            flag(EVENTS[event])
        elif event in PATHS and type(args[0]) in (str, bytes):
            path = os.path.abspath(os.fsdecode(args[0]))
            if not f"{path}/".startswith(expected):
                flag(f"{PATHS[event]} {path}")

    def absent(package: str) -> Callable[[str], Any]:
        def get(name: str) -> Any:
            if not name.startswith("__"):
                flag(f"looks for {package}.{name}")
            raise AttributeError(f"{package}.{name} is not there while a submission is graded")

        return get

    vars(sys.modules["npvae"])["__getattr__"] = absent("npvae")
    coursework = vars(sys.modules["npvae.coursework"])
    coursework["__getattr__"] = absent("npvae.coursework")
    coursework |= {"Checker": Checker, "passes": lambda *args, **named: True, "earned": lambda *args, **named: {}}
    sys.meta_path.insert(0, Gate(flag))
    sys.addaudithook(heard)


class Checker:
    """Stand in for npvae's, and say nothing."""

    def __init__(self, *args: Any, **named: Any) -> None:
        pass

    def __call__(self, *args: Any) -> bool:
        """All is well."""
        return True


class Gate:
    """Finds modules: none of npvae's, and empty ones for drawing."""

    def __init__(self, flag: Callable[[str], None]) -> None:
        self.flag = flag

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """As the import system asks."""
        top = name.partition(".")[0]
        if top == "npvae":
            self.flag(f"looks for {name}")
            raise ImportError(f"{name} is not there while a submission is graded")
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if top in DRAWING else None  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType:
        """A module that does nothing."""
        return Nothing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to execute."""


class Nothing(ModuleType):
    """Whatever is asked of it is nothing again."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(name)

    def __call__(self, *args: Any, **named: Any) -> Any:
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))  # figure, axes

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        pass


if __name__ == "__main__":
    main()
