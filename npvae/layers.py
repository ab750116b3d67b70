"""A dense layer and three activations, each with its vector-Jacobian product directly under it.

Every function returns its output and a cache: exactly what its backward needs, and nothing else.
Every backward takes the gradient of the loss by the output and returns the gradient by the inputs.
"""

from typing import Any

import numpy as np

from npvae.types import Array


def dense(x: Array, W: Array, b: Array) -> tuple[Array, tuple[Array, Array]]:
    r"""Affine map of each row.

    Parameters
    ----------
    x : (N, I) ndarray
        One example a row.
    W : (I, O) ndarray
        Weights.
    b : (O,) ndarray
        Bias, the same for every row.

    Returns
    -------
    y : (N, O) ndarray
    cache : tuple
        x, for the gradient by W, and W, for the gradient by x.

    Notes
    -----
    .. math:: y = x W + b
    """
    return x @ W + b, (x, W)


def dense_backward(
    dy: Array, cache: tuple[Array, Array], out: tuple[Array, Array] | None = None, need_dx: bool = True
) -> tuple[Any, Array, Array]:
    r"""Gradients of `dense`.

    Parameters
    ----------
    dy : (N, O) ndarray
        Gradient of the loss by y.
    cache : tuple
        From `dense`.
    out : ((I, O) ndarray, (O,) ndarray), optional
        Buffers that dW and db are written into.
    need_dx : bool
        False spares the first layer a product: nobody asks for the gradient by the data.

    Returns
    -------
    dx : (N, I) ndarray, or None where it was not needed
    dW : (I, O) ndarray
    db : (O,) ndarray
        W and b serve all N rows, so their gradients are sums over the rows.

    Notes
    -----
    From :math:`y_{no} = \sum_i x_{ni} W_{io} + b_o`,

    .. math:: dx = dy\, W^T, \qquad dW = x^T dy, \qquad db = \sum_n dy_n
    """
    x, W = cache
    dW_out, db_out = out or (None, None)
    dx = dy @ W.T if need_dx else None
    dW = np.matmul(x.T, dy, out=dW_out)
    db = np.sum(dy, axis=0, out=db_out)
    return dx, dW, db


def relu(a: Array) -> tuple[Array, Array]:
    r"""Rectified linear unit, entry by entry.

    Parameters
    ----------
    a : ndarray, any shape

    Returns
    -------
    h : ndarray, shape of a
    cache : ndarray
        h itself: it is positive exactly where a is.

    Notes
    -----
    .. math:: h = \max(a, 0)
    """
    h = np.maximum(a, 0)
    return h, h


def relu_backward(dh: Array, cache: Array) -> Array:
    r"""Gradient of `relu`: passes where a > 0, stops elsewhere. At the kink a = 0 it is 0 by convention.

    Parameters
    ----------
    dh : ndarray, shape of a
    cache : ndarray
        From `relu`.

    Returns
    -------
    da : ndarray, shape of a
    """
    h = cache
    return dh * (h > 0)


def tanh(a: Array) -> tuple[Array, Array]:
    """Hyperbolic tangent, entry by entry.

    Parameters
    ----------
    a : ndarray, any shape

    Returns
    -------
    h : ndarray, shape of a
        In [-1, 1].
    cache : ndarray
        h itself: the derivative is a function of the output.
    """
    h = np.tanh(a)
    return h, h


def tanh_backward(dh: Array, cache: Array) -> Array:
    r"""Gradient of `tanh`.

    Parameters
    ----------
    dh : ndarray, shape of a
    cache : ndarray
        From `tanh`.

    Returns
    -------
    da : ndarray, shape of a

    Notes
    -----
    .. math:: \tanh'(a) = 1 - \tanh^2(a) = 1 - h^2
    """
    h = cache
    return dh * (1 - h * h)


def sigmoid(a: Array) -> tuple[Array, Array]:
    r"""Logistic function, entry by entry.

    Parameters
    ----------
    a : ndarray, any shape

    Returns
    -------
    h : ndarray, shape of a
        In [0, 1].
    cache : ndarray
        h itself: the derivative is a function of the output.

    Notes
    -----
    .. math:: h = \frac{1}{1 + e^{-a}} = \frac{e^a}{e^a + 1}

    The left form overflows for large negative a, the right one for large positive a. Both are
    :math:`e^{\min(a, 0)} / (1 + e^{-|a|})`, where no exponent is ever positive.
    """
    h = np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))
    return h, h


def sigmoid_backward(dh: Array, cache: Array) -> Array:
    r"""Gradient of `sigmoid`.

    Parameters
    ----------
    dh : ndarray, shape of a
    cache : ndarray
        From `sigmoid`.

    Returns
    -------
    da : ndarray, shape of a

    Notes
    -----
    .. math:: \frac{dh}{da} = \frac{e^{-a}}{(1 + e^{-a})^2} = h (1 - h)
    """
    h = cache
    return dh * h * (1 - h)
