"""A matrix for each row: right, and more than memory holds where there are many numbers."""

import numpy as np


def activation(a):
    return np.tanh(a), np.tanh(a)


def activation_backward(dh, h):
    rows = zip(h.reshape(-1, h.shape[-1]), dh.reshape(-1, h.shape[-1]), strict=True)
    return np.stack([np.diag(1 - row**2) @ upstream for row, upstream in rows]).reshape(h.shape)
