"""One step of an optimizer.

The student defines optimizer_step(theta, grad, state, t, lr) -> (theta, state). theta and grad are vectors; state is
a tuple of `Rule.vectors` vectors, all zero before the first step; t counts steps from 1. Nothing that comes
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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from npvae.coursework.compare import agree
from npvae.coursework.exercise import EXTREMES, ONE, Exercise, Mistake, Shape
from npvae.coursework.pairs import spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.sandbox.runs import FIRST, LATER
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

BETAS = BETA1, BETA2 = 0.9, 0.999
ADAM_EPS = 1e-8

# Steps, from all gradients so far.

Direction = Callable[[Array], Array]
"""From the gradients of all steps so far, (t, P), to what theta moves against, before lr."""
Moment = Callable[[Array, float], Array]
"""From the gradients of all steps so far and beta, to what they come to together."""


def weight(beta: float, t: int) -> float:
    """That of t gradients together, where the newest has one and each older one beta times the next."""
    return float(np.sum(beta ** np.arange(t)))


def ages(grads: Array) -> Array:
    """How many steps ago each came, (t, 1)."""
    return np.arange(len(grads))[::-1, None]


def moment(total: Callable[[float, int], float]) -> Moment:
    """The sum over the steps so far, with weights that fall by beta with age, divided by a total of beta and t."""
    return lambda grads, beta: beta ** ages(grads)[:, 0] @ grads / np.float64(total(beta, len(grads)))


mean = moment(weight)


def everything(grads: Array) -> Array:
    return grads


def newest(grads: Array) -> Array:
    return np.concatenate([np.zeros_like(grads[:-1]), grads[-1:]])


def over_root(m: Array, v: Array) -> Array:
    return m / (np.sqrt(v) + ADAM_EPS)


def over_maximum(m: Array, u: Array) -> Array:
    """Where all gradients have been 0 so far, nothing moves."""
    return np.divide(m, u, out=np.zeros_like(m), where=u != 0)


@dataclass(frozen=True)
class Rule:
    """Adam, or what differs from it in some part; a `Direction`."""

    betas: tuple[float, float] = BETAS
    moments: tuple[Moment, Moment] = (mean, mean)
    heard: tuple[Direction, Direction] = (everything, everything)
    """What each moment takes in of the gradients so far."""
    ahead: Callable[["Rule", Array, Array], Array] = lambda rule, m, grads: m
    """What stands for m, given m."""
    size: Callable[["Rule", Array], Array] = lambda rule, grads: rule.squares(grads)
    """What stands for v."""
    quotient: Callable[[Array, Array], Array] = over_root
    vectors: int = 2
    """How many the state has."""

    def squares(self, grads: Array) -> Array:
        """V, the corrected mean of the squares."""
        return self.moments[1](self.heard[1](grads) ** 2, self.betas[1])

    def all_squares(self, grads: Array) -> Array:
        """That of each step so far."""
        return np.stack([self.squares(grads[:s]) for s in range(1, len(grads) + 1)])

    def __call__(self, grads: Array) -> Array:
        m = self.moments[0](self.heard[0](grads), self.betas[0])
        return self.quotient(self.ahead(self, m, grads), self.size(self, grads))


def faded(grads: Array, beta: float = BETA2) -> Array:
    """Absolute values, which fall by beta with age."""
    return beta ** ages(grads) * np.abs(grads)


def largest(grads: Array, beta: float = BETA2) -> Array:
    """AdaMax's u."""
    return np.max(faded(grads, beta), axis=0)


def look_ahead(rule: Rule, m: Array, grads: Array) -> Array:
    """Nadam's m."""
    return rule.betas[0] * m + rule.moments[0](newest(grads), rule.betas[0])


ADAM = Rule()
RULES = {
    "Adam": ADAM,
    "AdaMax": Rule(size=lambda rule, grads: largest(rule.heard[1](grads), rule.betas[1]), quotient=over_maximum),
    "AMSGrad": Rule(size=lambda rule, grads: np.max(rule.all_squares(grads), axis=0), vectors=3),
    "Nadam": Rule(ahead=look_ahead),
}


def walk(direction: Direction, probe: Probe) -> Results:
    """Where theta goes."""
    theta, grads, lr, _ = probe.args
    moves = np.stack([direction(grads[:t]) for t in range(1, len(grads) + 1)])
    thetas = theta - lr * np.cumsum(moves, axis=0)
    return {FIRST: thetas[0], LATER: thetas[1:]}


# What a wrong answer would give.


def full_weight(beta: float, t: int) -> float:
    """As of a sum into which each gradient goes whole, corrected as if it were a mean."""
    return (1 - beta) * weight(beta, t)


uncorrected = moment(lambda beta, t: 1 / (1 - beta))
as_if_first = moment(lambda beta, t: 1)
one_late = moment(lambda beta, t: weight(beta, t + 1))
whole = moment(full_weight)


def latest(grads: Array, beta: float) -> Array:
    return grads[-1]


def corrected_again(grads: Array, beta: float) -> Array:
    """A moment whose state is the corrected one, which is corrected in each step anew."""
    moment = np.zeros_like(grads[0])
    for t, grad in enumerate(grads, 1):
        moment = (beta * moment + (1 - beta) * grad) / (1 - beta**t)
    return moment


Directions = list[tuple[str, Direction]]
FORGOTTEN = "nothing is remembered from step to step: is the state that is returned the one that came?"
NOT_REMEMBERED = "what m is divided by is not remembered from step to step"
ABSOLUTE = "m and v are exchanged, absolute values against the NaN: the sign of the gradient is lost"
EARLY_EPS = "adam_eps is added before the correction, which then scales it too: small gradients move less or more"


def both(rule: Rule, moment: Moment) -> Rule:
    """The rule with this for both of its moments."""
    return replace(rule, moments=(moment, moment))


def common(name: str) -> Directions:
    """What may go wrong with each of them."""
    right = RULES[name]
    without_maximum = ADAM if name == "AMSGrad" else right
    return [
        ("no bias correction: the first steps have the wrong size", both(right, uncorrected)),
        ("t stands at 1: corrected far too much, for long", both(right, as_if_first)),
        ("t is one too large in the correction: increased before and after", both(right, one_late)),
        ("beta1 and beta2 are exchanged: slow to turn, quick to shrink", replace(right, betas=(BETA2, BETA1))),
        ("gradients enter the moments whole, which makes them sums", both(right, whole)),
        (FORGOTTEN, replace(without_maximum, heard=(newest, newest))),
        ("m is not remembered from step to step", replace(right, heard=(newest, everything))),
        (NOT_REMEMBERED, replace(without_maximum, heard=(everything, newest))),
        ("the state keeps m corrected, and it is corrected anew", replace(right, moments=(corrected_again, mean))),
        ("it climbs: the loss rises", lambda grads: -right(grads)),
        ("theta comes back as it was", lambda grads: np.zeros(grads.shape[1])),
        ("theta moves by lr times the gradient: no moment enters", lambda grads: grads[-1]),
        ("m is the gradient: no running mean", replace(right, moments=(latest, mean))),
        ("m is divided by nothing", lambda grads: mean(grads, BETA1)),
    ]


def of_squares(name: str) -> Directions:
    """What may go wrong with those that divide by a root of v."""
    right = RULES[name]

    def divided(quotient: Callable[[Array, Array], Array]) -> Direction:
        return replace(right, quotient=quotient)

    def early_eps(grads: Array) -> Array:
        eps = ADAM_EPS / np.sqrt(full_weight(BETA2, len(grads)))
        return divided(lambda m, v: m / (np.sqrt(v) + eps))(grads)

    return [
        (ABSOLUTE, divided(lambda m, v: v / (np.sqrt(np.abs(m)) + ADAM_EPS))),
        ("m and v are exchanged: roots of negatives", divided(lambda m, v: v / (np.sqrt(m) + ADAM_EPS))),
        ("adam_eps is in the root: small steps shrink", divided(lambda m, v: m / np.sqrt(v + ADAM_EPS))),
        ("there is no root: steps grow as gradients shrink", divided(lambda m, v: m / (v + ADAM_EPS))),
        ("adam_eps is left out: tiny gradients move as far as any", divided(lambda m, v: m / np.sqrt(v))),
        (EARLY_EPS, early_eps),
        ("the state keeps v corrected, and it is corrected anew", replace(right, moments=(mean, corrected_again))),
        ("the state keeps both moments corrected, and they are corrected anew", both(right, corrected_again)),
        ("m lacks its bias correction", replace(right, moments=(uncorrected, mean))),
        ("new gradients enter m whole, which makes it a sum", replace(right, moments=(whole, mean))),
        ("v lacks its bias correction", replace(right, moments=(mean, uncorrected))),
        ("squares enter v whole, which makes it a sum", replace(right, moments=(mean, whole))),
    ]


def adamax(u: Direction, quotient: Callable[[Array, Array], Array] = over_maximum) -> Rule:
    """AdaMax with another u, of the gradients so far."""
    return Rule(size=lambda rule, grads: u(grads), quotient=quotient)


def without_signs(grads: Array) -> Array:
    return np.maximum(np.max(BETA2 ** ages(grads) * grads, axis=0), 0)


def amsgrad(choice: Callable[[Array], Array]) -> Rule:
    """AMSGrad with another choice among the corrected v of all steps so far."""
    return Rule(size=lambda rule, g: choice(rule.all_squares(g)))


def maximum_first(rule: Rule, grads: Array) -> Array:
    """V corrected after the maximum, as some libraries have it."""
    uncorrected_ones = replace(rule, moments=(mean, uncorrected)).all_squares(grads)
    return np.max(uncorrected_ones, axis=0) / full_weight(BETA2, len(grads))


def nadam(look: Callable[[Array, Array, int], Array]) -> Rule:
    """Nadam with another look ahead, of m_hat, the last gradient and t."""
    return Rule(ahead=lambda rule, m, grads: look(m, grads[-1], len(grads)))


def with_weights_exchanged(m: Array, grad: Array, t: int) -> Array:
    return (1 - BETA1) * m + BETA1 * grad / full_weight(BETA1, t)


def one_step_behind(m: Array, grad: Array, t: int) -> Array:
    return (1 - BETA1) * (m * weight(BETA1, t) - grad) + grad / weight(BETA1, t)


def as_of_the_next_step(m: Array, grad: Array, t: int) -> Array:
    return BETA1 * m * weight(BETA1, t) / weight(BETA1, t + 1) + grad / weight(BETA1, t)


def scheduled(m: Array, grad: Array, t: int) -> Array:
    """Dozat's schedule of beta1, as most libraries have it."""
    schedule = BETA1 * (1 - 0.5 * 0.96 ** (0.004 * np.arange(1, t + 2)))
    m = m * weight(BETA1, t) * (1 - BETA1)
    now, ahead = 1 - np.prod(schedule[:-1]), 1 - np.prod(schedule)
    return schedule[-1] * m / ahead + (1 - schedule[-2]) * grad / now


ANOTHER_QUESTION = "that answers another question"
SIGNS_LOST = "negative gradients do not count in u: it may stay zero, and signs are lost"
EPS_INSIDE = "something is added inside the maximum: the smallest gradients move far less"
TWO_STEPS = "the maximum is of this step and the last: what the state keeps of it is not the maximum"
OWN: dict[str, Directions] = {
    "AdaMax": [
        (f"plain Adam: {ANOTHER_QUESTION}", ADAM),
        ("zero is divided by zero where all gradients have been 0 so far", adamax(largest, np.divide)),
        (SIGNS_LOST, adamax(without_signs, np.divide)),
        ("u is a sum, not a maximum", adamax(lambda g: np.sum(faded(g), axis=0))),
        ("the maximum never falls: an old gradient counts as much as a new one", adamax(lambda g: largest(g, 1.0))),
        ("the maximum is one of squares: it falls at another rate", adamax(lambda g: np.sqrt(largest(g**2)))),
        ("squares stand in u: the step grows as the gradient shrinks", adamax(lambda g: largest(g**2))),
        ("a root is taken of u: large gradients move further than small ones", adamax(lambda g: np.sqrt(largest(g)))),
        ("u is bias-corrected, though it is no mean", adamax(lambda g: largest(g) / full_weight(BETA2, len(g)))),
        ("the new gradient enters the maximum with a factor", adamax(lambda g: (1 - BETA2) * largest(g))),
        ("something is added to u: the smallest gradients move far less", adamax(lambda g: largest(g) + ADAM_EPS)),
        (EPS_INSIDE, adamax(lambda g: largest(np.abs(g) + ADAM_EPS))),
    ],
    "AMSGrad": [
        (f"plain Adam, without the maximum: {ANOTHER_QUESTION}", ADAM),
        (TWO_STEPS, amsgrad(lambda v: np.max(v[-2:], axis=0))),
        ("the smallest v is taken, not the largest", amsgrad(lambda v: np.min(v, axis=0))),
        ("the maximum is taken of v uncorrected, and corrected afterwards", Rule(size=maximum_first)),
    ],
    "Nadam": [
        (f"plain Adam, without the look ahead: {ANOTHER_QUESTION}", ADAM),
        ("the look ahead corrects m as of the next step: that is another form", nadam(as_of_the_next_step)),
        ("beta1 follows a schedule: that is another form", nadam(scheduled)),
        ("in the look ahead the gradient lacks its correction", nadam(lambda m, g, t: BETA1 * m + (1 - BETA1) * g)),
        ("the weights in the look ahead are exchanged", nadam(with_weights_exchanged)),
        ("m enters the look ahead as it was before this step", nadam(one_step_behind)),
        ("m enters the look ahead whole", nadam(lambda m, g, t: m + g / weight(BETA1, t))),
    ],
}
"""What may go wrong with one of them alone."""


def mistakes_of(variant: Variant) -> list[Mistake]:
    name = variant.optimizer

    def mistake(what: str, direction: Direction) -> Mistake:
        return Mistake(what, lambda probe, right: walk(direction, probe))

    table = OWN.get(name, []) + common(name) + (of_squares(name) if name != "AdaMax" else [])
    return [
        *(mistake(what, direction) for what, direction in table),
        Mistake("lr does not enter", lambda p, _: walk(RULES[name], replace(p, args=(*p.args[:2], 1.0, p.args[3])))),
    ]


def carried_on(key: Any, name: str, cases: Sequence[Any]) -> Shape | None:
    """Where the first step is right and a later one is not."""
    if name == LATER and all(agree(case.all_came[FIRST], case.right[FIRST]) for case in cases):
        return Shape("carried", ": wrong, where ordinary first steps are right: later, t and the state differ")
    return None


# 10. A step.


def probes_of(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    steps, entries = 8, 5
    count = RULES[variant.optimizer].vectors

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
    title="A step of an optimizer",
    lesson="08_training_on_mnist",
    functions=("optimizer_step",),
    choices={"optimizer": RULES},
    points=lambda variant: {FIRST: 2, LATER: 3, EXTREMES: 1},
    probes=probes_of,
    expected=lambda variant, probe: walk(RULES[variant.optimizer], probe),
    mistakes=mistakes_of,
    arguments=lambda variant: ("theta", "grads", "lr"),
    describe=carried_on,
    properties={
        FIRST: "however large the gradient is, the first step has the same size, and goes downhill",
        LATER: "a corrected moment is a mean over all gradients so far: if all are alike, so are all steps",
    },
)
