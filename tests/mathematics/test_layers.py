"""Values of dense, relu, tanh and sigmoid; their gradients: test_pairs.py."""

import math

import numpy as np
import pytest

import npvae


def test_dense_is_the_affine_map_of_each_row():
    x, W, b = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0], [10.0, 20.0, 30.0]]), np.array([0.5, 0.0, 7.0])
    y, _ = npvae.dense(x, W, b)
    np.testing.assert_array_equal(y, [[21.5, 40.0, 66.0]])


def test_dense_backward_writes_into_the_buffers_it_is_given():
    rng = np.random.default_rng(0)
    x, W, dy = rng.standard_normal((4, 3)), rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    _, cache = npvae.dense(x, W, np.zeros(2))
    flat = np.full(8, np.nan)
    out = flat[:6].reshape(3, 2), flat[6:]
    _, dW, db = npvae.dense_backward(dy, cache, out=out)
    assert dW is out[0]
    assert db is out[1]
    np.testing.assert_allclose(flat, [*(x.T @ dy).ravel(), *dy.sum(axis=0)], rtol=1e-14)


def test_dense_backward_leaves_out_the_gradient_of_the_data_where_it_is_not_needed():
    _, cache = npvae.dense(np.ones((4, 3)), np.ones((3, 2)), np.zeros(2))
    dx, dW, _ = npvae.dense_backward(np.ones((4, 2)), cache, need_dx=False)
    assert dx is None
    np.testing.assert_array_equal(dW, np.full((3, 2), 4.0))


def test_the_bias_gradient_is_the_sum_over_the_batch():
    _, cache = npvae.dense(np.zeros((5, 3)), np.zeros((3, 2)), np.zeros(2))
    _, _, db = npvae.dense_backward(np.ones((5, 2)), cache)
    np.testing.assert_array_equal(db, [5.0, 5.0])


def test_relu_passes_what_is_positive_and_its_slope_at_zero_is_zero():
    h, cache = npvae.relu(np.array([-2.0, 0.0, 3.0]))
    np.testing.assert_array_equal(h, [0.0, 0.0, 3.0])
    np.testing.assert_array_equal(npvae.relu_backward(np.array([5.0, 5.0, 5.0]), cache), [0.0, 0.0, 5.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_its_gradient_are_finite_and_exact_at_logits_of_1e4(dtype):
    h, cache = npvae.sigmoid(np.array([-1e4, 0.0, 1e4], dtype))
    np.testing.assert_array_equal(h, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(npvae.sigmoid_backward(np.ones(3, dtype), cache), [0.0, 0.25, 0.0])


def test_sigmoid_keeps_its_relative_precision_far_from_zero():
    h, _ = npvae.sigmoid(np.array([-50.0, -700.0]))
    np.testing.assert_allclose(h, [math.exp(-50), math.exp(-700)], rtol=1e-14)


def test_sigmoid_of_minus_a_is_one_minus_sigmoid_of_a():
    a = np.linspace(-30, 30, 101)
    np.testing.assert_allclose(npvae.sigmoid(-a)[0], 1 - npvae.sigmoid(a)[0], atol=1e-15)


def test_sigmoid_is_half_a_tanh_of_half_its_argument():
    a = np.linspace(-10, 10, 101)
    np.testing.assert_allclose(npvae.sigmoid(a)[0], 0.5 * (1 + npvae.tanh(a / 2)[0]), atol=1e-15)
