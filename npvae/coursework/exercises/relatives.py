"""The VAE's relatives: labels at the inputs of encoder and decoder, and the importance-weighted bound.

For the labels the student defines encoder_input(x, labels) -> (N, D + C), decoder_input(z, labels) -> (N, L + C)
and decoder_input_backward(dinput, latent_dim) -> dz. Labels are whole numbers from 0 to below C, which is `CLASSES`.
As the variant says, a label's code stands behind the numbers or before them, and is 1 in the label's column with 0
or -1 in the others.

For the bound the student defines importance_bound(log_w) -> (bound, cache), from (k, N) to the logarithm of the mean
of the k weights, (N,), and importance_bound_backward(dbound, cache) -> dlog_w.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

import npvae
from npvae.coursework.exercise import EXTREMES, ONE, Exercise, Slip, differences, spread, table_slips, truth_of
from npvae.coursework.sandbox.calls import Probe, Results, run_pair
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

CLASSES = 6
"""C: more than there are latents, fewer than pixels."""
BATCH = "a batch"
"""In place of SEVERAL, which would cost nothing where no points are set on it."""
TEXTBOOK = "one-hot last"

# 11. The inputs of a conditional VAE.

Code = Callable[[int, Sequence[int]], Sequence[float]]
"""What stands for a label, which comes with those of the whole batch."""


def marked(inside: float, outside: float) -> Code:
    """One number in the label's column, another in all others."""
    return lambda label, labels: [inside if column == label else outside for column in range(CLASSES)]


CODES = {"one-hot": marked(1, 0), "plus-minus": marked(1, -1)}


def rows(values: Array, labels: Array, code: Code, side: str) -> Array:
    """The inputs, example by example, number by number."""
    batch = [int(label) for label in labels]
    codes = [list(code(label, batch)) for label in batch]
    pairs = [
        (code, row) if side == "first" else (row, code) for row, code in zip(values.tolist(), codes, strict=True)
    ]
    return np.array([[*before, *behind] for before, behind in pairs], np.float64)


def inputs(code: Code, side: str) -> Callable[[Probe], dict[str, Array]]:
    """Both inputs, and what reaches z: differences by z, whatever the code."""

    def made(probe: Probe) -> dict[str, Array]:
        x, z, labels, dinput = probe.args
        encoder_input, decoder_input = (rows(values, labels, code, side) for values in (x, z))
        if decoder_input.shape != dinput.shape:
            return {"encoder_input": encoder_input, "decoder_input": decoder_input}
        dz = differences(lambda z: rows(z, labels, code, side), (z,), 0, dinput)
        return {"encoder_input": encoder_input, "decoder_input": decoder_input, "dz": dz}

    return made


def input_slips(variant: Variant) -> list[Slip]:
    kind, side = variant.labels.split()
    right_code = CODES[kind]
    inside, outside = 1.0, right_code(0, ())[1]
    other_kind = next(other for other in CODES if other != kind)
    other_side = "first" if side == "last" else "last"

    def slip(name: str, what: str, code: Code, side: str = side) -> Slip:
        made = inputs(code, side)
        return Slip(name, what, lambda probe, right: made(probe))

    def never(name: str) -> Callable[[Probe, Any], Results]:
        made = inputs(marked(0, 0), side)
        return lambda probe, right: {name: made(probe)[name]}

    def columns(take: Callable[[Array, int], Array]) -> Callable[[Probe, Any], Results]:
        return lambda probe, right: {"dz": take(probe.args[3], probe.args[1].shape[1])}

    last = side == "last"
    answers_another = [
        slip("textbook", "the label is one-hot and behind the rest: that answers another question", *textbook())
    ]
    return [
        Slip(
            "gradient_of_the_label_for_that_of_z",
            "dz has the wrong columns: the label's gradient goes into the encoder",
            columns(lambda d, n: d[:, -n:] if last else d[:, :n]),
        ),
        Slip(
            "dz_is_the_whole_gradient",
            "the label's columns are still in dz",
            columns(lambda d, n: d),
        ),
        Slip(
            "dz_is_the_labels_gradient",
            "dz has the label's columns, and none of z",
            columns(lambda d, n: d[:, n:] if last else d[:, :CLASSES]),
        ),
        Slip(
            "dz_one_column_short",
            "dz takes the label for one column",
            columns(lambda d, n: d[:, :-1] if last else d[:, 1:]),
        ),
        Slip(
            "dz_one_column_beside",
            "dz begins one column beside its place",
            columns(lambda d, n: d[:, 1 : n + 1] if last else d[:, CLASSES - 1 : -1]),
        ),
        Slip("dz_summed", "dz is summed over the examples", lambda _, right: {"dz": right["dz"].sum(axis=0)}),
        Slip("dz_averaged", "dz is averaged over the examples", lambda _, right: {"dz": right["dz"].mean(axis=0)}),
        Slip(
            "dz_divided_by_N",
            "dz is divided by the number of examples, which is done elsewhere",
            lambda _, right: {"dz": right["dz"] / len(right["dz"])},
        ),
        *(answers_another if variant.labels != TEXTBOOK else []),
        Slip(
            "encoder_never_sees_the_label",
            "zeros stand in the label's place: still a bound, generally a looser one",
            never("encoder_input"),
        ),
        Slip(
            "decoder_never_sees_the_label",
            "zeros stand in the label's place: the label that is asked for has no effect on the sample",
            never("decoder_input"),
        ),
        slip("label_left_out", "the label does not enter", lambda label, labels: []),
        slip(
            "label_of_the_first_example",
            "every example gets the label of the first. Wrong only for N > 1",
            lambda label, labels: right_code(labels[0], labels),
        ),
        slip("label_on_the_wrong_side", "the label is on the wrong side", right_code, other_side),
        slip("label_coded_otherwise", f"the label is coded {other_kind}, which is not asked for", CODES[other_kind]),
        slip(
            "label_coded_otherwise_on_the_wrong_side",
            f"the label is coded {other_kind}, and on the wrong side",
            CODES[other_kind],
            other_side,
        ),
        slip(
            "label_as_a_number",
            "the label enters as a number: class 4 is twice class 2, and between 3 and 5",
            lambda label, labels: [label],
        ),
        slip(
            "label_as_a_number_on_the_wrong_side",
            "the label enters as a number, and on the wrong side",
            lambda label, labels: [label],
            other_side,
        ),
        slip(
            "label_in_the_column_behind",
            "each label marks the column behind its own",
            lambda label, labels: right_code((label + 1) % CLASSES, labels),
        ),
        slip(
            "label_in_the_column_before",
            "each label marks the column before its own, as if they were counted from 1",
            lambda label, labels: right_code((label - 1) % CLASSES, labels),
        ),
        slip(
            "labels_counted_from_one",
            "labels are taken as counted from 1: class 0 has no column",
            lambda label, labels: right_code(label - 1, labels),
        ),
        slip("label_inverted", "the code is upside down", marked(outside, inside)),
        slip("label_with_the_wrong_sign", "the code has the wrong sign", marked(-inside, -outside)),
        slip(
            "columns_counted_from_the_batch",
            "there are as many columns as the batch needs: the next one has another number",
            lambda label, labels: right_code(label, labels)[: max(labels) + 1],
        ),
    ]


def textbook() -> tuple[Code, str]:
    """Code and side of the textbook's answer."""
    kind, side = TEXTBOOK.split()
    return CODES[kind], side


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
    functions=("encoder_input", "decoder_input", "decoder_input_backward"),
    choices={"labels": [f"{code} {side}" for code in CODES for side in ("last", "first")]},
    points=lambda variant: {"encoder_input": 2, "decoder_input": 2, "dz": 2},
    probes=input_probes,
    expected=lambda variant, probe: inputs(CODES[variant.labels.split()[0]], variant.labels.split()[1])(probe),
    slips=input_slips,
    properties={
        "encoder_input": "q(z given x, y) depends on the label: each example's row holds its own, in D + C columns",
        "decoder_input": "p(x given z, y) depends on the label: each example's row holds its own, in L + C columns",
        "dz": "it has the shape of z, and agrees with central differences of decoder_input by z",
    },
)


# 12. The importance-weighted bound.

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


def bound_slips(variant: Variant) -> list[Slip]:
    pair: dict[str, Any] = {
        "npvae.models.importance.log_mean_exp": npvae.log_mean_exp,
        "npvae.models.importance.log_mean_exp_backward": npvae.log_mean_exp_backward,
    }

    def forward(wrong: Callable[[Array], Array]) -> Callable[[Probe, Any], Results]:
        return lambda probe, right: {"forward": np.asarray(wrong(probe.args[0]))}

    def backward(wrong: Callable[[Array, Array, Array], Array]) -> Callable[[Probe, Any], Results]:
        """From log_w, dbound and the right shares."""
        return lambda probe, right: {"dlog_w": wrong(probe.args[0], probe.dout, right["dlog_w"] / probe.dout)}

    return [
        *table_slips(pair, run_pair(("dlog_w",))),
        Slip(
            "largest_weight_alone",
            "only the largest weight counts, in the bound and its gradient",
            lambda probe, right: {
                "forward": np.max(probe.args[0], axis=0),
                "dlog_w": probe.dout * (probe.args[0] == np.max(probe.args[0], axis=0)),
            },
        ),
        Slip(
            "no_logarithm", "the mean of the weights, without a logarithm", forward(lambda a: np.exp(a).mean(axis=0))
        ),
        Slip("log_k_added", "log k has the wrong sign", forward(lambda a: bound(a) + 2 * np.log(len(a)))),
        Slip("log_k_twice", "divided by k twice", forward(lambda a: bound(a) - np.log(len(a)))),
        Slip("bound_negated", "the bound has the wrong sign: a loss", lambda _, r: {name: -r[name] for name in r}),
        Slip(
            "bound_averaged_over_the_batch",
            "averaged over the examples too, where each has its own",
            forward(lambda a: bound(a).mean()),
        ),
        Slip("bound_summed_over_the_batch", "summed over the examples too", forward(lambda a: bound(a).sum())),
        Slip(
            "mean_over_everything",
            "the mean is over draws and examples",
            forward(lambda a: bound(a.reshape(-1, 1))[0]),
        ),
        Slip("mean_over_the_examples", "the mean is over the wrong axis", forward(lambda a: bound(a.T))),
        Slip(
            "weights_not_normalised",
            "the weights in the gradient do not sum to one",
            backward(lambda a, dbound, shares: dbound * np.exp(a)),
        ),
        Slip(
            "weights_relative_to_the_largest",
            "the weights in the gradient are relative to the largest, and do not sum to one",
            backward(lambda a, dbound, shares: dbound * np.exp(a - np.max(a, axis=0))),
        ),
        Slip(
            "weights_divided_by_their_mean",
            "the weights in the gradient sum to k",
            backward(lambda a, dbound, shares: dbound * shares * len(a)),
        ),
        Slip(
            "weights_divided_by_k_too",
            "the weights in the gradient sum to 1 / k",
            backward(lambda a, dbound, shares: dbound * shares / len(a)),
        ),
        Slip(
            "weights_normalised_over_the_examples",
            "the weights in the gradient sum to one over the examples: the wrong axis",
            backward(lambda a, dbound, shares: dbound * np.exp(a - bound(a.T)[:, None] - np.log(a.shape[1]))),
        ),
        Slip(
            "weights_normalised_over_everything",
            "the weights in the gradient sum to one over draws and examples together",
            backward(lambda a, dbound, shares: dbound * np.exp(a - bound(a.reshape(-1, 1)) - np.log(a.size))),
        ),
        Slip(
            "every_draw_at_full_weight",
            "every draw hears the whole gradient",
            backward(lambda a, dbound, shares: np.broadcast_to(dbound, a.shape)),
        ),
        Slip(
            "log_weights_normalised",
            "the log weights themselves are normalised, not the weights",
            backward(lambda a, dbound, shares: dbound * a / a.sum(axis=0)),
        ),
        Slip(
            "bound_upstream_ignored",
            "the upstream gradient is ignored: 1 / N is lost on the way",
            backward(lambda a, dbound, shares: shares),
        ),
        Slip(
            "bound_upstream_averaged",
            "all examples hear the mean of the upstream gradients. Wrong only for N > 1",
            backward(lambda a, dbound, shares: shares * dbound.mean()),
        ),
    ]


BOUND = Exercise(
    name="importance_bound",
    title="The importance-weighted bound",
    section="Loss",
    functions=("importance_bound", "importance_bound_backward"),
    points=lambda variant: {"forward": 4, "dlog_w": 4, EXTREMES: 2},
    probes=bound_probes,
    expected=lambda variant, probe: truth_of(bound, {"dlog_w": 0})(probe),
    slips=bound_slips,
    properties={
        "forward": "it lies between the mean and the largest of the log weights, and moves by c if all move by c",
        "dlog_w": "its sum over the draws is the upstream gradient, and it agrees with central differences",
    },
    bonus=True,
)
