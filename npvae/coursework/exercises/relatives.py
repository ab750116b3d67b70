"""The VAE's relatives: labels at the inputs of encoder and decoder, and the importance-weighted bound.

For the labels the student defines encoder_input(x, labels) -> (N, D + C), decoder_input(z, labels) -> (N, L + C)
and decoder_input_backward(dinput, latent_dim) -> dz. Labels are whole numbers from 0 to below C, which is `CLASSES`.
As the variant says, a label's code stands behind the numbers or before them, and is 1 in the label's column with 0
or -1 in the others.

For the bound the student defines importance_bound(log_w) -> (bound, cache), from (k, N) to the logarithm of the mean
of the k weights, (N,), and importance_bound_backward(dbound, cache) -> dlog_w.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from npvae.coursework.exercise import EXTREMES, ONE, Exercise, Mistake
from npvae.coursework.pairs import differences, forward_alone, pair, spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

CLASSES = 6
"""C: more than there are latents, fewer than pixels."""
BATCH = "a batch"
"""In place of SEVERAL, which would cost nothing where no points are set on it."""

# 11. The inputs of a conditional VAE.

ONE_BEFORE = "each label marks the column before its own, as if they were counted from 1"
AS_THE_BATCH_NEEDS = "there are as many columns as the batch needs: the next one has another number"

Code = Callable[[int, Sequence[int]], Sequence[float]]
"""What stands for a label, which comes with those of the whole batch."""


def marked(inside: float, outside: float) -> Code:
    """One number in the label's column, another in all others."""
    return lambda label, labels: [inside if column == label else outside for column in range(CLASSES)]


CODES = {"one-hot": marked(1, 0), "plus-minus": marked(1, -1)}


def rows(values: Array, labels: Array, code: Code, side: str) -> Array:
    """The inputs, with a code for each example."""
    batch = [int(label) for label in labels]
    codes = np.array([code(label, batch) for label in batch], np.float64)
    return np.hstack((codes, values) if side == "first" else (values, codes))


def inputs(probe: Probe, code: Code, side: str) -> dict[str, Array]:
    """Both inputs, and what reaches z: differences with respect to z, whatever the code."""
    x, z, labels, dinput = probe.args
    made = {"encoder_input": rows(x, labels, code, side), "decoder_input": rows(z, labels, code, side)}
    if made["decoder_input"].shape == dinput.shape:
        made["dz"] = differences(lambda z: rows(z, labels, code, side), (z,), 0, dinput)
    return made


def expected(variant: Variant, probe: Probe) -> dict[str, Array]:
    kind, side = variant.labels.split()
    return inputs(probe, CODES[kind], side)


def input_mistakes(variant: Variant) -> list[Mistake]:
    kind, side = variant.labels.split()
    right, last = CODES[kind], side == "last"
    inside, outside = 1.0, right(0, ())[1]
    other_kind = next(other for other in CODES if other != kind)
    other_side = "first" if last else "last"

    def coded(what: str, code: Code, side: str = side) -> list[Mistake]:
        """One for each of the two inputs: either may be wrong alone."""

        def mistake(result: str) -> Mistake:
            return Mistake(what, lambda probe, right: {result: inputs(probe, code, side)[result]})

        return [mistake("encoder_input"), mistake("decoder_input")]

    def dz(what: str, take: Callable[[Array, int], Array]) -> Mistake:
        """Wrong as a function of dinput, with its columns from z's end, and L."""
        turn = 1 if last else -1
        return Mistake(what, lambda p, right: {"dz": take(p.args[3][:, ::turn], p.args[1].shape[1])[..., ::turn]})

    return [
        *coded("zeros stand in the label's place", marked(0, 0)),
        *coded("the label does not enter", lambda label, labels: []),
        *coded("every example gets the label of the first", lambda label, labels: right(labels[0], labels)),
        *coded(f"the label is coded {other_kind}", CODES[other_kind]),
        *coded("the label enters as a number: class 4 is twice class 2", lambda label, labels: [label]),
        *coded("each label marks the column behind", lambda label, labels: right((label + 1) % CLASSES, labels)),
        *coded(ONE_BEFORE, lambda label, labels: right((label - 1) % CLASSES, labels)),
        *coded("labels counted from 1: class 0 has no column", lambda label, labels: right(label - 1, labels)),
        *coded("the code is upside down", marked(outside, inside)),
        *coded(AS_THE_BATCH_NEEDS, lambda label, labels: right(label, labels)[: max(labels) + 1]),
        *(coded("the code has the wrong sign", marked(-inside, outside)) if kind == "one-hot" else []),
        *coded("the label is on the wrong side", right, other_side),
        *coded(f"the label is coded {other_kind}, and on the wrong side", CODES[other_kind], other_side),
        *coded("the label enters as a number, and on the wrong side", lambda label, labels: [label], other_side),
        dz("the wrong columns: the label's gradient for that of z", lambda d, n: d[:, -n:]),
        dz("the label's columns are still in it", lambda d, n: d),
        dz("it has the label's columns, and none of z", lambda d, n: d[:, n:]),
        dz("the label is taken for one column", lambda d, n: d[:, :-1]),
        dz("it begins one column beside its place", lambda d, n: d[:, 1 : n + 1]),
        dz("it is summed over the examples", lambda d, n: d[:, :n].sum(axis=0)),
        dz("it is averaged over the examples", lambda d, n: d[:, :n].mean(axis=0)),
        dz("it is divided by the number of examples, which is done elsewhere", lambda d, n: d[:, :n] / len(d)),
    ]


def input_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    pixels, latents = 7, 3

    def probe(where: str, labels: Array) -> Probe:
        x, z = (spread(rng, len(labels), width) for width in (pixels, latents))
        return Probe(where, (x, z, labels, spread(rng, len(labels), latents + CLASSES)))

    inner = rng.permutation(CLASSES - 1)  # without the last class: columns counted from the batch show
    return [
        probe(ONE, rng.integers(1, CLASSES - 1, 1)),
        probe("the first class", np.array([0])),
        probe("the last class", np.array([CLASSES - 1])),
        probe(BATCH, np.append(inner[: CLASSES - 2], inner[1])),
    ]


CONDITIONAL = Exercise(
    name="conditional_inputs",
    title="A label enters encoder and decoder",
    section="See Also",
    lesson="11_conditional_vae",
    functions=("encoder_input", "decoder_input", "decoder_input_backward"),
    choices={"labels": [f"{code} {side}" for code in CODES for side in ("last", "first")]},
    points=lambda variant: {"encoder_input": 2, "decoder_input": 2, "dz": 2},
    probes=input_probes,
    expected=expected,
    mistakes=input_mistakes,
    arguments=lambda variant: ("x", "z", "labels"),
    properties={
        "encoder_input": "q(z given x, y) depends on the label: each example's row holds its own, in D + C columns",
        "decoder_input": "p(x given z, y) depends on the label: each example's row holds its own, in L + C columns",
        "dz": "it has the shape of z, and agrees with central differences of decoder_input with respect to z",
    },
)


# 12. The importance-weighted bound.

OVERFLOW = "the log weights themselves are exponentiated, which gives 0 or infinity far out"
ONE_MAXIMUM = "one maximum serves all examples: all weights of another example may vanish"
RELATIVE = "the weights in the gradient are relative to the largest, and do not sum to one"
OVER_EXAMPLES = "the weights in the gradient sum to one over the examples: the wrong axis"
OVER_ALL = "the weights in the gradient sum to one over draws and examples together"
SAME_SHARE = "every draw hears the same share, whatever its weight"
EXP = np.frompyfunc(lambda value: Decimal(float(value)).exp(), 1, 1)
LOG = np.frompyfunc(lambda value: value.ln(), 1, 1)


def bound(log_w: Array) -> Array:
    """The logarithm of the mean of the weights, as it is defined, in numbers that hold exp(1000)."""
    return LOG(np.sum(EXP(log_w), axis=0) / len(log_w)).astype(np.float64)


def bound_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    k = 5
    far = np.array([1000.0, -1000.0, 1000.0, -1000.0]) + spread(rng, k, 4)
    far[1:3, 2] -= 2000  # one column holds both
    far[0, 3] += 2000
    return [
        *(Probe(where, (spread(rng, k, n, scale=2),), spread(rng, n)) for where, n in ((ONE, 1), (BATCH, 4))),
        Probe(EXTREMES, (far,), spread(rng, 4)),
    ]


def bound_mistakes(variant: Variant) -> list[Mistake]:
    def backward(what: str, wrong: Callable[[Array, Array, Array], Array]) -> Mistake:
        """Wrong as a function of log_w, dbound and the right shares."""
        return Mistake(what, lambda p, right: {"dlog_w": wrong(p.args[0], p.dout, right["dlog_w"] / p.dout)})

    def shifted(what: str, shift: Callable[[Array], Any]) -> Mistake:
        """Right but for the range of the exponential."""

        def made(probe: Probe, right: Mapping[str, Array]) -> Results:
            a = probe.args[0]
            w = np.exp(a - shift(a))
            return {"forward": shift(a) + np.log(w.mean(axis=0)), "dlog_w": probe.dout * w / w.sum(axis=0)}

        return Mistake(what, made)

    return [
        forward_alone("the mean of the log weights: more draws do not tighten it", lambda a: np.mean(a, axis=0)),
        forward_alone("the mean of the weights, without a logarithm", lambda a: np.exp(a).mean(axis=0)),
        forward_alone("log k has the wrong sign", lambda a: bound(a) + 2 * np.log(len(a))),
        forward_alone("divided by k twice", lambda a: bound(a) - np.log(len(a))),
        forward_alone("the sum of the weights for their mean", lambda a: bound(a) + np.log(len(a))),
        forward_alone("the largest log weight is taken out and not put back", lambda a: bound(a) - np.max(a, axis=0)),
        forward_alone("averaged over the examples too, where each has its own", lambda a: bound(a).mean()),
        forward_alone("summed over the examples too", lambda a: bound(a).sum()),
        forward_alone("the mean is over draws and examples", lambda a: bound(a.reshape(-1, 1))[0]),
        forward_alone("the mean is over the wrong axis", lambda a: bound(a.T)),
        forward_alone("only the largest weight counts", lambda a: np.max(a, axis=0)),
        shifted(OVERFLOW, lambda a: 0),
        shifted(ONE_MAXIMUM, np.max),
        Mistake("it has the wrong sign: a loss", lambda _, r: {name: -r[name] for name in r}, whole=True),
        backward("only the draw with the largest weight is heard", lambda a, d, w: d * (a == np.max(a, axis=0))),
        backward("the weights in the gradient do not sum to one", lambda a, d, w: d * np.exp(a)),
        backward(RELATIVE, lambda a, d, w: d * np.exp(a - np.max(a, axis=0))),
        backward("the weights in the gradient sum to k", lambda a, d, w: d * w * len(a)),
        backward("the weights in the gradient sum to 1 / k", lambda a, d, w: d * w / len(a)),
        backward(OVER_EXAMPLES, lambda a, d, w: d * np.exp(a - bound(a.T)[:, None] - np.log(a.shape[1]))),
        backward(OVER_ALL, lambda a, d, w: d * np.exp(a - bound(a.reshape(-1, 1)) - np.log(a.size))),
        backward("every draw hears the whole gradient", lambda a, d, w: np.broadcast_to(d, a.shape)),
        backward(SAME_SHARE, lambda a, d, w: np.broadcast_to(d / len(a), a.shape)),
        backward("the log weights themselves are normalized, not the weights", lambda a, d, w: d * a / a.sum(axis=0)),
        backward("all examples hear the mean of the upstream gradients", lambda a, d, w: w * d.mean()),
    ]


BOUND = Exercise(
    name="importance_bound",
    title="The importance-weighted bound",
    lesson="12_how_tight_is_the_bound",
    functions=("importance_bound", "importance_bound_backward"),
    points=lambda variant: {"forward": 4, "dlog_w": 4, EXTREMES: 2},
    probes=bound_probes,
    expected=lambda variant, probe: pair(bound, {"dlog_w": 0}, probe),
    mistakes=bound_mistakes,
    arguments=lambda variant: ("log_w",),
    upstream="dbound",
    properties={
        "forward": "it lies between the mean and the largest of the log weights, and moves by c if all move by c",
        "dlog_w": "its sum over the draws is the upstream gradient, and it agrees with central differences",
    },
    bonus=True,
)
