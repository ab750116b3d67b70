"""All parameters of a model in one flat vector, with named and shaped views into it.

The layers see matrices, the optimizer sees one vector, and both share the same memory.
"""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals.memory import aligned
from npvae.internals.types import Array, Generator

Shapes = Mapping[str, tuple[int, ...]]


class Parameters(Mapping[str, Array]):
    """A mapping from names to arrays, each a view into one vector. Assigning to a name copies the values in.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        The shape of each array by its name, in the order in which they lie in the vector.
    dtype : dtype
        Type of a new vector of zeros.
    vector : (P,) ndarray, optional
        An existing vector to take views of, instead of a new one.
    """

    def __init__(self, shapes: Shapes, dtype: DTypeLike = np.float64, vector: Array | None = None) -> None:
        self.shapes = dict(shapes)
        size = sum(math.prod(shape) for shape in self.shapes.values())
        self._vector = aligned(np.zeros(size, dtype)) if vector is None else vector
        self._views: dict[str, Array] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._views[name] = self._vector[start:stop].reshape(shape)
            start = stop

    def __repr__(self) -> str:
        first, *_, last = self.shapes
        return f"Parameters({self._vector.size:,} of {self._vector.dtype} in {len(self)} arrays: {first} to {last})"

    @property
    def vector(self) -> Array:
        """All entries, (P,). Assigning copies the values in, so the views stay valid."""
        return self._vector

    @vector.setter
    def vector(self, values: Array) -> None:
        self._vector[...] = values

    def layer(self, name: str) -> tuple[Array, Array]:
        """Return W and b of a dense layer, in the order in which `dense` takes them."""
        return self._views[f"{name}.W"], self._views[f"{name}.b"]

    def like(self, vector: Array) -> "Parameters":
        """Return the same names and shapes over another vector, such as a gradient."""
        return Parameters(self.shapes, vector=vector)

    def __reduce__(self) -> tuple[object, ...]:
        return Parameters, (self.shapes, self._vector.dtype, self._vector)  # a view copied alone is no longer a view

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __setitem__(self, name: str, values: Array) -> None:
        self._views[name][...] = values

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)


def dense_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of one dense layer's W and b."""
    return {f"{name}.W": (inputs, outputs), f"{name}.b": (outputs,)}


def glorot_uniform(shape: tuple[int, int], rng: Generator) -> Array:
    r"""Draw initial weights that preserve the variance of signals and gradients through linear and tanh layers.

    Notes
    -----
    .. math:: W_{io} \sim U(-r, r), \qquad r = \sqrt{6 / (I + O)}

    Glorot and Bengio (2010), eq. 16.
    """
    limit = math.sqrt(6 / sum(shape))
    return rng.uniform(-limit, limit, shape)


def he_normal(shape: tuple[int, int], rng: Generator) -> Array:
    r"""Draw initial weights that preserve the variance of pre-activations, though each relu halves their mean square.

    Notes
    -----
    .. math:: W_{io} \sim N(0, 2 / I)

    He, Zhang, Ren and Sun (2015), eq. 10.
    """
    inputs, _ = shape
    return rng.normal(0, math.sqrt(2 / inputs), shape)
