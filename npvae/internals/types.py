"""Names for types, used in annotations everywhere.

Those with generators are in quotes: NumPy loads its random module on first use, which a mere name should not cause.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Generator: TypeAlias = "np.random.Generator"
Rng: TypeAlias = "np.random.Generator | int | None"
"""A generator, a seed for one, or None for fresh randomness, as `np.random.default_rng` takes them."""
