# ruff: noqa: RUF059
import numpy as np


def reparameterize(mu, rho, eps):
    z = mu + np.exp(0.5 * rho) * eps
    return z, (mu, rho, eps, z)


def reparameterize_backward(dz, cache):
    mu, rho, eps, z = cache
    z2, _ = reparameterize(mu, rho, eps)
    return dz, dz * (z2 - mu) / 2
