# ruff: noqa: B905
import math

import numpy as np


def activation(a):
    return np.vectorize(math.tanh)(a), a


def activation_backward(dh, a):
    return np.array([[d / math.cosh(min(abs(v), 300)) ** 2 for d, v in zip(*rows)] for rows in zip(dh, a)])
