"""Outlasts the first signal; the second cannot be ignored."""

import signal
import time


def attack():
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pass
    return {"seconds": 30}
