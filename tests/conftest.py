"""Hypothesis profiles. The default draws the same examples every time; `thorough` draws many new ones."""

import os

import matplotlib
import pytest
from hypothesis import HealthCheck, settings

matplotlib.use("agg")

calm = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}
settings.register_profile("default", max_examples=100, derandomize=True, **calm)
settings.register_profile("thorough", max_examples=1000, **calm)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")
