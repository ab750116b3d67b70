"""A multilayer perceptron: dense layers, each followed by an activation; backward visits them in reverse.

Its gradients are tested in tests/mathematics/test_network.py.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from npvae.internals.registry import Registry
from npvae.internals.types import Array, Generator
from npvae.layers import dense, dense_backward, relu, relu_backward, tanh, tanh_backward
from npvae.parameters import Parameters, dense_shapes, glorot_uniform, he_normal


def draw_normal(rng: Generator, shape: tuple[int, ...]) -> Array:
    """Draw standard normal numbers."""
    return rng.standard_normal(shape)


class Activation(NamedTuple):
    """A nonlinearity of the hidden layers, and what the package needs to know about it."""

    forward: Callable[[Array], tuple[Array, Any]]
    backward: Callable[[Array, Any], Array]
    initializer: Callable[[tuple[int, int], Generator], Array]
    """Draws the weights of the dense layer that precedes it."""
    biases: tuple[float, float] = (-0.4, 0.4)
    """Range of biases for checking a model's gradients, in which units are neither saturated nor switched off."""
    draw: Callable[[Generator, tuple[int, ...]], Array] = draw_normal
    """Draws the argument at which its own gradient is checked."""
    branch: Callable[[Any], Array] | None = None
    """Takes the cache; where the result changes there is a kink, across which a finite difference is meaningless."""


ACTIVATIONS: Registry[Activation] = Registry("activations")
"""Every activation of the hidden layers, by name."""
ACTIVATIONS["relu"] = Activation(relu, relu_backward, he_normal, biases=(0.0, 1.0), branch=lambda h: h > 0)
ACTIVATIONS["tanh"] = Activation(tanh, tanh_backward, glorot_uniform)
ACTIVATIONS.close()


class MLP:
    r"""The hidden layers of a network. The object holds neither parameters nor caches: both are arguments.

    Parameters
    ----------
    name : str
        Layer i has the parameters `name.i.W` and `name.i.b`.
    sizes : tuple of int
        Width of the input, then of each hidden layer. A single size gives the identity.
    activation : str
        A name in `ACTIVATIONS`.

    Notes
    -----
    .. math:: h_0 = x, \qquad h_i = \mathrm{activation}(h_{i-1} W_i + b_i)
    """

    def __init__(self, name: str, sizes: tuple[int, ...], activation: str) -> None:
        self.layers = [f"{name}.{i}" for i in range(len(sizes) - 1)]
        self.sizes = sizes
        self.activation = activation

    @property
    def param_shapes(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all weights and biases, first layer first."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, inputs, outputs in zip(self.layers, self.sizes, self.sizes[1:], strict=False):
            shapes |= dense_shapes(layer, inputs, outputs)
        return shapes

    def forward(self, x: Array, params: Parameters) -> tuple[Array, list[Any]]:
        """Return the last hidden layer, (N, H), and one cache per layer."""
        activation = ACTIVATIONS[self.activation].forward
        h, caches = x, []
        for layer in self.layers:
            a, dense_cache = dense(h, *params.layer(layer))
            h, activation_cache = activation(a)
            caches.append((dense_cache, activation_cache))
        return h, caches

    def backward(self, dh: Array, caches: list[Any], grads: Parameters, need_dx: bool = True) -> Any:
        """Return dx (N, I), or None where it is not needed, and write the dW and db of every layer into grads."""
        activation_backward = ACTIVATIONS[self.activation].backward
        for layer, (dense_cache, activation_cache) in zip(self.layers[::-1], caches[::-1], strict=True):
            need = need_dx or layer != self.layers[0]
            da = activation_backward(dh, activation_cache)
            dh, _, _ = dense_backward(da, dense_cache, out=grads.layer(layer), need_dx=need)
        return dh
