import numpy as np


def by_differences(f, args, dout, step=1e-5):
    gradients = []
    for arg in args:
        gradient = np.zeros_like(arg)
        for entry in np.ndindex(arg.shape):
            old = arg[entry]
            arg[entry] = old + step
            up = f(*args)
            arg[entry] = old - step
            gradient[entry] = np.sum(dout * (up - f(*args))) / (2 * step)
            arg[entry] = old
        gradients.append(gradient)
    return tuple(gradients)


def dense_backward(dy, cache):
    x, W = (part.copy() for part in cache)
    return by_differences(lambda x, W, b: x @ W + b, (x, W, np.zeros(dy.shape[1])), dy)
