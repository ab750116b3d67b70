"""The two names that annotations use everywhere."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Rng: TypeAlias = np.random.Generator | int | None
"""A generator, a seed for one, or None for fresh randomness: whatever `np.random.default_rng` takes."""
