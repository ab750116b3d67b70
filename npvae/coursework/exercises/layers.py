"""The gradients of a dense layer and of an activation."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import npvae
from npvae.coursework.exercise import (
    EXTREMES,
    ONE,
    SEVERAL,
    Exercise,
    Slip,
    alike,
    differences,
    spread,
    table_slips,
    truth_of,
)
from npvae.coursework.sandbox.calls import Probe, Results, run_pair
from npvae.coursework.sandbox.runs import GRADIENTS, run_dense
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

SQUARE = "square W"

# 1. Dense.

DENSE: dict[str, Callable[..., Array]] = {
    "input first": lambda x, W, b: x @ W + b,
    "output first": lambda x, W, b: x @ W.T + b,
}
"""The layer, by the layout of its weights: (I, O) or (O, I)."""


def dense_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n, inputs, outputs = int(rng.integers(4, 7)), 3, 7

    def probe(where: str, n: int, inputs: int, outputs: int) -> Probe:
        shape = (inputs, outputs) if variant.weights == "input first" else (outputs, inputs)
        return Probe(where, (spread(rng, n, outputs), (spread(rng, n, inputs), spread(rng, *shape))))

    return [probe(ONE, 1, inputs, outputs), probe(SQUARE, 1, outputs, outputs), probe(SEVERAL, n, inputs, outputs)]


def dense_expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    dy, (x, W) = probe.args
    args = (x, W, np.zeros(dy.shape[1]))
    return {name: differences(DENSE[variant.weights], args, i, dy) for i, name in enumerate(GRADIENTS)}


def dense_slips(variant: Variant) -> list[Slip]:
    if variant.weights == "input first":
        return table_slips({"npvae.layers.dense_backward": npvae.dense_backward}, run_dense)

    def if_square(probe: Probe, wrong: Array, right: Array) -> Array:
        return wrong if probe.where == SQUARE else right

    def dx_without_the_transpose(probe: Probe, right: Mapping[str, Array]) -> Results:
        dy, (_, W) = probe.args
        return {"dx": if_square(probe, dy @ W.T if probe.where == SQUARE else dy, right["dx"])}

    return [
        Slip(
            "textbook",
            "the weights are taken for (inputs, outputs): that answers another question",
            lambda probe, right: run_dense([npvae.dense_backward], probe),
        ),
        Slip("dx_without_the_transpose", "W is transposed in dx where it should not be", dx_without_the_transpose),
        Slip(
            "weight_gradient_transposed",
            "dW is transposed, which shows in its content where W is square",
            lambda probe, right: {"dW": if_square(probe, right["dW"].T, right["dW"])},
        ),
        Slip(
            "weight_gradient_reshaped",
            "dW was reshaped until it fitted: right in size, scrambled in content",
            lambda probe, right: {"dW": right["dW"].T.reshape(right["dW"].shape)},
        ),
        Slip(
            "bias_gradient_averaged",
            "db is averaged over the examples: the mean is taken once, in the loss",
            lambda probe, right: {"db": right["db"] / len(probe.args[0])},
        ),
        Slip(
            "bias_gradient_of_the_first_example",
            "db is that of the first example alone",
            lambda probe, right: {"db": probe.args[0][0]},
        ),
        Slip(
            "bias_gradient_not_summed",
            "db has a row for each example, where the bias has one",
            lambda probe, right: {"db": probe.args[0]},
        ),
        Slip(
            "weight_gradient_averaged",
            "dW is divided by N: the mean is taken once, in the loss",
            lambda probe, right: {"dW": right["dW"] / len(probe.args[0])},
        ),
    ]


DENSE_BACKWARD = Exercise(
    name="dense_backward",
    title="The gradients of a dense layer",
    section="Loss",
    functions=("dense_backward",),
    choices={"weights": DENSE},
    points=lambda variant: {"dx": 2, "dW": 3, "db": 1, SEVERAL: 2},
    probes=dense_probes,
    expected=dense_expected,
    slips=dense_slips,
    properties={
        "dx": "it has the shape of x and agrees with central differences of sum(dy * y)",
        "dW": "it has the shape of W, and every example adds to it",
        "db": "one bias serves all examples, so every example adds to its gradient",
    },
)


# 3. Activation.


def sigmoid(a: Array) -> Array:
    return np.exp(-np.logaddexp(0, -a))


ACTIVATION: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "SiLU": lambda a: a * sigmoid(a),
    "ELU": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "softsign": lambda a: a / (1 + np.abs(a)),
}
"""Each by its definition."""
BY = {"da": 0}


def slope(f: Callable[[Array], Array], a: Array) -> Array:
    """The derivative of an activation, by differences."""
    return differences(f, (a,), 0, np.ones_like(a))


def activation_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n = int(rng.integers(4, 7))
    far = np.array([[-1000.0, -30.0, 1000.0, 30.0, -4.0, 4.0, 20.0]])
    return [
        Probe(where, (a,), spread(rng, *a.shape))
        for where, a in ((ONE, spread(rng, 1, 7)), (SEVERAL, spread(rng, n, 7)), (EXTREMES, far))
    ]


def activation_slips(variant: Variant) -> list[Slip]:
    if variant.activation == "tanh":
        pair: dict[str, Any] = {"npvae.layers.tanh": npvae.tanh, "npvae.layers.tanh_backward": npvae.tanh_backward}
        return table_slips(pair, run_pair(tuple(BY)))
    f = ACTIVATION[variant.activation]

    def da(name: str, what: str, wrong: Callable[[Array], Array]) -> Slip:
        return Slip(name, what, lambda probe, right: {"da": probe.dout * wrong(probe.args[0])})

    def ones(a: Array) -> Array:
        return np.ones_like(a)

    slips = [
        alike("textbook", "tanh: that answers another question", np.tanh, BY),
        alike("relu", "a relu: that answers another question", lambda a: np.maximum(a, 0), BY),
        alike("sigmoid", "a sigmoid: that answers another question", sigmoid, BY),
        da("slope_at_the_output", "the slope is taken at the output, not at the input", lambda a: slope(f, f(a))),
        da("output_for_slope", "the output stands where its slope belongs", f),
        da("slope_of_one", "the slope is 1 everywhere", ones),
        da("slope_of_tanh", "the slope is that of tanh", lambda a: slope(np.tanh, a)),
    ]
    if variant.activation == "SiLU":
        slips += [
            da("one_term_of_two", "a term of the product rule is missing", sigmoid),
            da("other_term_of_two", "a term of the product rule is missing", lambda a: a * sigmoid(a) * sigmoid(-a)),
            da("slope_of_the_sigmoid", "it is the slope of the sigmoid alone", lambda a: sigmoid(a) * sigmoid(-a)),
            da("term_without_a", "a factor a is missing in a term", lambda a: sigmoid(a) + sigmoid(a) * sigmoid(-a)),
        ]
    if variant.activation == "ELU":
        slips += [
            da("closed_below_zero", "nothing passes below zero, as in a relu", lambda a: 1.0 * (a > 0)),
            da(
                "output_below_zero",
                "below zero the output stands in for its slope",
                lambda a: np.where(a > 0, 1, f(a)),
            ),
            da("minus_output_below_zero", "below zero the sign is wrong", lambda a: np.where(a > 0, 1, -slope(f, a))),
            alike("without_the_one", "below zero a constant is missing", lambda a: np.where(a > 0, a, f(a) + 1), BY),
        ]
    if variant.activation == "softsign":
        slips += [
            da("without_the_square", "a square is missing in the slope", lambda a: 1 / (1 + np.abs(a))),
            da("square_inside", "the square is in the wrong place", lambda a: 1 / (1 + a**2)),
            da("odd_slope", "the slope has the sign of a", lambda a: np.sign(a) * slope(f, a)),
            alike("without_the_bars", "a stands where its absolute value belongs", lambda a: a / (1 + a), BY),
        ]
    return slips


ACTIVATION_PAIR = Exercise(
    name="activation",
    title="An activation and its gradient",
    section="Loss",
    functions=("activation", "activation_backward"),
    choices={"activation": ACTIVATION},
    points=lambda variant: {"forward": 2, "da": 3, EXTREMES: 1},
    probes=activation_probes,
    expected=lambda variant, probe: truth_of(ACTIVATION[variant.activation], BY)(probe),
    slips=activation_slips,
    properties={
        "forward": "it is the function of the task, entry by entry, and finite for every finite a",
        "da": "it is the upstream gradient times the slope at the same a, and agrees with central differences",
    },
)
