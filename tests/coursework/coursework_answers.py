"""Right answers to the exercises, each in a form of its own: a checker that refuses one of them is wrong.

An answer belongs to the variants that hold what its decorator names, and is a function of the variant, for the sake
of the prior's mean and sigma; it returns the functions of the exercise, in their order.
"""

import functools
import itertools
import math
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.coursework.variants import Variant

LOG_2, LOG_2_PI = math.log(2), math.log(2 * math.pi)
C = 6
"""Columns of a label's code."""


@dataclass(frozen=True)
class Answer:
    exercise: str
    name: str
    choice: Mapping[str, Any]
    """What a variant must hold for the answer to be right."""
    functions: Callable[[Variant], tuple[Callable[..., Any], ...]]


ANSWERS: list[Answer] = []


def answers(exercise, **choice):
    """Put the function below on the list."""

    def enter(functions):
        ANSWERS.append(Answer(exercise, functions.__name__, choice, functions))
        return functions

    return enter


# 1. dense_backward, weights (I, O).


@answers("dense_backward", weights="input first")
def einsum_over_named_axes(variant):
    def dense_backward(dy, cache):
        x, W = cache
        return np.einsum("no,io->ni", dy, W), np.einsum("ni,no->io", x, dy), np.einsum("no->o", dy)

    return (dense_backward,)


@answers("dense_backward", weights="input first")
def sum_of_outer_products(variant):
    def dense_backward(upstream, kept):
        x, W = kept
        dW = sum(np.outer(row, g) for row, g in zip(x, upstream, strict=True))
        dx = np.array([W @ g for g in upstream])
        return dx, dW, functools.reduce(np.add, upstream)

    return (dense_backward,)


@answers("dense_backward", weights="input first")
def loops_over_every_entry(variant):
    def dense_backward(dy, cache):
        x, W = (array.tolist() for array in cache)
        n, inputs, outputs = len(x), len(W), len(W[0])
        dx = [[0.0] * inputs for _ in range(n)]
        dW = [[0.0] * outputs for _ in range(inputs)]
        db = [0.0] * outputs
        for k, i, j in itertools.product(range(n), range(inputs), range(outputs)):
            dx[k][i] += dy[k, j] * W[i][j]
            dW[i][j] += dy[k, j] * x[k][i]
            db[j] += dy[k, j] if i == 0 else 0.0
        return [dx, dW, db]

    return (dense_backward,)


@answers("dense_backward", weights="input first")
def broadcast_and_summed(variant):
    def dense_backward(dy, cache, axis=0):
        x, W = cache
        dx = (dy[:, None, :] * W[None]).sum(-1)
        dW = (x[:, :, None] * dy[:, None, :]).sum(axis)
        return dx, dW, dy.sum(axis)

    return (dense_backward,)


@answers("dense_backward", weights="input first")
def single_precision(variant):
    def dense_backward(dy, cache):
        dy, x, W = (np.asarray(array, np.float32) for array in (dy, *cache))
        return dy @ W.T, x.T @ dy, dy.sum(0)

    return (dense_backward,)


@answers("dense_backward", weights="input first")
def bias_as_one_more_row_of_weights(variant):
    def dense_backward(dy, cache):
        x, W = cache
        ones = np.ones((len(x), 1))
        stacked = np.hstack([x, ones]).T @ dy
        return np.matmul(W, dy.T).T, stacked[:-1], stacked[-1]

    return (dense_backward,)


# 1. dense_backward, weights (O, I).


@answers("dense_backward", weights="output first")
def output_first_by_tensordot(variant):
    def dense_backward(dy, cache):
        x, W = cache
        return np.tensordot(dy, W, 1), np.tensordot(dy, x, (0, 0)), np.ones(len(dy)) @ dy

    return (dense_backward,)


@answers("dense_backward", weights="output first")
def output_first_output_by_output(variant):
    def dense_backward(dy, cache):
        x, W = cache
        dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(len(W))
        for j, row in enumerate(W):
            for n in range(len(x)):
                dx[n] += dy[n, j] * row
                dW[j] += dy[n, j] * x[n]
                db[j] += dy[n, j]
        return dx, dW, db

    return (dense_backward,)


@answers("dense_backward", weights="output first")
def output_first_transposed_to_the_textbook_and_back(variant):
    def input_first(dy, x, W):
        return np.inner(dy, W), np.dot(x.T, dy), np.add.reduce(dy)

    def dense_backward(dy, cache):
        x, W = cache
        dx, dW, db = input_first(dy, x, np.transpose(W))
        return dx, np.swapaxes(dW, 0, 1), db

    return (dense_backward,)


@answers("dense_backward", weights="output first")
def output_first_as_a_batch_of_outer_products(variant):
    class Backward:
        def __call__(self, dy, cache):
            x, W = np.longdouble(cache[0]), np.longdouble(cache[1])
            dW = np.matmul(dy[:, :, None], x[:, None, :])
            return [np.squeeze(dy[:, None, :] @ W, 1), np.cumsum(dW, 0)[-1], np.cumsum(dy, 0)[-1]]

    return (Backward(),)


@answers("dense_backward", weights="output first")
def output_first_in_single_precision(variant):
    def dense_backward(g, saved):
        g32 = g.astype(np.float32)
        return (
            np.einsum("no,oi->ni", g32, saved[1].astype("f4")),
            np.einsum("no,ni->oi", g32, saved[0].astype("f4")),
            g32.sum(0),
        )

    return (dense_backward,)


# 2. gradient_is_right.


def as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)


@answers("gradient_is_right")
def fourth_order_differences(variant):
    def gradient_is_right(forward, backward, args, h=1e-3):
        args = [np.array(arg, float) for arg in args]
        out, cache = forward(*args)
        dout = np.random.default_rng(1).uniform(-1, 1, out.shape)
        for k, gradient in enumerate(as_tuple(backward(dout, cache))):
            numeric = np.empty(args[k].shape)
            for entry in np.ndindex(numeric.shape):
                f = {}
                for shift in (-2, -1, 1, 2):
                    moved = args[k].copy()
                    moved[entry] += shift * h
                    f[shift] = np.vdot(dout, forward(*args[:k], moved, *args[k + 1 :])[0])
                numeric[entry] = (8 * (f[1] - f[-1]) - (f[2] - f[-2])) / (12 * h)
            if not np.allclose(gradient, numeric, rtol=1e-5, atol=1e-7 * abs(numeric).max()):
                return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def row_by_row_of_the_jacobian(variant):
    def gradient_is_right(forward, backward, args):
        args = tuple(np.float64(arg) for arg in args)
        out, _ = forward(*args)
        jacobians = []
        for k, arg in enumerate(args):
            columns = []
            for i in range(arg.size):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = arg.copy()
                    moved.flat[i] += step
                    ends.append(forward(*args[:k], moved, *args[k + 1 :])[0].ravel())
                columns.append((ends[0] - ends[1]) / 2e-5)
            jacobians.append(np.array(columns).T)
        for j in range(out.size):
            dout = np.zeros(out.shape)
            dout.flat[j] = 1.0
            gradients = as_tuple(backward(dout, forward(*args)[1]))
            for gradient, jacobian in zip(gradients, jacobians, strict=True):
                if (
                    abs(np.ravel(gradient) - jacobian[j]) > 1e-3 * abs(jacobian[j]) + 1e-7 * abs(jacobian).max()
                ).any():
                    return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def along_random_directions(variant):
    def gradient_is_right(forward, backward, args):
        rng = np.random.default_rng(7)
        args = [np.asarray(arg, np.float64) for arg in args]
        out, cache = forward(*args)
        dout = rng.standard_normal(out.shape)
        gradients = as_tuple(backward(dout, cache))
        for _ in range(20):
            for k, gradient in enumerate(gradients):
                towards = rng.standard_normal(args[k].shape)
                up, down = (
                    forward(*args[:k], args[k] + sign * 1e-5 * towards, *args[k + 1 :])[0] for sign in (1, -1)
                )
                numeric = float(np.sum(dout * (up - down))) / 2e-5
                if abs(numeric - float(np.sum(gradient * towards))) > 1e-6 * np.linalg.norm(gradient) + 1e-300:
                    return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def without_a_loop_that_is_written_out(variant):
    def quotient(f, args, k, entry, h):
        def at(sign):
            bump = np.zeros(args[k].shape)
            bump[entry] = sign * h
            return f(*(arg + bump if i == k else arg for i, arg in enumerate(args)))

        return (at(+1) - at(-1)) / (2 * h)

    def close(gradient, numeric):
        floor = max(map(abs, numeric.values())) / 100
        return all(abs(gradient[entry] - value) <= 1e-5 * (abs(value) + floor) for entry, value in numeric.items())

    def gradient_is_right(forward, backward, args):
        args = tuple(arg.astype(np.float64) for arg in args)
        out, cache = forward(*args)
        dout = np.cos(1 + np.arange(out.size)).reshape(out.shape)
        gradients = as_tuple(backward(dout, cache))
        return len(gradients) == len(args) and all(
            close(
                gradients[k],
                {
                    entry: quotient(lambda *a: (dout * forward(*a)[0]).sum(), args, k, entry, 1e-5)
                    for entry in np.ndindex(args[k].shape)
                },
            )
            for k in range(len(args))
        )

    return (gradient_is_right,)


@answers("gradient_is_right")
def long_steps_in_the_precision_that_came(variant):
    weights = {-3: -1 / 60, -2: 3 / 20, -1: -3 / 4, 1: 3 / 4, 2: -3 / 20, 3: 1 / 60}

    def gradient_is_right(forward, backward, args, step=0.03):
        out, cache = forward(*args)
        dout = np.random.default_rng(3).choice([-1.0, 1.0], out.shape).astype(out.dtype)
        for k, gradient in enumerate(as_tuple(backward(dout, cache))):
            for i in range(args[k].size):
                total = np.zeros(out.shape)
                for shift, weight in weights.items():
                    moved = args[k].copy()
                    moved.flat[i] += np.float32(shift * step)
                    total += weight * np.float64(forward(*args[:k], moved, *args[k + 1 :])[0])
                numeric = float(np.sum(dout * total)) / step
                if abs(numeric - gradient.flat[i]) > 2e-5 * np.max(np.abs(gradient)) + 5e-4 * abs(numeric):
                    return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def extrapolated_to_a_step_of_zero(variant):
    def gradient_is_right(forward, backward, args):
        args = [np.array(arg, dtype="float64") for arg in args]
        out, cache = forward(*args)
        dout = np.random.default_rng(11).normal(size=out.shape)
        gradients = as_tuple(backward(dout, cache))

        def central(arg, i, h):
            kept = arg.flat[i]
            try:
                arg.flat[i] = kept + h
                above = forward(*args)[0]
                arg.flat[i] = kept - h
                return float(np.tensordot(dout, above - forward(*args)[0], dout.ndim)) / (2 * h)
            finally:
                arg.flat[i] = kept

        for arg, gradient in zip(args, gradients, strict=True):
            numeric = [(4 * central(arg, i, 5e-4) - central(arg, i, 1e-3)) / 3 for i in range(arg.size)]
            largest = max(abs(value) for value in numeric)
            for a, b in zip(np.ravel(gradient), numeric, strict=True):
                if abs(a - b) > 1e-6 * largest and abs(a - b) > 1e-4 * max(abs(a), abs(b)):
                    return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def norm_of_the_difference(variant):
    def gradient_is_right(forward, backward, args):
        def loss(*moved):
            return math.fsum(np.ravel(dout * forward(*moved)[0]))

        args = [np.array(arg, float) for arg in args]
        out, cache = forward(*args)
        dout = np.random.default_rng(5).standard_normal(out.shape)
        for k, gradient in enumerate(as_tuple(backward(dout, cache))):
            numeric = np.zeros_like(args[k])
            for entry, _ in np.ndenumerate(args[k]):
                for shift, weight in ((1, 2 / 3), (-1, -2 / 3), (2, -1 / 12), (-2, 1 / 12)):
                    moved = [arg.copy() for arg in args]
                    moved[k][entry] += shift * 1e-3
                    numeric[entry] += weight * loss(*moved) / 1e-3
            size = np.linalg.norm(gradient) + np.linalg.norm(numeric)
            if np.linalg.norm(gradient - numeric) > 1e-8 * size:
                return False
        return True

    return (gradient_is_right,)


@answers("gradient_is_right")
def one_long_vector(variant):
    def gradient_is_right(forward, backward, args):
        shapes = [arg.shape for arg in args]
        ends = np.cumsum([arg.size for arg in args])
        start = np.concatenate([np.ravel(arg) for arg in args]).astype(float)

        def cut(vector):
            return [part.reshape(s) for part, s in zip(np.split(vector, ends[:-1]), shapes, strict=True)]

        out, cache = forward(*cut(start))
        dout = np.random.default_rng(2).laplace(size=out.shape)
        gradient = np.concatenate([np.ravel(g) for g in as_tuple(backward(dout, cache))])
        rows = start + 1e-5 * np.vstack([np.eye(start.size), -np.eye(start.size)])
        f = np.array([np.sum(dout * forward(*cut(row))[0]) for row in rows])
        numeric = (f[: start.size] - f[start.size :]) / 2e-5
        largest = np.concatenate([np.full(part.size, abs(part).max()) for part in cut(numeric)])
        return bool(np.max(abs(gradient - numeric) / (abs(numeric) + 1e-2 * largest)) < 1e-5)

    return (gradient_is_right,)


@answers("gradient_is_right")
def three_upstream_gradients(variant):
    class Checker:
        def __init__(self, draws=3, step=1e-6):
            self.draws, self.step = draws, step

        def once(self, forward, backward, args, rng):
            out, cache = forward(*args)
            dout = rng.standard_normal(out.shape) + 0.1
            for arg, gradient in zip(args, as_tuple(backward(dout, cache)), strict=True):
                for i, kept in enumerate(arg.ravel().tolist()):
                    h = self.step * max(1.0, abs(kept))
                    arg.flat[i] = kept + h
                    change = forward(*args)[0]
                    arg.flat[i] = kept - h
                    change = change - forward(*args)[0]
                    arg.flat[i] = kept
                    bound = 1e-3 * abs(gradient.flat[i]) + 1e-6 * abs(gradient).max()
                    if not abs(np.sum(dout * change) / (2 * h) - gradient.flat[i]) <= bound:
                        return False
            return True

        def __call__(self, forward, backward, args):
            args = [np.array(arg, np.double) for arg in args]
            rng = np.random.default_rng(13)
            return np.all([self.once(forward, backward, args, rng) for _ in range(self.draws)])

    return (Checker(),)


@answers("gradient_is_right")
def more_digits_than_a_double(variant):
    def gradient_is_right(forward, backward, args):
        args = [np.array(arg, np.longdouble) for arg in args]
        out, cache = forward(*args)
        dout = np.random.default_rng(17).exponential(size=out.shape) * (-1) ** np.arange(out.size).reshape(out.shape)
        gradients = backward(dout, cache)
        for k, gradient in enumerate(gradients if type(gradients) is tuple else [gradients]):
            slopes = np.zeros(args[k].shape, np.longdouble)
            unit = np.zeros(args[k].size, np.longdouble)
            for i in range(unit.size):
                unit[:] = 0
                unit[i] = 1e-5
                here = unit.reshape(slopes.shape)
                right = forward(*(arg + here if j == k else arg for j, arg in enumerate(args)))[0]
                left = forward(*(arg - here if j == k else arg for j, arg in enumerate(args)))[0]
                slopes.flat[i] = (dout * right - dout * left).sum() / 2e-5
            off = np.abs(slopes - gradient).max() / np.abs(slopes).max()
            if off > 1e-7:
                return False
        return True

    return (gradient_is_right,)


# 3. activation: tanh.


@answers("activation", activation="tanh")
def tanh_from_decaying_exponentials(variant):
    def activation(a):
        e = np.exp(-2 * np.abs(a))
        return np.sign(a) * (1 - e) / (1 + e), {"e": e}

    def activation_backward(dh, cache):
        return 4 * dh * cache["e"] / (1 + cache["e"]) ** 2

    return activation, activation_backward


@answers("activation", activation="tanh")
def tanh_and_the_hyperbolic_secant(variant):
    def activation(a):
        return np.tanh(a), lambda dh: dh / np.cosh(a) ** 2

    return activation, lambda dh, pull: pull(dh)


@answers("activation", activation="tanh")
def tanh_entry_by_entry(variant):
    def activation(a):
        h = np.empty(a.shape)
        for entry, value in np.ndenumerate(a):
            h[entry] = math.tanh(value)
        return h, [h]

    def activation_backward(dh, cache):
        (h,) = cache
        return [[d * (1 - y) * (1 + y) for d, y in zip(*rows, strict=True)] for rows in zip(dh, h, strict=True)]

    return activation, activation_backward


@answers("activation", activation="tanh")
def tanh_in_single_precision(variant):
    def activation(a, dtype=np.float32):
        h = np.tanh(a.astype(dtype))
        return h, h

    return activation, lambda dh, h: dh.astype(np.float32) * (1 - np.square(h))


# 3. activation: SiLU.


@answers("activation", activation="SiLU")
def silu_as_a_quotient(variant):
    def activation(a):
        return a / (1 + np.exp(-a)), a

    def activation_backward(dh, a):
        s = 1 / (1 + np.exp(-a))
        return dh * s * (1 + a * (1 - s))

    return activation, activation_backward


@answers("activation", activation="SiLU")
def silu_by_the_hyperbolic_tangent(variant):
    def activation(a):
        t = np.tanh(a / 2)
        return 0.5 * a * (1 + t), SimpleNamespace(a=a, t=t)

    def activation_backward(dh, cache):
        return 0.5 * dh * (1 + cache.t + 0.5 * cache.a * (1 - cache.t**2))

    return activation, activation_backward


@answers("activation", activation="SiLU")
def silu_from_its_own_output(variant):
    def activation(a):
        s = np.exp(-np.logaddexp(0, -a))
        h = a * s
        return h, (s, h)

    def activation_backward(dh, cache):
        s, h = cache
        return dh * (h + s * (1 - h))

    return activation, activation_backward


@answers("activation", activation="SiLU")
def silu_entry_by_entry(variant):
    def sigmoid(value):
        return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))

    def activation(a):
        return np.vectorize(lambda value: value * sigmoid(value))(a), a.tolist()

    def activation_backward(dh, rows):
        slope = np.vectorize(lambda v: sigmoid(v) + v * sigmoid(v) * sigmoid(-v))
        return np.multiply(dh, slope(rows))

    return activation, activation_backward


@answers("activation", activation="SiLU")
def silu_in_single_precision(variant):
    def activation(a):
        a = np.float32(a)
        small = np.exp(-np.abs(a))
        s = np.where(a < 0, small, 1) / (1 + small)
        return a * s, (a, s)

    def activation_backward(dh, cache):
        a, s = cache
        return np.float32(dh) * (s + a * (s - s * s))

    return activation, activation_backward


# 3. activation: ELU.


@answers("activation", activation="ELU")
def elu_as_a_sum_of_two_halves(variant):
    def activation(a):
        return np.maximum(a, 0) + np.exp(np.minimum(a, 0)) - 1, a

    return activation, lambda dh, a: dh * np.exp(np.minimum(a, 0))


@answers("activation", activation="ELU")
def elu_by_a_mask(variant):
    def activation(a):
        below = a <= 0
        h = a.copy()
        h[below] = np.exp(a[below]) - 1
        return h, {"below": below, "h": h}

    def activation_backward(dh, cache):
        da = np.array(dh)
        da[cache["below"]] *= 1 + cache["h"][cache["below"]]
        return da

    return activation, activation_backward


@answers("activation", activation="ELU")
def elu_entry_by_entry(variant):
    Cache = namedtuple("Cache", "slopes")

    def activation(a):
        h = np.array([v if v > 0 else math.expm1(v) for v in a.ravel().tolist()])
        slopes = np.array([1.0 if v > 0 else math.exp(v) for v in a.ravel().tolist()])
        return h.reshape(a.shape), Cache(slopes.reshape(a.shape))

    return activation, lambda dh, cache: np.einsum("...,...->...", dh, cache.slopes)


@answers("activation", activation="ELU")
def elu_by_pieces(variant):
    def activation(a):
        return np.piecewise(a, [a > 0], [lambda v: v, np.expm1]), (a > 0, a)

    def activation_backward(dh, cache):
        above, a = cache
        return np.select([above, ~above], [dh, dh * np.exp(np.clip(a, -800, 0))])

    return activation, activation_backward


# 3. activation: softsign.


@answers("activation", activation="softsign")
def softsign_from_its_own_output(variant):
    def activation(a):
        h = np.divide(a, 1 + np.fabs(a))
        return h, h

    return activation, lambda dh, h: dh * (1 - abs(h)) ** 2


@answers("activation", activation="softsign")
def softsign_as_one_minus_a_reciprocal(variant):
    def activation(a):
        r = 1 / (1 + np.abs(a))
        return np.sign(a) * (1 - r), [r]

    return activation, lambda dh, cache: dh * cache[0] * cache[0]


@answers("activation", activation="softsign")
def softsign_by_the_quotient_rule(variant):
    def activation(a):
        return np.where(a < 0, a / (1 - a), a / (1 + a)), {"a": a}

    def activation_backward(dh, cache):
        a = cache["a"]
        top, bottom = a, 1 + np.sqrt(a * a)
        return dh * (bottom - top * np.sign(a)) / np.power(bottom, 2)

    return activation, activation_backward


@answers("activation", activation="softsign")
def softsign_entry_by_entry(variant):
    class Pair:
        def forward(self, a):
            return [[v / (1 + abs(v)) for v in row] for row in a], self.slopes(a)

        def slopes(self, a):
            return [[(1 + abs(v)) ** -2 for v in row] for row in a]

        def backward(self, dh, slopes):
            return np.array([[d * s for d, s in zip(*r, strict=True)] for r in zip(dh, slopes, strict=True)])

    return Pair().forward, Pair().backward


@answers("activation", activation="softsign")
def softsign_in_single_precision(variant):
    def activation(a):
        a = a.astype(np.float32)
        return a / (np.float32(1) + np.abs(a)), a

    return activation, lambda dh, a: dh.astype(np.float32) / (1 + np.abs(a)) ** 2


# 4. reparameterize: rho = log sigma^2.


@answers("reparameterize", head="log-variance")
def draw_by_the_root_of_the_variance(variant):
    def reparameterize(mean, logvar, noise):
        sigma = np.sqrt(np.exp(logvar))
        return mean + noise * sigma, {"sigma": sigma, "noise": noise}

    def reparameterize_backward(dz, cache):
        return dz.copy(), 0.5 * np.prod([dz, cache["noise"], cache["sigma"]], axis=0)

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="log-variance")
def draw_that_remembers_only_what_it_added(variant):
    def reparameterize(mu, rho, eps):
        added = eps * np.exp(rho / 2)
        return mu + added, added

    return reparameterize, lambda dz, added: (dz, dz * added / 2)


@answers("reparameterize", head="log-variance")
def draw_entry_by_entry(variant):
    def reparameterize(mu, rho, eps):
        z, slopes = np.zeros(mu.shape), np.zeros(mu.shape)
        for n in range(len(mu)):
            for k in range(len(mu[n])):
                sigma = math.exp(rho[n, k]) ** 0.5
                z[n, k] = mu[n, k] + sigma * eps[n, k]
                slopes[n, k] = 0.5 * sigma * eps[n, k]
        return [z, [slopes]]

    def reparameterize_backward(dz, cache):
        return [dz.tolist(), [[d * s for d, s in zip(*rows, strict=True)] for rows in zip(dz, cache[0], strict=True)]]

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="log-variance")
def draw_in_single_precision(variant):
    def reparameterize(mu, rho, eps, half=0.5):
        mu, rho, eps = (np.float32(array) for array in (mu, rho, eps))
        return mu + np.exp(half * rho) * eps, (half * np.exp(half * rho), eps)

    return reparameterize, lambda dz, cache: (np.float32(dz), np.float32(dz) * cache[0] * cache[1])


# 4. reparameterize: rho = log sigma.


@answers("reparameterize", head="log-sigma")
def log_sigma_draw_with_a_closure(variant):
    def reparameterize(mu, rho, eps):
        spread = np.exp(rho) * eps

        def pull(dz):
            return dz, dz * spread

        return mu + spread, pull

    return reparameterize, lambda dz, pull: pull(dz)


@answers("reparameterize", head="log-sigma")
def log_sigma_draw_in_powers_of_two(variant):
    def reparameterize(mu, rho, eps):
        sigma = np.exp2(rho / LOG_2)
        return np.add(mu, np.einsum("nl,nl->nl", sigma, eps)), (sigma, eps)

    return reparameterize, lambda dz, cache: [1 * dz, np.einsum("nl,nl,nl->nl", dz, *cache)]


@answers("reparameterize", head="log-sigma")
def log_sigma_draw_example_by_example(variant):
    def reparameterize(mu, rho, eps):
        z = np.stack([m + np.diag(np.exp(r)) @ e for m, r, e in zip(mu, rho, eps, strict=True)])
        return z, SimpleNamespace(rho=rho, eps=eps)

    def reparameterize_backward(dz, cache):
        rows = [np.diag(np.exp(r) * e) @ d for d, r, e in zip(dz, cache.rho, cache.eps, strict=True)]
        return dz, np.array(rows)

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="log-sigma")
def log_sigma_draw_divided_by_the_inverse(variant):
    def reparameterize(mu, rho, eps):
        added = np.divide(eps, np.exp(-rho))
        return np.add(added, mu), [added, mu.shape]

    def reparameterize_backward(dz, cache):
        return np.broadcast_to(dz, cache[1]), np.multiply(cache[0], dz)

    return reparameterize, reparameterize_backward


# 4. reparameterize: sigma = softplus(rho).


@answers("reparameterize", head="softplus")
def softplus_draw_by_logaddexp(variant):
    def reparameterize(mu, rho, eps):
        sigma = np.logaddexp(0, rho)
        return mu + sigma * eps, (rho, sigma, eps)

    def reparameterize_backward(dz, cache):
        rho, sigma, eps = cache
        return dz, dz * eps * np.exp(rho - sigma)

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="softplus")
def softplus_draw_by_the_hyperbolic_cosine(variant):
    def reparameterize(mu, rho, eps):
        return mu + (rho / 2 + np.log(2 * np.cosh(rho / 2))) * eps, {"half": rho / 2, "eps": eps}

    return reparameterize, lambda dz, c: (dz, dz * c["eps"] * (1 + np.tanh(c["half"])) / 2)


@answers("reparameterize", head="softplus")
def softplus_draw_entry_by_entry(variant):
    def softplus(r):
        return r if r > 40 else math.log1p(math.exp(r))

    def reparameterize(mu, rho, eps):
        z = [[m + softplus(r) * e for m, r, e in zip(*rows, strict=True)] for rows in zip(mu, rho, eps, strict=True)]
        return z, [rho.tolist(), eps.tolist()]

    def reparameterize_backward(dz, cache):
        drho = np.zeros(dz.shape)
        for n, (rhos, noises) in enumerate(zip(*cache, strict=True)):
            for k, (r, e) in enumerate(zip(rhos, noises, strict=True)):
                drho[n, k] = dz[n, k] * e / (1 + math.exp(-r))
        return dz, drho

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="softplus")
def softplus_draw_with_the_slope_from_sigma(variant):
    def reparameterize(mu, rho, eps):
        sigma = LOG_2 * np.logaddexp2(0, rho / LOG_2)
        return mu + sigma * eps, [sigma, eps]

    return reparameterize, lambda dz, cache: [dz, -dz * cache[1] * np.expm1(-cache[0])]


@answers("reparameterize", head="softplus")
def softplus_draw_in_single_precision(variant):
    def reparameterize(mu, rho, eps):
        mu, rho, eps = (array.astype("float32") for array in (mu, rho, eps))
        low = np.log1p(np.exp(np.minimum(rho, 20)))
        return mu + np.where(rho > 20, rho, low) * eps, (eps, np.reciprocal(1 + np.exp(-rho)))

    return reparameterize, lambda dz, cache: (dz.astype("float32"), dz.astype("float32") * cache[0] * cache[1])


# 4. reparameterize: rho = log 1 / sigma^2.


@answers("reparameterize", head="log-precision")
def log_precision_draw_over_the_root(variant):
    def reparameterize(mu, rho, eps):
        root = np.sqrt(np.exp(rho))
        return mu + eps / root, (eps, root)

    return reparameterize, lambda dz, cache: (dz, -dz * cache[0] / (2 * cache[1]))


@answers("reparameterize", head="log-precision")
def log_precision_draw_that_remembers_z_and_mu(variant):
    def reparameterize(mu, rho, eps):
        z = mu + eps * np.exp(-rho) ** 0.5
        return z, {"z": z, "mu": mu}

    return reparameterize, lambda dz, cache: (dz, dz * (cache["mu"] - cache["z"]) / 2)


@answers("reparameterize", head="log-precision")
def log_precision_draw_through_a_log_variance(variant):
    def textbook(mu, logvar, eps):
        return mu + np.exp(logvar / 2) * eps, (logvar, eps)

    def textbook_backward(dz, cache):
        return dz, 0.5 * dz * np.exp(cache[0] / 2) * cache[1]

    def reparameterize(mu, rho, eps):
        return textbook(mu, -rho, eps)

    def reparameterize_backward(dz, cache):
        dmu, dlogvar = textbook_backward(dz, cache)
        return [dmu, -dlogvar]

    return reparameterize, reparameterize_backward


@answers("reparameterize", head="log-precision")
def log_precision_draw_by_an_object(variant):
    class Draw:
        def __init__(self, mu, rho, eps):
            self.sigma = np.array([[1 / math.sqrt(math.exp(r)) for r in row] for row in rho])
            self.eps = eps
            self.z = mu + self.sigma * eps

        def gradients(self, dz):
            half = -0.5 * np.ones_like(dz)
            return dz, half * self.sigma * self.eps * dz

    def reparameterize(mu, rho, eps):
        drawn = Draw(mu, rho, eps)
        return drawn.z, drawn

    return reparameterize, lambda dz, drawn: drawn.gradients(dz)


# 5. bernoulli_nll.


@answers("bernoulli_nll")
def bernoulli_split_by_outcome(variant):
    def bernoulli_nll(x, logits):
        nll = x * np.logaddexp(0, -logits) + (1 - x) * np.logaddexp(0, logits)
        return nll.sum(axis=-1), (x, logits)

    def bernoulli_nll_backward(dnll, cache):
        x, a = cache
        white, black = np.exp(-np.logaddexp(0, -a)), np.exp(-np.logaddexp(0, a))
        return dnll[:, None] * ((1 - x) * white - x * black)

    return bernoulli_nll, bernoulli_nll_backward


@answers("bernoulli_nll")
def bernoulli_even_and_odd_parts(variant):
    def bernoulli_nll(x, logits):
        even = np.abs(logits) / 2 + np.log1p(np.exp(-np.abs(logits)))
        return (even + (0.5 - x) * logits).sum(1), {"x": x, "t": np.tanh(logits / 2)}

    return bernoulli_nll, lambda dnll, c: np.einsum("n,nd->nd", dnll, 0.5 + c["t"] / 2 - c["x"])


@answers("bernoulli_nll")
def bernoulli_pixel_by_pixel(variant):
    def of_pixel(x, a):
        small = math.exp(-abs(a))
        loss = (a if a > 0 else 0.0) - x * a + math.log1p(small)
        return loss, (1 if a >= 0 else small) / (1 + small) - x

    def bernoulli_nll(x, logits):
        both = [[of_pixel(*pixel) for pixel in zip(*rows, strict=True)] for rows in zip(x, logits, strict=True)]
        return [math.fsum(loss for loss, _ in row) for row in both], [[slope for _, slope in row] for row in both]

    def bernoulli_nll_backward(dnll, slopes):
        return [[d * slope for slope in row] for d, row in zip(dnll, slopes, strict=True)]

    return bernoulli_nll, bernoulli_nll_backward


@answers("bernoulli_nll")
def bernoulli_with_a_closure(variant):
    def bernoulli_nll(pixels, a):
        def pull(g):
            with np.errstate(over="ignore"):
                return np.diag(g) @ (1 / (1 + np.exp(-a)) - pixels)

        return np.ones(a.shape[1]) @ (np.logaddexp(a, 0) - pixels * a).T, pull

    return bernoulli_nll, lambda g, pull: pull(g)


@answers("bernoulli_nll")
def bernoulli_in_bits_and_back(variant):
    def bernoulli_nll(x, logits):
        bits = logits / LOG_2
        softplus = LOG_2 * np.logaddexp2(0.0, bits)
        return [np.add.reduce(softplus - x * logits, axis=1), [x, softplus]]

    return bernoulli_nll, lambda dnll, cache: -np.expand_dims(dnll, 1) * (np.expm1(-cache[1]) + cache[0])


@answers("bernoulli_nll")
def bernoulli_by_a_mask(variant):
    def bernoulli_nll(x, logits):
        nll, p = np.empty_like(logits), np.empty_like(logits)
        up = logits > 0
        nll[up] = (1 - x[up]) * logits[up] + np.log1p(np.exp(-logits[up]))
        nll[~up] = -x[~up] * logits[~up] + np.log1p(np.exp(logits[~up]))
        p[up] = 1 / (1 + np.exp(-logits[up]))
        p[~up] = np.exp(logits[~up]) / (1 + np.exp(logits[~up]))
        return np.sum(nll, axis=1), SimpleNamespace(gap=p - x)

    return bernoulli_nll, lambda dnll, cache: (cache.gap.T * dnll).T


@answers("bernoulli_nll")
def bernoulli_where_far_logits_are_lines(variant):
    def bernoulli_nll(x, logits):
        near = np.clip(logits, -35, 35)
        softplus = np.where(logits > 35, logits, np.where(logits < -35, 0, np.log(1 + np.exp(near))))
        return np.sum(softplus, 1) - np.einsum("nd,nd->n", x, logits), (x, near)

    return bernoulli_nll, lambda dnll, cache: np.vstack(dnll) * (1 / (1 + np.exp(-cache[1])) - cache[0])


@answers("bernoulli_nll")
def bernoulli_in_single_precision(variant):
    def bernoulli_nll(x, logits):
        x, logits = x.astype(np.float32), logits.astype(np.float32)
        return np.sum(np.maximum(logits, 0) - x * logits + np.log1p(np.exp(-np.abs(logits))), axis=1), (x, logits)

    def bernoulli_nll_backward(dnll, cache):
        x, logits = cache
        return np.float32(dnll)[:, np.newaxis] * (np.float32(0.5) * (1 + np.tanh(logits / 2)) - x)

    return bernoulli_nll, bernoulli_nll_backward


@answers("bernoulli_nll")
def bernoulli_as_a_softmax_of_two_energies(variant):
    def bernoulli_nll(x, logits):
        energies = np.stack([np.zeros_like(logits), logits])
        top = energies.max(0)
        total = top + np.log(np.exp(energies - top).sum(0))
        return np.sum(total - (np.stack([1 - x, x]) * energies).sum(0), axis=1), (x, np.exp(logits - total))

    return bernoulli_nll, lambda dnll, cache: np.subtract(cache[1], cache[0]) * dnll.reshape(-1, 1)


@answers("bernoulli_nll")
def bernoulli_example_by_example(variant):
    class Pair:
        def __init__(self, axis=-1):
            self.axis = axis

        def forward(self, x, logits):
            rows = zip(x, logits, strict=True)
            return np.array([np.dot(1 - p, a) + np.logaddexp.reduce([0 * a, -a]).sum() for p, a in rows]), (logits, x)

        def backward(self, dnll, cache):
            logits, x = cache
            s = np.where(logits < 0, np.exp(np.minimum(logits, 0)), 1) / (1 + np.exp(-np.abs(logits)))
            return np.array([d * row for d, row in zip(dnll, s - x, strict=True)])

    pair = Pair()
    return pair.forward, pair.backward


# 6. likelihood_nll: Gaussian.


@answers("likelihood_nll", likelihood="Gaussian")
def gaussian_of_standardised_residuals(variant):
    def likelihood_nll(x, mean, scale):
        u = (x - mean) / np.sqrt(np.exp(scale))
        return 0.5 * np.sum(u * u + scale + LOG_2_PI, axis=1), (u, scale)

    def likelihood_nll_backward(dnll, cache):
        u, scale = cache
        d = dnll[:, None]
        return -d * u * np.exp(-scale / 2), d * (0.5 - 0.5 * u**2)

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Gaussian")
def gaussian_pixel_by_pixel(variant):
    def likelihood_nll(x, mean, logvar):
        nll = np.zeros(len(x))
        for n, pixels in enumerate(zip(x, mean, logvar, strict=True)):
            for value, m, v in zip(*pixels, strict=True):
                nll[n] += math.log(math.sqrt(2 * math.pi)) + v / 2 + (value - m) ** 2 / (2 * math.exp(v))
        return nll, {"x": x, "mean": mean, "variance": np.exp(logvar)}

    def likelihood_nll_backward(dnll, c):
        gap = c["mean"] - c["x"]
        dmean = [d * row for d, row in zip(dnll, gap / c["variance"], strict=True)]
        dscale = [d * row for d, row in zip(dnll, (1 - gap * gap / c["variance"]) / 2, strict=True)]
        return [dmean, dscale]

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Gaussian")
def gaussian_by_precisions(variant):
    def likelihood_nll(x, mean, scale):
        precision, gap = np.exp(-scale), x - mean
        quadratic = np.einsum("nd,nd,nd->n", gap, precision, gap)
        constant = x.shape[1] * LOG_2_PI
        return (quadratic + scale.sum(1) + constant) / 2, [precision, gap]

    def likelihood_nll_backward(dnll, cache):
        precision, gap = cache
        pulled = np.multiply.outer(dnll, np.ones(gap.shape[1]))
        return -pulled * precision * gap, -0.5 * pulled * (precision * gap**2 - 1)

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Gaussian")
def gaussian_in_single_precision(variant):
    def likelihood_nll(x, mean, scale):
        gap, scale = np.float32(x - mean), np.float32(scale)
        return np.sum(0.5 * (np.float32(LOG_2_PI) + scale) + 0.5 * gap**2 / np.exp(scale), axis=1), (gap, scale)

    def likelihood_nll_backward(dnll, cache):
        gap, scale = cache
        dnll = np.float32(dnll)[:, None]
        return -dnll * gap / np.exp(scale), 0.5 * dnll * (1 - gap**2 / np.exp(scale))

    return likelihood_nll, likelihood_nll_backward


# 6. likelihood_nll: Laplace.


@answers("likelihood_nll", likelihood="Laplace")
def laplace_as_minus_the_log_of_its_factors(variant):
    def likelihood_nll(x, mean, scale):
        b = np.exp(scale)
        log_density = -np.log(2 * b) - np.abs(x - mean) / b
        return -log_density.sum(axis=1), (x - mean, b)

    def likelihood_nll_backward(dnll, cache):
        gap, b = cache
        return -dnll[:, None] * gap / np.abs(gap) / b, dnll[:, None] * (b - np.abs(gap)) / b

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Laplace")
def laplace_pixel_by_pixel(variant):
    def likelihood_nll(x, mean, scale):
        nll, cache = [], []
        for rows in zip(x, mean, scale, strict=True):
            pixels = list(zip(*rows, strict=True))
            nll.append(sum(LOG_2 + s + abs(v - m) / math.exp(s) for v, m, s in pixels))
            cache.append([(math.copysign(math.exp(-s), m - v), 1 - abs(v - m) * math.exp(-s)) for v, m, s in pixels])
        return nll, cache

    def likelihood_nll_backward(dnll, cache):
        both = np.array(cache) * dnll[:, None, None]
        return both[..., 0], both[..., 1]

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Laplace")
def laplace_by_the_larger_of_two_lines(variant):
    def likelihood_nll(x, mean, scale):
        u = (x - mean) * np.exp(-scale)
        return np.maximum(u, -u).sum(1) + scale.sum(1) + x.shape[1] * LOG_2, {"u": u, "scale": scale}

    def likelihood_nll_backward(dnll, cache):
        u, inverse = cache["u"], np.exp(-cache["scale"])
        du = np.where(u > 0, 1.0, -1.0) * dnll.reshape(-1, 1)
        return [-du * inverse, dnll.reshape(-1, 1) - du * u]

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Laplace")
def laplace_with_a_root_of_squares(variant):
    def likelihood_nll(x, mean, scale):
        log_distance = 0.5 * np.log((x - mean) ** 2)
        ratio = np.exp(log_distance - scale)
        above = x > mean

        def pull(dnll):
            d = np.tile(dnll, (x.shape[1], 1)).T
            return np.where(above, -d, d) * np.exp(-scale), d * -np.expm1(log_distance - scale)

        return np.einsum("nd->n", ratio + np.log(2 * np.exp(scale))), pull

    return likelihood_nll, lambda dnll, pull: pull(dnll)


@answers("likelihood_nll", likelihood="Laplace")
def laplace_in_single_precision(variant):
    def likelihood_nll(x, mean, scale):
        gap, scale = (mean - x).astype(np.float32), scale.astype(np.float32)
        return np.sum(np.abs(gap) * np.exp(-scale) + scale + np.float32(LOG_2), axis=1), (gap, scale)

    def likelihood_nll_backward(dnll, cache):
        gap, scale = cache
        d = dnll.astype(np.float32)[:, None]
        return d * np.sign(gap) * np.exp(-scale), d - d * np.abs(gap) * np.exp(-scale)

    return likelihood_nll, likelihood_nll_backward


# 6. likelihood_nll: logistic.


@answers("likelihood_nll", likelihood="logistic")
def logistic_by_two_softplus(variant):
    def likelihood_nll(x, mean, scale):
        u = (x - mean) / np.exp(scale)
        return np.sum(scale + np.logaddexp(0, u) + np.logaddexp(0, -u), axis=1), (u, np.exp(scale))

    def likelihood_nll_backward(dnll, cache):
        u, s = cache
        du = dnll[:, None] * (1 / (1 + np.exp(-u)) - 1 / (1 + np.exp(u)))
        return -du / s, dnll[:, None] - du * u

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="logistic")
def logistic_by_the_hyperbolic_cosine(variant):
    def likelihood_nll(x, mean, scale):
        half = 0.5 * (x - mean) * np.exp(-scale)
        return 2 * np.sum(np.log(2 * np.cosh(half)), axis=1) + np.sum(scale, axis=1), {"half": half, "scale": scale}

    def likelihood_nll_backward(dnll, cache):
        slope = np.sinh(cache["half"]) / np.cosh(cache["half"])
        d = np.expand_dims(dnll, -1)
        return [-d * slope / np.exp(cache["scale"]), d * (1 - 2 * cache["half"] * slope)]

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="logistic")
def logistic_pixel_by_pixel(variant):
    def of_pixel(x, m, log_s):
        u = (x - m) / math.exp(log_s)
        far = math.exp(-abs(u))
        slope = math.copysign((1 - far) / (1 + far), u)
        return abs(u) + log_s + 2 * math.log(1 + far), -slope / math.exp(log_s), 1 - u * slope

    def likelihood_nll(x, mean, scale):
        parts = np.array(
            [[of_pixel(*p) for p in zip(*rows, strict=True)] for rows in zip(x, mean, scale, strict=True)]
        )
        return parts[:, :, 0].sum(1), parts[:, :, 1:]

    def likelihood_nll_backward(dnll, slopes):
        return tuple(np.einsum("n,ndk->knd", dnll, slopes))

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="logistic")
def logistic_in_single_precision(variant):
    def likelihood_nll(x, mean, scale):
        u, scale = np.float32((x - mean) * np.exp(-scale)), np.float32(scale)
        return np.sum(u + scale + 2 * np.logaddexp(np.float32(0), -u), axis=1), (u, scale)

    def likelihood_nll_backward(dnll, cache):
        u, scale = cache
        dnll = np.float32(dnll)[:, None]
        return -dnll * np.tanh(u / 2) * np.exp(-scale), dnll * (1 - u * np.tanh(u / 2))

    return likelihood_nll, likelihood_nll_backward


# 6. likelihood_nll: Poisson.


@answers("likelihood_nll", likelihood="Poisson")
def poisson_with_sums_of_logarithms(variant):
    def log_factorial(count):
        return sum(math.log(k) for k in range(2, int(count) + 1))

    def likelihood_nll(x, lograte):
        constant = np.array([[log_factorial(count) for count in row] for row in x])
        return (np.exp(lograte) + constant).sum(1) - np.einsum("nd,nd->n", x, lograte), {"x": x, "a": lograte}

    return likelihood_nll, lambda dnll, c: dnll[:, None] * np.exp(c["a"]) - dnll[:, None] * c["x"]


@answers("likelihood_nll", likelihood="Poisson")
def poisson_count_by_count(variant):
    def likelihood_nll(counts, lograte):
        nll = []
        for row, logs in zip(counts, lograte, strict=True):
            nll.append(math.fsum(math.exp(a) - k * a + math.lgamma(k + 1) for k, a in zip(row, logs, strict=True)))
        return nll, [
            [math.exp(a) - k for k, a in zip(*rows, strict=True)] for rows in zip(counts, lograte, strict=True)
        ]

    return likelihood_nll, lambda dnll, gaps: [[d * gap for gap in row] for d, row in zip(dnll, gaps, strict=True)]


@answers("likelihood_nll", likelihood="Poisson")
def poisson_with_a_table_of_factorials(variant):
    table = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 1001)))])

    def likelihood_nll(x, lograte):
        rate = np.exp(lograte)
        log_p = x * np.log(rate) - rate - table[x.astype(int)]
        return -np.sum(log_p, axis=-1), (x, rate)

    def likelihood_nll_backward(dnll, cache):
        x, rate = cache
        drate = dnll[:, None] * (1 - x / rate)
        return drate * rate

    return likelihood_nll, likelihood_nll_backward


@answers("likelihood_nll", likelihood="Poisson")
def poisson_as_a_divergence_from_the_counts(variant):
    log_factorial = np.vectorize(lambda k: math.log(math.factorial(int(k))), otypes=[float])

    def likelihood_nll(x, lograte):
        at_best = np.where(x > 0, x - x * np.log(np.maximum(x, 1)), 0) + log_factorial(x)
        excess = np.where(x > 0, x * np.log(np.maximum(x, 1)) - x, 0) - x * lograte + np.exp(lograte)

        def pull(dnll):
            return (dnll * (np.exp(lograte) - x).T).T

        return at_best.sum(axis=1) + excess.sum(axis=1), pull

    return likelihood_nll, lambda dnll, pull: pull(dnll)


@answers("likelihood_nll", likelihood="Poisson")
def poisson_in_single_precision(variant):
    log_factorial = np.vectorize(math.lgamma, otypes=[np.float32])

    def likelihood_nll(x, lograte):
        x, lograte = x.astype(np.float32), lograte.astype(np.float32)
        return np.sum(np.exp(lograte) - x * lograte + log_factorial(x + 1), axis=1), [x, lograte]

    return likelihood_nll, lambda dnll, cache: dnll.astype(np.float32)[:, None] * (np.exp(cache[1]) - cache[0])


# 7. kl_divergence: rho = log sigma^2, prior N(0, 1).


@answers("kl_divergence", head="log-variance")
def kl_with_the_one_inside_the_exponential(variant):
    def kl_divergence(mu, rho):
        return 0.5 * np.sum(mu**2 + np.expm1(rho) - rho, axis=1), (mu, rho)

    def kl_divergence_backward(dkl, cache):
        mu, rho = cache
        return dkl[:, None] * mu, dkl[:, None] * np.expm1(rho) / 2

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-variance")
def kl_of_matrices(variant):
    def kl_divergence(mu, rho):
        kl = np.empty(len(mu))
        for n, (m, r) in enumerate(zip(mu, rho, strict=True)):
            covariance = np.diag(np.exp(r))
            kl[n] = (np.trace(covariance) + m @ m - len(m) - np.ones(len(r)) @ r) / 2
        return kl, {"mu": mu, "variance": np.exp(rho)}

    def kl_divergence_backward(dkl, cache):
        return np.diag(dkl) @ cache["mu"], np.diag(0.5 * dkl) @ (cache["variance"] - 1)

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-variance")
def kl_latent_by_latent(variant):
    def kl_divergence(mu, rho):
        rows = zip(mu.tolist(), rho.tolist(), strict=True)
        return [-0.5 * math.fsum(1 + r - m * m - math.exp(r) for m, r in zip(*row, strict=True)) for row in rows], [
            mu,
            rho,
        ]

    def kl_divergence_backward(dkl, cache):
        dmu, drho = np.zeros(cache[0].shape), np.zeros(cache[0].shape)
        for n, k in np.ndindex(dmu.shape):
            dmu[n, k] = dkl[n] * cache[0][n, k]
            drho[n, k] = -0.5 * dkl[n] * (1 - math.exp(cache[1][n, k]))
        return [dmu, drho]

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-variance")
def kl_in_single_precision(variant):
    def kl_divergence(mean, logvar):
        mean, logvar = np.float32(mean), np.float32(logvar)
        return np.float32(-0.5) * np.sum(1 + logvar - mean**2 - np.exp(logvar), axis=-1), (mean, logvar)

    def kl_divergence_backward(dkl, cache):
        dkl = np.float32(dkl).reshape(-1, 1)
        return dkl * cache[0], dkl * (np.exp(cache[1]) - 1) / 2

    return kl_divergence, kl_divergence_backward


# 7. kl_divergence: rho = log sigma, prior N(m, s^2).


@answers("kl_divergence", head="log-sigma")
def log_sigma_kl_of_the_log_ratio(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        t = rho - math.log(s)
        return np.sum(np.expm1(2 * t) / 2 - t + ((mu - m) / s) ** 2 / 2, axis=1), (mu, t)

    def kl_divergence_backward(dkl, cache):
        mu, t = cache
        return dkl[:, None] * (mu - m) / s / s, dkl[:, None] * np.expm1(2 * t)

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-sigma")
def log_sigma_kl_by_two_points(variant):
    """The mean of a square over a normal is its mean over mu - sigma and mu + sigma."""
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        sigma = np.exp(rho)
        below, above = (mu - sigma - m) / s, (mu + sigma - m) / s
        cross = 0.25 * (below**2 + above**2) + math.log(s)
        return np.sum(cross - rho - 0.5, axis=1), {"below": below, "above": above, "sigma": sigma}

    def kl_divergence_backward(dkl, cache):
        d = dkl[:, None] / (2 * s)
        below, above = d * cache["below"], d * cache["above"]
        return below + above, (above - below) * cache["sigma"] - dkl[:, None]

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-sigma")
def log_sigma_kl_as_cross_entropy_less_entropy(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def cross_entropy(mu, rho):
        return 0.5 * LOG_2_PI + math.log(s) + (math.exp(2 * rho) + (mu - m) ** 2) / (2 * s * s)

    def entropy(rho):
        return 0.5 * (LOG_2_PI + 1) + rho

    def kl_divergence(mu, rho):
        kl = []
        for row in zip(mu.tolist(), rho.tolist(), strict=True):
            kl.append(sum(cross_entropy(a, r) - entropy(r) for a, r in zip(*row, strict=True)))
        return np.array(kl), [mu, rho]

    def kl_divergence_backward(dkl, cache):
        mu, rho = cache
        return [
            np.array([d * (row - m) / s**2 for d, row in zip(dkl, mu, strict=True)]),
            np.array([d * (np.exp(2 * row) / s**2 - 1) for d, row in zip(dkl, rho, strict=True)]),
        ]

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-sigma")
def log_sigma_kl_by_the_log_of_a_ratio_of_variances(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        ratio = np.exp(rho) / s
        gap = (m - mu) / s
        return 0.5 * ((ratio**2 - 1 - 2 * np.log(ratio)).sum(1) + np.einsum("nl,nl->n", gap, gap)), (gap, ratio)

    return kl_divergence, lambda dkl, c: (
        np.einsum("n,nl->nl", -dkl / s, c[0]),
        np.einsum("n,nl->nl", dkl, c[1] ** 2 - 1),
    )


@answers("kl_divergence", head="log-sigma")
def log_sigma_kl_in_single_precision(variant):
    m, s = np.float32(variant.prior_mean), np.float32(variant.prior_sigma)

    def kl_divergence(mu, rho):
        mu, rho = mu.astype(np.float32), rho.astype(np.float32)
        parts = (np.exp(2 * rho) + (mu - m) ** 2) / (2 * s * s) - np.float32(0.5) - rho + np.log(s)
        return parts.sum(1), (mu, rho)

    def kl_divergence_backward(dkl, cache):
        dkl = dkl.astype(np.float32)[:, None]
        return dkl * (cache[0] - m) / s**2, dkl * (np.exp(2 * cache[1]) / s**2 - 1)

    return kl_divergence, kl_divergence_backward


# 7. kl_divergence: sigma = softplus(rho).


@answers("kl_divergence", head="softplus")
def softplus_kl_with_the_slope_from_sigma(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        sigma = np.logaddexp(0, rho)
        kl = np.log(s / sigma) + (sigma**2 + (mu - m) ** 2) / (2 * s**2) - 0.5
        return kl.sum(axis=1), (mu, sigma)

    def kl_divergence_backward(dkl, cache):
        mu, sigma = cache
        dsigma = sigma / s**2 - 1 / sigma
        return dkl[:, None] * (mu - m) / s**2, -dkl[:, None] * dsigma * np.expm1(-sigma)

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="softplus")
def softplus_kl_over_a_common_denominator(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        sigma = LOG_2 * np.logaddexp2(0, rho / LOG_2)
        v = np.square(sigma / s)
        return 0.5 * np.sum(v - 1 - np.log(v) + np.square((mu - m) / s), axis=1), {
            "mu": mu,
            "rho": rho,
            "sigma": sigma,
        }

    def kl_divergence_backward(dkl, cache):
        sigma, d = cache["sigma"], dkl.reshape(-1, 1)
        drho = (sigma + s) * (sigma - s) / (s**2 * sigma * (1 + np.exp(-cache["rho"])))
        return d * (cache["mu"] / s**2 - m / s**2), d * drho

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="softplus")
def softplus_kl_latent_by_latent(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def softplus(r):
        return r + math.log1p(math.exp(-r)) if r > 0 else math.log1p(math.exp(r))

    def kl_divergence(mu, rho):
        kl = [0.0] * len(mu)
        for (n, k), r in np.ndenumerate(rho):
            sigma = softplus(float(r))
            kl[n] += math.log(s) - math.log(sigma) + ((sigma / s) ** 2 + ((mu[n, k] - m) / s) ** 2 - 1) / 2
        return kl, [mu.tolist(), rho.tolist()]

    def kl_divergence_backward(dkl, cache):
        mu, rho = cache
        dmu = [[d * (a - m) / s**2 for a in row] for d, row in zip(dkl, mu, strict=True)]
        drho = [
            [d * (softplus(r) / s**2 - 1 / softplus(r)) / (1 + math.exp(-r)) for r in row]
            for d, row in zip(dkl, rho, strict=True)
        ]
        return [dmu, drho]

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="softplus")
def softplus_kl_by_the_log_of_a_product(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        q = np.where(rho > 0, rho + np.log1p(np.exp(-np.abs(rho))), np.log1p(np.exp(np.minimum(rho, 0)))) / s
        gap = (mu - m) / s

        def pull(dkl):
            d = np.outer(dkl, np.ones(mu.shape[1]))
            return d * gap / s, d * (q - 1 / q) * np.exp(rho - s * q) / s

        return (np.sum(q**2 + gap**2, axis=1) - mu.shape[1]) / 2 - np.log(np.prod(q, axis=1)), pull

    return kl_divergence, lambda dkl, pull: pull(dkl)


@answers("kl_divergence", head="softplus")
def softplus_kl_in_single_precision(variant):
    m, s = np.float32(variant.prior_mean), np.float32(variant.prior_sigma)

    def kl_divergence(mu, rho):
        mu, rho = np.float32(mu), np.float32(rho)
        sigma = np.maximum(rho, 0) + np.log1p(np.exp(-np.abs(rho)))
        kl = np.log(s) - np.log(sigma) + np.float32(0.5) * ((sigma / s) ** 2 + ((mu - m) / s) ** 2 - 1)
        return np.sum(kl, axis=1), SimpleNamespace(mu=mu, sigma=sigma)

    def kl_divergence_backward(dkl, cache):
        dkl, slope = np.float32(dkl)[:, None], -np.expm1(-cache.sigma)
        return dkl * (cache.mu - m) / s**2, dkl * (cache.sigma / s**2 - 1 / cache.sigma) * slope

    return kl_divergence, kl_divergence_backward


# 7. kl_divergence: rho = log 1 / sigma^2.


@answers("kl_divergence", head="log-precision")
def log_precision_kl_by_precisions(variant):
    m, prior = variant.prior_mean, variant.prior_sigma**-2

    def kl_divergence(mu, rho):
        ratio = prior / np.exp(rho)
        log_ratio = math.log(prior) - rho
        return 0.5 * np.sum(ratio - 1 - log_ratio + prior * (mu - m) ** 2, axis=1), (mu - m, ratio)

    def kl_divergence_backward(dkl, cache):
        gap, ratio = cache
        return dkl[:, None] * prior * gap, dkl[:, None] * (1 - ratio) / 2

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-precision")
def log_precision_kl_of_the_log_ratio(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        t = rho + 2 * math.log(s)
        return (np.expm1(-t) + t + (mu - m) ** 2 / s**2) @ np.full(mu.shape[1], 0.5), {"mu": mu, "t": t}

    def kl_divergence_backward(dkl, cache):
        return [(dkl * (cache["mu"] - m).T / s**2).T, (-0.5 * dkl * np.expm1(-cache["t"]).T).T]

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-precision")
def log_precision_kl_of_matrices(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def kl_divergence(mu, rho):
        kl = []
        for row, r in zip(mu, rho, strict=True):
            inverse = np.eye(len(row)) / s**2
            ratio = inverse @ np.diag(np.exp(-r))
            kl.append(
                0.5 * (np.trace(ratio) + (row - m) @ inverse @ (row - m) - len(row))
                + 0.5 * (r + 2 * math.log(s)).sum()
            )
        return np.array(kl), [mu, rho]

    def kl_divergence_backward(dkl, cache):
        mu, rho = cache
        dmu = np.stack([d * (np.eye(len(row)) / s**2) @ (row - m) for d, row in zip(dkl, mu, strict=True)])
        drho = np.stack([d * (0.5 - np.exp(-r) / (2 * s**2)) for d, r in zip(dkl, rho, strict=True)])
        return dmu, drho

    return kl_divergence, kl_divergence_backward


@answers("kl_divergence", head="log-precision")
def log_precision_kl_through_sigma(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    class Normal:
        def __init__(self, mu, rho):
            self.mu, self.sigma = mu, 1 / np.exp(rho / 2)

        def divergence(self):
            parts = np.log(s) - np.log(self.sigma) + (self.sigma**2 - s**2 + (self.mu - m) ** 2) / (2 * s**2)
            return np.array([math.fsum(row) for row in parts])

        def gradients(self, dkl):
            dlog_sigma = self.sigma**2 / s**2 - 1
            return dkl[:, None] * (self.mu - m) / s**2, dkl[:, None] * dlog_sigma / -2

    def kl_divergence(mu, rho):
        q = Normal(mu, rho)
        return q.divergence(), q

    return kl_divergence, lambda dkl, q: q.gradients(dkl)


@answers("kl_divergence", head="log-precision")
def log_precision_kl_in_single_precision(variant):
    m, s = np.float32(variant.prior_mean), np.float32(variant.prior_sigma)

    def kl_divergence(mu, rho):
        mu, rho = np.float32(mu), np.float32(rho)
        kl = (np.exp(-rho) + (mu - m) ** 2) / s**2 - 1 + rho + 2 * np.log(s)
        return kl.sum(1) / 2, (mu, rho)

    def kl_divergence_backward(dkl, cache):
        dkl = np.float32(dkl)[:, None]
        return dkl * (cache[0] - m) / s**2, dkl * (1 - np.exp(-cache[1]) / s**2) / 2

    return kl_divergence, kl_divergence_backward


# 8. latent_backward: rho = log sigma^2, prior N(0, 1).


@answers("latent_backward", head="log-variance")
def meeting_written_out(variant):
    def latent_backward(dz, dkl, mu, rho, eps):
        sigma = np.exp(rho / 2)
        return dz + dkl[:, None] * mu, (dz * eps * sigma + dkl[:, None] * (sigma**2 - 1)) / 2

    return (latent_backward,)


@answers("latent_backward", head="log-variance")
def meeting_latent_by_latent(variant):
    def latent_backward(dz, dkl, mu, rho, eps):
        dmu, drho = dz.tolist(), np.zeros(dz.shape).tolist()
        for n, k in itertools.product(range(len(dz)), range(dz.shape[1])):
            dmu[n][k] += dkl[n] * mu[n, k]
            drho[n][k] += 0.5 * dz[n, k] * eps[n, k] * math.exp(0.5 * rho[n, k])
            drho[n][k] += 0.5 * dkl[n] * math.expm1(rho[n, k])
        return [dmu, drho]

    return (latent_backward,)


@answers("latent_backward", head="log-variance")
def meeting_of_matrices(variant):
    def latent_backward(g, beta, mean, logvar, noise, half=0.5):
        weights = np.diag(beta)
        dvariance = half * weights @ np.ones_like(mean) + half * g * noise * np.exp(-half * logvar)
        return g + weights @ mean, dvariance * np.exp(logvar) - np.outer(half * beta, np.ones(mean.shape[1]))

    return (latent_backward,)


@answers("latent_backward", head="log-variance")
def meeting_in_single_precision(variant):
    def latent_backward(dz, dkl, mu, rho, eps):
        dz, dkl, mu, rho, eps = (np.float32(array) for array in (dz, dkl, mu, rho, eps))
        through_z = np.stack([dz, dz * eps * np.exp(rho / 2) / 2])
        through_kl = dkl[None, :, None] * np.stack([mu, np.expm1(rho) / 2])
        return tuple(through_z + through_kl)

    return (latent_backward,)


# 8. latent_backward: rho = log sigma, prior N(m, s^2).


@answers("latent_backward", head="log-sigma")
def log_sigma_meeting_written_out(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        d, sigma = dkl[:, None], np.exp(rho)
        return dz + d * (mu - m) / s**2, sigma * (dz * eps + d * sigma / s**2) - d

    return (latent_backward,)


@answers("latent_backward", head="log-sigma")
def log_sigma_meeting_of_pulls(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def pulls(mu, rho, eps):
        yield lambda dz, dkl: (dz, dz * np.exp(rho) * eps)
        yield lambda dz, dkl: (
            np.einsum("n,nl->nl", dkl, mu - m) / s**2,
            np.einsum("n,nl->nl", dkl, np.expm1(2 * rho - 2 * np.log(s))),
        )

    def latent_backward(dz, dkl, mu, rho, eps):
        return [sum(parts) for parts in zip(*(pull(dz, dkl) for pull in pulls(mu, rho, eps)), strict=True)]

    return (latent_backward,)


@answers("latent_backward", head="log-sigma")
def log_sigma_meeting_example_by_example(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        dmu, drho = [], []
        for g, beta, mean, r, e in zip(dz, dkl, mu, rho, eps, strict=True):
            dmu.append(g + beta / s**2 * (mean - m))
            drho.append((g * e + beta * np.exp(r) / s**2 - beta * np.exp(-r)) * np.exp(r))
        return np.vstack(dmu), np.vstack(drho)

    return (latent_backward,)


@answers("latent_backward", head="log-sigma")
def log_sigma_meeting_through_the_draw_itself(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    class Backward:
        def __call__(self, dz, dkl, mu, rho, eps):
            z = mu + np.exp2(rho / LOG_2) * eps
            dmu, drho = np.array(dz), dz * (z - mu)
            dmu += ((mu - m).T * dkl).T / s**2
            drho += ((np.exp(rho) / s) ** 2 - 1) * dkl.reshape(-1, 1)
            return dmu, drho

    return (Backward(),)


# 8. latent_backward: sigma = softplus(rho).


@answers("latent_backward", head="softplus")
def softplus_meeting_at_sigma(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        sigma = np.logaddexp(0, rho)
        dsigma = dz * eps + dkl[:, None] * (sigma / s**2 - 1 / sigma)
        return dz + dkl[:, None] * (mu - m) / s**2, dsigma * np.exp(rho - sigma)

    return (latent_backward,)


@answers("latent_backward", head="softplus")
def softplus_meeting_latent_by_latent(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        def at(n, k):
            sigma = math.log(1 + math.exp(rho[n, k]))
            slope = 1 - math.exp(-sigma)
            dmu = dz[n, k] + dkl[n] * (mu[n, k] - m) / s**2
            return dmu, slope * (dz[n, k] * eps[n, k] + dkl[n] * (sigma**2 - s**2) / (s**2 * sigma))

        both = np.array([[at(n, k) for k in range(mu.shape[1])] for n in range(len(mu))])
        return [both[:, :, 0], both[:, :, 1]]

    return (latent_backward,)


@answers("latent_backward", head="softplus")
def softplus_meeting_of_two_pairs(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def sigma_and_slope(rho):
        t = np.tanh(rho / 2)
        return rho / 2 + np.log(2 * np.cosh(rho / 2)), (1 + t) / 2

    def of_the_draw(dz, rho, eps):
        return dz, dz * eps * sigma_and_slope(rho)[1]

    def of_the_divergence(dkl, mu, rho):
        sigma, slope = sigma_and_slope(rho)
        return dkl * (mu - m) / s**2, dkl * slope * sigma / s**2 - dkl * slope / sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        return tuple(map(np.add, of_the_draw(dz, rho, eps), of_the_divergence(dkl[:, None], mu, rho)))

    return (latent_backward,)


@answers("latent_backward", head="softplus")
def softplus_meeting_in_single_precision(variant):
    m, s = np.float32(variant.prior_mean), np.float32(variant.prior_sigma)

    def latent_backward(dz, dkl, mu, rho, eps):
        dz, dkl, mu, rho, eps = (array.astype(np.float32) for array in (dz, dkl, mu, rho, eps))
        sigma = np.log1p(np.exp(rho))
        dsigma = dz * eps + dkl[:, None] * (sigma / s**2 - 1 / sigma)
        return dz + dkl[:, None] * (mu - m) / s**2, -dsigma * np.expm1(-sigma)

    return (latent_backward,)


# 8. latent_backward: rho = log 1 / sigma^2.


@answers("latent_backward", head="log-precision")
def log_precision_meeting_written_out(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        sigma = np.exp(-rho / 2)
        return dz + dkl[:, None] * (mu - m) / s**2, (dkl[:, None] * (1 - (sigma / s) ** 2) - dz * eps * sigma) / 2

    return (latent_backward,)


@answers("latent_backward", head="log-precision")
def log_precision_meeting_at_the_precision(variant):
    m, prior = variant.prior_mean, 1 / variant.prior_sigma**2

    def latent_backward(dz, dkl, mu, rho, eps):
        precision = np.exp(rho)
        through_z = -0.5 * dz * eps / precision**1.5
        through_kl = 0.5 * dkl[:, None] * (precision - prior) / precision**2
        return dz + np.einsum("i,ij->ij", prior * dkl, mu - m), (through_z + through_kl) * precision

    return (latent_backward,)


@answers("latent_backward", head="log-precision")
def log_precision_meeting_row_by_row(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def row(g, beta, mean, r, e):
        sigma = [math.exp(-0.5 * value) for value in r]
        dmu = [a + beta * (b - m) / s**2 for a, b in zip(g, mean, strict=True)]
        return dmu, [0.5 * (beta - beta * c * c / s**2 - a * b * c) for a, b, c in zip(g, e, sigma, strict=True)]

    def latent_backward(*arrays):
        return tuple(list(part) for part in zip(*(row(*each) for each in zip(*arrays, strict=True)), strict=True))

    return (latent_backward,)


@answers("latent_backward", head="log-precision")
def log_precision_meeting_by_way_of_the_log_variance(variant):
    m, s = variant.prior_mean, variant.prior_sigma

    def latent_backward(dz, dkl, mu, rho, eps):
        logvar = -rho
        dlogvar = dz * eps * np.exp(logvar / 2) / 2
        dlogvar = dlogvar + dkl[:, np.newaxis] * np.expm1(logvar - 2 * math.log(s)) / 2
        dmu = np.add.reduce([dz, dkl[:, np.newaxis] * mu / s**2, -dkl[:, np.newaxis] * np.full_like(mu, m) / s**2])
        return [dmu, np.negative(dlogvar)]

    return (latent_backward,)


# 9. loss_and_grad.


@answers("loss_and_grad")
def loss_by_a_tape(variant):
    """Each forward leaves its backward on a list, which is then walked from its end."""

    def loss_and_grad(x, eps, params, beta, pieces):
        n, grads, d = len(x), {}, {}
        h, c_trunk = pieces.trunk(x, params["trunk"])
        mu, c_mu = pieces.mu_head(h, params["mu"])
        rho, c_rho = pieces.rho_head(h, params["rho"])
        (z, kl), c_latent = pieces.latent(mu, rho, eps)
        output, c_decoder = pieces.decoder(z, params["decoder"])
        nll, c_nll = pieces.nll(x, output)

        def decoder():
            d["z"], grads["decoder"] = pieces.decoder_backward(d["output"], c_decoder)

        def latent():
            d["mu"], d["rho"] = pieces.latent_backward(d["z"], np.full(n, beta / n), c_latent)

        def mu_head():
            d["h"], grads["mu"] = pieces.mu_head_backward(d["mu"], c_mu)

        def rho_head():
            dh, grads["rho"] = pieces.rho_head_backward(d["rho"], c_rho)
            d["h"] = d["h"] + dh

        def trunk():
            grads["trunk"] = pieces.trunk_backward(d["h"], c_trunk)

        tape = [trunk, rho_head, mu_head, latent, decoder]
        d["output"] = pieces.nll_backward(np.full(n, 1 / n), c_nll)
        while tape:
            tape.pop()()
        return (nll.sum() + beta * kl.sum()) / n, grads

    return (loss_and_grad,)


def gradients_of(x, eps, params, pieces, dnll, dkl):
    """Sums of the two terms, and the gradients that belong to upstream gradients dnll and dkl."""
    h, c_trunk = pieces.trunk(x, params["trunk"])
    mu, c_mu = pieces.mu_head(h, params["mu"])
    rho, c_rho = pieces.rho_head(h, params["rho"])
    (z, kl), c_latent = pieces.latent(mu, rho, eps)
    output, c_decoder = pieces.decoder(z, params["decoder"])
    nll, c_nll = pieces.nll(x, output)
    dz, d_decoder = pieces.decoder_backward(pieces.nll_backward(dnll, c_nll), c_decoder)
    dmu, drho = pieces.latent_backward(dz, dkl, c_latent)
    dh_mu, d_mu = pieces.mu_head_backward(dmu, c_mu)
    dh_rho, d_rho = pieces.rho_head_backward(drho, c_rho)
    d_trunk = pieces.trunk_backward(dh_mu + dh_rho, c_trunk)
    return nll.sum(), kl.sum(), {"trunk": d_trunk, "mu": d_mu, "rho": d_rho, "decoder": d_decoder}


@answers("loss_and_grad")
def loss_of_the_sum_divided_at_the_end(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        n = x.shape[0]
        nll, kl, grads = gradients_of(x, eps, params, pieces, np.ones(n), np.ones(n) * beta)
        return (nll + beta * kl) / n, OrderedDict((key, grads[key] / n) for key in sorted(grads))

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_example_by_example(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        loss, grads = 0.0, defaultdict(float)
        for i in range(len(x)):
            one = np.array([1.0])
            nll, kl, part = gradients_of(x[i : i + 1], eps[[i]], params, pieces, one, beta * one)
            loss += float(nll + beta * kl)
            for key, gradient in part.items():
                grads[key] = grads[key] + gradient
        return loss / len(x), {key: gradient / len(x) for key, gradient in grads.items()}

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_term_by_term(variant):
    """One pass back for the reconstruction and one for the divergence."""

    def loss_and_grad(x, eps, params, beta, pieces):
        share, nothing = np.full(len(x), 1 / len(x)), np.zeros(len(x))
        nll, kl, of_nll = gradients_of(x, eps, params, pieces, share, nothing)
        _, _, of_kl = gradients_of(x, eps, params, pieces, nothing, share)
        return np.float64(nll / len(x) + beta * kl / len(x)), {k: of_nll[k] + beta * of_kl[k] for k in params}

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_head_by_head(variant):
    """The trunk is walked back twice, once from each head."""

    def loss_and_grad(batch, noise, weights, beta=1.0, pieces=None):
        h, trunk = pieces.trunk(batch, weights["trunk"])
        heads = {name: getattr(pieces, f"{name}_head")(h, weights[name]) for name in ("mu", "rho")}
        (z, kl), latent = pieces.latent(heads["mu"][0], heads["rho"][0], noise)
        output, decoder = pieces.decoder(z, weights["decoder"])
        nll, reconstruction = pieces.nll(batch, output)
        loss = np.mean(nll) + beta * np.mean(kl)

        grads = {"trunk": 0}
        share = np.ones_like(nll) / nll.size
        dz, grads["decoder"] = pieces.decoder_backward(pieces.nll_backward(share, reconstruction), decoder)
        for name, upstream in zip(heads, pieces.latent_backward(dz, beta * share, latent), strict=True):
            dh, grads[name] = getattr(pieces, f"{name}_head_backward")(upstream, heads[name][1])
            grads["trunk"] = grads["trunk"] + pieces.trunk_backward(dh, trunk)
        return [loss, grads]

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_of_a_model(variant):
    class Model:
        def __init__(self, params, pieces):
            self.params, self.pieces, self.cache = params, pieces, {}

        def call(self, name, *args, key=None):
            weights = (self.params[key],) if key else ()
            out, self.cache[name] = getattr(self.pieces, name)(*args, *weights)
            return out

        def back(self, name, *upstream):
            return getattr(self.pieces, f"{name}_backward")(*upstream, self.cache[name])

        def loss(self, x, eps, beta):
            h = self.call("trunk", x, key="trunk")
            heads = self.call("mu_head", h, key="mu"), self.call("rho_head", h, key="rho")
            z, kl = self.call("latent", *heads, eps)
            return np.average(self.call("nll", x, self.call("decoder", z, key="decoder")) + beta * kl)

        def grads(self, n, beta):
            dz, decoder = self.back("decoder", self.back("nll", np.repeat(1 / n, n)))
            dmu, drho = self.back("latent", dz, np.repeat(beta / n, n))
            (dh_mu, mu), (dh_rho, rho) = self.back("mu_head", dmu), self.back("rho_head", drho)
            return dict(decoder=decoder, mu=mu, rho=rho, trunk=self.back("trunk", np.add(dh_mu, dh_rho)))

    def loss_and_grad(x, eps, params, beta, pieces):
        model = Model(params, pieces)
        return float(model.loss(x, eps, beta)), model.grads(len(x), beta)

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_with_closures_that_pull_back(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        def trunk(W, onward):
            h, cache = pieces.trunk(x, W)
            loss, dh, grads = onward(h)
            return loss, {"trunk": pieces.trunk_backward(dh, cache), **grads}

        def heads(h):
            mu, mu_cache = pieces.mu_head(h, params["mu"])
            rho, rho_cache = pieces.rho_head(h, params["rho"])
            loss, dmu, drho, grads = ends(mu, rho)
            dh, of_mu = pieces.mu_head_backward(dmu, mu_cache)
            more, of_rho = pieces.rho_head_backward(drho, rho_cache)
            return loss, dh + more, {"mu": of_mu, "rho": of_rho, **grads}

        def ends(mu, rho):
            (z, kl), cache = pieces.latent(mu, rho, eps)
            nll, dz, grads = reconstruction(z)
            return (nll + beta * kl).mean(), *pieces.latent_backward(dz, beta / len(kl) + 0 * kl, cache), grads

        def reconstruction(z):
            output, cache = pieces.decoder(z, params["decoder"])
            nll, nll_cache = pieces.nll(x, output)
            dz, dW = pieces.decoder_backward(pieces.nll_backward(nll**0 / nll.size, nll_cache), cache)
            return nll, dz, {"decoder": dW}

        return trunk(params["trunk"], heads)

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_in_two_halves_of_the_batch(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        def part(rows):
            n = len(rows)
            nll, kl, grads = gradients_of(x[rows], eps[rows], params, pieces, np.ones(n) / n, np.ones(n) / n * beta)
            return n / len(x), (nll + beta * kl) / n, grads

        halves = [part(rows) for rows in np.array_split(np.arange(len(x)), 2) if len(rows)]
        loss = sum(weight * each for weight, each, _ in halves)
        return loss, {key: np.sum([weight * grads[key] for weight, _, grads in halves], axis=0) for key in params}

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_by_linearity_of_the_latent_backward(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        h, a = pieces.trunk(x, params["trunk"])
        (mu, b), (rho, c) = pieces.mu_head(h, params["mu"]), pieces.rho_head(h, params["rho"])
        (z, kl), d = pieces.latent(mu, rho, eps)
        output, e = pieces.decoder(z, params["decoder"])
        nll, f = pieces.nll(x, output)
        ones = np.ones(len(x))
        dz, g_decoder = pieces.decoder_backward(pieces.nll_backward(ones, f), e)
        through_z, through_kl = pieces.latent_backward(dz, 0 * ones, d), pieces.latent_backward(0 * dz, ones, d)
        dmu, drho = (np.mean([2 * p, 2 * beta * q], axis=0) for p, q in zip(through_z, through_kl, strict=True))
        (dh, g_mu), (dh_too, g_rho) = pieces.mu_head_backward(dmu, b), pieces.rho_head_backward(drho, c)
        total = {"trunk": pieces.trunk_backward(dh, a) + pieces.trunk_backward(dh_too, a), "mu": g_mu, "rho": g_rho}
        total |= {"decoder": g_decoder}
        return math.fsum(nll + beta * kl) / len(x), {key: value / len(x) for key, value in total.items()}

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_with_every_argument_named(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        n = np.size(x, 0)
        h, trunk = pieces.trunk(x=x, W=params["trunk"])
        mu, mu_head = pieces.mu_head(h=h, W=params["mu"])
        rho, rho_head = pieces.rho_head(h=h, W=params["rho"])
        (z, kl), latent = pieces.latent(mu=mu, rho=rho, eps=eps)
        output, decoder = pieces.decoder(z=z, W=params["decoder"])
        nll, reconstruction = pieces.nll(x=x, output=output)
        doutput = pieces.nll_backward(dnll=np.ones(n) / n, cache=reconstruction)
        dz, d_decoder = pieces.decoder_backward(doutput=doutput, cache=decoder)
        dmu, drho = pieces.latent_backward(dz=dz, dkl=np.ones(n) * (beta / n), cache=latent)
        dh, d_mu = pieces.mu_head_backward(dmu=dmu, cache=mu_head)
        dh_rho, d_rho = pieces.rho_head_backward(drho=drho, cache=rho_head)
        d_trunk = pieces.trunk_backward(dh=dh + dh_rho, cache=trunk)
        return np.sum(nll / n + beta / n * kl), {"trunk": d_trunk, "mu": d_mu, "rho": d_rho, "decoder": d_decoder}

    return (loss_and_grad,)


@answers("loss_and_grad")
def loss_in_single_precision(variant):
    def loss_and_grad(x, eps, params, beta, pieces):
        x, eps = x.astype(np.float32), eps.astype(np.float32)
        params = {key: W.astype(np.float32) for key, W in params.items()}
        share = np.full(len(x), 1 / len(x), np.float32)
        nll, kl, grads = gradients_of(x, eps, params, pieces, share, np.float32(beta) * share)
        return np.float32((nll + beta * kl) / len(x)), grads

    return (loss_and_grad,)


# 10. optimizer_step: Adam.


@answers("optimizer_step", optimizer="Adam")
def adam_with_the_corrections_in_the_step_size(variant):
    def optimizer_step(theta, grad, state, t, lr, beta1=0.9, beta2=0.999, adam_eps=1e-8):
        m, v = (
            beta * old + (1 - beta) * new
            for beta, old, new in zip((beta1, beta2), state, (grad, grad * grad), strict=True)
        )
        root = math.sqrt(1 - beta2**t)
        return theta - lr * root / (1 - beta1**t) * m / (np.sqrt(v) + root * adam_eps), (m, v)

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Adam")
def adam_moving_towards_the_new_gradient(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m = state[0] + 0.1 * (grad - state[0])
        v = state[1] - 0.001 * (state[1] - grad**2)
        step = np.reciprocal(np.sqrt(v / -np.expm1(t * np.log(0.999))) + 1e-8)
        step *= m / -np.expm1(t * np.log(0.9))
        return [theta - lr * step, [m, v]]

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Adam")
def adam_entry_by_entry(variant):
    def one(p, g, m, v, t, lr):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g * g
        return p - lr * m / (1 - 0.9**t) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8), m, v

    def optimizer_step(theta, grad, state, t, lr):
        rows = [one(*entry, t, lr) for entry in zip(theta, grad, *state, strict=True)]
        theta, m, v = (list(column) for column in zip(*rows, strict=True))
        return theta, (m, v)

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Adam")
def adam_in_single_precision(variant):
    def optimizer_step(theta, grad, state, t, lr):
        grad = grad.astype(np.float32)
        m, v = (np.float32(moment) for moment in state)
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        return theta.astype(np.float32) - lr * m_hat / (np.sqrt(v_hat) + 1e-8), (m, v)

    return (optimizer_step,)


# 10. optimizer_step: AdaMax.


@answers("optimizer_step", optimizer="AdaMax")
def adamax_by_where(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m, u = state
        m = 0.9 * m + 0.1 * grad
        u = np.where(0.999 * u > abs(grad), 0.999 * u, abs(grad))
        return theta - lr / (1 - 0.9**t) * np.where(u > 0, m, 0) / np.where(u > 0, u, 1), (m, u)

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AdaMax")
def adamax_entry_by_entry(variant):
    def optimizer_step(theta, grad, state, t, lr, beta1=0.9, beta2=0.999):
        new, moments, norms = [], [], []
        for p, g, m, u in zip(theta, grad, *state, strict=True):
            moments.append(beta1 * m + (1 - beta1) * g)
            norms.append(max(beta2 * u, math.fabs(g)))
            new.append(p - lr * moments[-1] / (norms[-1] * (1 - beta1**t)) if norms[-1] else p)
        return np.array(new), [np.array(moments), np.array(norms)]

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AdaMax")
def adamax_as_the_mean_of_sum_and_difference(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m, u = np.array(state)
        faded, size = 0.999 * u, np.sqrt(np.square(grad))
        u = (faded + size + np.abs(faded - size)) / 2
        m += 0.1 * (grad - m)
        theta = np.subtract(theta, lr * np.nan_to_num(m / u) / -math.expm1(t * math.log(0.9)))
        return theta, tuple(np.stack([m, u]))

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AdaMax")
def adamax_as_a_maximum_over_both_signs(variant):
    class Step:
        beta1, beta2 = 0.9, 0.999

        def __call__(self, theta, grad, state, t, lr):
            m = np.dot([self.beta1, 1 - self.beta1], [state[0], grad])
            u = np.max([self.beta2 * state[1], grad, -grad], axis=0)
            moved = u != 0
            new = theta.copy()
            new[moved] -= np.multiply(lr, m[moved]) / np.multiply(1 - np.power(self.beta1, t), u[moved])
            return new, (m, u)

    return (Step(),)


# 10. optimizer_step: AMSGrad.


@answers("optimizer_step", optimizer="AMSGrad")
def amsgrad_by_fmax(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m = 0.9 * state[0] + 0.1 * grad
        v = 0.999 * state[1] + 0.001 * grad**2
        v_max = np.fmax(state[2], v / (1 - 0.999**t))
        return theta - lr * (m / (1 - 0.9**t)) / (v_max**0.5 + 1e-8), [m, v, v_max]

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AMSGrad")
def amsgrad_with_the_larger_root(variant):
    def optimizer_step(theta, grad, state, t, lr, betas=(0.9, 0.999), adam_eps=1e-8):
        m, v, v_max = state
        m, v = betas[0] * m + (1 - betas[0]) * grad, betas[1] * v + (1 - betas[1]) * np.square(grad)
        v_hat = v / (1 - betas[1] ** t)
        bottom = np.maximum(np.sqrt(v_hat), np.sqrt(v_max)) + adam_eps
        return theta - lr / (1 - betas[0] ** t) * np.divide(m, bottom), (m, v, np.where(v_hat > v_max, v_hat, v_max))

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AMSGrad")
def amsgrad_entry_by_entry(variant):
    def optimizer_step(theta, grad, state, t, lr):
        theta = np.array(theta)
        state = m, v, largest = tuple(np.array(each) for each in state)
        for i in range(len(theta)):
            m[i] += (grad[i] - m[i]) / 10
            v[i] += (grad[i] ** 2 - v[i]) / 1000
            largest[i] = max(largest[i], v[i] / (1 - 0.999**t))
            theta[i] -= lr * m[i] / ((1 - 0.9**t) * (math.sqrt(largest[i]) + 1e-8))
        return theta, state

    return (optimizer_step,)


@answers("optimizer_step", optimizer="AMSGrad")
def amsgrad_in_single_precision(variant):
    def optimizer_step(theta, grad, state, t, lr):
        theta, grad, m, v, v_max = (np.asarray(each, np.float32) for each in (theta, grad, *state))
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad * grad
        v_max = np.maximum(v / (1 - 0.999**t), v_max)
        return theta - lr * m / (1 - 0.9**t) / (np.sqrt(v_max) + 1e-8), (m, v, v_max)

    return (optimizer_step,)


# 10. optimizer_step: Nadam.


@answers("optimizer_step", optimizer="Nadam")
def nadam_with_the_weights_multiplied_out(variant):
    def optimizer_step(theta, grad, state, t, lr):
        m, v = state
        ahead = 0.81 * m + 0.19 * grad
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        return theta - lr * ahead / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), (m, v)

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Nadam")
def nadam_as_one_more_step_of_the_same_mean(variant):
    def optimizer_step(theta, grad, state, t, lr, beta1=0.9, beta2=0.999, adam_eps=1e-8):
        def towards(old, new, beta):
            return new + beta * (old - new)

        m, v = towards(state[0], grad, beta1), towards(state[1], grad**2, beta2)
        correct = 1 / (1 - beta1**t), 1 / (1 - beta2**t)
        bottom = np.sqrt(v * correct[1]) + adam_eps
        return [theta - lr * towards(m, grad, beta1) * correct[0] / bottom, (m, v)]

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Nadam")
def nadam_as_adam_and_a_correction(variant):
    def adam(m, v, t):
        return m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)

    def optimizer_step(theta, grad, state, t, lr):
        m, v = 0.9 * state[0] + 0.1 * grad, 0.999 * state[1] + 0.001 * grad**2
        return theta - lr * (adam(m, v, t) + 0.1 * adam(grad - m, v, t)), [m, v]

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Nadam")
def nadam_entry_by_entry(variant):
    def optimizer_step(theta, grad, state, t, lr):
        new = {"theta": [], "m": [], "v": []}
        for p, g, m, v in zip(theta, grad, *state, strict=True):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            ahead = (0.9 * m + 0.1 * g) / (1 - 0.9**t)
            new["theta"].append(p - lr * ahead / (math.sqrt(v / (1 - 0.999**t)) + 1e-8))
            new["m"].append(m)
            new["v"].append(v)
        return np.array(new.pop("theta")), tuple(np.array(column) for column in new.values())

    return (optimizer_step,)


@answers("optimizer_step", optimizer="Nadam")
def nadam_in_single_precision(variant):
    def optimizer_step(theta, grad, state, t, lr):
        theta, grad, m, v = (np.float32(each) for each in (theta, grad, *state))
        m, v = 0.9 * m + 0.1 * grad, 0.999 * v + 0.001 * grad**2
        ahead = 0.9 * m / (1 - 0.9**t) + 0.1 * grad / (1 - 0.9**t)
        return theta - lr * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), (m, v)

    return (optimizer_step,)


# 11. conditional_inputs: one-hot, behind.


@answers("conditional_inputs", labels="one-hot last")
def one_hot_behind_by_comparison(variant):
    def beside(values, labels):
        return np.hstack([values, labels[:, None] == np.arange(C)])

    return beside, beside, lambda dinput, latent_dim: dinput[:, :latent_dim]


@answers("conditional_inputs", labels="one-hot last")
def one_hot_behind_by_assignment(variant):
    def beside(values, labels):
        out = np.zeros((len(values), values.shape[1] + C))
        out[:, :-C] = values
        out[np.arange(len(values)), values.shape[1] + labels] = 1
        return out

    return beside, beside, lambda dinput, latent_dim: np.delete(dinput, np.s_[latent_dim:], axis=1)


@answers("conditional_inputs", labels="one-hot last")
def one_hot_behind_in_lists(variant):
    def beside(values, labels):
        return [[*row, *(float(j == k) for j in range(C))] for row, k in zip(values.tolist(), labels, strict=True)]

    return beside, beside, lambda dinput, latent_dim: [row[:latent_dim].tolist() for row in dinput]


@answers("conditional_inputs", labels="one-hot last")
def one_hot_behind_in_single_precision(variant):
    def encoder_input(x, labels):
        return np.c_[x, np.identity(C)[labels]].astype(np.float32)

    def decoder_input(z, labels):
        return np.append(z, np.take(np.eye(C), labels, axis=0), axis=1).astype(np.float32)

    return encoder_input, decoder_input, lambda d, latent_dim: np.float32(d[:, [*range(latent_dim)]])


# 11. conditional_inputs: one-hot, in front.


@answers("conditional_inputs", labels="one-hot first")
def one_hot_in_front_by_comparison(variant):
    def beside(values, labels):
        return np.concatenate((np.equal.outer(labels, np.arange(C)).astype(float), values), axis=-1)

    return beside, beside, lambda dinput, latent_dim: dinput[:, -latent_dim:]


@answers("conditional_inputs", labels="one-hot first")
def one_hot_in_front_padded(variant):
    def beside(values, labels):
        out = np.pad(values, ((0, 0), (C, 0)))
        for row, label in zip(out, labels, strict=True):
            row[label] = 1.0
        return out

    return beside, beside, lambda dinput, latent_dim: np.split(dinput, [C], axis=1)[1]


@answers("conditional_inputs", labels="one-hot first")
def one_hot_in_front_by_matrices(variant):
    def beside(values, labels):
        width = values.shape[1]
        place = np.eye(width, C + width, C)
        return values @ place + np.eye(C, C + width)[labels]

    return beside, beside, lambda dinput, latent_dim: dinput @ np.eye(latent_dim, C + latent_dim, C).T


@answers("conditional_inputs", labels="one-hot first")
def one_hot_in_front_in_lists(variant):
    def code(label):
        return [0.0] * label + [1.0] + [0.0] * (C - 1 - label)

    def encoder_input(x, labels):
        return np.array([code(int(label)) + list(row) for label, row in zip(labels, x, strict=True)])

    def decoder_input(z, labels):
        return np.array([code(int(labels[n])) + z[n].tolist() for n in range(len(z))])

    def decoder_input_backward(dinput, latent_dim):
        return np.stack([row[len(row) - latent_dim :] for row in dinput])

    return encoder_input, decoder_input, decoder_input_backward


# 11. conditional_inputs: plus and minus one, behind.


@answers("conditional_inputs", labels="plus-minus last")
def plus_minus_behind_by_where(variant):
    def beside(values, labels):
        return np.column_stack([values, np.where(np.arange(C) == labels[:, None], 1.0, -1.0)])

    return beside, beside, lambda dinput, latent_dim: dinput[:, : dinput.shape[1] - C]


@answers("conditional_inputs", labels="plus-minus last")
def plus_minus_behind_by_assignment(variant):
    def beside(values, labels):
        code = -np.ones((len(labels), C))
        np.put_along_axis(code, labels[:, None], 1, axis=1)
        return np.block([values, code])

    return beside, beside, lambda dinput, latent_dim: np.compress(np.arange(latent_dim + C) < latent_dim, dinput, 1)


@answers("conditional_inputs", labels="plus-minus last")
def plus_minus_behind_padded(variant):
    def beside(values, labels):
        out = np.pad(values, [(0, 0), (0, C)], constant_values=-1.0)
        out[range(len(out)), labels - C] *= -1
        return out

    return beside, beside, lambda dinput, latent_dim: np.array([row[:-C] for row in dinput])


@answers("conditional_inputs", labels="plus-minus last")
def plus_minus_behind_by_parity(variant):
    def encoder_input(x, labels):
        signs = [[(-1.0) ** (column != label) for column in range(C)] for label in labels]
        return np.concatenate([x.T, np.transpose(signs)]).T

    def decoder_input(z, labels):
        return encoder_input(z, labels)

    return encoder_input, decoder_input, lambda dinput, latent_dim: dinput.T[:latent_dim].T


# 11. conditional_inputs: plus and minus one, in front.


@answers("conditional_inputs", labels="plus-minus first")
def plus_minus_in_front_by_a_table(variant):
    table = np.array([np.insert(-np.ones(C - 1), k, 1.0) for k in range(C)])

    def beside(values, labels):
        return np.r_["1", table[labels], values]

    return beside, beside, lambda dinput, latent_dim: dinput[:, C : C + latent_dim]


@answers("conditional_inputs", labels="plus-minus first")
def plus_minus_in_front_by_a_sign(variant):
    def beside(values, labels):
        distance = np.abs(np.subtract.outer(labels, np.arange(C)))
        return np.insert(values, [0] * C, np.sign(0.5 - distance), axis=1)

    return beside, beside, lambda dinput, latent_dim: np.flip(np.flip(dinput, 1)[:, :latent_dim], 1)


@answers("conditional_inputs", labels="plus-minus first")
def plus_minus_in_front_in_lists(variant):
    def beside(values, labels):
        out = []
        for k, row in zip(labels, values, strict=True):
            code = [-1] * C
            code[k] = 1
            out.append(code + row.tolist())
        return out

    return beside, beside, lambda dinput, latent_dim: [list(row)[C:] for row in dinput]


@answers("conditional_inputs", labels="plus-minus first")
def plus_minus_in_front_from_a_full_array(variant):
    def beside(values, labels, classes=C):
        out = np.full((values.shape[0], classes + values.shape[1]), -1.0)
        out[:, classes:] = values
        out.ravel()[np.arange(len(out)) * out.shape[1] + labels] = 1.0
        return out

    return beside, functools.partial(beside, classes=6), lambda d, latent_dim: np.hsplit(d, (C, C + latent_dim))[1]


# 12. importance_bound.


@answers("importance_bound")
def bound_by_logaddexp(variant):
    def importance_bound(log_w):
        total = np.logaddexp.reduce(log_w, axis=0)
        return total - np.log(log_w.shape[0]), (log_w, total)

    return importance_bound, lambda dbound, cache: dbound * np.exp(cache[0] - cache[1])


@answers("importance_bound")
def bound_draw_by_draw(variant):
    def importance_bound(log_w):
        running = log_w[0]
        for k, row in enumerate(log_w[1:], 2):
            running = np.logaddexp(running + np.log(k - 1), row) - np.log(k)
        return running, {"log_w": log_w, "bound": running}

    def importance_bound_backward(dbound, cache):
        return np.exp(cache["log_w"] - cache["bound"]) / len(cache["log_w"]) * dbound[None, :]

    return importance_bound, importance_bound_backward


@answers("importance_bound")
def bound_in_decimals(variant):
    def importance_bound(log_w):
        columns = [[Decimal(value).exp() for value in column] for column in log_w.T.tolist()]
        return np.array([float((sum(column) / len(column)).ln()) for column in columns]), columns

    def importance_bound_backward(dbound, columns):
        return np.array([[d * float(w / sum(c)) for w in c] for d, c in zip(dbound, columns, strict=True)]).T

    return importance_bound, importance_bound_backward


@answers("importance_bound")
def bound_pair_by_pair(variant):
    """A share is one over the sum of the others' weights relative to its own."""

    def importance_bound(log_w):
        top = log_w.max(axis=0, keepdims=True)
        bound = np.log(np.exp(log_w - top).mean(axis=0, keepdims=True)) + top
        return bound[0], log_w

    def importance_bound_backward(dbound, log_w):
        return np.reciprocal(np.exp(log_w[None] - log_w[:, None]).sum(axis=1)) * dbound

    return importance_bound, importance_bound_backward


@answers("importance_bound")
def bound_example_by_example(variant):
    def of_example(column):
        top = max(column)
        relative = [math.exp(value - top) for value in column]
        total = math.fsum(relative)
        return top + math.log(total) - math.log(len(column)), [value / total for value in relative]

    def importance_bound(log_w):
        both = [of_example(column) for column in log_w.T.tolist()]
        return [bound for bound, _ in both], SimpleNamespace(shares=[shares for _, shares in both])

    def importance_bound_backward(dbound, cache):
        return np.transpose([[d * share for share in row] for d, row in zip(dbound, cache.shares, strict=True)])

    return importance_bound, importance_bound_backward


@answers("importance_bound")
def bound_from_the_sorted_weights(variant):
    def importance_bound(log_w):
        ordered = np.sort(log_w, axis=0)[::-1]
        others = np.exp(ordered[1:] - ordered[0]).sum(axis=0)
        bound = ordered[0] + np.log1p(others) - np.log(len(log_w))

        def pull(dbound):
            return np.einsum("n,kn->kn", dbound, np.exp(log_w - ordered[0]) / (1 + others))

        return bound, pull

    return importance_bound, lambda dbound, pull: pull(dbound)


@answers("importance_bound")
def bound_in_powers_of_two(variant):
    def importance_bound(log_w):
        bits = log_w / LOG_2
        total = np.logaddexp2.reduce(bits)
        return LOG_2 * (total - np.log2(len(log_w))), [np.exp2(bits - total)]

    return importance_bound, lambda dbound, cache: cache[0] @ np.diag(dbound)


@answers("importance_bound")
def bound_shifted_by_what_it_nearly_is(variant):
    def importance_bound(log_w):
        bound = np.max(log_w, axis=0)
        for _ in range(3):  # the second and third change no more than the last digits
            bound = bound + np.log(np.mean(np.exp(log_w - bound), axis=0))
        return bound, (log_w, bound)

    def importance_bound_backward(dbound, cache):
        weights = np.exp(np.subtract(*cache))
        return weights * (dbound / np.add.reduce(weights))

    return importance_bound, importance_bound_backward


@answers("importance_bound")
def bound_in_single_precision(variant):
    def importance_bound(log_w):
        log_w = log_w.astype(np.float32)
        top = log_w.max(0)
        weights = np.exp(log_w - top)
        return top + np.log(weights.mean(0)), weights / weights.sum(0)

    return importance_bound, lambda dbound, shares: dbound.astype(np.float32) * shares


@answers("importance_bound")
def bound_as_a_tournament(variant):
    class Bound:
        def forward(self, log_w):
            rows = list(log_w)
            while len(rows) > 1:
                rows = [
                    *itertools.starmap(np.logaddexp, zip(rows[::2], rows[1::2], strict=False)),
                    *rows[len(rows) & ~1 :],
                ]
            self_normalized = log_w - rows[0]
            return rows[0] + np.log(1 / len(log_w)), self_normalized

        def backward(self, dbound, log_shares):
            return np.sign(dbound) * np.exp(log_shares + np.log(np.abs(dbound)))

    return Bound().forward, Bound().backward
