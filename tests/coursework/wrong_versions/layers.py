"""Wrong layers, wrong networks, wrong initial weights and wrong views of the parameters."""

from typing import Any, ClassVar

import numpy as np

from npvae.internals.types import Array
from npvae.layers import ACTIVATIONS, dense_backward, tanh_backward
from npvae.parameters import Parameters
from wrong_versions.table import replaces

DENSE, DENSE_BACKWARD = "npvae.layers.dense", "npvae.layers.dense_backward"
RELU, RELU_BACKWARD = "npvae.layers.relu", "npvae.layers.relu_backward"
TANH, TANH_BACKWARD = "npvae.layers.tanh", "npvae.layers.tanh_backward"
SIGMOID, SIGMOID_BACKWARD = "npvae.layers.sigmoid", "npvae.layers.sigmoid_backward"


def written(out: Any, dW: Array, db: Array) -> tuple[Array, Array]:
    """The gradients, written into the buffers where there are any."""
    if out is None:
        return dW, db
    np.copyto(out[0], dW)
    np.copyto(out[1], db)
    return out[0], out[1]


# Dense: dx = dy W^T, dW = x^T dy, db = sum of dy over the batch.


@replaces(DENSE_BACKWARD)
def gradient_buffer_ignored(dy: Array, cache: Any, out: Any = None, need_dx: bool = True) -> Any:
    """New arrays -> the buffers handed in: the model's flat gradient is whatever was in memory."""
    x, W = cache
    return dy @ W.T if need_dx else None, x.T @ dy, dy.sum(axis=0)


@replaces(DENSE_BACKWARD)
def gradient_buffer_added_to(dy: Array, cache: Any, out: Any = None, need_dx: bool = True) -> Any:
    """out += -> out =: every step carries the gradients of all steps before it."""
    x, W = cache
    before = out or (0.0, 0.0)
    return dy @ W.T if need_dx else None, *written(out, before[0] + x.T @ dy, before[1] + dy.sum(axis=0))


@replaces(DENSE)
def dense_without_bias(x: Array, W: Array, b: Array) -> Any:
    """x W -> x W + b: the biases never matter, and start at zero, where nobody sees it."""
    return x @ W, (x, W)


# Activations.


@replaces(RELU, number=30)
def relu_in_place(a: Array) -> Any:
    """np.maximum(a, 0, out=a) -> a new array: it overwrites what the layer before may still need."""
    h = np.maximum(a, 0, out=a)
    return h, h


SHARED: dict[Any, Array] = {}


@replaces(RELU)
def relu_in_one_buffer(a: Array) -> Any:
    """One buffer for all calls -> one a call: the next forward of the same shape overwrites this one's cache."""
    h = np.maximum(a, 0, out=SHARED.setdefault((a.shape, a.dtype), np.empty_like(a)))
    return h, h


@replaces(RELU_BACKWARD)
def relu_backward_in_place(dh: Array, h: Array) -> Array:
    """dh *= (h > 0) -> dh * (h > 0): the caller's gradient is overwritten."""
    dh *= h > 0
    return dh


@replaces(RELU_BACKWARD)
def relu_always_passes(dh: Array, h: Array) -> Array:
    """h >= 0 -> h > 0: every relu output is 0 or more, so the gradient passes everywhere."""
    return dh * (h >= 0)


@replaces(RELU, RELU_BACKWARD)
class relu_open_at_zero:
    """a >= 0 -> a > 0: the slope at zero itself is 1; dead units of zero weight never stay dead."""

    @staticmethod
    def relu(a: Array) -> Any:
        return np.maximum(a, 0), a

    @staticmethod
    def relu_backward(dh: Array, a: Array) -> Array:
        return dh * (a >= 0)


@replaces(RELU, RELU_BACKWARD)
class relu_leaks:
    """max(a, a / 100) -> max(a, 0), gradient likewise: a leaky relu under the name of another."""

    @staticmethod
    def relu(a: Array) -> Any:
        h = np.maximum(a, 0.01 * a)
        return h, h

    @staticmethod
    def relu_backward(dh: Array, h: Array) -> Array:
        return dh * np.where(h > 0, 1.0, 0.01).astype(h.dtype)


@replaces(RELU, RELU_BACKWARD)
class relu_capped_at_six:
    """min(max(a, 0), 6) -> max(a, 0), gradient likewise: wrong only for large a."""

    @staticmethod
    def relu(a: Array) -> Any:
        h = np.clip(a, 0, 6)
        return h, h

    @staticmethod
    def relu_backward(dh: Array, h: Array) -> Array:
        return dh * ((h > 0) & (h < 6))


@replaces(RELU_BACKWARD)
def relu_backward_times_h(dh: Array, h: Array) -> Array:
    """dh h -> dh (h > 0): the output in place of the slope."""
    return dh * h


@replaces(SIGMOID, number=31)
def sigmoid_slope_at_its_input(a: Array) -> Any:
    """a (1 - a) at the pre-activation -> h (1 - h) at the output: the cache holds the wrong one."""
    h = np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a)))
    return h, a


@replaces(TANH)
def tanh_by_its_definition(a: Array) -> Any:
    """(e^a - e^-a) / (e^a + e^-a) -> np.tanh(a): NaN where e^a overflows, beyond 89 in float32."""
    h = (np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))
    return h, h


@replaces(SIGMOID_BACKWARD)
def sigmoid_slope_without_its_second_factor(dh: Array, h: Array) -> Array:
    """dh h -> dh h (1 - h)."""
    return dh * h


@replaces(SIGMOID)
def sigmoid_overflows(a: Array) -> Any:
    """e^a / (1 + e^a) -> a form where no exponent is positive: NaN for large a."""
    h = np.exp(a) / (1 + np.exp(a))
    return h, h


@replaces(SIGMOID)
def sigmoid_rounded_to_zero(a: Array) -> Any:
    """(1 + tanh(a / 2)) / 2 -> e^a / (1 + e^a) for negative a: exactly 0 from -40 on, and its log infinite."""
    h = 0.5 * (1 + np.tanh(0.5 * a))
    return h, h


# The network, its initial weights, and the views of one flat vector.


@replaces("npvae.network.MLP.backward")
def activations_forgotten_in_backward(
    self: Any, dh: Array, caches: list[Any], grads: Parameters, need_dx: bool = True
) -> Any:
    """dense, dense, dense on the way back -> each activation's slope between them."""
    for layer, (dense_cache, _) in zip(self.layers[::-1], caches[::-1], strict=True):
        dh, _, _ = dense_backward(dh, dense_cache, out=grads.layer(layer))
    return dh


@replaces("npvae.layers.ACTIVATIONS")
class relu_with_the_slope_of_tanh:
    """(relu, tanh_backward) -> (relu, relu_backward): a line of a table copied and half changed."""

    ACTIVATIONS: ClassVar = ACTIVATIONS | {"relu": ACTIVATIONS["relu"]._replace(backward=tanh_backward)}


@replaces("npvae.parameters.he_normal")
def weights_start_at_zero(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Zeros -> N(0, 2 / I): all hidden units stay the same unit for ever."""
    return np.zeros(shape)


@replaces("npvae.parameters.he_normal")
def weights_start_with_the_variance_for_a_deviation(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """rng.normal(0, 2 / I) -> its root: the second argument is a standard deviation; the signal dies out."""
    return rng.normal(0, 2 / shape[0], shape)


@replaces("npvae.parameters.glorot_uniform")
def weights_start_uniform_with_the_deviation_for_a_limit(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """U(-s, s), s = sqrt(2 / (I + O)) -> sqrt(6 / (I + O)): a third of the variance."""
    s = float(np.sqrt(2 / sum(shape)))
    return rng.uniform(-s, s, shape)


@replaces("npvae.parameters.Parameters.like")
def views_of_a_copy(self: Any, vector: Array) -> Parameters:
    """Views into a copy -> into the vector itself: the gradient is written where nobody reads it."""
    return Parameters(self.shapes, vector=vector.copy())


@replaces("npvae.parameters.Parameters.layer")
def bias_of_another_layer(self: Any, name: str) -> tuple[Array, Array]:
    """A bias found by its size -> by its name: two layers of one width share the first one's bias."""
    W = self[f"{name}.W"]
    return W, next(array for key, array in self.items() if key.endswith(".b") and array.shape == W.shape[1:])
