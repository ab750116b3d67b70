"""Stands above each hostile program: right answers to two exercises, and two others that carry its reports.

The test writes the capitals that a program uses (FOLDER, PORT, ...) above this. `attack` runs in dense_backward,
`later` in conditional_inputs, which comes after; what they return is what they managed, as JSON in an array of bytes.
"""

import json

import numpy as np


def attack():
    return {}


def later():
    return {}


def told(what):
    return np.frombuffer(json.dumps(what).encode(), np.uint8).copy()


def dense_backward(dy, cache):
    return told(attack()), np.zeros(1), np.zeros(1)


def encoder_input(x, labels):
    return told(later())


def decoder_input(z, labels):
    return np.zeros(1)


def decoder_input_backward(dinput, size):
    return np.zeros(1)


def kl_divergence(mu, rho):
    return 0.5 * np.sum(mu**2 + np.exp(rho) - rho - 1, axis=1), (mu, rho)


def kl_divergence_backward(dkl, cache):
    mu, rho = cache
    return dkl[:, None] * mu, dkl[:, None] * 0.5 * (np.exp(rho) - 1)


def reparameterize(mu, rho, eps):
    return mu + np.exp(0.5 * rho) * eps, (rho, eps)


def reparameterize_backward(dz, cache):
    rho, eps = cache
    return dz, dz * 0.5 * np.exp(0.5 * rho) * eps


def tried(action, *args):
    """Whether it worked."""
    try:
        action(*args)
    except BaseException:
        return False
    return True
