import math

import numpy as np


def activation(a):
    return np.vectorize(math.tanh)(a), a


def activation_backward(dh, a):
    da = np.zeros_like(a)
    for entry in np.ndindex(a.shape):
        da[entry] = dh[entry] / math.cosh(min(abs(a[entry]), 300)) ** 2
    return da
