import numpy as np


def latent_backward(dz, dkl, mu, rho, eps):
    dkl = dkl[:, None]
    return dz + dkl * mu, 0.5 * dz * np.exp(rho / 2) * eps + dkl * 0.5 * (np.exp(rho) - 1)
