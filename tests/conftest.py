"""Hypothesis profiles. The default draws the same examples every time; `thorough` draws many new ones.

Whole models are checked at a quarter of the examples, but for the profiles `ci` and `thorough`. `mutation` draws few
and does not shrink: for mutmut, which runs the tests once for every change it makes.
"""

import os
import signal

# Before NumPy is loaded: on small matrices a second thread only waits, and on a busy machine it waits long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings

# Where a shell runs the tests in the background, they ignore Ctrl-C, and what they start would too.
signal.signal(signal.SIGINT, signal.default_int_handler)

matplotlib.use("agg")

calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("default", max_examples=100, derandomize=True, **calm)
settings.register_profile("ci", max_examples=100, derandomize=True, **calm)
settings.register_profile("thorough", max_examples=1000, **calm)
few = {"max_examples": 10, "derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutation", **few, **calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_report_header():
    return f"NumPy {np.__version__}, matplotlib {matplotlib.__version__}"


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
