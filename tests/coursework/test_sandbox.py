"""The sandbox: right code gives what it gives anywhere, and hostile code reports from inside that it managed nothing.

The programs are in tests/coursework/hostile. Each runs between exercises that must come back right all the same.
"""

import ast
import contextlib
import ctypes
import errno
import functools
import json
import os
import pickle
import shutil
import socket
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_reading import forged

from npvae.coursework.assignments import variant
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.grading import probes_seed
from npvae.coursework.handout import write_handout
from npvae.coursework.key import answer_key
from npvae.coursework.marks import GRADING_SEED
from npvae.coursework.sandbox import grader, isolation, process
from npvae.coursework.sandbox.calls import Failure, Probe
from npvae.coursework.sandbox.grader import DEFAULT, Isolation
from npvae.coursework.sandbox.process import Job, Launcher
from npvae.coursework.sandbox.reading import Limits
from npvae.coursework.sandbox.runs import RUN
from npvae.coursework.sandbox.visible import SITE
from npvae.coursework.sandbox.visible import places as visible_places
from npvae.coursework.submissions import Submission, read

pytestmark = pytest.mark.slow
HOSTILE = Path(__file__).parent / "hostile"
REPO = HOSTILE.parents[2]
SHARED = (HOSTILE / "_shared.py").read_text()
SHORT = Limits(wall=1.5, cpu=5)
TEXTBOOK = variant("textbook")
FUNCTIONS = {name: exercise.functions for name, exercise in EXERCISES.items()}
RIGHT = ("kl_divergence", "reparameterize", "importance_bound")
"""Before, between and after what attacks; importance_bound is defined nowhere."""
MARK = 1234.5678
RECURSION = "RecursionError: maximum recursion depth exceeded"


@functools.cache
def is_isolated():
    return grader.isolation().missing == ""


@functools.cache
def runs_without_isolation():
    """As root without isolation it becomes nobody, who may not read root's interpreter."""
    try:
        with contextlib.closing(Launcher(SHORT, (), (), watch=False)):
            return True
    except RuntimeError:
        return False


@pytest.fixture
def isolated():
    if not is_isolated():
        pytest.skip(grader.isolation().missing)


@pytest.fixture
def unisolated(monkeypatch):
    if not runs_without_isolation():
        pytest.skip("nobody cannot read this interpreter")
    monkeypatch.setattr(grader, "isolation", lambda: Isolation((), False, "submissions run without isolation"))


@pytest.fixture
def unwatched(isolated, monkeypatch):
    """As on a kernel that does not tell what a submission does, and refuses nothing."""
    how = Isolation(grader.isolation().command, False, "what submissions do is not seen")
    monkeypatch.setattr(grader, "isolation", lambda: how)


@pytest.fixture
def folder():
    """Open to everyone: what keeps a submission out is not the file's owner."""
    path = Path(tempfile.mkdtemp(prefix="npvae-test-"))
    path.chmod(0o777)
    (path / "marks.csv").write_text("name,points\n")
    (path / "marks.csv").chmod(0o666)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def probes(name):
    return EXERCISES[name].probes(TEXTBOOK, np.random.default_rng(3))


def statements(source):
    try:
        return [(f"line {node.lineno}", ast.unparse(node)) for node in ast.parse(source).body]
    except SyntaxError:
        return [("line 1", source)]


def run(source, tried, limits=DEFAULT, hide=()):
    """An outcome for each exercise that has probes. Every statement of the submission is run."""
    jobs = {name: Job(name, FUNCTIONS[name], statements(source), probes) for name, probes in tried.items()}
    return grader.run(jobs, limits, hide)


def program(name, **settings):
    lines = [f"{key} = {value!r}" for key, value in settings.items()]
    return "\n".join([*lines, SHARED, (HOSTILE / f"{name}.py").read_text()])


def attack(name, limits=SHORT, hide=(), **settings):
    """What a hostile program says it managed, now and later, and the outcomes; the others are right."""
    source = program(name, **settings)
    order = ("kl_divergence", "dense_backward", "reparameterize", "conditional_inputs", "importance_bound")
    jobs = {name: probes(name) for name in order}
    jobs["dense_backward"] = jobs["dense_backward"][:1]
    jobs["conditional_inputs"] = jobs["conditional_inputs"][:1]
    outcomes = run(source, jobs, limits, hide)
    assert list(outcomes) == list(order)
    for other in RIGHT:
        assert_right(other, outcomes[other], jobs[other])
    return said(outcomes["dense_backward"], "dx"), said(outcomes["conditional_inputs"], "encoder_input"), outcomes


def said(outcome, name):
    if outcome.results is None:
        return outcome.failure
    report = outcome.results[0][name]
    return report if isinstance(report, Failure) or report.dtype != np.uint8 else json.loads(bytes(report))


def assert_right(name, outcome, tried):
    """As in this process, bit for bit."""
    assert outcome.failure == ""
    own = {}
    exec(SHARED, own)
    functions = [own.get(function, not_written) for function in FUNCTIONS[name]]
    assert_same(outcome.results, [RUN[name](functions, probe) for probe in tried])


def not_written(*args):
    raise NotImplementedError


def assert_same(came, should):
    assert len(came) == len(should)
    for one, other in zip(came, should, strict=True):
        assert one.keys() == other.keys()
        for name, expected in other.items():
            if isinstance(expected, Failure):
                assert one[name] == expected
            else:
                expected = np.asarray(expected)
                assert type(one[name]) is np.ndarray
                assert (one[name].dtype, one[name].shape) == (expected.dtype, expected.shape)
                assert one[name].tobytes() == expected.tobytes()


def solution(folder):
    """The right answers of the textbook's assignment."""
    (path,) = write_handout(folder / "solution", "textbook", solutions=True)
    code = read(Submission("ada", path.name, path.read_bytes())).code
    return "\n\n".join(each.source for each in code.needed([name for names in FUNCTIONS.values() for name in names]))


# Right code.


def test_all_exercises_come_back_as_in_process(tmp_path):
    source = solution(tmp_path)
    jobs = {name: probes(name) for name in EXERCISES}
    grader.isolation()
    outcomes = run(source, jobs)
    own = {"__name__": "submission"}
    exec(source, own)
    for name, exercise in EXERCISES.items():
        assert (outcomes[name].failure, outcomes[name].flags, outcomes[name].raised) == ("", (), ())
        should = [RUN[name]([own[function] for function in exercise.functions], probe) for probe in jobs[name]]
        assert_same(outcomes[name].results, should)


def test_without_isolation(unisolated):
    jobs = {name: probes(name) for name in RIGHT}
    for name, outcome in run(SHARED, jobs).items():
        assert_right(name, outcome, jobs[name])


def test_without_fork_as_on_windows(unisolated, monkeypatch):
    monkeypatch.setattr(process, "FORKS", False)
    assert attack("exits_hard")[0] == "ended with status 0 before it gave a result"
    assert attack("sleeps")[0] == "took longer than 1.5 s, in dense_backward"


@pytest.mark.parametrize("name", ["sleeps", "exits_hard", "memory_bomb"])
def test_limits_hold_without_isolation(unisolated, name):
    said, _, _ = attack(name, Limits(wall=1.5, memory=400 * 2**20))
    assert said != {}


def test_promises_are_one_sentence(unisolated, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(grader.shutil, "which", lambda *args, **named: None)
    grader.isolation.cache_clear()
    try:
        assert "unshare is missing" in grader.isolation().missing
        assert "\n" not in grader.isolation().missing
    finally:
        grader.isolation.cache_clear()


def test_what_is_missing_is_said_and_the_rest_is_used(isolated, monkeypatch):
    monkeypatch.setattr(grader, "why_not", lambda command, watch: "no seccomp" if watch else "")
    grader.isolation.cache_clear()
    try:
        how = grader.isolation()
    finally:
        grader.isolation.cache_clear()
    assert (bool(how.command), how.watch) == (True, False)
    assert how.missing == (
        "what submissions do as they run is not seen here, nor their memory added up over processes (no seccomp)"
    )


def test_nothing_is_defined():
    outcomes = run("", {"kl_divergence": probes("kl_divergence")})
    for results in outcomes["kl_divergence"].results:
        assert results["forward"] == Failure("blank", "is still to be written")


def test_source_that_does_not_parse():
    outcome = run("def f(:", {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert outcome.raised == ("line 1 raises SyntaxError: invalid syntax (line 1, line 1)",)


def test_future_imports_and_drawing_modules():
    source = (
        "from __future__ import annotations\nimport numpy as np, matplotlib.pyplot as plt\nfrom tqdm import nothing\n"
        "fig, ax = plt.subplots()\nax.plot([1])\nplt.rcParams['a'] = 1\n"
        "def kl_divergence(mu: Undefined, rho): return np.ones(3), None"
    )
    outcome = run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert outcome.results[0]["forward"].tolist() == [1, 1, 1]
    assert len(outcome.raised) == 1
    assert outcome.raised[0].startswith("line 3 raises")


def test_what_is_drawn_without_a_seed_is_the_same_whenever_it_is_graded():
    source = (
        "import random\nimport numpy as np\n"
        "def kl_divergence(mu, rho):\n    draws = [np.random.default_rng().random() for _ in range(2)]\n"
        "    return np.array([random.random(), np.random.rand(), *draws]), 0\n"
        "def kl_divergence_backward(dkl, cache):\n    return kl_divergence(0, 0)[0], np.zeros(1)\n"
    )
    first, again = (run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"] for _ in range(2))
    assert first.results[0]["forward"].name == "unsteady"
    assert first.results == again.results


def test_handout_code_needs_no_npvae():
    source = (
        "from npvae.coursework import Checker, passes\ncheck = Checker(3, 'hint')\n"
        "def kl_divergence(mu, rho): return np.array([check('kl_divergence', 1), passes('a', 'b')]), 0\n"
        "import numpy as np"
    )
    outcome = run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert outcome.results[0]["forward"].tolist() == [True, True]
    assert outcome.flags == ()


def test_what_is_printed_is_kept_up_to_a_limit():
    source = "print('a word ' * 100_000)\nraise SystemExit('enough')"
    outcome = run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert outcome.output == ("a word " * 100_000)[: 64 * 1024]
    assert outcome.raised == ("line 2 raises SystemExit: enough",)


# Limits.


@pytest.mark.parametrize("name", ["endless_loop", "sleeps"])
def test_wall_time(name):
    assert attack(name)[0] == "took longer than 1.5 s, in dense_backward"


def test_a_loop_on_one_thread_is_told_by_its_time_and_place_however_quiet_the_machine():
    assert DEFAULT.cpu >= DEFAULT.wall + 1
    limits = replace(DEFAULT, wall=DEFAULT.wall / 5, cpu=DEFAULT.cpu // 5)
    assert attack("endless_loop", limits)[0] == "took longer than 2 s, in dense_backward"


def test_endless_definitions_cost_their_time_once():
    start = time.monotonic()
    outcomes = run("while True: pass", {name: probes(name) for name in EXERCISES}, SHORT)
    assert time.monotonic() - start < 6
    assert {outcome.failure for outcome in outcomes.values()} == {"took longer than 1.5 s, in line 1"}


def test_cpu_time():
    said, _, _ = attack("burns_cpu", Limits(wall=8, cpu=1))
    assert said.startswith("was ended by SIGKILL")


def test_cpu_time_is_said():
    source = "def kl_divergence(mu, rho):\n while True: pass"
    jobs = {"kl_divergence": probes("kl_divergence")}
    outcome = run(source, jobs, Limits(wall=8, cpu=1))["kl_divergence"]
    assert outcome.failure == "used a processor for longer than 1 s"


def test_memory():
    said, _, _ = attack("memory_bomb", Limits(memory=512 * 2**20))
    assert 0 < said["MiB"] < 512


def test_a_submission_starts_no_process_and_has_few_threads(isolated):
    said, later, outcomes = attack("fork_bomb", Limits(wall=5))
    assert said == {"processes": 0}
    assert 0 < later["threads"] < 8
    assert "starts a process" in outcomes["dense_backward"].flags


def test_processes_are_few_where_they_are_not_refused(unwatched):
    said, _, _ = attack("fork_bomb", Limits(wall=5))
    assert 0 < said["processes"] < 8


def test_memory_that_no_limit_counts_is_refused(isolated):
    said, _, outcomes = attack("memory_files", Limits(wall=20))
    assert {name: mib for name, mib in said.items() if mib} == {"files": 64, "shared": said["shared"]}
    assert said["shared"] < 1024  # of its own address space, as all other memory
    assert "makes memory that is not counted" in outcomes["dense_backward"].flags


def test_output_and_files():
    said, later, _ = attack("endless_output", Limits(wall=5))
    assert said == later == {"MiB": 16}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exits_hard", "ended with status 0 before it gave a result"),
        ("exits", Failure("raises", "raises RuntimeError: SystemExit: 0")),
        ("recursion", Failure("raises", f"raises {RECURSION}, in the line `return attack()`")),
    ],
)
def test_ends(name, expected):
    assert attack(name)[0] == expected


# What it can do to the results.


def test_replaced_comparisons_compare_nothing():
    source = program("replaces_comparisons")
    outcome = run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert not np.any(outcome.results[0]["forward"])
    assert not np.allclose([0.0], [1.0])
    assert {"replaces np.allclose", "replaces builtins.all", "imports builtins"} <= set(outcome.flags)


def test_descriptors_lead_nowhere():
    said, later, outcomes = attack("forges")
    assert said == {"descriptors": [1, 2]}  # what is printed
    assert later == "wrote something that is not a list of arrays"
    assert "100 of 100" in outcomes["dense_backward"].output


def test_a_forged_result_comes_to_nothing():
    said, _, outcomes = attack("writes_its_own_result", RAW=forged([["|O", [1]]] * 3) + pickle.dumps(print))
    assert said == "ended with status 0 before it gave a result" or "not a list of arrays" in said
    assert outcomes["dense_backward"].results is None


OBJECTS = {
    "pickle": "is a bytes, expected an array of real numbers",
    "object": "is a Payload, expected an array of real numbers",
    "object array": "is an array of object, expected an array of real numbers",
    "generator": "is a generator, expected an array of real numbers",
    "text": "is a str, expected an array of real numbers",
    "none": "is None: is a return missing?",
    "complex": "is an array of complex128, expected an array of real numbers",
    "half": "is an array of float16, which holds three digits: expected float64 or float32",
    "structure": "is an array of [('a', '<f8'), ('b', 'O')], expected an array of real numbers",
    "subclass": [0.0, 0.0],
    "matrix": [[1.0, 2.0]],
    "list": [[1.0, 2.0], [3.0, 4.0]],
    "big-endian": [1.0, 2.0],
    "bool": [True, False],
    "broadcast": "has 10000000000 entries, far too many",
    "zero size": [],
}


def test_objects(folder):
    settings = {"KINDS_IN_TURN": list(OBJECTS), "FOLDER": str(folder)}
    jobs = {"dense_backward": probes("dense_backward")[:1] * len(OBJECTS), "kl_divergence": probes("kl_divergence")}
    outcomes = run(program("returns_objects", **settings), jobs)
    said = [results["dx"] for results in outcomes["dense_backward"].results]
    came = [one.what if isinstance(one, Failure) else one.tolist() for one in said]
    assert dict(zip(OBJECTS, came, strict=True)) == OBJECTS
    assert all(type(one) in (Failure, np.ndarray) for one in said)
    assert_right("kl_divergence", outcomes["kl_divergence"], jobs["kl_divergence"])
    assert os.listdir(folder) == ["marks.csv"]  # nothing was unpickled


def test_an_object_that_ends_its_process():
    said, _, _ = attack("returns_objects", KINDS_IN_TURN=["liar"])
    assert said == "ended with status 3 before it gave a result"


def test_a_table_of_the_inputs_helps_where_a_seed_is_known_and_not_where_it_is_drawn(tmp_path):
    def inputs(seed):
        return answer_key("dense_backward", TEXTBOOK, seed).probes

    source = program("knows_the_probes", KNOWN=[float(np.sum(probe.args[0])) for probe in inputs(GRADING_SEED)])
    for seed, recognized in ((GRADING_SEED, True), (probes_seed(tmp_path / "seed.txt"), False)):
        results = run(source, {"dense_backward": inputs(seed)})["dense_backward"].results
        assert [json.loads(bytes(result["dx"])) for result in results] == [{"recognized": recognized}] * 3


# Isolation.


def test_files_stay(isolated, folder):
    said, _, _ = attack("deletes_files", FOLDER=str(folder))
    assert said == {"seen": False, "removed": False}
    assert (folder / "marks.csv").read_text() == "name,points\n"


def test_nothing_is_written_outside(isolated, folder):
    settings = {"FOLDER": str(folder), "HOME": str(Path.home()), "REPO": str(REPO)}
    said, _, outcomes = attack("writes_outside", **settings)
    assert said == {"written": False, "appended": False, "climbed": False, "writable": [], "scratch": True}
    assert sorted(os.listdir(folder)) == ["marks.csv"]
    assert f"opens {folder}/new" in outcomes["dense_backward"].flags


def test_no_network(isolated, folder):
    with contextlib.ExitStack() as stack:
        listening = [stack.enter_context(socket.socket(family)) for family in (socket.AF_INET, *[socket.AF_UNIX] * 2)]
        abstract = f"\0npvae-test-{os.getpid()}"
        for one, address in zip(listening, [("127.0.0.1", 0), abstract, f"{folder}/socket"], strict=True):
            one.bind(address)
            one.listen()
        port = listening[0].getsockname()[1]
        said, _, outcomes = attack("opens_sockets", FOLDER=str(folder), PORT=port, ABSTRACT=abstract)
    assert said == {"loopback": False, "abstract": False, "path": False}
    assert "opens a socket" in outcomes["dense_backward"].flags


def test_nothing_is_read(isolated, folder, monkeypatch):
    monkeypatch.setenv("NPVAE_SECRET", "marks")
    settings = {"FOLDER": str(folder), "HOME": str(Path.home()), "REPO": str(REPO), "GRADER": os.getpid()}
    said, _, outcomes = attack("reads_files", Limits(wall=60), hide=[folder], **settings)
    home = said["listed"]  # the home folder is there, empty, where the interpreter is in it
    assert set(home) <= {str(Path.home())}
    del said["listed"]
    assert said == {"read": [], "answers": [], "through_links": [], "environment": []}
    assert f"opens {folder}/marks.csv" in outcomes["dense_backward"].flags


def test_answers_are_not_imported(isolated):
    said, _, outcomes = attack("imports_answers", REPO=str(REPO))
    assert said == {"modules": [], "ways": []}
    assert "looks for npvae.latent" in outcomes["dense_backward"].flags


@pytest.fixture
def seen(folder, monkeypatch):
    """A folder and the repository are visible, as if libraries were there; what is hidden in them is not seen."""

    def places(hide):
        visible, hidden = visible_places(hide)
        return [*visible, str(folder), str(REPO)], hidden

    monkeypatch.setattr(process, "places", places)
    (folder / "seen.txt").touch()
    (folder / "marks").mkdir()
    (folder / "marks" / "marks.csv").write_text("name,points\n")
    return folder


def test_covers_stay(isolated, seen):
    said, _, _ = attack("uncovers", hide=[seen / "marks"], FOLDER=str(seen), REPO=str(REPO))
    nothing = {"managed": [], "read": [], "written": False, "capabilities": [0] * 7, "root": False}
    assert said == {**nothing, "visible": True, "no_new_privileges": 1}


def test_covered_answers_are_not_read(isolated, seen):
    settings = {"FOLDER": str(seen), "HOME": str(Path.home()), "REPO": str(REPO), "GRADER": os.getpid()}
    said, _, _ = attack("reads_files", Limits(wall=60), hide=[seen / "marks"], **settings)
    assert not [path for path in said["read"] if "/npvae/" in path]
    assert not [path for path in said["answers"] if path.startswith(f"{REPO}/npvae/")]
    assert attack("imports_answers", REPO=str(REPO))[0] == {"modules": [], "ways": []}


def test_only_the_standard_library_and_numpy_and_their_shared_libraries_are_visible(isolated):
    said, _, _ = attack("looks_around", Limits(wall=30))
    shown = [path for path in said["modules"] if not path.startswith(os.path.realpath(os.path.dirname(os.__file__)))]
    assert {os.path.relpath(path, SITE).split(os.sep)[0] for path in shown} <= {"numpy", "numpy.libs"}
    assert set(said["programs"]) == set()


# What is flagged, out of the submission's reach.


def test_no_flag_can_be_taken_back_crowded_out_or_forged_away(isolated):
    said, later, outcomes = attack("removes_flags", Limits(wall=20), PACKAGE=str(REPO / "npvae"))
    assert said["rewound"]  # its own results, to its own harm
    flags = outcomes["dense_backward"].flags
    assert {f"opens {path}" for path in (f"{REPO}/npvae", f"{REPO}/npvae/latent.py", "a socket")} <= set(flags)
    (count,) = (int(flag.split()[1]) for flag in flags if flag.startswith("opens ") and flag.endswith(" more"))
    assert count > 980  # /etc/passwd is one of them
    assert len(flags) < 100
    assert not [flag for flag in flags if "nothing to see" in flag]
    assert later == {"filtered": False}
    assert f"opens {REPO}/npvae/likelihoods.py" in outcomes["conditional_inputs"].flags


def test_what_python_does_on_its_own_is_not_flagged(isolated):
    source = SHARED + (
        "\nimport collections, dataclasses, datetime, decimal, functools, hashlib, os, random, tempfile, typing\n"
        "import numpy.polynomial, numpy.testing, threading, warnings\n"
        "warnings.warn('careful')\nprint(datetime.datetime.now(), os.cpu_count())\nopen('own', 'w').close()\n"
        "thread = threading.Thread(target=print)\nthread.start()\nthread.join()\nimport no_such_module\n"
    )
    jobs = {"kl_divergence": probes("kl_divergence")}
    outcome = run(source, jobs)["kl_divergence"]
    assert outcome.flags == ()
    assert_right("kl_divergence", outcome, jobs["kl_divergence"])


def test_the_grader_lets_no_process_of_its_user_look_into_its_memory(isolated):
    run("", {"kl_divergence": []})
    assert isolation.libc().prctl(3, 0, 0, 0, 0) == 0


def test_signals_reach_no_one(isolated):
    said, _, outcomes = attack("kills", GRADER=os.getpid())
    assert said == {"contained": True, "managed": [], "parent": 1}
    assert "sends a signal" in outcomes["dense_backward"].flags


def test_a_daemon_does_not_live_on(unwatched):
    said, later, _ = attack("leaves_a_daemon", Limits(wall=5))
    assert said == {"started": True}
    assert later == {"alive": [], "files": []}


def test_probes_of_others(isolated):
    said, later, _ = attack("reads_other_probes")
    own = [probes("dense_backward")[0].where], [probes("conditional_inputs")[0].where]
    assert said == {"others": own[0], "pipe": 0, "launcher": 0}
    assert later == {"left": [], "shared": False, "others": own[1]}


ADD_KEY = {"x86_64": 248, "aarch64": 217, "riscv64": 217, "ppc64le": 269, "s390x": 278}


@pytest.fixture
def keyring():
    """Numbers of this process's session keyring, a new one, and of a key in it."""
    if os.uname().machine not in isolation.KEYCTL:
        pytest.skip("the numbers of the system calls are not known here")
    keyctl, add_key = isolation.KEYCTL[os.uname().machine], ADD_KEY[os.uname().machine]
    ring = isolation.libc().syscall(keyctl, isolation.JOIN_SESSION_KEYRING, None)
    if ring == -1:
        pytest.skip("there are no keyrings here")
    key = isolation.libc().syscall(add_key, b"user", b"npvae-grader", b"marks", ctypes.c_long(5), ctypes.c_long(ring))
    return {"KEYCTL": keyctl, "ADD_KEY": add_key, "RING": ring, "KEY": key}


def keys_in(keyring):
    """Numbers of all keys in the session keyring."""
    buffer = (ctypes.c_int32 * 100)()
    size = isolation.libc().syscall(keyring["KEYCTL"], 11, ctypes.c_long(keyring["RING"]), buffer, ctypes.c_long(400))
    return list(buffer[: size // 4])


def test_keyrings_of_the_grader_and_of_other_submissions_are_out_of_reach(isolated, keyring):
    for _ in range(2):  # what the first leaves, the second may find
        said, later, _ = attack("keyrings", **keyring)
        assert said == {"found": [], "managed": [], "left": True}
        assert later == {"found": []}
    assert keys_in(keyring) == [keyring["KEY"]]


def test_a_session_keyring_of_ones_own_needs_no_isolation(unisolated, keyring):
    said, later, _ = attack("keyrings", **keyring)
    assert not {"npvae-grader in session", "npvae-left in session"} & {*said["found"], *later["found"]}
    assert keys_in(keyring) == [keyring["KEY"]]


@pytest.mark.parametrize(("number", "refused"), [(errno.ENOSYS, False), (errno.EPERM, False), (errno.EDQUOT, True)])
def test_only_where_there_are_keyrings_is_it_an_error_to_get_none(number, refused, monkeypatch):
    def call(*args):
        raise OSError(number, "no")

    monkeypatch.setattr(isolation, "call", call)
    monkeypatch.setitem(isolation.KEYCTL, os.uname().machine, 250)
    with pytest.raises(OSError, match="no") if refused else contextlib.nullcontext():
        isolation.leave_keyring()


def test_half_of_a_program_runs():
    said, _, outcomes = attack("half_way")
    assert said == {"early": 1}
    raised = outcomes["dense_backward"].raised
    assert [what.partition(" raises ")[2] for what in raised] == [
        "ZeroDivisionError: half way",
        "ModuleNotFoundError: No module named 'no_such_module'",
        "SystemExit: 3",
    ]


def test_the_attacks_are_real(unisolated, folder, monkeypatch):
    """Where there is no isolation, they do what they are said to do."""
    monkeypatch.setenv("NPVAE_SECRET", "marks")
    settings = {"FOLDER": str(folder), "HOME": str(Path.home()), "REPO": str(REPO), "GRADER": os.getpid()}
    assert attack("imports_answers", REPO=str(REPO))[0]["ways"]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        said, _, _ = attack("opens_sockets", FOLDER=str(folder), PORT=listening.getsockname()[1], ABSTRACT="\0none")
    assert said["loopback"]
    assert attack("writes_outside", **settings)[0]["written"]
    attack("deletes_files", FOLDER=str(folder))
    assert not (folder / "marks.csv").exists()


def test_a_launcher_that_is_lost_costs_one_exercise(unisolated):
    source = SHARED + "\nimport os\ndef attack():\n    os.kill(os.getppid(), 9)\n    os._exit(0)\n"
    jobs = {name: probes(name) for name in ("kl_divergence", "dense_backward", "reparameterize")}
    outcomes = run(source, jobs, SHORT)
    assert outcomes["dense_backward"].failure == "brought down the process that runs it"
    for name in ("kl_divergence", "reparameterize"):
        assert_right(name, outcomes[name], jobs[name])


def test_looking_at_the_caller_is_flagged():
    source = "import sys\ndef kl_divergence(mu, rho): return sys._getframe(1).f_locals, 0"
    outcome = run(source, {"kl_divergence": probes("kl_divergence")})["kl_divergence"]
    assert outcome.flags == ("looks at what calls it: f_locals", "looks at what calls it: _getframe")


def test_the_user_is_unprivileged_seen_from_outside(isolated):
    """Within, it looks so to anyone."""
    job = Job("dense_backward", FUNCTIONS["dense_backward"], statements(program("sleeps")), probes("dense_backward"))
    with contextlib.closing(Launcher(SHORT, (), grader.isolation().command, watch=True)) as launcher:
        thread = threading.Thread(target=launcher.ask, args=(job,))
        thread.start()
        time.sleep(1)
        (first,) = children(launcher.process.pid)
        (child,) = children(first)
        status = Path(f"/proc/{child}/status").read_text()
        thread.join()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    user = 65534 if os.getuid() == 0 else os.getuid()
    assert fields["Uid"].split() == [str(user)] * 4
    assert [int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
    assert fields["NoNewPrivs"] == "1"


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_probe_is_what_the_child_unpickles():
    assert Probe.__module__ == "npvae.coursework.sandbox.calls"
    assert sys.modules["npvae.coursework.sandbox.calls"].Probe is Probe
