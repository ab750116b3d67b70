"""Wrong gradient checkers: some let everything pass, some let nothing pass."""

import copy
from typing import Any

import numpy as np

from npvae.gradcheck import STEP, gradient_errors, model_errors
from npvae.internals.types import Array, Rng
from wrong_versions.table import replaces

ERRORS = "npvae.gradcheck.gradient_errors"
NUMERIC, RELATIVE = "npvae.gradcheck.numeric_gradient", "npvae.gradcheck.relative_error"


@replaces("npvae.gradcheck.model_errors", number=33)
def new_noise_for_every_evaluation(model: Any, x: Array, eps: Array, rng: Rng = 0, labels: Any = None) -> Any:
    """eps drawn in each forward -> once, outside: right gradients are refused."""
    noisy = copy.copy(model)
    noisy.forward = lambda x, eps, *labels: model.forward(x, model.draw_eps(len(x)), *labels)
    return model_errors(noisy, x, eps, rng, labels)


@replaces(RELATIVE, number=34)
def relative_error_without_a_floor(analytic: Array, numeric: Array) -> float:
    """|a - n| / |n| -> with a floor: where n is nearly 0 rounding errors look like wrong gradients."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.max(np.nan_to_num(np.abs(analytic - numeric) / np.abs(numeric), nan=0, posinf=np.inf)))


@replaces(NUMERIC, number=34)
def differences_in_float32(evaluate: Any, arg: Array, dout: Array) -> Array:
    """float32 -> float64: 1e-5 is lost in the rounding of the loss."""
    numeric = np.empty_like(arg)
    for index in np.ndindex(arg.shape):
        value = arg[index]
        arg[index] = value + STEP
        above = np.float32(np.sum(dout * evaluate()))
        arg[index] = value - STEP
        below = np.float32(np.sum(dout * evaluate()))
        arg[index] = value
        numeric[index] = float(above - below) / (2 * STEP)
    return numeric


@replaces(ERRORS, number=34)
def kinks_ignored(forward: Any, backward: Any, args: Any, rng: Rng = 0, pattern: Any = None) -> Any:
    """Any point -> not one where a relu switches: at a kink a right gradient is half a slope off."""
    return gradient_errors(forward, backward, args, rng)


@replaces(NUMERIC)
def one_sided_differences(evaluate: Any, arg: Array, dout: Array) -> Array:
    """(f(v + h) - f(v)) / h -> central: its error is of the order h, and hides small mistakes."""
    numeric, here = np.empty_like(arg), evaluate()
    for index in np.ndindex(arg.shape):
        value = arg[index]
        arg[index] = value + STEP
        numeric[index] = np.sum(dout * (evaluate() - here)) / STEP
        arg[index] = value
    return numeric


@replaces(NUMERIC)
def entries_not_put_back(evaluate: Any, arg: Array, dout: Array) -> Array:
    """Moved entries left where they are -> put back: the point drifts while it is looked at."""
    numeric = np.empty_like(arg)
    for index in np.ndindex(arg.shape):
        arg[index] += STEP
        above = evaluate()
        arg[index] -= 2 * STEP
        numeric[index] = np.sum(dout * (above - evaluate())) / (2 * STEP)
    return numeric


@replaces(ERRORS)
def arguments_changed(forward: Any, backward: Any, args: Any, rng: Rng = 0, pattern: Any = None) -> Any:
    """The caller's arrays moved and not put back -> copies."""
    errors = gradient_errors(forward, backward, args, rng, pattern)
    for arg in args:
        arg += STEP
    return errors


@replaces(ERRORS)
def upstream_of_ones(forward: Any, backward: Any, args: Any, rng: Rng = 0, pattern: Any = None) -> Any:
    """dout = 1 -> random: what cancels in a plain sum is never seen, such as a softmax."""

    def total(*args: Array) -> Any:
        out, cache = forward(*args)
        return np.sum(out), (np.ones_like(out), cache)

    def total_backward(dtotal: Array, cache: Any) -> Any:
        gradients = backward(*cache)
        return [
            dtotal * gradient for gradient in (gradients if isinstance(gradients, (tuple, list)) else [gradients])
        ]

    return gradient_errors(total, total_backward, args, rng, pattern and (lambda cache: pattern(cache[1])))


@replaces(RELATIVE)
def difference_without_its_absolute_value(analytic: Array, numeric: Array) -> float:
    """max(a - n) -> max|a - n|: a gradient that is too small passes."""
    return float(np.max((analytic - numeric) / (np.abs(numeric) + 0.01 * np.max(np.abs(numeric)) + 1e-300)))


@replaces(RELATIVE)
def cosine_for_an_error(analytic: Array, numeric: Array) -> float:
    """1 - cosine of the angle -> the difference: a factor of two passes, and so does a tenth of a percent."""
    norms = np.linalg.norm(analytic) * np.linalg.norm(numeric)
    return float(1 - np.sum(analytic * numeric) / norms) if norms else 0.0


@replaces(RELATIVE)
def mean_error(analytic: Array, numeric: Array) -> float:
    """Mean over entries -> largest: one wrong entry in a large matrix is diluted."""
    return float(np.mean(np.abs(analytic - numeric)) / (np.max(np.abs(numeric)) + 1e-300))


@replaces(RELATIVE)
def nan_passes(analytic: Array, numeric: Array) -> float:
    """nanmax -> NaN counts as infinitely wrong: what cannot be compared is accepted."""
    error = np.abs(analytic - numeric) / (np.abs(numeric) + 0.01 * np.max(np.abs(numeric)) + 1e-300)
    return float(np.max(np.nan_to_num(error, nan=0.0)))


@replaces(ERRORS)
def first_array_alone(forward: Any, backward: Any, args: Any, rng: Rng = 0, pattern: Any = None) -> Any:
    """Only the first gradient -> all: a wrong dlogvar hides behind a right dmu."""
    errors = gradient_errors(forward, backward, args, rng, pattern)
    return [errors[0], *(0.0 for _ in errors[1:])]
