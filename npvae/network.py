"""A multilayer perceptron: dense layers, each followed by an activation; backward visits them in reverse.

Its gradients are tested in tests/mathematics/test_network.py.
"""

from typing import Any

from npvae.internals.types import Array
from npvae.layers import ACTIVATIONS, dense, dense_backward
from npvae.parameters import Parameters, dense_shapes


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
