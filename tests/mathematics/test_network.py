"""The multilayer perceptron: values, and the gradient of every layer against differences."""

import numpy as np
import pytest
from hypothesis import given
from support import BAR, D, H, activations, examples, seeds, whole_model

from npvae.gradcheck import gradient_error, redraw
from npvae.network import MLP
from npvae.parameters import Parameters


def filled(network, rng):
    params = Parameters(network.param_shapes)
    params.vector = rng.standard_normal(params.vector.shape)
    return params


def test_no_hidden_layer_is_the_identity():
    network, x = MLP("encoder", (D,), "relu"), np.random.default_rng(0).random((4, D))
    h, caches = network.forward(x, Parameters({}))
    assert h is x
    assert network.backward(x, caches, Parameters({})) is x


def test_layers_are_named_and_shaped_from_the_input_on():
    assert MLP("encoder", (7, 5, 3), "tanh").param_shapes == {
        "encoder.0.W": (7, 5),
        "encoder.0.b": (5,),
        "encoder.1.W": (5, 3),
        "encoder.1.b": (3,),
    }


def test_forward_is_layer_after_layer():
    network, rng = MLP("net", (D, H, 2), "tanh"), np.random.default_rng(0)
    params, x = filled(network, rng), rng.random((4, D))
    expected = np.tanh(np.tanh(x @ params["net.0.W"] + params["net.0.b"]) @ params["net.1.W"] + params["net.1.b"])
    np.testing.assert_allclose(network.forward(x, params)[0], expected, rtol=1e-14)


@whole_model
@given(activation=activations, seed=seeds, n=examples)
def test_the_gradients_of_the_input_and_of_every_layer_meet_finite_differences(activation, seed, n):
    network = MLP("net", (D, H, 5, 2), activation)

    def check(rng):
        params = filled(network, rng)

        def forward(x, vector):
            params.vector = vector
            return network.forward(x, params)

        def backward(dh, caches):
            grads = params.like(np.full_like(params.vector, np.nan))
            dx = network.backward(dh, caches, grads)
            return dx, grads.vector

        def pattern(caches):
            return np.concatenate([h > 0 for _, h in caches], axis=1)

        args = rng.standard_normal((n, D)), params.vector.copy()
        return gradient_error(forward, backward, args, rng, pattern if activation == "relu" else None)

    error, _ = redraw(check, seed)
    assert error < BAR


def test_the_gradients_of_the_weights_are_the_same_where_that_of_x_is_left_out():
    network, rng = MLP("net", (D, H, 2), "relu"), np.random.default_rng(0)
    params = filled(network, rng)
    h, caches = network.forward(rng.random((4, D)), params)
    with_dx, without = (params.like(np.full_like(params.vector, np.nan)) for _ in range(2))
    assert network.backward(h, caches, with_dx).shape == (4, D)
    assert network.backward(h, caches, without, need_dx=False) is None
    np.testing.assert_array_equal(with_dx.vector, without.vector)


def test_caches_that_are_not_one_a_layer_are_refused():
    network, rng = MLP("net", (D, H, 2), "tanh"), np.random.default_rng(0)
    params = filled(network, rng)
    h, caches = network.forward(rng.random((4, D)), params)
    with pytest.raises(ValueError, match="shorter"):
        network.backward(h, caches[1:], params.like(np.empty_like(params.vector)))
