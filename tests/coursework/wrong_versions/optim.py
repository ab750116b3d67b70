"""Wrong optimisers: the rule of one chunk, and the step around it."""

from typing import Any

import numpy as np

from npvae.internals.types import Array
from npvae.optim import Optimizer
from wrong_versions.table import replaces

ADAM, SGD, ADAGRAD = (f"npvae.optim.{name}.update" for name in ("Adam", "SGD", "Adagrad"))
STEP = "npvae.optim.Optimizer.step"

step = Optimizer.step


def moved(moments: tuple[Array, ...], betas: tuple[float, float], g: Array) -> tuple[Array, Array]:
    """Adam's running means of g and of its square, moved in place."""
    m, v = moments
    m += (1 - betas[0]) * (g - m)
    v += (1 - betas[1]) * (g * g - v)
    return m, v


@replaces(ADAM, number=32)
def adam_without_bias_correction(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """m, v -> m / (1 - beta1^t), v / (1 - beta2^t): the first steps are three times too large."""
    m, v = moved(moments, self.betas, g)
    p -= self.lr * m / (np.sqrt(v) + self.adam_eps)


@replaces(ADAM, number=32)
def adam_counts_epochs(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """t stands at 1 through the whole first epoch -> t counts steps: corrected far too much, for long."""
    m, v = moved(moments, self.betas, g)
    m_hat, v_hat = m / (1 - self.betas[0]), v / (1 - self.betas[1])
    p -= self.lr * m_hat / (np.sqrt(v_hat) + self.adam_eps)


@replaces(ADAM)
def adam_corrects_one_step_late(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """1 - beta^(t + 1) -> 1 - beta^t: t is increased before and after."""
    m, v = moved(moments, self.betas, g)
    m_hat, v_hat = m / (1 - self.betas[0] ** (self.t + 1)), v / (1 - self.betas[1] ** (self.t + 1))
    p -= self.lr * m_hat / (np.sqrt(v_hat) + self.adam_eps)


@replaces(ADAM)
def adam_exchanges_its_moments(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """v / sqrt(m) -> m / sqrt(v), absolute values against the NaN: the sign of the gradient is lost."""
    m, v = moved(moments, self.betas, g)
    m_hat, v_hat = m / (1 - self.betas[0] ** self.t), v / (1 - self.betas[1] ** self.t)
    p -= self.lr * v_hat / (np.sqrt(np.abs(m_hat)) + self.adam_eps)


@replaces(ADAM)
def adam_exchanges_its_betas(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """beta2 for m, beta1 for v -> the other way round: slow to turn, quick to shrink."""
    beta2, beta1 = self.betas
    m, v = moved(moments, (beta1, beta2), g)
    m_hat, v_hat = m / (1 - beta1**self.t), v / (1 - beta2**self.t)
    p -= self.lr * m_hat / (np.sqrt(v_hat) + self.adam_eps)


@replaces(ADAM)
def adam_eps_inside_the_root(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """sqrt(v + eps) -> sqrt(v) + eps: small gradients move far less."""
    m, v = moved(moments, self.betas, g)
    m_hat, v_hat = m / (1 - self.betas[0] ** self.t), v / (1 - self.betas[1] ** self.t)
    p -= self.lr * m_hat / np.sqrt(v_hat + self.adam_eps)


@replaces(ADAM)
def adam_without_the_root(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """m / v -> m / sqrt(v): the step grows as the gradient shrinks."""
    m, v = moved(moments, self.betas, g)
    m_hat, v_hat = m / (1 - self.betas[0] ** self.t), v / (1 - self.betas[1] ** self.t)
    p -= self.lr * m_hat / (v_hat + self.adam_eps)


@replaces(SGD)
def sgd_climbs(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """p += lr v -> p -= lr v: the loss rises."""
    (v,) = moments
    v *= self.momentum
    v += g
    p += self.lr * v


@replaces(SGD)
def momentum_dampened(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """v = momentum v + (1 - momentum) g -> momentum v + g: slower by 1 / (1 - momentum)."""
    (v,) = moments
    v *= self.momentum
    v += (1 - self.momentum) * g
    p -= self.lr * v


@replaces(SGD)
def momentum_forgotten(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """v = g -> momentum v + g."""
    p -= self.lr * g


@replaces(SGD)
def step_on_a_copy(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """p = p - lr v -> p -= lr v: a new array gets the step, the parameters stay."""
    (v,) = moments
    v *= self.momentum
    v += g
    p = p - self.lr * v


@replaces(ADAGRAD)
def adagrad_forgets(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """s = g^2 -> s + g^2: every step has the size lr, it never slows down."""
    (s,) = moments
    s[...] = g * g
    p -= self.lr * g / (np.sqrt(s) + self.adagrad_eps)


@replaces(ADAGRAD)
def adagrad_without_the_root(self: Any, p: Array, g: Array, *moments: Array) -> None:
    """g / s -> g / sqrt(s)."""
    (s,) = moments
    s += g * g
    p -= self.lr * g / (s + self.adagrad_eps)


@replaces(STEP)
def decay_with_the_wrong_sign(self: Any, params: Array, grad: Array) -> None:
    """grad - decay p -> grad + decay p: the weights are blown up."""
    step(self, params, grad - 2 * self.weight_decay * params)


@replaces(STEP)
def decay_forgotten(self: Any, params: Array, grad: Array) -> None:
    """grad -> grad + decay p."""
    step(self, params, grad - self.weight_decay * params)


@replaces(STEP)
def gradient_changed_by_the_step(self: Any, params: Array, grad: Array) -> None:
    """grad += decay p -> a new array: the caller's gradient is changed."""
    step(self, params, grad)
    grad += self.weight_decay * params


@replaces(STEP)
def one_chunk_moves(self: Any, params: Array, grad: Array) -> None:
    """Only the first chunk of the vector -> all of it: a small model never notices."""
    before = params[16384:].copy()
    step(self, params, grad)
    params[16384:] = before


@replaces("npvae.optim.cosine_decay")
def cosine_from_epoch_zero(start: float, epochs: int) -> Any:
    """epoch / epochs -> (epoch - 1) / epochs: the last epoch has the rate 0 and teaches nothing."""
    return lambda epoch: 0.5 * start * (1 + float(np.cos(np.pi * epoch / epochs)))


@replaces("npvae.optim.linear_warmup")
def warmup_never_stops(end: float, epochs: int) -> Any:
    """end epoch / epochs -> at most end: beta goes on rising."""
    return lambda epoch: end * epoch / epochs
