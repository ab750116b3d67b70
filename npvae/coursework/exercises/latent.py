"""Reparameterization, the KL divergence, and the two gradients that meet at the heads."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from npvae.coursework.exercise import (
    EXTREMES,
    ONE,
    SEVERAL,
    Exercise,
    Mistake,
    alike,
    differences,
    forward_alone,
    spread,
    truth_of,
)
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

SIGMA: dict[str, Callable[[Array], Array]] = {
    "log-variance": lambda rho: np.exp(0.5 * rho),
    "log-sigma": np.exp,
    "softplus": lambda rho: np.logaddexp(0, rho),
    "log-precision": lambda rho: np.exp(-0.5 * rho),
}
"""The standard deviation that each head stands for."""
FAR = {
    "log-variance": (-60.0, -30.0, 10.0),
    "log-sigma": (-30.0, -15.0, 5.0),
    "softplus": (-40.0, -25.0, 800.0),
    "log-precision": (60.0, 30.0, -10.0),
}
"""Values of each head whose sigma is far from one, and a careless formula over- or underflows."""
BEYOND = {"log-variance": -800.0, "log-sigma": -400.0, "softplus": -40.0, "log-precision": 800.0}
"""A value of each head whose variance, or 1 plus its exponential, is rounded away; its divergence is not."""
PRIOR = {"prior_mean": (0.0, -1.0, -0.5, 0.5, 1.0), "prior_sigma": (1.0, 0.5, 0.75, 1.5, 2.0)}
TEXTBOOK = "log-variance"
BY = {"dmu": 0, "drho": 1}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
WEIGHTS = WEIGHTS / WEIGHTS.sum()

Forward = Callable[..., Array]

ANOTHER_QUESTION = "that answers another question"
ANOTHER_HEAD = "the second head is taken for a log-variance"
VARIANCE_FOR_SIGMA = "the noise is scaled by the variance: the draws spread wrongly"
BY_SIGMA = "it is the gradient with respect to sigma: the way from sigma back to the head is missing"
TWICE = "squares count twice as much as they should"
"""What two mistakes come to where the prior's sigma is 2."""
SLOPE_ONCE = "one of its two terms lacks the way from sigma back to the head"


def draw(sigma: Callable[[Array], Array]) -> Forward:
    """Z from mu, rho and eps, by its definition."""
    return lambda mu, rho, eps: mu + sigma(rho) * eps


def divergence(sigma: Callable[[Array], Array], prior_mean: float, prior_sigma: float) -> Forward:
    """KL to the prior by its definition: the mean of log q(z) - log p(z) over z from q, by quadrature."""

    def kl(mu: Array, rho: Array) -> Array:
        z = mu[..., None] + sigma(rho)[..., None] * NODES
        log_q = -np.log(sigma(rho))[..., None] - 0.5 * NODES**2
        log_p = -np.log(prior_sigma) - 0.5 * ((z - prior_mean) / prior_sigma) ** 2
        return np.sum((log_q - log_p) @ WEIGHTS, axis=-1)

    return kl


def kl_of(variant: Variant) -> Forward:
    """The divergence that a variant asks for."""
    return divergence(SIGMA[variant.head], variant.prior_mean, variant.prior_sigma)


def points_of_heads(variant: Variant, rng: np.random.Generator) -> list[tuple[str, Array, Array]]:
    """Where to try a function of mu and rho: one example, mu at zero, several, standard deviations far from one."""
    n, latent = int(rng.integers(4, 6)), 3
    return [
        (ONE, spread(rng, 1, latent), spread(rng, 1, latent)),
        ("mu = 0", np.zeros((1, latent)), spread(rng, 1, latent)),
        (SEVERAL, spread(rng, n, latent), spread(rng, n, latent)),
        (EXTREMES, spread(rng, 2, latent), np.array([FAR[variant.head], FAR[variant.head][::-1]])),
    ]


def slope(sigma: Callable[[Array], Array], rho: Array) -> Array:
    """Of sigma, by differences."""
    return differences(sigma, (rho,), 0, np.ones_like(rho))


def exchanged(probe: Probe, right: Mapping[str, Array]) -> Results:
    return {"dmu": right["drho"], "drho": right["dmu"]}


# 4. Reparameterization.


def draw_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [
        Probe(where, (mu, rho, spread(rng, *mu.shape)), spread(rng, *mu.shape))
        for where, mu, rho in points_of_heads(variant, rng)
        if where != "mu = 0"
    ]


def seeded(kind: Callable[[int], Any], seed: int) -> Callable[[tuple[int, ...]], Array]:
    """The same noise in every call."""
    return lambda shape: kind(seed).standard_normal(shape)


def draw_mistakes(variant: Variant) -> list[Mistake]:
    head, sigma = variant.head, SIGMA[variant.head]

    def scaled(what: str, scale: Callable[[Array], Array]) -> Mistake:
        return alike(what, draw(scale), BY)

    def drho(what: str, wrong: Callable[[Array, Array, Array, Array], Array]) -> Mistake:
        """Wrong as a function of the right one, of sigma, eps and dz."""
        return Mistake(what, lambda p, right: {"drho": wrong(right["drho"], sigma(p.args[1]), p.args[2], p.dout)})

    def noisy(what: str, noise: Callable[[tuple[int, ...]], Array]) -> Mistake:
        return alike(what, lambda mu, rho, eps: mu + sigma(rho) * noise(eps.shape), BY)

    mistakes = [
        noisy("eps does not enter: always the same way off the mean", np.ones),
        *(
            noisy("eps does not enter: a generator of its own, with a seed, draws the noise", seeded(kind, seed))
            for kind in (np.random.default_rng, np.random.RandomState)
            for seed in (0, 42)
        ),
        scaled(VARIANCE_FOR_SIGMA, lambda rho: sigma(rho) ** 2),
        Mistake(
            VARIANCE_FOR_SIGMA,
            lambda p, right: {
                "forward": draw(lambda rho: sigma(rho) ** 2)(*p.args),
                "drho": right["drho"] * sigma(p.args[1]),
            },
        ),
        scaled("the noise is scaled by the head itself, which may be negative", lambda rho: rho),
        forward_alone("the noise is subtracted, not so its gradient", lambda mu, rho, eps: mu - sigma(rho) * eps),
        alike("every example gets the noise of the first", lambda mu, rho, eps: mu + sigma(rho) * eps[:1], BY),
        Mistake("it has a factor that belongs to drho", lambda _, right: {"dmu": 0.5 * right["dmu"]}),
        Mistake("dz is multiplied by z, which is no slope", lambda p, right: {"dmu": p.dout * draw(sigma)(*p.args)}),
        drho("it points the wrong way: does a larger head give a larger sigma here?", lambda right, *_: -right),
        drho("it does not depend on the noise: eps is missing", lambda r, s, eps, _: r / eps),
        drho(BY_SIGMA, lambda _, s, eps, dz: dz * eps),
        drho("sigma enters once too often", lambda right, s, *_: right * s),
        Mistake("the two gradients stand in the wrong order", exchanged, whole=True),
        Mistake("no gradient comes through z at all", lambda _, r: {name: 0 * r[name] for name in BY}, whole=True),
    ]
    if head != TEXTBOOK:
        mistakes.append(scaled(f"{ANOTHER_HEAD}: {ANOTHER_QUESTION}", SIGMA[TEXTBOOK]))
    if head != "log-sigma":
        mistakes += [
            scaled(
                "the noise is scaled by the root of the standard deviation, as if that were a variance",
                lambda rho: np.sqrt(sigma(rho)),
            ),
            drho("sigma stands in the place of its slope", lambda _, s, eps, dz: dz * eps * s),
            drho("sigma is missing: right for sigma = 1 only", lambda right, s, *_: right / s),
        ]
    if head in ("log-sigma", "softplus"):
        mistakes.append(drho("it has the 1/2 of a log-variance head", lambda _, s, eps, dz: 0.5 * dz * s * eps))
    if head == "softplus":
        mistakes += [
            drho("the slope is that of a head with the other sign", lambda right, s, eps, dz: dz * eps - right),
            scaled("sigma is the exponential of the head, not its softplus", np.exp),
        ]
    return mistakes


REPARAMETERIZE = Exercise(
    name="reparameterize",
    title="A draw from q that lets the gradient through",
    section="Reparameterization Trick",
    lesson="04_reparameterization",
    functions=("reparameterize", "reparameterize_backward"),
    choices={"head": SIGMA},
    points=lambda variant: {"forward": 3, "dmu": 2, "drho": 4, SEVERAL: 1, EXTREMES: 2},
    probes=draw_probes,
    expected=lambda variant, probe: truth_of(draw(SIGMA[variant.head]), BY)(probe),
    mistakes=draw_mistakes,
    arguments=lambda variant: ("mu", "rho", "eps"),
    upstream="dz",
    easy=("dmu",),
    properties={
        "forward": "over many draws of eps, z has the mean mu and the standard deviation sigma",
        "dmu": "moving mu moves z by as much",
        "drho": "it agrees with central differences of z by the head, for the same eps",
    },
)


# 7. The KL divergence.


def kl_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    probes = [Probe(where, (mu, rho), spread(rng, len(mu))) for where, mu, rho in points_of_heads(variant, rng)]
    probes[-1].args[1][0, 0] = BEYOND[variant.head]
    return probes


def kl_mistakes(variant: Variant) -> list[Mistake]:
    head, sigma, m, s = variant.head, SIGMA[variant.head], variant.prior_mean, variant.prior_sigma
    kl = kl_of(variant)

    def square(mu: Array, rho: Array) -> Array:
        """What the square of (z - m) / s has for a mean, halved and summed."""
        return np.sum(0.5 * (sigma(rho) ** 2 + (mu - m) ** 2) / s**2, axis=-1)

    def reverse(mu: Array, rho: Array) -> Array:
        z = m + s * NODES
        log_q = -np.log(sigma(rho))[..., None] - 0.5 * ((z - mu[..., None]) / sigma(rho)[..., None]) ** 2
        return np.sum((-np.log(s) - 0.5 * NODES**2 - log_q) @ WEIGHTS, axis=-1)

    forwards: list[tuple[str, Forward]] = [
        ("q's variance stands where its sigma belongs", divergence(lambda r: sigma(r) ** 2, m, s)),
        ("the sign of the whole: a divergence is never negative", lambda *args: -kl(*args)),
        (
            TWICE if s == 2 else "the half is on a part of the sum only: a parenthesis in the wrong place",
            lambda *args: kl(*args) + square(*args),
        ),
        (
            "the half is on the squares only, and not on the logarithm of the variance",
            lambda mu, rho: kl(mu, rho) - np.sum(np.log(sigma(rho)), axis=-1),
        ),
        ("half of what it should be: a hidden beta", lambda *args: 0.5 * kl(*args)),
        ("twice what it should be: a hidden beta", lambda *args: 2 * kl(*args)),
        ("averaged over the latent dimensions: a hidden beta of 1 / L", lambda mu, rho: kl(mu, rho) / mu.shape[-1]),
        ("summed over the examples, where each has its own", lambda mu, rho: np.full(len(mu), kl(mu, rho).sum())),
        ("the divergence from p to q: it is not symmetric", reverse),
        ("mu does not enter", lambda mu, rho: kl(np.full_like(mu, m), rho)),
        ("only q's log sigma enters", lambda mu, rho: kl(mu, rho) - np.sum(0.5 * (sigma(rho) / s) ** 2, axis=-1)),
        (
            "the logarithm of q's sigma is missing: nothing keeps sigma from vanishing",
            lambda mu, rho: kl(mu, rho) + np.sum(np.log(sigma(rho)), axis=-1),
        ),
        ("q's log sigma is negated", lambda mu, rho: kl(mu, rho) + 2 * np.sum(np.log(sigma(rho)), axis=-1)),
        ("logarithms to base 2: bits, not nats", lambda *args: kl(*args) / np.log(2)),
        (
            "a constant is missing: the prior's own divergence is not 0",
            lambda mu, rho: kl(mu, rho) + 0.5 * mu.shape[-1],
        ),
        ("a constant is negated: the prior's own divergence is not 0", lambda mu, rho: kl(mu, rho) + mu.shape[-1]),
    ]
    if (m, s) != (0, 1):
        forwards += [
            (f"the prior is taken for N(0, I): {ANOTHER_QUESTION}", divergence(sigma, 0.0, 1.0)),
            ("the mean of the prior is taken for 0", divergence(sigma, 0.0, s)),
            ("the sigma of the prior is taken for 1", divergence(sigma, m, 1.0)),
            ("mu and the prior's mean are added", divergence(sigma, -m, s)),
            ("the prior's sigma is squared once too often", divergence(sigma, m, s**2)),
            ("the prior's sigma stands where its variance belongs", divergence(sigma, m, s**0.5)),
            (
                TWICE if s == 2 else "squares are divided by the prior's sigma, not by its variance",
                lambda mu, rho: kl(mu, rho) + (s - 1) * square(mu, rho),
            ),
            ("the prior's variance divides nothing", lambda mu, rho: kl(mu, rho) + (s**2 - 1) * square(mu, rho)),
            (
                "the prior's log sigma is missing: its own divergence is not 0",
                lambda mu, rho: kl(mu, rho) - np.log(s) * mu.shape[-1],
            ),
        ]
    if head != TEXTBOOK:
        forwards.append((f"{ANOTHER_HEAD}: {ANOTHER_QUESTION}", divergence(SIGMA[TEXTBOOK], m, s)))
        if (m, s) != (0, 1):
            forwards.append(
                (f"a log-variance and the prior N(0, I): {ANOTHER_QUESTION}", divergence(SIGMA[TEXTBOOK], 0.0, 1.0))
            )
    forwards.append(
        (
            "q's sigma is not squared where its variance belongs beside the square of mu",
            lambda mu, rho: kl(mu, rho) + np.sum((sigma(rho) - sigma(rho) ** 2) / (2 * s**2), axis=-1),
        )
    )
    if head != "log-sigma":
        forwards.append(("q's sigma stands where its variance belongs", divergence(lambda r: sigma(r) ** 0.5, m, s)))

    def drho(what: str, wrong: Callable[[Array, Array, Array], Array]) -> Mistake:
        """Wrong as a function of the head, of sigma and of its slope, before dkl."""

        def made(probe: Probe, right: Mapping[str, Array]) -> Results:
            rho = probe.args[1]
            return {"drho": probe.dout[:, None] * wrong(rho, sigma(rho), slope(sigma, rho))}

        return Mistake(what, made)

    return [
        *(alike(what, f, BY) for what, f in forwards),
        forward_alone("the head stands where sigma belongs", divergence(np.abs, m, s)),
        Mistake("it points the wrong way: the means run away", lambda _, r: {"dmu": -r["dmu"]}),
        Mistake("it points the wrong way: sigma runs away", lambda _, r: {"drho": -r["drho"]}),
        Mistake("it points the wrong way and is twice too long", lambda _, right: {"drho": -2 * right["drho"]}),
        Mistake("its size is missing", lambda p, r: {"dmu": p.dout[:, None] * np.sign(p.args[0] - m)}),
        Mistake("the two gradients stand in the wrong order", exchanged, whole=True),
        Mistake(
            "the gradients are zero: the term is in the loss, and nothing holds it",
            lambda _, r: {name: 0 * r[name] for name in BY},
            whole=True,
        ),
        drho(BY_SIGMA, lambda rho, q, slope: q / s**2 - 1 / q),
        drho("the head stands where the variance belongs", lambda rho, q, slope: slope / q * (rho / s**2 - 1)),
        drho("the logarithm's gradient alone: the square of sigma is missing", lambda rho, q, slope: -slope / q),
        drho("its two terms have the same sign", lambda rho, q, slope: slope * (q / s**2 + 1 / q)),
        *(
            []
            if s == 1
            else [
                drho("the prior's variance is missing", lambda rho, q, slope: slope * (q - 1 / q)),
                drho("the prior's sigma is not squared", lambda rho, q, slope: slope * (q / s - 1 / q)),
            ]
        ),
        *(
            []
            if head == "log-sigma"
            else [
                drho(SLOPE_ONCE, lambda rho, q, slope: q / s**2 - slope / q),
                drho(SLOPE_ONCE, lambda rho, q, slope: slope * q / s**2 - 1 / q),
            ]
        ),
    ]


KL_DIVERGENCE = Exercise(
    name="kl_divergence",
    title="The KL divergence to the prior",
    section="KL Divergence",
    lesson="06_the_loss",
    functions=("kl_divergence", "kl_divergence_backward"),
    choices={"head": SIGMA, **PRIOR},
    points=lambda variant: {"forward": 4, "dmu": 2, "drho": 3, SEVERAL: 1, EXTREMES: 2},
    probes=kl_probes,
    expected=lambda variant, probe: truth_of(kl_of(variant), BY, {"dmu": 0.5})(probe),  # a parabola in mu: exact
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


def meeting(variant: Variant, through_z: float = 1.0, through_kl: float = 1.0) -> Callable[[Probe], dict[str, Array]]:
    """Gradients of sum(dz * z) + sum(dkl * kl) for mu and rho."""
    z_of, kl = draw(SIGMA[variant.head]), kl_of(variant)

    def gradients(probe: Probe) -> dict[str, Array]:
        dz, dkl, mu, rho, eps = probe.args

        def reached(mu: Array, rho: Array) -> Array:
            return through_z * np.sum(dz * z_of(mu, rho, eps), axis=-1) + through_kl * dkl * kl(mu, rho)

        return {
            "dmu": differences(reached, (mu, rho), 0, np.ones(len(mu)), step=0.5),  # a parabola in mu: exact
            "drho": differences(reached, (mu, rho), 1, np.ones(len(mu))),
        }

    return gradients


def meeting_mistakes(variant: Variant) -> list[Mistake]:
    sigma, s = SIGMA[variant.head], variant.prior_sigma

    def path(*weights: float) -> Callable[[Probe, Any], Results]:
        gradients = meeting(variant, *weights)
        return lambda probe, right: gradients(probe)

    def upstream_ignored(probe: Probe, right: Mapping[str, Array]) -> Results:
        dz, dkl, *rest = probe.args
        return meeting(variant)(Probe(probe.where, (dz, np.ones_like(dkl), *rest)))

    def drho(what: str, wrong: Callable[[Array, Array, Array, Array], Array]) -> Mistake:
        """Wrong as a function of dz times eps, of dkl, of sigma and of its slope."""

        def made(probe: Probe, right: Mapping[str, Array]) -> Results:
            dz, dkl, _, rho, eps = probe.args
            return {"drho": wrong(dz * eps, dkl[:, None], sigma(rho), slope(sigma, rho))}

        return Mistake(what, made)

    def through_kl(dkl: Array, q: Array) -> Array:
        """What the divergence gives sigma."""
        return dkl * (q / s**2 - 1 / q)

    def dmu_at(prior_mean: float) -> Callable[[Probe, Any], Results]:
        gradients = meeting(replace(variant, prior_mean=prior_mean))
        return lambda probe, right: {"dmu": gradients(probe)["dmu"]}

    mistakes = [
        Mistake("only the gradient through z arrives: the KL term is missing", path(1, 0)),
        Mistake("only the gradient of the KL arrives: the path through z is missing", path(0, 1)),
        Mistake("the gradient of the KL is subtracted", path(1, -1)),
        Mistake("the gradient through z is subtracted", path(-1, 1)),
        Mistake("the two gradients are averaged", path(0.5, 0.5)),
        Mistake("dkl is ignored: beta and 1 / N are lost on the way", upstream_ignored),
        Mistake("the two gradients stand in the wrong order", exchanged, whole=True),
        drho(BY_SIGMA, lambda dz, dkl, q, slope: dz + through_kl(dkl, q)),
        drho("the head's slope is missing through z", lambda dz, dkl, q, slope: dz + through_kl(dkl, q) * slope),
        drho("the head's slope is missing through the KL", lambda dz, dkl, q, slope: dz * slope + through_kl(dkl, q)),
        Mistake(
            "eps is missing in the path through z",
            lambda p, right: {
                "drho": meeting(variant)(Probe(p.where, (*p.args[:4], np.ones_like(p.args[4]))))["drho"]
            },
        ),
    ]
    if variant.head != "log-sigma":
        mistakes.append(
            drho(
                "sigma stands in the place of its slope in the path through z",
                lambda dz, dkl, q, slope: dz * q + through_kl(dkl, q) * slope,
            )
        )
    if variant.prior_mean:
        mistakes += [
            Mistake(what, dmu_at(to))
            for name, what, to in (
                ("prior_mean_forgotten", "the mean of the prior is taken for 0", 0.0),
                ("prior_mean_negated", "mu and the prior's mean are added", -variant.prior_mean),
            )
        ]
    if (variant.head, variant.prior_mean, s) != (TEXTBOOK, 0, 1):
        textbook = meeting(Variant())
        what = f"a log-variance and the prior N(0, I): {ANOTHER_QUESTION}"
        mistakes.append(Mistake(what, lambda probe, right: textbook(probe)))
    return mistakes


MEETING = Exercise(
    name="latent_backward",
    title="Two gradients meet at mu and at the second head",
    section="Loss",
    lesson="07_backpropagation_by_hand",
    functions=("latent_backward",),
    choices={"head": SIGMA, **PRIOR},
    points=lambda variant: {"dmu": 3, "drho": 3, SEVERAL: 2},
    probes=meeting_probes,
    expected=lambda variant, probe: meeting(variant)(probe),
    mistakes=meeting_mistakes,
    arguments=lambda variant: ("dz", "dkl", "mu", "rho", "eps"),
    properties={
        "dmu": "mu enters the loss twice, through z and through the KL, and both gradients count",
        "drho": "the second head enters the loss twice, through z and through the KL, and both gradients count",
    },
)
