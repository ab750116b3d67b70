"""Processes that grade end when the grader does, however it ends, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

GRADER = """
import os, sys, time
from npvae.coursework.workers import workers

if __name__ == "__main__":
    with workers(2) as executor:
        print(*{executor.submit(os.getpid).result() for _ in range(20)}, flush=True)
        list(executor.map(time.sleep, [60] * 4))
"""


def runs(pid):
    """Whether a process is there and has not ended; somebody else may still have to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("ending", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_workers_end_with_the_grader_however_it_ends_and_leave_no_file(ending, tmp_path):
    program = tmp_path / "grader.py"
    program.write_text(GRADER)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    )
    with grader.stdout:
        pids = [int(pid) for pid in grader.stdout.readline().split()]
    assert pids
    assert all(map(runs, pids))
    grader.send_signal(getattr(signal, ending))
    grader.wait(30)
    end = time.monotonic() + 20
    while (any(map(runs, pids)) or len(list(tmp_path.iterdir())) > 1) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(runs, pids))
    assert list(tmp_path.iterdir()) == [program]
