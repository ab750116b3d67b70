"""A multilayer perceptron: dense layer, activation, and again; backward is the same in reverse."""

from typing import Any

from npvae.layers import dense, dense_backward, relu, relu_backward, tanh, tanh_backward
from npvae.parameters import Parameters, dense_shapes, glorot_uniform, he_normal
from npvae.types import Array

ACTIVATIONS = {"relu": (relu, relu_backward), "tanh": (tanh, tanh_backward)}
INITIALIZERS = {"relu": he_normal, "tanh": glorot_uniform}


class MLP:
    r"""Hidden layers of a network. It holds no parameters and no state: both are handed in.

    Parameters
    ----------
    name : str
        Layer i has the parameters `name.i.W` and `name.i.b`.
    sizes : tuple of int
        Width of the input, then of each hidden layer. One size alone makes the identity.
    activation : "relu" or "tanh"

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
        """The last hidden layer, (N, H), and one cache a layer."""
        activation, _ = ACTIVATIONS[self.activation]
        h, caches = x, []
        for layer in self.layers:
            a, dense_cache = dense(h, *params.layer(layer))
            h, activation_cache = activation(a)
            caches.append((dense_cache, activation_cache))
        return h, caches

    def backward(self, dh: Array, caches: list[Any], grads: Parameters, need_dx: bool = True) -> Any:
        """Gradient by x, (N, I), or None where it is not needed. Those by W and b are written into grads."""
        _, activation_backward = ACTIVATIONS[self.activation]
        for layer, (dense_cache, activation_cache) in zip(self.layers[::-1], caches[::-1], strict=True):
            need = need_dx or layer != self.layers[0]
            da = activation_backward(dh, activation_cache)
            dh, _, _ = dense_backward(da, dense_cache, out=grads.layer(layer), need_dx=need)
        return dh
