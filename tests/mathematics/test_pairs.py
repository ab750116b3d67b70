"""What every pair of forward and backward promises, whatever it computes: here every gradient meets differences.

The pairs are those of `npvae.gradcheck.all_pairs`, each with its _backward: dense, relu, tanh, sigmoid;
reparameterize, kl_divergence; bernoulli_nll, gaussian_nll; log_prior_ratio, log_mean_exp. Every entry of a gradient
is compared with a central difference, under a random upstream gradient, and must agree to 1e-6.
"""

import re

import numpy as np
import pytest
from hypothesis import given
from support import BAR, examples, scales, seeds

from npvae.gradcheck import all_pairs, pair_error, redraw

PAIRS = all_pairs()
every_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def arrays_in(cache):
    if isinstance(cache, (tuple, list)):
        return [array for part in cache for array in arrays_in(part)]
    return [np.asarray(cache)]


def call(pair, dtype=np.float64, n=4):
    rng = np.random.default_rng(5)
    args = [np.asarray(arg, dtype) for arg in pair.draw(rng, n)]
    out, cache = pair.forward(*args)
    dout = rng.standard_normal(out.shape).astype(dtype)
    return args, out, cache, dout


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)


def test_every_function_with_a_backward_stands_in_the_table_of_pairs():
    import npvae

    functions = {name for name in npvae.__all__ if f"{name}_backward" in npvae.__all__}
    assert functions == {pair.forward.__name__ for pair in PAIRS.values()}
    assert functions <= set(re.findall(r"\w+", __doc__))
    for pair in PAIRS.values():
        assert pair.backward is getattr(npvae, f"{pair.forward.__name__}_backward")


@every_pair
@given(seed=seeds, n=examples, scale=scales)
def test_the_gradient_meets_finite_differences(pair, seed, n, scale):
    error, _ = redraw(lambda rng: pair_error(pair, rng, n, scale), seed)
    assert error < BAR


@every_pair
@both_dtypes
def test_dtype_out_is_dtype_in(pair, dtype):
    _, out, cache, dout = call(pair, dtype)
    gradients = as_tuple(pair.backward(dout, cache))
    assert {array.dtype for array in (out, *arrays_in(cache), *gradients)} == {np.dtype(dtype)}


@every_pair
def test_each_gradient_has_the_shape_of_its_argument(pair):
    args, _, cache, dout = call(pair)
    assert [np.shape(g) for g in as_tuple(pair.backward(dout, cache))] == [args[i].shape for i in pair.wrt]


@every_pair
def test_neither_forward_nor_backward_changes_its_inputs(pair):
    args, out, cache, dout = call(pair)
    watched = [*args, out, *arrays_in(cache), dout]
    for array in watched:
        array.flags.writeable = False
    before = [array.copy() for array in watched]
    pair.forward(*args)
    pair.backward(dout, cache)
    assert all(np.array_equal(old, new) for old, new in zip(before, watched, strict=True))


@every_pair
def test_a_second_forward_leaves_the_first_ones_cache_alone(pair):
    args, _, cache, dout = call(pair)
    expected = [g.copy() for g in as_tuple(pair.backward(dout, cache))]
    pair.forward(*(arg + 1 for arg in args))
    for expect, gradient in zip(expected, as_tuple(pair.backward(dout, cache)), strict=True):
        np.testing.assert_array_equal(gradient, expect)


@every_pair
def test_the_gradient_is_linear_in_the_upstream_gradient(pair):
    _, _, cache, dout = call(pair)
    once, thrice = as_tuple(pair.backward(dout, cache)), as_tuple(pair.backward(3 * dout, cache))
    for g1, g3 in zip(once, thrice, strict=True):
        np.testing.assert_allclose(g3, 3 * g1, rtol=1e-12)
