"""Hypothesis profiles. The default draws the same examples every time; `thorough` draws many new ones.

`mutation` draws few and does not shrink: for mutmut, which runs the tests once for every change it makes.
"""

import os

# Before NumPy is loaded: on small matrices a second thread only waits, and on a busy machine it waits long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib
import pytest
from hypothesis import HealthCheck, Phase, settings

matplotlib.use("agg")

calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("default", max_examples=100, derandomize=True, **calm)
settings.register_profile("thorough", max_examples=1000, **calm)
few = {"max_examples": 10, "derandomize": True, "database": None, "phases": [Phase.explicit, Phase.generate]}
settings.register_profile("mutation", **few, **calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
