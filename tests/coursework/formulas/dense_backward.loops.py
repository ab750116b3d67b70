import numpy as np


def dense_backward(dy, cache):
    x, W = cache
    dx, dW = np.zeros_like(x), np.zeros_like(W)
    for n in range(len(x)):
        for i in range(W.shape[0]):
            for o in range(W.shape[1]):
                dx[n, i] += dy[n, o] * W[i, o]
                dW[i, o] += x[n, i] * dy[n, o]
    return dx, dW, dy.sum(axis=0)
