import numpy as np


def kl_divergence(mu, rho):
    return 0.5 * np.sum(mu**2 + np.exp(rho) - rho - 1, axis=1), (mu, rho)


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


def kl_divergence_backward(dkl, cache):
    mu, rho = (part.copy() for part in cache)
    return by_differences(lambda *args: kl_divergence(*args)[0], (mu, rho), dkl)
