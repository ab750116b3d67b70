"""Optimizers on a flat vector (SGD with momentum, Adagrad and Adam), and schedules for the learning rate and beta.

Each optimizer works through the vector in chunks that fit into the processor's cache, so that NumPy can evaluate a
formula one operation at a time without going to main memory for each. Tests: tests/mathematics/test_optim.py.
"""

import math
from collections.abc import Callable

import numpy as np

from npvae.internals import validation
from npvae.internals.memory import aligned
from npvae.internals.types import Array

CHUNK = 32768
"""Entries per chunk: few enough for its arrays to stay in cache, many enough to make NumPy's overhead negligible."""
FLUSH_EVERY = 100
"""Steps between two checks for moments that have faded."""
FADED = 1e-30
"""Smaller moments move no parameter; left alone they would decay to subnormals, which are slow to compute with."""


class Optimizer:
    """A rule that updates parameters in place, against their gradient.

    Parameters
    ----------
    lr : float
        Learning rate.
    weight_decay : float
        Adds weight_decay * params to the gradient. This is the gradient of a penalty weight_decay / 2 * |params|^2,
        which amounts to a Gaussian prior on the parameters.

    Raises
    ------
    ValueError
        For a setting, here or of a subclass, that is negative or not finite.
    """

    moments: tuple[str, ...] = ()
    """Names of the vectors that the rule carries from step to step, each (P,) and initially zero."""

    def __init__(self, lr: float, weight_decay: float = 0.0) -> None:
        self.lr = validation.finite_number("lr", lr, above=0)
        self.weight_decay = validation.finite_number("weight_decay", weight_decay, above=0)
        self.t = 0
        self.state: dict[str, Array] = {}
        self.scratch = np.empty((2, 0))  # two rows of CHUNK entries from the first step on

    def __repr__(self) -> str:
        hidden = ("t", "state", "scratch")
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name not in hidden)
        return f"{type(self).__name__}({settings}; {self.t} steps so far)"

    def step(self, params: Array, grad: Array) -> None:
        """Update params in place.

        Parameters
        ----------
        params : (P,) ndarray
        grad : (P,) ndarray
            Gradient of the loss with respect to params; left unchanged. `train_epoch`, not `step`, looks for NaN.

        Raises
        ------
        ValueError
            If the shapes differ from each other or from those of earlier steps, if the two arrays share memory, or if
            params is not a writable array of floats. Nothing has been changed in that case.
        """
        grad = validation.gradient(grad, params, self.state.values())
        if not self.state:
            self.state = {name: aligned(np.zeros_like(params)) for name in self.moments}
        if not self.scratch.size:
            self.scratch = aligned(np.zeros(2 * CHUNK, params.dtype)).reshape(2, CHUNK)
        self.t += 1
        for start in range(0, params.size, CHUNK):
            part = slice(start, start + CHUNK)
            p, g = params[part], grad[part]
            if self.weight_decay:
                g = g + self.weight_decay * p
            self.update(p, g, *(self.state[name][part] for name in self.moments))
        if self.t % FLUSH_EVERY == 0:
            for moment in self.state.values():
                moment[np.abs(moment) < FADED] = 0

    def update(self, p: Array, g: Array, *moments: Array) -> None:
        """Apply the rule to one chunk, changing p and the moments in place."""
        raise NotImplementedError


class SGD(Optimizer):
    r"""Stochastic gradient descent with momentum.

    Notes
    -----
    .. math:: v \leftarrow \mathrm{momentum}\, v + g, \qquad \theta \leftarrow \theta - lr\, v
    """

    moments = ("v",)

    def __init__(self, lr: float = 0.01, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay)
        self.momentum = validation.finite_number("momentum", momentum, above=0)

    def update(self, p: Array, g: Array, *moments: Array) -> None:
        """Apply the rule to one chunk."""
        (v,) = moments
        v *= self.momentum
        v += g
        p -= self.lr * v


class Adagrad(Optimizer):
    r"""A learning rate for each parameter, which falls as its squared gradients accumulate.

    Notes
    -----
    .. math:: s \leftarrow s + g^2, \qquad \theta \leftarrow \theta - lr\, \frac{g}{\sqrt s + \epsilon}

    Duchi, Hazan and Singer (2011).
    """

    moments = ("s",)

    def __init__(self, lr: float = 0.01, adagrad_eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(lr, weight_decay)
        self.adagrad_eps = validation.finite_number("adagrad_eps", adagrad_eps, above=0)

    def update(self, p: Array, g: Array, *moments: Array) -> None:
        """Apply the rule to one chunk."""
        (s,) = moments
        s += g * g
        p -= self.lr * g / (np.sqrt(s) + self.adagrad_eps)


class Adam(Optimizer):
    r"""Steps along a running mean of the gradient, scaled by one of its square; both are corrected for starting at 0.

    Notes
    -----
    With t counting steps (not epochs) from 1,

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2

        \hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad
        \theta \leftarrow \theta - lr\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}

    or, as code,

    .. code-block:: python

        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        p -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + adam_eps)

    `update` computes the same in fewer passes over memory. Its state holds sums instead of means,
    :math:`m / (1 - \beta_1)` and :math:`v / (1 - \beta_2)`, so that these constants are multiplied into a single
    number and not into arrays. Kingma and Ba (2015), algorithm 1. Their :math:`\epsilon` is called `adam_eps` here,
    since eps always means noise.
    """

    moments = ("m", "v")

    def __init__(
        self,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        adam_eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        if np.shape(betas) != (2,) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas is {betas}, expected two numbers, each from 0 to below 1")
        self.betas = betas
        self.adam_eps = validation.finite_number("adam_eps", adam_eps, above=0)

    def update(self, p: Array, g: Array, *moments: Array) -> None:
        """Apply the rule to one chunk; intermediate results go into two buffers, and so stay in cache."""
        m, v = moments
        beta1, beta2 = self.betas
        a = (1 - beta1) / (1 - beta1**self.t)  # m_hat = a m
        b = math.sqrt((1 - beta2) / (1 - beta2**self.t))  # sqrt(v_hat) = b sqrt(v)
        change, denominator = self.scratch[:, : p.size]
        m *= beta1
        m += g
        v *= beta2
        v += np.multiply(g, g, out=change)
        np.sqrt(v, out=denominator)
        denominator += self.adam_eps / b
        np.multiply(self.lr * a / b, m, out=change)
        change /= denominator
        p -= change


Schedule = Callable[[int], float]
"""Maps an epoch, counted from 1, to a value."""


def cosine_decay(start: float, epochs: int) -> Schedule:
    """Return a learning rate that falls along half a cosine: start in the first epoch, nearly zero in the last.

    Raises
    ------
    ValueError
        For a start that is negative or not finite, or epochs that are not a whole number of 1 or more.
    """
    start, epochs = validation.finite_number("start", start, above=0), validation.positive_int("epochs", epochs)
    return lambda epoch: 0.5 * start * (1 + math.cos(math.pi * (epoch - 1) / epochs))


def linear_warmup(end: float, epochs: int) -> Schedule:
    """Return a value (of beta, say) that rises in equal steps, reaches end in the given epoch, and stays there.

    Raises
    ------
    ValueError
        For an end that is negative or not finite, or epochs that are not a whole number of 1 or more.
    """
    end, epochs = validation.finite_number("end", end, above=0), validation.positive_int("epochs", epochs)
    return lambda epoch: end * min(1.0, epoch / epochs)
