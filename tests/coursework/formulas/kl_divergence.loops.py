# ruff: noqa: E741
import math

import numpy as np


def kl_divergence(mu, rho):
    return 0.5 * np.sum(mu**2 + np.exp(rho) - rho - 1, axis=1), (mu, rho)


def kl_divergence_backward(dkl, cache):
    mu, rho = cache
    dmu, drho = np.zeros_like(mu), np.zeros_like(rho)
    for n in range(mu.shape[0]):
        for l in range(mu.shape[1]):
            dmu[n, l] = dkl[n] * mu[n, l]
            drho[n, l] = dkl[n] * 0.5 * (math.exp(rho[n, l]) - 1)
    return dmu, drho
