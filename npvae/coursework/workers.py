"""Processes that grade, one submission each at a time."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor


@contextlib.contextmanager
def workers(count: int) -> Iterator[Executor]:
    """So many of them. Where their work is no longer waited for, as after Ctrl-C, they and all that they run end."""
    with (
        tempfile.TemporaryDirectory(prefix="npvae-", ignore_cleanup_errors=True) as scratch,
        ProcessPoolExecutor(count, initializer=begin, initargs=(scratch,)) as executor,
    ):
        os.chmod(scratch, 0o711)  # what a submission may use is below it, and may belong to another user
        try:
            yield executor
        except BaseException:
            for worker in multiprocessing.active_children():
                worker.kill()
            # before Python 3.11.5 the executor waits for ever until somebody reads the submission it is sending
            executor._call_queue._reader.close()  # type: ignore[attr-defined]
            raise


def begin(scratch: str) -> None:
    """Leave Ctrl-C to the grader, and what is to be removed where the grader removes it; end when the grader does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tempfile.tempdir = scratch
    threading.Thread(target=end_with_the_grader, args=(scratch,), daemon=True).start()


def end_with_the_grader(scratch: str) -> None:
    """Wait until the grader's process has ended, however it ended, and leave nothing behind."""
    if grader := multiprocessing.parent_process():
        grader.join()
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(1)  # the launcher of a submission ends when nobody is there to read what it writes
