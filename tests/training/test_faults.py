"""Faults for real: a full disk, a folder that goes, permissions that go, signals in the middle of writing.

Each has one line to say, and leaves the last good state on the disk.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import interrupt
import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="POSIX signals, mounts and permissions")]
OPTIONS = ["train", "--data", "digits", "--hidden-dims", "100", "--latent-dim", "2"]
ENDLESS = [*OPTIONS, "--epochs", "100000"]
NOBODY = """\
import fcntl, os, platform, sys, tempfile, zipfile
import numpy.random
import threadpoolctl
import npvae.cli
import npvae.plots
npvae.cli.make_parser()
if os.getuid() == 0:  # everything is imported by now: nobody may not be allowed to read it
    os.setgid(65534)
    os.setuid(65534)
sys.exit(npvae.cli.main(sys.argv[1:]))
"""
PAUSE_IN_WRITE = """\
import os, sys, time
import npvae.cli
calls, fsync = [], os.fsync
def slow(handle):
    calls.append(handle)
    if len(calls) == 4:  # the configuration, epochs 0 and 1, and then
        print("writing", flush=True)
        time.sleep(60)
    fsync(handle)
os.fsync = slow
sys.exit(npvae.cli.main(sys.argv[1:]))
"""


STARTED = []


def start(*argv, program=("-m", "npvae")):
    command = [sys.executable, *program, *map(str, argv)]
    STARTED.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


@pytest.fixture(autouse=True)
def _nothing_goes_on_after_a_test():
    yield
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(process):
    """Status and the one line of the error: it is never a traceback."""
    _, error = process.communicate(timeout=60)
    assert len(error.splitlines()) <= 1, error
    return process.returncode, error.strip()


def run(*argv, program=("-m", "npvae")):
    return finish(start(*argv, program=program))


def wait_for(process, word):
    for line in process.stdout:
        if line.startswith(word):
            return
    pytest.fail(process.stderr.read())


@pytest.fixture
def open_place():
    """A folder in which nobody may write, below folders that everyone may enter, and images to train on."""
    place = Path(tempfile.mkdtemp(prefix="npvae-faults-"))
    place.chmod(0o777)
    np.save(place / "images.npy", np.random.default_rng(0).integers(0, 256, (500, 64), np.uint8))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system takes root: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_named_and_the_run_goes_on_once_there_is_room(small_disk, tmp_path):
    folder, filler = small_disk / "run", small_disk / "filler"
    process = start(*ENDLESS, "--out", folder)
    wait_for(process, "epoch")
    fill(filler)
    assert finish(process) == (1, f"npvae: error: {folder}/checkpoint.npz: No space left on device")
    assert not list(folder.glob(".checkpoint*"))
    filler.unlink()
    shutil.copytree(folder, tmp_path / "run")
    epochs = len(stored_rows(tmp_path / "run"))
    assert epochs >= 1
    assert run("train", "--resume", tmp_path / "run", "--epochs", epochs + 2) == (0, "")
    assert run(*OPTIONS, "--epochs", epochs + 2, "--out", tmp_path / "whole") == (0, "")
    assert interrupt.result(tmp_path / "run") == interrupt.result(tmp_path / "whole")


def stored_rows(folder):
    import json

    with np.load(folder / "checkpoint.npz") as archive:
        return json.loads(str(archive["header"]))["rows"]


def test_a_disk_that_is_full_from_the_beginning_is_named(small_disk):
    (small_disk / "filler").write_bytes(bytes(1024 * 1024 - 8192))
    status, error = run(*OPTIONS, "--out", small_disk / "run")
    assert (status, error.endswith("No space left on device")) == (1, True)
    assert str(small_disk / "run") in error


@pytest.mark.parametrize("command", ["sample", "evaluate"])
def test_a_file_larger_than_allowed_is_named_and_not_left_behind(tmp_path, command):
    folder = tmp_path / "run"
    assert run(*OPTIONS, "--epochs", "1", "--out", folder) == (0, "")
    before = sorted(os.listdir(folder))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); import npvae.cli; "
    status, error = run(command, folder, program=("-c", limited + "sys.exit(npvae.cli.main(sys.argv[1:]))"))
    if command == "sample":
        assert (status, error) == (1, f"npvae: error: {folder}/samples-seed-0.png: File too large")
    else:
        assert (status, error) == (0, "")
    assert sorted(os.listdir(folder)) == before


def test_a_folder_removed_while_training_is_named(tmp_path):
    process = start(*ENDLESS, "--out", tmp_path / "run")
    wait_for(process, "epoch")
    shutil.rmtree(tmp_path / "run")
    assert finish(process) == (1, f"npvae: error: {tmp_path}/run/checkpoint.npz: No such file or directory")


def test_permission_lost_while_training_is_named_and_the_checkpoint_stays(open_place):
    process = start(
        *ENDLESS, "--data", open_place / "images.npy", "--out", open_place / "run", program=("-c", NOBODY)
    )
    wait_for(process, "epoch")
    (open_place / "run").chmod(0o555)
    assert finish(process) == (1, f"npvae: error: {open_place}/run/checkpoint.previous.npz: Permission denied")
    assert len(stored_rows(open_place / "run")) >= 1


def test_a_folder_that_may_not_be_written_is_named_before_training_begins(open_place):
    open_place.chmod(0o755 if os.getuid() == 0 else 0o555)
    process = start(
        *ENDLESS, "--data", open_place / "images.npy", "--out", open_place / "run", program=("-c", NOBODY)
    )
    assert finish(process) == (1, f"npvae: error: {open_place}/run: Permission denied")
    open_place.chmod(0o755)


def test_a_run_that_may_not_be_read_is_named(open_place):
    assert run(*OPTIONS, "--epochs", "1", "--out", open_place / "run") == (0, "")
    for name in ("config.json", "model.npz"):
        (open_place / "run" / name).chmod(0o000)
        process = start("evaluate", open_place / "run", program=("-c", NOBODY))
        assert finish(process) == (1, f"npvae: error: {open_place}/run/{name}: Permission denied")
        (open_place / "run" / name).chmod(0o644)


@pytest.mark.parametrize("which", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_writing_leaves_the_checkpoint_before(tmp_path, which):
    folder = tmp_path / "run"
    process = start(*OPTIONS, "--epochs", "4", "--out", folder, program=("-c", PAUSE_IN_WRITE))
    wait_for(process, "writing")
    assert list(folder.glob(".checkpoint.npz.*")), "not in the middle of writing"
    process.send_signal(which)
    status, _ = finish(process)
    assert status == (130 if which == signal.SIGINT else -which)
    assert len(stored_rows(folder)) == 1
    assert run("train", "--resume", folder) == (0, "")
    assert not list(folder.glob(".checkpoint.npz.*"))
    assert run(*OPTIONS, "--epochs", "4", "--out", tmp_path / "whole") == (0, "")
    assert interrupt.result(folder) == interrupt.result(tmp_path / "whole")


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_goes_on(tmp_path):
    folder = tmp_path / "run"
    first = start(*ENDLESS, "--out", folder)
    wait_for(first, "epoch")
    in_use = f"npvae: error: {folder} is in use: another npvae train is writing into it"
    assert run("train", "--resume", folder) == (1, in_use)
    status, error = run(*OPTIONS, "--out", folder)
    assert (status, "is not empty: an earlier run is never overwritten" in error) == (1, True)
    first.kill()
    first.communicate()
    epochs = len(stored_rows(folder))
    assert run("train", "--resume", folder, "--epochs", epochs + 1) == (0, "")


def test_runs_killed_at_random_moments_and_resumed_end_as_if_they_never_had_been():
    done = subprocess.run([sys.executable, interrupt.__file__, "--times", "5"], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "5 of 5 the same as the run that was never interrupted", done.stderr
