"""One step of an optimiser.

The student defines optimizer_step(theta, grad, state, t, lr) -> (theta, state). theta and grad are vectors; state is
a tuple of as many vectors as `STATE` says, all zero before the first step; t counts steps from 1. Nothing that comes
in is changed. With beta1 = 0.9, beta2 = 0.999, adam_eps = 1e-8 and

    m = beta1 m + (1 - beta1) grad,  v = beta2 v + (1 - beta2) grad^2,
    m_hat = m / (1 - beta1^t),       v_hat = v / (1 - beta2^t),

the variants are, each with its paper and the form in which it is asked for:

Adam
    theta - lr m_hat / (sqrt(v_hat) + adam_eps): Kingma and Ba (2015), algorithm 1.
AdaMax
    theta - lr m_hat / u with u = max(beta2 u, abs(grad)), which is not corrected, and no adam_eps: Kingma and Ba
    (2015), algorithm 2.
AMSGrad
    theta - lr m_hat / (sqrt(v_max) + adam_eps) with v_max = max(v_max, v_hat): Reddi, Kale and Kumar (2018), with
    both moments corrected as in Adam, which theirs are not, and the maximum over those that are.
Nadam
    theta - lr (beta1 m_hat + (1 - beta1) grad / (1 - beta1^t)) / (sqrt(v_hat) + adam_eps): Dozat (2016) in the
    simple form, with one beta1 for all steps and m_hat corrected as of this step.

What should come out is had without any recursion, from all gradients so far: a corrected moment is their mean, with
weights that fall by beta with each step of age.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from npvae.coursework.compare import agree
from npvae.coursework.exercise import EXTREMES, ONE, Exercise, Mistake, Shape
from npvae.coursework.pairs import spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.sandbox.runs import FIRST, LATER
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

STATE = {"Adam": 2, "AdaMax": 2, "AMSGrad": 3, "Nadam": 2}
"""How many vectors each optimiser remembers."""
BETAS, ADAM_EPS = (0.9, 0.999), 1e-8
TEXTBOOK = "Adam"

# Steps, from all gradients so far.

Direction = Callable[[Array], Array]
"""From the gradients of all steps so far, (t, P), to what theta moves against, before lr."""
Total = Callable[[float, int], float]
"""What a moment's sum is divided by, given beta and t."""
Heard = Callable[[Array], Array]
"""What a moment takes in of the gradients so far."""


def weight(beta: float, t: int) -> float:
    """That of t gradients together, where the newest has one and each older one beta times the next."""
    return float(np.sum(beta ** np.arange(t)))


def mean(grads: Array, beta: float, total: Total) -> Array:
    """Over the steps so far, with weights that fall by beta with age."""
    age = np.arange(len(grads))[::-1]
    return beta**age @ grads / np.float64(total(beta, len(grads)))


def everything(grads: Array) -> Array:
    return grads


def newest(grads: Array) -> Array:
    return np.concatenate([np.zeros_like(grads[:-1]), grads[-1:]])


def over_root(m: Array, v: Array) -> Array:
    return m / (np.sqrt(v) + ADAM_EPS)


def over_maximum(m: Array, u: Array) -> Array:
    """Where all gradients have been 0 so far, nothing moves."""
    return np.divide(m, u, out=np.zeros_like(m), where=u != 0)


def rule(
    name: str,
    betas: tuple[float, float] = BETAS,
    totals: tuple[Total, Total] = (weight, weight),
    heard: tuple[Heard, Heard] = (everything, everything),
    quotient: Callable[[Array, Array], Array] | None = None,
    carried: tuple[bool, bool] = (False, False),
) -> Direction:
    """The optimiser of that name, or one that is wrong in some part."""
    divide = quotient or (over_maximum if name == "AdaMax" else over_root)

    def moment(i: int, grads: Array) -> Array:
        return corrected_again(grads, betas[i]) if carried[i] else mean(grads, betas[i], totals[i])

    def squares(grads: Array) -> Array:
        return moment(1, heard[1](grads) ** 2)

    def direction(grads: Array) -> Array:
        t = len(grads)
        m = moment(0, heard[0](grads))
        if name == "AdaMax":
            age = np.arange(t)[::-1]
            return divide(m, np.max(betas[1] ** age[:, None] * np.abs(heard[1](grads)), axis=0))
        if name == "AMSGrad":
            return divide(m, np.max([squares(grads[:s]) for s in range(1, t + 1)], axis=0))
        if name == "Nadam":
            m = betas[0] * m + grads[-1] / np.float64(totals[0](betas[0], t))
        return divide(m, squares(grads))

    return direction


def walk(direction: Direction, probe: Probe) -> Results:
    """Where theta goes."""
    theta, grads, lr, _ = probe.args
    moves = np.stack([direction(grads[:t]) for t in range(1, len(grads) + 1)])
    thetas = theta - lr * np.cumsum(moves, axis=0)
    return {FIRST: thetas[0], LATER: thetas[1:]}


# What a wrong answer would give.


def uncorrected(beta: float, t: int) -> float:
    return 1 / (1 - beta)


def as_if_first(beta: float, t: int) -> float:
    return 1


def one_late(beta: float, t: int) -> float:
    return weight(beta, t + 1)


def one_early(beta: float, t: int) -> float:
    return weight(beta, t - 1)


def full_weight(beta: float, t: int) -> float:
    """As of a sum into which each gradient goes whole, corrected as if it were a mean."""
    return (1 - beta) * weight(beta, t)


def corrected_again(grads: Array, beta: float) -> Array:
    """A moment whose state is the corrected one, which is corrected in each step anew."""
    moment = np.zeros_like(grads[0])
    for t, grad in enumerate(grads, 1):
        moment = (beta * moment + (1 - beta) * grad) / (1 - beta**t)
    return moment


def moments_of(grads: Array) -> tuple[Array, Array]:
    return mean(grads, BETAS[0], weight), mean(grads**2, BETAS[1], weight)


def common(name: str) -> list[tuple[str, Direction]]:
    """What may go wrong with each of them."""
    climbing = rule(name)
    return [
        ("no bias correction: the first steps have the wrong size", rule(name, totals=(uncorrected, uncorrected))),
        ("t stands at 1: corrected far too much, for long", rule(name, totals=(as_if_first, as_if_first))),
        ("t is one too large in the correction: increased before and after", rule(name, totals=(one_late, one_late))),
        ("t is one too small: the first step divides by zero", rule(name, totals=(one_early, one_early))),
        ("beta1 and beta2 are exchanged: slow to turn, quick to shrink", rule(name, betas=BETAS[::-1])),
        ("gradients enter the moments whole, which makes them sums", rule(name, totals=(full_weight, full_weight))),
        (
            "nothing is remembered from step to step: is the state that is returned the one that came?",
            rule("Adam" if name == "AMSGrad" else name, heard=(newest, newest)),
        ),
        ("m is not remembered from step to step", rule(name, heard=(newest, everything))),
        (
            "what m is divided by is not remembered from step to step",
            rule("Adam" if name == "AMSGrad" else name, heard=(everything, newest)),
        ),
        ("the state keeps m corrected, and it is corrected anew", rule(name, carried=(True, False))),
        ("it climbs: the loss rises", lambda grads: -climbing(grads)),
        ("theta comes back as it was", lambda grads: np.zeros(grads.shape[1])),
        ("theta moves by lr times the gradient: no moment enters", lambda grads: grads[-1]),
        ("m is the gradient: no running mean", rule(name, totals=(as_if_first, weight), heard=(newest, everything))),
        ("m is divided by nothing", lambda grads: moments_of(grads)[0]),
    ]


def of_squares(name: str) -> list[tuple[str, Direction]]:
    """What may go wrong with those that divide by a root of v."""
    return [
        (
            "m and v are exchanged, absolute values against the NaN: the sign of the gradient is lost",
            rule(name, quotient=lambda m, v: v / (np.sqrt(np.abs(m)) + ADAM_EPS)),
        ),
        ("m and v are exchanged: roots of negatives", rule(name, quotient=lambda m, v: v / (np.sqrt(m) + ADAM_EPS))),
        ("adam_eps is in the root: small steps shrink", rule(name, quotient=lambda m, v: m / np.sqrt(v + ADAM_EPS))),
        ("there is no root: steps grow as gradients shrink", rule(name, quotient=lambda m, v: m / (v + ADAM_EPS))),
        ("adam_eps is left out: tiny gradients move as far as any", rule(name, quotient=lambda m, v: m / np.sqrt(v))),
        (
            "adam_eps is added before the correction, which then scales it too: small gradients move less or more",
            eps_before_the_correction(name),
        ),
        ("the state keeps v corrected, and it is corrected anew", rule(name, carried=(False, True))),
        ("the state keeps both moments corrected, and they are corrected anew", rule(name, carried=(True, True))),
        ("m lacks its bias correction", rule(name, totals=(uncorrected, weight))),
        ("new gradients enter m whole, which makes it a sum", rule(name, totals=(full_weight, weight))),
        ("v lacks its bias correction", rule(name, totals=(weight, uncorrected))),
        ("squares enter v whole, which makes it a sum", rule(name, totals=(weight, full_weight))),
    ]


def eps_before_the_correction(name: str) -> Direction:
    def direction(grads: Array) -> Array:
        eps = ADAM_EPS / np.sqrt(weight(BETAS[1], len(grads)) * (1 - BETAS[1]))
        return rule(name, quotient=lambda m, v: m / (np.sqrt(v) + eps))(grads)

    return direction


def ages(grads: Array) -> Array:
    """How many steps ago each came."""
    return np.arange(len(grads))[::-1, None]


def adamax_with(maximum: Callable[[Array, Array], Array]) -> Direction:
    """AdaMax with another u, of the gradients so far and their weights."""

    def direction(grads: Array) -> Array:
        return over_maximum(moments_of(grads)[0], maximum(grads, BETAS[1] ** ages(grads)))

    return direction


def nadam_with(look: Callable[[Array, Array, int], Array]) -> Direction:
    """Nadam with another look ahead, of m_hat, the last gradient and t."""

    def direction(grads: Array) -> Array:
        m, v = moments_of(grads)
        return over_root(look(m, grads[-1], len(grads)), v)

    return direction


def as_of_the_next_step(m: Array, grad: Array, t: int) -> Array:
    beta1 = BETAS[0]
    return beta1 * m * weight(beta1, t) / weight(beta1, t + 1) + grad / weight(beta1, t)


def scheduled(m: Array, grad: Array, t: int) -> Array:
    """Dozat's schedule of beta1, as most libraries have it."""
    beta1 = BETAS[0]
    schedule = beta1 * (1 - 0.5 * 0.96 ** (0.004 * np.arange(1, t + 2)))
    m = m * weight(beta1, t) * (1 - beta1)
    now, ahead = 1 - np.prod(schedule[:-1]), 1 - np.prod(schedule)
    return schedule[-1] * m / ahead + (1 - schedule[-2]) * grad / now


def amsgrad_with(choice: Callable[[Array], Array]) -> Direction:
    """AMSGrad with another choice among the corrected v of all steps so far."""

    def direction(grads: Array) -> Array:
        v = np.stack([moments_of(grads[:s])[1] for s in range(1, len(grads) + 1)])
        return over_root(moments_of(grads)[0], choice(v))

    return direction


def maximum_before_the_correction(grads: Array) -> Array:
    """AMSGrad where v is corrected after the maximum, as some libraries have it."""
    t = len(grads)
    v = np.max([mean(grads[:s] ** 2, BETAS[1], uncorrected) for s in range(1, t + 1)], axis=0)
    return over_root(moments_of(grads)[0], v / ((1 - BETAS[1]) * weight(BETAS[1], t)))


ANOTHER_QUESTION = "that answers another question"
OWN: dict[str, list[tuple[str, Direction]]] = {
    "Adam": [],
    "AdaMax": [
        (f"plain Adam: {ANOTHER_QUESTION}", rule("Adam")),
        (
            "zero is divided by zero where all gradients have been 0 so far",
            lambda grads: np.where(np.any(grads, axis=0), rule("AdaMax")(grads), np.nan),
        ),
        (
            "negative gradients do not count in u: it may stay zero, and signs are lost",
            lambda grads: moments_of(grads)[0] / np.maximum(np.max(BETAS[1] ** ages(grads) * grads, axis=0), 0),
        ),
        ("u is a sum, not a maximum", adamax_with(lambda g, weights: np.sum(weights * np.abs(g), axis=0))),
        (
            "the maximum never falls: an old gradient counts as much as a new one",
            adamax_with(lambda g, weights: np.max(np.abs(g), axis=0)),
        ),
        (
            "the maximum is one of squares: it falls at another rate",
            adamax_with(lambda g, weights: np.sqrt(np.max(weights * g**2, axis=0))),
        ),
        (
            "squares stand in u: the step grows as the gradient shrinks",
            adamax_with(lambda g, weights: np.max(weights * g**2, axis=0)),
        ),
        (
            "a root is taken of u: large gradients move further than small ones",
            adamax_with(lambda g, weights: np.sqrt(np.max(weights * np.abs(g), axis=0))),
        ),
        (
            "u is bias-corrected, though it is no mean",
            adamax_with(
                lambda g, weights: np.max(weights * np.abs(g), axis=0) / ((1 - BETAS[1]) * weight(BETAS[1], len(g)))
            ),
        ),
        (
            "the new gradient enters the maximum with a factor",
            adamax_with(lambda g, weights: (1 - BETAS[1]) * np.max(weights * np.abs(g), axis=0)),
        ),
        (
            "adam_eps is added to u: the smallest gradients move far less",
            adamax_with(lambda g, weights: np.max(weights * np.abs(g), axis=0) + ADAM_EPS),
        ),
        (
            "adam_eps is added inside the maximum: the smallest gradients move far less",
            adamax_with(lambda g, weights: np.max(weights * (np.abs(g) + ADAM_EPS), axis=0)),
        ),
    ],
    "AMSGrad": [
        (f"plain Adam, without the maximum: {ANOTHER_QUESTION}", rule("Adam")),
        (
            "the maximum is of this step and the last: what the state keeps of it is not the maximum",
            amsgrad_with(lambda v: np.max(v[-2:], axis=0)),
        ),
        ("the smallest v is taken, not the largest", amsgrad_with(lambda v: np.min(v, axis=0))),
        ("the maximum is taken of v uncorrected, and corrected afterwards", maximum_before_the_correction),
    ],
    "Nadam": [
        (f"plain Adam, without the look ahead: {ANOTHER_QUESTION}", rule("Adam")),
        ("the look ahead corrects m as of the next step: that is another form", nadam_with(as_of_the_next_step)),
        ("beta1 follows a schedule: that is another form", nadam_with(scheduled)),
        (
            "in the look ahead the gradient lacks its correction",
            nadam_with(lambda m, grad, t: BETAS[0] * m + (1 - BETAS[0]) * grad),
        ),
        (
            "the weights in the look ahead are exchanged",
            nadam_with(lambda m, grad, t: (1 - BETAS[0]) * m + BETAS[0] * grad / full_weight(BETAS[0], t)),
        ),
        (
            "m enters the look ahead as it was before this step",
            nadam_with(
                lambda m, grad, t: (1 - BETAS[0]) * (m * weight(BETAS[0], t) - grad) + grad / weight(BETAS[0], t)
            ),
        ),
        ("m enters the look ahead whole", nadam_with(lambda m, grad, t: m + grad / weight(BETAS[0], t))),
    ],
}
"""What may go wrong with one of them alone."""


def mistakes_of(variant: Variant) -> list[Mistake]:
    name = variant.optimizer

    def mistake(what: str, direction: Direction) -> Mistake:
        return Mistake(what, lambda probe, right: walk(direction, probe))

    def lr_forgotten(probe: Probe, right: Mapping[str, Array]) -> Results:
        theta, grads, _, count = probe.args
        return walk(rule(name), Probe(probe.where, (theta, grads, 1.0, count)))

    table = OWN[name] + common(name) + (of_squares(name) if name != "AdaMax" else [])
    return [*(mistake(what, direction) for what, direction in table), Mistake("lr does not enter", lr_forgotten)]


def carried_on(key: Any, name: str, cases: Sequence[Any]) -> Shape | None:
    """Where the first step is right and a later one is not."""
    if name == LATER and all(agree(case.all_came[FIRST], case.right[FIRST]) for case in cases):
        return Shape("carried", ": wrong, where the first step is right: what differs later is t and the state")
    return None


# 10. A step.


def probes_of(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    steps, entries = 8, 5
    count = STATE[variant.optimizer]

    def probe(where: str, scale: Array, entries: int = entries) -> Probe:
        signs = np.sign(rng.standard_normal((steps, entries)))
        grads = signs * rng.uniform(0.2, 1.0, (steps, entries)) * scale
        lr = float(rng.uniform(0.2, 0.6))  # large, so that a step is as large as theta and shows
        return Probe(where, (spread(rng, entries), grads, lr, count))

    return [
        probe(ONE, np.array(100.0)),  # far from adam_eps: where that goes is a matter of the extremes
        probe("gradients that shrink", 100 * 0.5 ** np.arange(steps)[:, None]),
        probe(EXTREMES, np.array([1e-12, 1e-9, 1e-8, 1e-6, 1e-3, 1e6, 0.0]), 7),
    ]


OPTIMIZER = Exercise(
    name="optimizer_step",
    title="A step of an optimiser",
    section="",
    lesson="08_training_on_mnist",
    functions=("optimizer_step",),
    choices={"optimizer": STATE},
    points=lambda variant: {FIRST: 2, LATER: 3, EXTREMES: 1},
    probes=probes_of,
    expected=lambda variant, probe: walk(rule(variant.optimizer), probe),
    mistakes=mistakes_of,
    arguments=lambda variant: ("theta", "grads", "lr"),
    describe=carried_on,
    properties={
        FIRST: "however large the gradient is, the first step has the same size, and goes downhill",
        LATER: "a corrected moment is a mean over all gradients so far: if all are alike, so are all steps",
    },
)
