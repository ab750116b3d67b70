"""The flat vector and the views into it; initial weights."""

import copy
import math

import numpy as np
import pytest
from support import small_vae

from npvae.parameters import Parameters, aligned, glorot_uniform, he_normal

SHAPES = {"a.W": (2, 3), "a.b": (3,), "s": ()}


def test_the_views_and_the_vector_are_the_same_memory_in_the_order_of_the_shapes():
    params = Parameters(SHAPES)
    params.vector[...] = np.arange(10)
    np.testing.assert_array_equal(params["a.W"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(params["a.b"], [6, 7, 8])
    assert params["s"] == 9
    params["a.b"][1] = -1
    assert params.vector[7] == -1


def test_in_place_arithmetic_and_assignment_on_the_vector_keep_the_views_true():
    params = Parameters(SHAPES)
    view = params["a.W"]
    params.vector += 1
    params.vector = 5 * params.vector
    np.testing.assert_array_equal(view, np.full((2, 3), 5.0))


def test_assigning_to_a_name_copies_the_values_in():
    params, values = Parameters(SHAPES), np.array([1.0, 2.0, 3.0])
    params["a.b"] = values
    values[:] = -1
    np.testing.assert_array_equal(params.vector, [0, 0, 0, 0, 0, 0, 1, 2, 3, 0])


def test_like_lays_the_same_names_over_another_vector():
    params, vector = Parameters(SHAPES), np.zeros(10)
    params.like(vector)["s"][...] = 4
    assert vector[9] == 4
    assert not params.vector.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 16, 1001])
def test_an_aligned_copy_starts_at_a_cache_line_wherever_memory_is_given(dtype, size):
    vectors = [np.full(size, i, dtype) for i in range(20)]
    placed = [aligned(vector) for vector in vectors]
    assert {vector.ctypes.data % 64 for vector in placed} == {0}
    for before, after in zip(vectors, placed, strict=True):
        np.testing.assert_array_equal(after, before, strict=True)
        after += 1  # memory of its own: neither the vector copied nor another copy moves
    assert [set(after - before) for before, after in zip(vectors, placed, strict=True)] == [{1}] * 20


def test_a_layer_is_its_weights_and_its_bias():
    params = Parameters(SHAPES)
    W, b = params.layer("a")
    assert W is params["a.W"]
    assert b is params["a.b"]


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        Parameters(SHAPES)["b.W"]


def test_glorot_weights_fill_their_interval_and_have_its_variance():
    W = glorot_uniform((300, 200), np.random.default_rng(0))
    limit = math.sqrt(6 / 500)
    assert 0.99 * limit < np.abs(W).max() <= limit
    np.testing.assert_allclose(W.var(), 2 / 500, rtol=0.02)


def test_he_weights_have_variance_2_over_the_inputs():
    W = he_normal((300, 200), np.random.default_rng(0))
    np.testing.assert_allclose(W.var(), 2 / 300, rtol=0.02)
    assert abs(W.mean()) < 4 * math.sqrt(2 / 300 / W.size)


def test_a_copy_of_a_model_is_moved_by_its_own_vector_and_leaves_the_first_alone():
    model, *_ = small_vae()
    before = model.params.vector.copy()
    twin = copy.deepcopy(model)
    twin.params.vector[...] = 0
    assert all(np.all(array == 0) for array in twin.params.values())
    np.testing.assert_array_equal(model.params.vector, before)
