"""Right pieces of a model that is like no other, for the exercise that puts a loss and its gradient together."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.coursework.sandbox.calls import Array

KEYS = ("decoder", "mu", "rho", "trunk")


LOG_2 = np.log(2)


def layer(bend: Callable[[Array], Array], x: Array, W: Array) -> Array:
    """Out_j is the sum over i of bend(x_i W_ij)."""
    return np.sum(bend(x[:, :, None] * W), axis=1)


def squash(a: Array) -> Array:
    return a / np.sqrt(1 + a**2)


def log_cosh(a: Array) -> Array:
    """Without overflow."""
    return np.logaddexp(a, -a) - LOG_2


def made_up_nll(x: Array, output: Array) -> Array:
    return np.sum(log_cosh(output - x), axis=1)


def made_up_kl(mu: Array, rho: Array) -> Array:
    return np.sum(log_cosh(mu) + rho**2 / (1 + rho**2), axis=1)


def latent_draw(mu: Array, rho: Array, eps: Array) -> Array:
    return mu + np.arcsinh(rho) * eps


def layer_pair(bend: Callable[[Array], Array], slope: Callable[[Array], Array]) -> tuple[Any, Any]:
    """Forward (x, W) -> (out, cache) and backward (dout, cache) -> (dx, dW) of a `layer`."""

    def forward(x: Array, W: Array) -> Any:
        return layer(bend, x, W), (x, W)

    def backward(dout: Array, cache: Any) -> Any:
        x, W = cache
        reached = dout[:, None, :] * slope(x[:, :, None] * W)
        return np.sum(reached * W, axis=2), np.sum(reached * x[:, :, None], axis=0)

    return forward, backward


def latent(mu: Array, rho: Array, eps: Array) -> Any:
    return (latent_draw(mu, rho, eps), made_up_kl(mu, rho)), (mu, rho, eps)


def latent_backward(dz: Array, dkl: Array, cache: Any) -> Any:
    mu, rho, eps = cache
    dmu = dz + dkl[:, None] * np.tanh(mu)
    return dmu, dz * eps / np.sqrt(1 + rho**2) + dkl[:, None] * 2 * rho / (1 + rho**2) ** 2


def nll(x: Array, output: Array) -> Any:
    return made_up_nll(x, output), (x, output)


def nll_backward(dnll: Array, cache: Any) -> Any:
    x, output = cache
    return dnll[:, None] * np.tanh(output - x)


BENDS: dict[str, Callable[[Array], Array]] = {"trunk": np.arctan, "mu": np.arcsinh, "rho": np.sin, "decoder": squash}


trunk, trunk_backward = layer_pair(BENDS["trunk"], lambda a: 1 / (1 + a**2))
mu_head, mu_head_backward = layer_pair(BENDS["mu"], lambda a: 1 / np.sqrt(1 + a**2))
rho_head, rho_head_backward = layer_pair(BENDS["rho"], np.cos)
decoder, decoder_backward = layer_pair(BENDS["decoder"], lambda a: (1 + a**2) ** -1.5)


PIECES = SimpleNamespace(
    trunk=trunk,
    trunk_backward=lambda dh, cache: trunk_backward(dh, cache)[1],
    mu_head=lambda h, W: mu_head(h, W),
    mu_head_backward=lambda dmu, cache: mu_head_backward(dmu, cache),
    rho_head=lambda h, W: rho_head(h, W),
    rho_head_backward=lambda drho, cache: rho_head_backward(drho, cache),
    latent=latent,
    latent_backward=latent_backward,
    decoder=lambda z, W: decoder(z, W),
    decoder_backward=lambda doutput, cache: decoder_backward(doutput, cache),
    nll=nll,
    nll_backward=nll_backward,
)
"""Right pairs, to be called as

=============================  ==========================================
``trunk(x, W)``                ``h, cache``
``trunk_backward``             ``(dh, cache) -> dW``
``mu_head(h, W)``              ``mu, cache``
``mu_head_backward``           ``(dmu, cache) -> dh, dW``
``rho_head(h, W)``             ``rho, cache``
``rho_head_backward``          ``(drho, cache) -> dh, dW``
``latent(mu, rho, eps)``       ``(z, kl), cache``, kl of shape (N,)
``latent_backward``            ``(dz, dkl, cache) -> dmu, drho``
``decoder(z, W)``              ``output, cache``
``decoder_backward``           ``(doutput, cache) -> dz, dW``
``nll(x, output)``             ``nll, cache``, nll of shape (N,)
``nll_backward``               ``(dnll, cache) -> doutput``
=============================  ==========================================
"""
