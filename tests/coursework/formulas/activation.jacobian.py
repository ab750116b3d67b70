"""A matrix for each example: right, and more than memory holds where there are many numbers."""

import numpy as np


def activation(a):
    return np.tanh(a), np.tanh(a)


def activation_backward(dh, h):
    return np.stack([np.diag(1 - row**2) @ upstream for row, upstream in zip(h, dh, strict=True)])
