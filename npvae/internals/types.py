"""The names that annotations use everywhere.

Those of random numbers stand in quotes: NumPy loads that part of itself where it is first used, not for a name.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Generator: TypeAlias = "np.random.Generator"
Rng: TypeAlias = "np.random.Generator | int | None"
"""A generator, a seed for one, or None for fresh randomness: whatever `np.random.default_rng` takes."""
