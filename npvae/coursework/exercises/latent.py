"""Reparameterization, the KL divergence, and the two gradients that meet at the heads."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.coursework.exercise import EXTREMES, SEVERAL, Exercise, Mistake
from npvae.coursework.exercises.heads import HEADS, PRIOR, divergence, draw, kl_between, kl_of, points_of_heads
from npvae.coursework.pairs import Forward, alike, differences, exchanged, forward_alone, pair, slope, spread
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

BY = {"dmu": 0, "drho": 1}
ANOTHER_QUESTION = "that answers another question"
ANOTHER_HEAD = f"the second head is taken for a log-variance: {ANOTHER_QUESTION}"
ANOTHER_HEAD_AND_PRIOR = f"a log-variance and the prior N(0, I): {ANOTHER_QUESTION}"
ANOTHER_GENERATOR = "eps does not enter: a generator of its own, with a seed, draws the noise"
VARIANCE_FOR_SIGMA = "the noise is scaled by the variance: the draws spread wrongly"
ROOT_OF_SIGMA = "the noise is scaled by the root of the standard deviation, as if that were a variance"
OF_THE_OTHER_SIGN = "the slope is that of a head with the other sign"
BY_SIGMA = "it is the gradient with respect to sigma: the way from sigma back to the head is missing"
HALF_ON_A_PART = "the half is on a part of the sum only: a parenthesis in the wrong place"
DIVIDED_BY_SIGMA = "squares are divided by the prior's sigma, not by its variance"
TWICE = "squares count twice as much as they should"
"""What these two come to where the prior's sigma is 2."""
NOT_SQUARED = "q's sigma is not squared where its variance belongs beside the square of mu"
SIGMA_FOR_ITS_SLOPE = "sigma stands in the place of its slope in the path through z"
SIGMA_FOR_VARIANCE = "q's sigma stands where its variance belongs"
AVERAGED = "averaged over the latent dimensions: a hidden beta of 1 / L"
SLOPE_ONCE = "one of its two terms lacks the way from sigma back to the head"


def both(what: str, wrong: Forward) -> Mistake:
    """Forward and gradients are wrong alike."""
    return alike(what, wrong, BY)


def zero(probe: Probe, right: Any) -> Results:
    return {name: 0 * right[name] for name in BY}


# 4. Reparameterization.


def draw_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [
        Probe(where, (mu, rho, spread(rng, *mu.shape)), spread(rng, *mu.shape))
        for where, mu, rho in points_of_heads(variant, rng)
        if where != "mu = 0"
    ]


def draw_mistakes(variant: Variant) -> list[Mistake]:
    head, sigma = variant.head, HEADS[variant.head].sigma
    z, spread_by_variance = draw(sigma), draw(lambda rho: sigma(rho) ** 2)

    def seeded(kind: Callable[[int], Any], seed: int) -> Forward:
        """The same noise in every call."""
        return lambda mu, rho, eps: z(mu, rho, kind(seed).standard_normal(eps.shape))

    def drho(what: str, wrong: Forward) -> Mistake:
        """Wrong as a function of the right one, of sigma, eps and dz."""
        return Mistake(what, lambda p, right: {"drho": wrong(right["drho"], sigma(p.args[1]), p.args[2], p.dout)})

    mistakes = [
        both("eps does not enter: always the same way off the mean", lambda mu, rho, eps: mu + sigma(rho)),
        *(both(ANOTHER_GENERATOR, seeded(np.random.default_rng, seed)) for seed in (0, 42)),
        *(both(ANOTHER_GENERATOR, seeded(np.random.RandomState, seed)) for seed in (0, 42)),
        both(VARIANCE_FOR_SIGMA, spread_by_variance),
        both("the noise is scaled by the head itself, which may be negative", draw(lambda rho: rho)),
        both("every example gets the noise of the first", lambda mu, rho, eps: z(mu, rho, eps[:1])),
        both("the noise is subtracted", lambda mu, rho, eps: z(mu, rho, -eps)),
        both(ANOTHER_HEAD, draw(HEADS[Variant.head].sigma)),
        drho("it points the wrong way: does a larger head give a larger sigma here?", lambda right, *_: -right),
        drho("it does not depend on the noise: eps is missing", lambda right, s, eps, dz: right / eps),
        drho(BY_SIGMA, lambda right, s, eps, dz: dz * eps),
        drho("sigma enters once too often", lambda right, s, eps, dz: right * s),
        drho("sigma stands in the place of its slope", lambda right, s, eps, dz: dz * eps * s),
        Mistake(
            VARIANCE_FOR_SIGMA,
            lambda p, r: {"forward": spread_by_variance(*p.args), "drho": r["drho"] * sigma(p.args[1])},
        ),
        forward_alone("the noise is subtracted, but not in the gradient", lambda mu, rho, eps: z(mu, rho, -eps)),
        Mistake("it has a factor that belongs to drho", lambda _, right: {"dmu": 0.5 * right["dmu"]}),
        Mistake("dz is multiplied by z, which is no slope", lambda p, right: {"dmu": p.dout * z(*p.args)}),
        exchanged("dmu", "drho"),
        Mistake("no gradient comes through z at all", zero, whole=True),
    ]
    if head != "log-sigma":
        mistakes.append(both(ROOT_OF_SIGMA, draw(lambda rho: np.sqrt(sigma(rho)))))
        mistakes.append(drho("sigma is missing: right for sigma = 1 only", lambda right, s, eps, dz: right / s))
    if head in ("log-sigma", "softplus"):
        mistakes.append(drho("it has the 1/2 of a log-variance head", lambda right, s, eps, dz: 0.5 * dz * s * eps))
    if head == "softplus":
        mistakes.append(both("sigma is the exponential of the head, not its softplus", draw(np.exp)))
        mistakes.append(drho(OF_THE_OTHER_SIGN, lambda right, s, eps, dz: dz * eps - right))
    return mistakes


REPARAMETERIZE = Exercise(
    name="reparameterize",
    title="A draw from q that lets the gradient through",
    section="Reparameterization Trick",
    lesson="04_reparameterization",
    functions=("reparameterize", "reparameterize_backward"),
    choices={"head": HEADS},
    points=lambda variant: {"forward": 3, "dmu": 2, "drho": 4, SEVERAL: 1, EXTREMES: 2},
    probes=draw_probes,
    expected=lambda variant, probe: pair(draw(HEADS[variant.head].sigma), BY, probe),
    mistakes=draw_mistakes,
    arguments=lambda variant: ("mu", "rho", "eps"),
    upstream="dz",
    easy=("dmu",),
    properties={
        "forward": "over many draws of eps, z has the mean mu and the standard deviation sigma",
        "dmu": "moving mu moves z by as much",
        "drho": "it agrees with central differences of z with respect to the head, for the same eps",
    },
)


# 7. The KL divergence.


def kl_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    probes = [Probe(where, (mu, rho), spread(rng, len(mu))) for where, mu, rho in points_of_heads(variant, rng)]
    probes[-1].args[1][0, 0] = HEADS[variant.head].beyond
    return probes


def kl_mistakes(variant: Variant) -> list[Mistake]:
    head, sigma, m, s = variant.head, HEADS[variant.head].sigma, variant.prior_mean, variant.prior_sigma
    kl = kl_of(variant)

    def square(mu: Array, q: Array) -> Array:
        """What the square of (z - m) / s has for a mean, halved."""
        return 0.5 * (q**2 + (mu - m) ** 2) / s**2

    def added(what: str, term: Callable[[Array, Array], Any]) -> Mistake:
        """Something is added to each latent's part, given its mu and sigma."""
        return both(what, lambda mu, rho: kl(mu, rho) + np.sum(term(mu, sigma(rho)) + 0 * mu, axis=-1))

    def drho(what: str, wrong: Forward) -> Mistake:
        """Wrong as a function of the head, of sigma and of its slope, before dkl."""

        def made(probe: Probe, right: Any) -> Results:
            rho = probe.args[1]
            return {"drho": probe.dout[:, None] * wrong(rho, sigma(rho), slope(sigma, rho))}

        return Mistake(what, made)

    mistakes = [
        both("q's variance stands where its sigma belongs", divergence(lambda rho: sigma(rho) ** 2, m, s)),
        both("the sign of the whole: a divergence is never negative", lambda mu, rho: -kl(mu, rho)),
        both("half of what it should be: a hidden beta", lambda mu, rho: 0.5 * kl(mu, rho)),
        both("twice what it should be: a hidden beta", lambda mu, rho: 2 * kl(mu, rho)),
        both(AVERAGED, lambda mu, rho: kl(mu, rho) / mu.shape[-1]),
        both("summed over the examples, where each has its own", lambda mu, rho: np.full(len(mu), kl(mu, rho).sum())),
        both("the divergence from p to q: it is not symmetric", lambda mu, rho: kl_between(m, s, mu, sigma(rho))),
        both("mu does not enter", lambda mu, rho: kl(np.full_like(mu, m), rho)),
        both("logarithms to base 2: bits, not nats", lambda mu, rho: kl(mu, rho) / np.log(2)),
        both(f"the prior is taken for N(0, I): {ANOTHER_QUESTION}", divergence(sigma, 0.0, 1.0)),
        both("the mean of the prior is taken for 0", divergence(sigma, 0.0, s)),
        both("the sigma of the prior is taken for 1", divergence(sigma, m, 1.0)),
        both("mu and the prior's mean are added", divergence(sigma, -m, s)),
        both("the prior's sigma is squared once too often", divergence(sigma, m, s**2)),
        both("the prior's sigma stands where its variance belongs", divergence(sigma, m, s**0.5)),
        both(ANOTHER_HEAD, divergence(HEADS[Variant.head].sigma, m, s)),
        added(TWICE if s == 2 else HALF_ON_A_PART, square),
        added("the half is on the squares only, and not on the logarithm of the variance", lambda mu, q: -np.log(q)),
        added("only q's log sigma enters", lambda mu, q: -0.5 * (q / s) ** 2),
        added("the logarithm of q's sigma is missing: nothing keeps sigma from vanishing", lambda mu, q: np.log(q)),
        added("q's log sigma is negated", lambda mu, q: 2 * np.log(q)),
        added("a constant is missing: the prior's own divergence is not 0", lambda mu, q: 0.5),
        added("a constant is negated: the prior's own divergence is not 0", lambda mu, q: 1.0),
        added(NOT_SQUARED, lambda mu, q: (q - q**2) / (2 * s**2)),
        added(TWICE if s == 2 else DIVIDED_BY_SIGMA, lambda mu, q: (s - 1) * square(mu, q)),
        added("the prior's variance divides nothing", lambda mu, q: (s**2 - 1) * square(mu, q)),
        added("the prior's log sigma is missing: its own divergence is not 0", lambda mu, q: -np.log(s)),
        drho(BY_SIGMA, lambda rho, q, slope: q / s**2 - 1 / q),
        drho("the head stands where the variance belongs", lambda rho, q, slope: slope / q * (rho / s**2 - 1)),
        drho("the logarithm's gradient alone: the square of sigma is missing", lambda rho, q, slope: -slope / q),
        drho("its two terms have the same sign", lambda rho, q, slope: slope * (q / s**2 + 1 / q)),
        forward_alone("the head stands where sigma belongs", divergence(np.abs, m, s)),
        Mistake("it points the wrong way: the means run away", lambda _, right: {"dmu": -right["dmu"]}),
        Mistake("it points the wrong way: sigma runs away", lambda _, right: {"drho": -right["drho"]}),
        Mistake("it points the wrong way and is twice too long", lambda _, right: {"drho": -2 * right["drho"]}),
        Mistake("its size is missing", lambda p, right: {"dmu": p.dout[:, None] * np.sign(p.args[0] - m)}),
        exchanged("dmu", "drho"),
        Mistake("the gradients are zero: the term is in the loss, and nothing holds it", zero, whole=True),
    ]
    if s != 1:
        mistakes.append(drho("the prior's variance is missing", lambda rho, q, slope: slope * (q - 1 / q)))
        mistakes.append(drho("the prior's sigma is not squared", lambda rho, q, slope: slope * (q / s - 1 / q)))
    if head != Variant.head and (m, s) != (0, 1):
        mistakes.append(both(ANOTHER_HEAD_AND_PRIOR, kl_of(Variant())))
    if head != "log-sigma":
        mistakes.append(both(SIGMA_FOR_VARIANCE, divergence(lambda rho: np.sqrt(sigma(rho)), m, s)))
        mistakes.append(drho(SLOPE_ONCE, lambda rho, q, slope: q / s**2 - slope / q))
        mistakes.append(drho(SLOPE_ONCE, lambda rho, q, slope: slope * q / s**2 - 1 / q))
    return mistakes


KL_DIVERGENCE = Exercise(
    name="kl_divergence",
    title="The KL divergence to the prior",
    section="KL Divergence",
    lesson="06_the_loss",
    functions=("kl_divergence", "kl_divergence_backward"),
    choices={"head": HEADS, **PRIOR},
    points=lambda variant: {"forward": 4, "dmu": 2, "drho": 3, SEVERAL: 1, EXTREMES: 2},
    probes=kl_probes,
    expected=lambda variant, probe: pair(kl_of(variant), BY, probe, dmu=0.5),  # a parabola in mu: exact
    mistakes=kl_mistakes,
    arguments=lambda variant: ("mu", "rho"),
    upstream="dkl",
    easy=("dmu",),
    properties={
        "forward": "it is never negative, 0 where q is the prior, and the mean of log q(z) - log p(z) over z from q",
        "dmu": "it pulls mu to the prior's mean, and agrees with central differences of the true divergence",
        "drho": "it pulls sigma to the prior's, and agrees with central differences of the true divergence",
    },
)


# 8. The two gradients meet.


def meeting_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [
        Probe(where, (spread(rng, *mu.shape), spread(rng, len(mu)), mu, rho, spread(rng, *mu.shape)))
        for where, mu, rho in points_of_heads(variant, rng)
        if where != EXTREMES
    ]


def meeting(variant: Variant, probe: Probe, through_z: float = 1.0, through_kl: float = 1.0) -> dict[str, Array]:
    """Gradients of sum(dz * z) + sum(dkl * kl) for mu and rho."""
    z, kl = draw(HEADS[variant.head].sigma), kl_of(variant)
    dz, dkl, mu, rho, eps = probe.args

    def reached(mu: Array, rho: Array) -> Array:
        return through_z * np.sum(dz * z(mu, rho, eps), axis=-1) + through_kl * dkl * kl(mu, rho)

    dmu = differences(reached, (mu, rho), 0, step=0.5)  # a parabola in mu: exact
    return {"dmu": dmu, "drho": differences(reached, (mu, rho), 1)}


def of_ones(probe: Probe, i: int) -> Probe:
    """The same, with ones for its argument number i."""
    return replace(probe, args=(*probe.args[:i], np.ones_like(probe.args[i]), *probe.args[i + 1 :]))


def meeting_mistakes(variant: Variant) -> list[Mistake]:
    sigma, s = HEADS[variant.head].sigma, variant.prior_sigma

    def path(what: str, *weights: float) -> Mistake:
        return Mistake(what, lambda probe, right: meeting(variant, probe, *weights))

    def prior(what: str, **other: Any) -> Mistake:
        return Mistake(what, lambda probe, right: meeting(replace(variant, **other), probe))

    def drho(what: str, wrong: Forward) -> Mistake:
        """Wrong as a function of what comes to sigma through z and through the KL, of sigma and of its slope."""

        def made(probe: Probe, right: Any) -> Results:
            dz, dkl, _, rho, eps = probe.args
            q = sigma(rho)
            return {"drho": wrong(dz * eps, dkl[:, None] * (q / s**2 - 1 / q), q, slope(sigma, rho))}

        return Mistake(what, made)

    mistakes = [
        path("only the gradient through z arrives: the KL term is missing", 1, 0),
        path("only the gradient of the KL arrives: the path through z is missing", 0, 1),
        path("the gradient of the KL is subtracted", 1, -1),
        path("the gradient through z is subtracted", -1, 1),
        path("the two gradients are averaged", 0.5, 0.5),
        Mistake("dkl is ignored: beta and 1 / N are lost on the way", lambda p, _: meeting(variant, of_ones(p, 1))),
        Mistake("eps is missing in the path through z", lambda p, _: meeting(variant, of_ones(p, 4))),
        exchanged("dmu", "drho"),
        drho(BY_SIGMA, lambda z, kl, q, slope: z + kl),
        drho("the head's slope is missing through z", lambda z, kl, q, slope: z + kl * slope),
        drho("the head's slope is missing through the KL", lambda z, kl, q, slope: z * slope + kl),
        drho(SIGMA_FOR_ITS_SLOPE, lambda z, kl, q, slope: z * q + kl * slope),
        prior("the mean of the prior is taken for 0", prior_mean=0.0),
        prior("mu and the prior's mean are added", prior_mean=-variant.prior_mean),
        prior("the sigma of the prior is taken for 1", prior_sigma=1.0),
        Mistake(ANOTHER_HEAD_AND_PRIOR, lambda probe, right: meeting(Variant(), probe)),
    ]
    if variant.prior_mean and s != 1 and variant.head != Variant.head:
        mistakes.append(prior(f"the prior is taken for N(0, I): {ANOTHER_QUESTION}", prior_mean=0.0, prior_sigma=1.0))
    return mistakes


MEETING = Exercise(
    name="latent_backward",
    title="Two gradients meet at mu and at the second head",
    section="Loss",
    lesson="07_backpropagation_by_hand",
    functions=("latent_backward",),
    choices={"head": HEADS, **PRIOR},
    points=lambda variant: {"dmu": 3, "drho": 3, SEVERAL: 2},
    probes=meeting_probes,
    expected=meeting,
    mistakes=meeting_mistakes,
    arguments=lambda variant: ("dz", "dkl", "mu", "rho", "eps"),
    properties={
        "dmu": "mu enters the loss twice, through z and through the KL, and both gradients count",
        "drho": "the second head enters the loss twice, through z and through the KL, and both gradients count",
    },
)
