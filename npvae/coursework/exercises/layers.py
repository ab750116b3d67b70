"""The gradients of a dense layer and of an activation."""

from collections.abc import Callable, Mapping

import numpy as np

from npvae.coursework.exercise import EXTREMES, ONE, SEVERAL, Exercise, Mistake
from npvae.coursework.pairs import STEP, alike, differences, pair, slope, spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.sandbox.runs import GRADIENTS, run_dense
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

SQUARE, ZERO = "square W", "a = 0"

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


def dense_mistakes(variant: Variant) -> list[Mistake]:
    first = variant.weights == "input first"

    def gradient(key: str, what: str, wrong: Callable[..., Array]) -> Mistake:
        """Wrong as a function of the right one, of dy, x and W."""
        return Mistake(what, lambda probe, right: {key: wrong(right[key], probe.args[0], *probe.args[1])})

    def where_it_fits(wrong: Callable[..., Array]) -> Callable[..., Array]:
        """Only a square W lets it pass."""
        return lambda right, dy, x, W: wrong(right, dy, x, W) if len(W) == len(W.T) else right

    def turned(W: Array) -> Array:
        """From one layout to inputs before outputs, or back."""
        return W if first else W.T

    def other_layout(probe: Probe, right: Mapping[str, Array]) -> Results:
        def backward(dy: Array, cache: tuple[Array, Array]) -> tuple[Array, Array, Array]:
            x, W = cache
            return dy @ turned(W), turned(dy.T @ x), dy.sum(axis=0)

        return run_dense([backward], probe)

    taken = f"W is taken for ({'outputs, inputs' if first else 'inputs, outputs'})"
    straight = f"W is{'' if first else ' not'} to be transposed, which shows in the content where W is square"
    return [
        Mistake(f"{taken}: that answers another question", other_layout),
        gradient("dx", straight, where_it_fits(lambda right, dy, x, W: dy @ turned(W))),
        gradient("dW", "it is transposed, which shows where W is square", where_it_fits(lambda right, *_: right.T)),
        gradient("dW", "it was reshaped until it fitted: right in size, scrambled in content", scrambled),
        gradient("dW", "it is divided by N: the loss is the mean already", lambda right, dy, *_: right / len(dy)),
        gradient("dW", "dy does not enter", lambda right, dy, x, W: turned(x.T @ np.ones_like(dy))),
        gradient("db", "it is averaged over the examples, as the loss already is", lambda r, dy, *_: r / len(dy)),
        gradient("db", "it is the first example's alone", lambda _, dy, *__: dy[0]),
        gradient("db", "it has a row for each example, where the bias has one", lambda _, dy, *__: dy),
        gradient("db", "the sum is over the outputs, not over the examples", lambda _, dy, *__: dy.sum(axis=1)),
    ]


def scrambled(right: Array, *_: Array) -> Array:
    return right.T.reshape(right.shape)


DENSE_BACKWARD = Exercise(
    name="dense_backward",
    title="The gradients of a dense layer",
    lesson="00_gradients_by_hand",
    functions=("dense_backward",),
    choices={"weights": DENSE},
    points=lambda variant: {"dx": 2, "dW": 3, "db": 1, SEVERAL: 2},
    probes=dense_probes,
    expected=dense_expected,
    mistakes=dense_mistakes,
    arguments=lambda variant: ("dy",),
    properties={
        "dx": "it has the shape of x and agrees with central differences of sum(dy * y)",
        "dW": "it has the shape of W, and every example adds to it",
        "db": "one bias serves all examples, so every example adds to its gradient",
    },
)


# 3. Activation.


Function = Callable[[Array], Array]


def sigmoid(a: Array) -> Array:
    return np.exp(-np.logaddexp(0, -a))


def sigmoid_slope(a: Array) -> Array:
    return sigmoid(a) * sigmoid(-a)


def without_the_one(a: Array) -> Array:
    """An ELU that does not go through zero."""
    return np.where(a > 0, a, np.exp(np.minimum(a, 0)))


ACTIVATION: dict[str, Function] = {
    "tanh": np.tanh,
    "SiLU": lambda a: a * sigmoid(a),
    "ELU": lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0))),
    "softsign": lambda a: a / (1 + np.abs(a)),
}
"""Each by its definition."""
BY = {"da": 0}
TERM_MISSING = "a term of the product rule is missing"


def activation_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n = int(rng.integers(4, 7))
    places = {
        ONE: spread(rng, 1, 7),
        ZERO: np.zeros((1, 4)),
        SEVERAL: spread(rng, n, 7),
        "three dimensions": spread(rng, 2, 3, 4),
        EXTREMES: np.array([[-1000.0, -30.0, 1000.0, 30.0, -4.0, 4.0, 20.0]]),
    }
    return [Probe(where, (a,), spread(rng, *a.shape)) for where, a in places.items()]


def activation_expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    step = 1e-8 if probe.where == ZERO else STEP  # where it bends, only the smallest steps see one slope
    return pair(ACTIVATION[variant.activation], BY, probe, da=step)


def activation_mistakes(variant: Variant) -> list[Mistake]:
    f = ACTIVATION[variant.activation]
    others: dict[str, Function] = {"a relu": lambda a: np.maximum(a, 0), "a sigmoid": sigmoid, "tanh": np.tanh}
    return [
        *(bent(f"{what}: that answers another question", g) for what, g in others.items()),
        da("the slope is taken at the output, not at the input", lambda a: slope(f, f(a))),
        da("the output stands where its slope belongs", f),
        da("the slope is 1 everywhere", np.ones_like),
        da("the slope is that of tanh", lambda a: slope(np.tanh, a)),
        *OWN[variant.activation],
    ]


def da(what: str, wrong: Function) -> Mistake:
    """Something in the place of the slope."""
    return Mistake(what, lambda probe, right: {"da": probe.dout * wrong(probe.args[0])})


def bent(what: str, wrong: Function) -> Mistake:
    """Something in the place of the activation, and the slope that belongs to it."""
    return alike(what, wrong, BY)


OWN: dict[str, list[Mistake]] = {
    "tanh": [
        da("the input stands where the output belongs", lambda a: 1 - a**2),
        da("a square is missing in the slope", lambda a: 1 - np.tanh(a)),
        da("a sign in the slope is wrong", lambda a: 1 + np.tanh(a) ** 2),
        da("a constant is missing in the slope", lambda a: np.tanh(a) ** 2),
        bent("half a difference of exponentials: the divisor is missing", np.sinh),
    ],
    "SiLU": [
        da(TERM_MISSING, sigmoid),
        da(TERM_MISSING, lambda a: a * sigmoid_slope(a)),
        da("it is the slope of the sigmoid alone", sigmoid_slope),
        da("a factor a is missing in a term", lambda a: sigmoid(a) + sigmoid_slope(a)),
        da("the slope of the sigmoid lacks a factor", lambda a: sigmoid(a) + a * sigmoid(a)),
        da("a sign between the terms of the product rule is wrong", lambda a: sigmoid(a) - a * sigmoid_slope(a)),
    ],
    "ELU": [
        da("nothing passes below zero, as in a relu", lambda a: 1.0 * (a > 0)),
        da("below zero the output stands in for its slope", lambda a: np.where(a > 0, 1, np.expm1(np.minimum(a, 0)))),
        da("above zero the slope is that of the exponential", np.exp),
        da("above zero the input stands in for its slope", without_the_one),
        bent("below zero a constant is missing", without_the_one),
        bent("the branches are exchanged", lambda a: np.where(a < 0, a, np.expm1(a))),
    ],
    "softsign": [
        da("a square is missing in the slope", lambda a: 1 / (1 + np.abs(a))),
        da("the square is in the wrong place", lambda a: 1 / (1 + a**2)),
        da("the slope has the sign of a", lambda a: np.sign(a) / (1 + np.abs(a)) ** 2),
        da("dh is multiplied where it should be divided", lambda a: (1 + np.abs(a)) ** 2),
        da("the quotient rule lacks the sign of a", lambda a: (1 + np.abs(a) - a) / (1 + np.abs(a)) ** 2),
        bent("a stands where its absolute value belongs", lambda a: a / (1 + a)),
    ],
}
"""What may go wrong with one of them alone, in its slope or in both."""


ACTIVATION_PAIR = Exercise(
    name="activation",
    title="An activation and its gradient",
    lesson="00_gradients_by_hand",
    functions=("activation", "activation_backward"),
    choices={"activation": ACTIVATION},
    points=lambda variant: {"forward": 2, "da": 3, EXTREMES: 1},
    probes=activation_probes,
    expected=activation_expected,
    mistakes=activation_mistakes,
    arguments=lambda variant: ("a",),
    upstream="dh",
    properties={
        "forward": "it is the function of the task, entry by entry, and finite for every finite a",
        "da": "it is the upstream gradient times the slope at the same a, and agrees with central differences",
    },
)
