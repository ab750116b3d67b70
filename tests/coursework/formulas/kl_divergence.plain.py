import numpy as np


def kl_divergence(mu, rho):
    return 0.5 * np.sum(mu**2 + np.exp(rho) - rho - 1, axis=1), (mu, rho)


def kl_divergence_backward(dkl, cache):
    mu, rho = cache
    return dkl[:, None] * mu, dkl[:, None] * 0.5 * np.expm1(rho)
