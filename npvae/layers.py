"""A dense layer and three activations, each with its vector-Jacobian product directly under it.

Everywhere in this package `f(...)` returns its output and a cache, which holds exactly what its gradient needs, and
`f_backward(dout, cache)` takes the gradient of the loss with respect to that output (same shape) and returns the
gradients with respect to f's arguments, in order, leaving out data and noise. `dv` is the gradient of the loss with
respect to `v`.

Values and gradients are tested in tests/mathematics/test_layers.py and test_pairs.py.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from npvae.internals.registry import Registry
from npvae.internals.types import Array, Generator
from npvae.parameters import glorot_uniform, he_normal


def dense(x: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""Apply an affine map to each row.

    Parameters
    ----------
    x : (N, I) ndarray
        One example per row.
    W : (I, O) ndarray
        Weights.
    b : (O,) ndarray
        Bias, the same for every row.

    Returns
    -------
    y : (N, O) ndarray

    Notes
    -----
    .. math:: y = x W + b
    """
    return x @ W + b, (x, W)


def dense_backward(
    dy: Array, cache: tuple[Array, Array], out: tuple[Array, Array] | None = None, need_dx: bool = True
) -> tuple[Any, Array, Array]:
    r"""Return dx (N, I), dW (I, O) and db (O,); all rows share W and b, so dW and db are sums over the rows.

    `out` is a pair of buffers for dW and db. Without `need_dx`, dx is None: where x is data, it has no gradient.

    .. math:: y_{no} = \sum_i x_{ni} W_{io} + b_o \quad\Rightarrow\quad
        dx = dy\, W^T, \qquad dW = x^T dy, \qquad db = \sum_n dy_n
    """
    x, W = cache
    dW_out, db_out = out or (None, None)
    dx = dy @ W.T if need_dx else None
    dW = np.matmul(x.T, dy, out=dW_out)
    db = np.sum(dy, axis=0, out=db_out)
    return dx, dW, db


def relu(a: Array) -> tuple[Array, Array]:
    r"""Apply the rectified linear unit to each entry of an array of any shape.

    .. math:: h = \max(a, 0)
    """
    h = np.maximum(a, 0)
    return h, h


def relu_backward(dh: Array, cache: Array) -> Array:
    r"""Return da: dh where a > 0, that is, h > 0, and 0 elsewhere; at the kink, a = 0, it is 0 by convention."""
    h = cache
    return dh * (h > 0)


def tanh(a: Array) -> tuple[Array, Array]:
    """Apply the hyperbolic tangent, with values in [-1, 1], to each entry of an array of any shape."""
    h = np.tanh(a)
    return h, h


def tanh_backward(dh: Array, cache: Array) -> Array:
    r"""Return da; the derivative is a function of the output.

    .. math:: \tanh'(a) = 1 - \tanh^2(a) = 1 - h^2
    """
    h = cache
    return dh * (1 - h * h)


def sigmoid(a: Array) -> tuple[Array, Array]:
    r"""Apply the logistic function, with values in [0, 1], to each entry of an array of any shape.

    .. math:: h = \frac{1}{1 + e^{-a}} = \frac{e^a}{e^a + 1}

    The left form overflows for large negative a, the right one for large positive a. Both equal
    :math:`e^{\min(a, 0)} / (1 + e^{-|a|})`, in which no exponent is ever positive.
    """
    h = np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))
    return h, h


def sigmoid_backward(dh: Array, cache: Array) -> Array:
    r"""Return da; the derivative is a function of the output.

    .. math:: \frac{dh}{da} = \frac{e^{-a}}{(1 + e^{-a})^2} = h (1 - h)
    """
    h = cache
    return dh * h * (1 - h)


class Activation(NamedTuple):
    """A nonlinearity of the hidden layers, and what the package needs to know about it."""

    forward: Callable[[Array], tuple[Array, Any]]
    backward: Callable[[Array, Any], Array]
    initializer: Callable[[tuple[int, int], Generator], Array]
    """Draws the weights of the dense layer that precedes it."""
    biases: tuple[float, float] = (-0.4, 0.4)
    """Range of biases for checking a model's gradients, in which units are neither saturated nor switched off."""
    draw: Callable[[Generator, tuple[int, ...]], Array] = lambda rng, shape: rng.standard_normal(shape)
    """Draws the argument at which its own gradient is checked."""
    branch: Callable[[Any], Array] | None = None
    """Takes the cache; where the result changes there is a kink, across which a finite difference is meaningless."""


ACTIVATIONS: Registry[Activation] = Registry("activations")
"""Every activation of the hidden layers, by name."""
ACTIVATIONS["relu"] = Activation(relu, relu_backward, he_normal, biases=(0.0, 1.0), branch=lambda h: h > 0)
ACTIVATIONS["tanh"] = Activation(tanh, tanh_backward, glorot_uniform)
ACTIVATIONS.close()
