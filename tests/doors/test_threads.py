"""One thread by default, for all that multiplies matrices; and the pool is left as it was found."""

import os
import subprocess
import sys

import numpy as np
import pytest
from support import D, H, L
from threadpoolctl import ThreadpoolController

import npvae
from npvae.cli import main
from npvae.internals import threads
from npvae.internals.threads import available_cores, limited_threads
from npvae.lessons import start_lesson

POOL = ThreadpoolController().select(user_api="blas")
pytestmark = pytest.mark.skipif(not POOL.info(), reason="threadpoolctl does not know the library under this NumPy")


def count():
    return {library["num_threads"] for library in POOL.info()}


@pytest.fixture
def three_outside():
    with POOL.limit(limits=3):
        yield


def counting(model):
    """The model, and a set that gathers the counts its forward pass or encoder has seen."""
    seen = set()
    for name in ("forward", "encode"):
        method = getattr(model, name)

        def noting(*args, method=method):
            seen.update(count())
            return method(*args)

        setattr(model, name, noting)
    return model, seen


X = np.random.default_rng(0).random((20, D), np.float32)
CALLS = {
    "fit": lambda model, **settings: npvae.fit(model, X, X, epochs=1, verbose=False, **settings),
    "evaluate": lambda model, **settings: npvae.evaluate(model, X, **settings),
    "log_likelihood": lambda model, **settings: npvae.log_likelihood(
        model, X, n_samples=5, verbose=False, **settings
    ),
}


@pytest.mark.usefixtures("three_outside")
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("settings", "expected"), [({}, 1), ({"threads": 2}, 2)])
def test_as_many_threads_as_asked_for_work_one_by_default_and_the_pool_is_left_as_found(call, settings, expected):
    model, seen = counting(npvae.VAE(D, L, (H,)))
    call(model, **settings)
    assert seen == {expected}
    assert count() == {3}


@pytest.mark.usefixtures("three_outside")
def test_the_pool_is_left_as_found_after_an_error_too():
    with pytest.raises(KeyError), limited_threads(2):
        raise KeyError
    assert count() == {3}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("wrong", [0, 1.5, "two", True, None])
def test_what_is_not_a_number_of_threads_is_refused(call, wrong):
    with pytest.raises(ValueError, match=r"threads is .*expected a whole number, 1 or more"):
        call(npvae.VAE(D, L, (H,)), threads=wrong)


def test_a_library_that_keeps_another_number_is_told_of():
    with pytest.warns(UserWarning, match="1000000 threads were asked for, but NumPy runs on"), limited_threads(10**6):
        pass


@pytest.mark.filterwarnings("error")
def test_training_goes_on_with_the_threads_of_its_checkpoint(tmp_path, capsys):
    def go_on(epochs, **settings):
        model, seen = counting(npvae.VAE(D, L, (H,)))
        npvae.fit(model, X, epochs=epochs, checkpoint=tmp_path / "c.npz", **settings)
        return seen

    assert go_on(1, threads=2) == {2}
    assert go_on(2) == {2}
    assert "resuming after epoch 1, on 2 threads" in capsys.readouterr().out


def test_the_command_line_says_on_how_many_threads_it_runs_and_keeps_to_it_when_resuming(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("npvae.cli.runs._write_figures", lambda *args: {})
    folder = str(tmp_path / "run")
    options = ["--data", "digits", "--hidden-dims", "8", "--epochs", "1", "--threads", "2"]
    assert main(["train", *options, "--out", folder]) == 0
    assert "run    seed 0, on 2 threads" in capsys.readouterr().out
    assert main(["train", "--resume", folder, "--epochs", "2"]) == 0
    assert "resuming after epoch 1, on 2 threads" in capsys.readouterr().out
    assert main(["train", "--resume", folder, "--threads", "1"]) == 2
    assert "--threads cannot change within a run" in capsys.readouterr().err


@pytest.mark.usefixtures("three_outside")
@pytest.mark.parametrize(("arguments", "expected"), [([], 1), (["--threads", "2"], 2), (["--threads", "auto"], 7)])
def test_a_whole_command_runs_on_the_threads_it_is_told(arguments, expected, monkeypatch):
    seen = set()
    monkeypatch.setattr("npvae.cli.arguments.available_cores", lambda: 7)
    monkeypatch.setattr("npvae.cli.trained.evaluate", lambda options: seen.update(count()) or 0)
    assert main(["evaluate", "run", *arguments]) == 0
    assert seen == {expected}
    assert count() == {3}


@pytest.mark.usefixtures("three_outside")
def test_a_lesson_runs_on_one_thread():
    start_lesson()
    assert count() == {1}


@pytest.mark.parametrize(
    ("groups", "cores"),
    [
        ({}, 8),
        ({"": "max 100000", "a": "max 100000", "a/b": "max 100000"}, 8),
        ({"a/b": "250000 100000"}, 2),
        ({"a": "150000 50000", "a/b": "max 100000"}, 3),
        ({"a/b": "50000 100000"}, 1),
        ({"a": "1600000 100000"}, 8),
        ({"a/b": "nonsense"}, 8),
    ],
)
def test_auto_means_the_cores_that_affinity_and_the_quotas_of_all_groups_around_leave(
    groups, cores, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "CGROUPS", tmp_path)
    monkeypatch.setattr(threads, "OWN_CGROUP", tmp_path / "own")
    (tmp_path / "own").write_text("0::/a/b\n")
    for name, text in groups.items():
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "cpu.max").write_text(text)
    assert available_cores() == cores


def test_auto_works_where_there_are_no_control_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "OWN_CGROUP", tmp_path / "none")
    assert available_cores() >= 1


TRAINING = """
import os, sys, zlib
import npvae
if sys.argv[1:]:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
(x, _), _ = npvae.load_digits()
model = npvae.VAE(64, 20, (400,))
npvae.fit(model, x, epochs=1, binarize=True, verbose=False)
print(zlib.crc32(model.params.vector))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_a_seed_gives_the_same_bits_on_one_core_as_on_all():
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    one, every = (
        subprocess.run(
            [sys.executable, "-c", TRAINING, *options], env=environment, capture_output=True, text=True, check=True
        ).stdout
        for options in (["one"], [])
    )
    assert one == every
