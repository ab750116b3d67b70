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

from collections.abc import Callable, Mapping

import numpy as np

from npvae.coursework.exercise import EXTREMES, ONE, Exercise, Slip, spread
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
    return m / u


def rule(
    name: str,
    betas: tuple[float, float] = BETAS,
    totals: tuple[Total, Total] = (weight, weight),
    heard: tuple[Heard, Heard] = (everything, everything),
    quotient: Callable[[Array, Array], Array] | None = None,
) -> Direction:
    """The optimiser of that name, or one that is wrong in some part."""
    divide = quotient or (over_maximum if name == "AdaMax" else over_root)

    def squares(grads: Array) -> Array:
        return mean(heard[1](grads) ** 2, betas[1], totals[1])

    def direction(grads: Array) -> Array:
        t = len(grads)
        m = mean(heard[0](grads), betas[0], totals[0])
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


def moments_of(grads: Array) -> tuple[Array, Array]:
    return mean(grads, BETAS[0], weight), mean(grads**2, BETAS[1], weight)


def common(name: str) -> dict[str, tuple[str, Direction]]:
    """What may go wrong with each of them."""
    climbing = rule(name)
    return {
        "adam_without_bias_correction": (
            "no bias correction: the first steps have the wrong size",
            rule(name, totals=(uncorrected, uncorrected)),
        ),
        "adam_counts_epochs": (
            "t stands at 1: corrected far too much, for long",
            rule(name, totals=(as_if_first, as_if_first)),
        ),
        "adam_corrects_one_step_late": (
            "t is one too large in the bias correction: increased before and after",
            rule(name, totals=(one_late, one_late)),
        ),
        "adam_corrects_one_step_early": (
            "t is one too small in the bias correction: the first step divides by zero",
            rule(name, totals=(one_early, one_early)),
        ),
        "adam_exchanges_its_betas": (
            "beta1 and beta2 are exchanged: slow to turn, quick to shrink",
            rule(name, betas=BETAS[::-1]),
        ),
        "m_uncorrected": ("m lacks its bias correction", rule(name, totals=(uncorrected, weight))),
        "gradient_at_full_weight": (
            "new gradients enter the moments whole, which makes them sums",
            rule(name, totals=(full_weight, full_weight)),
        ),
        "gradient_at_full_weight_in_m": (
            "new gradients enter m whole, which makes it a sum",
            rule(name, totals=(full_weight, weight)),
        ),
        "state_not_carried_on": (
            "nothing is remembered from step to step: is the state that is returned the one that came?",
            rule("Adam" if name == "AMSGrad" else name, heard=(newest, newest)),
        ),
        "m_not_carried_on": ("m is not remembered from step to step", rule(name, heard=(newest, everything))),
        "second_moment_not_carried_on": (
            "what m is divided by is not remembered from step to step",
            rule("Adam" if name == "AMSGrad" else name, heard=(everything, newest)),
        ),
        "step_climbs": ("it climbs: the loss rises", lambda grads: -climbing(grads)),
        "theta_stays": ("theta comes back as it was", lambda grads: np.zeros(grads.shape[1])),
        "plain_gradient_descent": ("theta moves by lr times the gradient: no moment enters", lambda grads: grads[-1]),
        "m_is_the_gradient": (
            "the gradient stands in m's place: no running mean",
            rule(name, totals=(as_if_first, weight), heard=(newest, everything)),
        ),
        "m_divided_by_nothing": ("m is divided by nothing", lambda grads: moments_of(grads)[0]),
    }


def of_squares(name: str) -> dict[str, tuple[str, Direction]]:
    """What may go wrong with those that divide by a root of v."""
    return {
        "adam_exchanges_its_moments": (
            "m and v are exchanged, absolute values against the NaN: the sign of the gradient is lost",
            rule(name, quotient=lambda m, v: v / (np.sqrt(np.abs(m)) + ADAM_EPS)),
        ),
        "adam_exchanges_its_moments_with_nan": (
            "m and v are exchanged: the root of a negative number",
            rule(name, quotient=lambda m, v: v / (np.sqrt(m) + ADAM_EPS)),
        ),
        "adam_eps_inside_the_root": (
            "adam_eps is inside the root: small gradients move far less",
            rule(name, quotient=lambda m, v: m / np.sqrt(v + ADAM_EPS)),
        ),
        "adam_without_the_root": (
            "there is no root: the step grows as the gradient shrinks",
            rule(name, quotient=lambda m, v: m / (v + ADAM_EPS)),
        ),
        "adam_eps_left_out": (
            "adam_eps is left out: the smallest gradients move as far as any",
            rule(name, quotient=lambda m, v: m / np.sqrt(v)),
        ),
        "adam_eps_beside_the_uncorrected_root": (
            "adam_eps is added before the correction, which then scales it too: small gradients move less or more",
            eps_before_the_correction(name),
        ),
        "v_uncorrected": ("v lacks its bias correction", rule(name, totals=(weight, uncorrected))),
        "gradient_at_full_weight_in_v": (
            "squares enter v whole, which makes it a sum",
            rule(name, totals=(weight, full_weight)),
        ),
    }


def eps_before_the_correction(name: str) -> Direction:
    def direction(grads: Array) -> Array:
        eps = ADAM_EPS / np.sqrt(weight(BETAS[1], len(grads)) * (1 - BETAS[1]))
        return rule(name, quotient=lambda m, v: m / (np.sqrt(v) + eps))(grads)

    return direction


def adamax_with(maximum: Callable[[Array, Array], Array]) -> Direction:
    """AdaMax with another u, of the gradients so far and their weights."""

    def direction(grads: Array) -> Array:
        age = np.arange(len(grads))[::-1, None]
        return moments_of(grads)[0] / maximum(grads, BETAS[1] ** age)

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


def maximum_before_the_correction(grads: Array) -> Array:
    """AMSGrad where v is corrected after the maximum, as some libraries have it."""
    t = len(grads)
    v = np.max([mean(grads[:s] ** 2, BETAS[1], uncorrected) for s in range(1, t + 1)], axis=0)
    return over_root(moments_of(grads)[0], v / ((1 - BETAS[1]) * weight(BETAS[1], t)))


ANOTHER = "this answers another question: it is plain Adam"
OWN: dict[str, dict[str, tuple[str, Direction]]] = {
    "Adam": {},
    "AdaMax": {
        "plain_adam": (ANOTHER, rule("Adam")),
        "adamax_without_absolute_value": (
            "negative gradients do not count in u: it may stay zero, and signs are lost",
            adamax_with(lambda g, weights: np.maximum(np.max(weights * g, axis=0), 0)),
        ),
        "adamax_sums": (
            "u is a sum, not a maximum",
            adamax_with(lambda g, weights: np.sum(weights * np.abs(g), axis=0)),
        ),
        "adamax_never_forgets": (
            "the maximum never falls: an old gradient counts as much as a new one",
            adamax_with(lambda g, weights: np.max(np.abs(g), axis=0)),
        ),
        "adamax_of_squares": (
            "the maximum is one of squares: it falls at another rate",
            adamax_with(lambda g, weights: np.sqrt(np.max(weights * g**2, axis=0))),
        ),
        "adamax_without_the_root_of_squares": (
            "squares stand in u: the step grows as the gradient shrinks",
            adamax_with(lambda g, weights: np.max(weights * g**2, axis=0)),
        ),
        "adamax_under_a_root": (
            "a root is taken of u: large gradients move further than small ones",
            adamax_with(lambda g, weights: np.sqrt(np.max(weights * np.abs(g), axis=0))),
        ),
        "adamax_corrects_u": (
            "u is bias-corrected, though it is no mean",
            adamax_with(
                lambda g, weights: np.max(weights * np.abs(g), axis=0) / ((1 - BETAS[1]) * weight(BETAS[1], len(g)))
            ),
        ),
        "adamax_weighs_the_gradient": (
            "the new gradient enters the maximum with a factor",
            adamax_with(lambda g, weights: (1 - BETAS[1]) * np.max(weights * np.abs(g), axis=0)),
        ),
        "adamax_with_adam_eps": (
            "adam_eps is added to u: the smallest gradients move far less",
            adamax_with(lambda g, weights: np.max(weights * np.abs(g), axis=0) + ADAM_EPS),
        ),
        "adamax_with_adam_eps_in_the_maximum": (
            "adam_eps is added inside the maximum: the smallest gradients move far less",
            adamax_with(lambda g, weights: np.max(weights * (np.abs(g) + ADAM_EPS), axis=0)),
        ),
    },
    "AMSGrad": {
        "plain_adam": (f"{ANOTHER}, the maximum is forgotten", rule("Adam")),
        "amsgrad_maximum_before_the_correction": (
            "the maximum is taken of v uncorrected, and corrected afterwards",
            maximum_before_the_correction,
        ),
    },
    "Nadam": {
        "plain_adam": (f"{ANOTHER}, without the look ahead", rule("Adam")),
        "nadam_corrects_as_of_the_next_step": (
            "the look ahead corrects m as of the next step: that is another form",
            nadam_with(as_of_the_next_step),
        ),
        "nadam_with_a_schedule": ("beta1 follows a schedule: that is another form", nadam_with(scheduled)),
        "nadam_leaves_the_gradient_uncorrected": (
            "in the look ahead the gradient lacks its correction",
            nadam_with(lambda m, grad, t: BETAS[0] * m + (1 - BETAS[0]) * grad),
        ),
        "nadam_weighs_the_other_way_round": (
            "the weights in the look ahead are exchanged",
            nadam_with(lambda m, grad, t: (1 - BETAS[0]) * m + BETAS[0] * grad / full_weight(BETAS[0], t)),
        ),
        "nadam_adds_m_whole": (
            "m enters the look ahead whole",
            nadam_with(lambda m, grad, t: m + grad / weight(BETAS[0], t)),
        ),
    },
}
"""What may go wrong with one of them alone."""


def slips_of(variant: Variant) -> list[Slip]:
    name = variant.optimizer

    def slip(called: str, what: str, direction: Direction) -> Slip:
        return Slip(called, what, lambda probe, right: walk(direction, probe))

    def lr_forgotten(probe: Probe, right: Mapping[str, Array]) -> Results:
        theta, grads, _, count = probe.args
        return walk(rule(name), Probe(probe.where, (theta, grads, 1.0, count)))

    table = OWN[name] | common(name) | (of_squares(name) if name != "AdaMax" else {})
    return [
        *(slip(called, what, direction) for called, (what, direction) in table.items()),
        Slip("lr_forgotten", "lr does not enter", lr_forgotten),
    ]


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
        probe(EXTREMES, np.array([1e-12, 1e-9, 1e-8, 1e-6, 1e-3, 1e6]), 6),
    ]


OPTIMIZER = Exercise(
    name="optimizer_step",
    title="A step of an optimiser",
    section="Loss",
    functions=("optimizer_step",),
    choices={"optimizer": STATE},
    points=lambda variant: {FIRST: 2, LATER: 3, EXTREMES: 1},
    probes=probes_of,
    expected=lambda variant, probe: walk(rule(variant.optimizer), probe),
    slips=slips_of,
    properties={
        FIRST: "however large the gradient is, the first step has the same size, and goes downhill",
        LATER: "a corrected moment is a mean over all gradients so far: if all are alike, so are all steps",
    },
)
