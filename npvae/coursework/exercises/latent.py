"""Reparameterization, the KL divergence, and the two gradients that meet at the heads."""

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
PRIOR = {"prior_mean": (0.0, -1.0, -0.5, 0.5, 1.0), "prior_sigma": (1.0, 0.5, 0.75, 1.5, 2.0)}
TEXTBOOK = "log-variance"
BY = {"dmu": 0, "drho": 1}
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
WEIGHTS = WEIGHTS / WEIGHTS.sum()

Forward = Callable[..., Array]


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
    n, latent = int(rng.integers(4, 7)), 3
    return [
        (ONE, spread(rng, 1, latent), spread(rng, 1, latent)),
        ("mu = 0", np.zeros((1, latent)), spread(rng, 1, latent)),
        (SEVERAL, spread(rng, n, latent), spread(rng, n, latent)),
        (EXTREMES, spread(rng, 2, latent), np.array([FAR[variant.head], FAR[variant.head][::-1]])),
    ]


def exchanged(probe: Probe, right: Mapping[str, Array]) -> Results:
    return {"dmu": right["drho"], "drho": right["dmu"]}


# 4. Reparameterization.


def draw_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [
        Probe(where, (mu, rho, spread(rng, *mu.shape)), spread(rng, *mu.shape))
        for where, mu, rho in points_of_heads(variant, rng)
        if where != "mu = 0"
    ]


def draw_slips(variant: Variant) -> list[Slip]:
    if variant.head == TEXTBOOK:
        pair: dict[str, Any] = {
            "npvae.latent.reparameterize": npvae.reparameterize,
            "npvae.latent.reparameterize_backward": npvae.reparameterize_backward,
        }
        return table_slips(pair, run_pair(tuple(BY)))
    sigma = SIGMA[variant.head]
    return [
        alike(
            "textbook_head",
            "the second head is taken for a log-variance: that answers another question",
            draw(SIGMA[TEXTBOOK]),
            BY,
        ),
        alike(
            "variance_for_sigma_in_both",
            "the noise is scaled by the variance: the draws spread wrongly, and gradient checks stay green",
            draw(lambda rho: sigma(rho) ** 2),
            BY,
        ),
        alike(
            "root_of_sigma",
            "the noise is scaled by the root of the standard deviation, as if that were a variance",
            draw(lambda rho: np.sqrt(sigma(rho))),
            BY,
        ),
        alike(
            "head_times_noise",
            "the noise is scaled by the head itself, which may be negative",
            draw(lambda rho: rho),
            BY,
        ),
        alike(
            "one_noise_for_the_batch",
            "every example gets the noise of the first",
            lambda mu, rho, eps: mu + sigma(rho) * eps[:1],
            BY,
        ),
        Slip("dmu_halved", "dmu has a factor that belongs to drho", lambda _, right: {"dmu": 0.5 * right["dmu"]}),
        Slip(
            "drho_of_a_log_variance",
            "drho has the 1/2 of a log-variance head, which this is not",
            lambda probe, right: {"drho": 0.5 * probe.dout * sigma(probe.args[1]) * probe.args[2]},
        ),
        Slip(
            "drho_with_the_wrong_sign",
            "drho points the wrong way: does a larger head give a larger standard deviation here?",
            lambda probe, right: {"drho": -right["drho"]},
        ),
        Slip(
            "drho_without_eps",
            "drho is the same whatever the noise was: eps is missing in it",
            lambda probe, right: {"drho": right["drho"] / probe.args[2]},
        ),
        Slip(
            "drho_without_the_slope_of_sigma",
            "drho is the gradient by sigma: the way from sigma back to the head is missing",
            lambda probe, right: {"drho": probe.dout * probe.args[2]},
        ),
        Slip(
            "drho_times_sigma",
            "drho has sigma in the place of the slope of sigma",
            lambda probe, right: {"drho": probe.dout * probe.args[2] * sigma(probe.args[1])},
        ),
        Slip(
            "drho_without_sigma",
            "drho has half the noise and no sigma: right for no head but by chance",
            lambda probe, right: {"drho": 0.5 * probe.dout * probe.args[2]},
        ),
        Slip("dmu_and_drho_exchanged", "the two gradients stand in the wrong order", exchanged),
        Slip(
            "z_cut_off",
            "no gradient comes through z at all",
            lambda _, right: {name: np.zeros_like(right[name]) for name in BY},
        ),
    ]


REPARAMETERIZE = Exercise(
    name="reparameterize",
    title="A draw from q that lets the gradient through",
    section="Reparameterization Trick",
    functions=("reparameterize", "reparameterize_backward"),
    choices={"head": SIGMA},
    points=lambda variant: {"forward": 3, "dmu": 2, "drho": 4, SEVERAL: 1, EXTREMES: 2},
    probes=draw_probes,
    expected=lambda variant, probe: truth_of(draw(SIGMA[variant.head]), BY)(probe),
    slips=draw_slips,
    properties={
        "forward": "over many draws of eps, z has the mean mu and the standard deviation sigma",
        "dmu": "moving mu moves z by as much",
        "drho": "it agrees with central differences of z by the head, for the same eps",
    },
)


# 7. The KL divergence.


def kl_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    return [Probe(where, (mu, rho), spread(rng, len(mu))) for where, mu, rho in points_of_heads(variant, rng)]


def kl_slips(variant: Variant) -> list[Slip]:
    if variant == Variant(**{**vars(variant), "head": TEXTBOOK, "prior_mean": 0.0, "prior_sigma": 1.0}):
        pair: dict[str, Any] = {
            "npvae.latent.kl_divergence": npvae.kl_divergence,
            "npvae.latent.kl_divergence_backward": npvae.kl_divergence_backward,
        }
        return table_slips(pair, run_pair(tuple(BY)))
    sigma, m, s = SIGMA[variant.head], variant.prior_mean, variant.prior_sigma
    kl = kl_of(variant)

    def square(mu: Array, rho: Array) -> Array:
        """What the square of (z - m) / s has for a mean, halved and summed."""
        z = mu[..., None] + sigma(rho)[..., None] * NODES
        return np.sum((0.5 * ((z - m) / s) ** 2) @ WEIGHTS, axis=-1)

    def reverse(mu: Array, rho: Array) -> Array:
        z = m + s * NODES
        log_q = -np.log(sigma(rho))[..., None] - 0.5 * ((z - mu[..., None]) / sigma(rho)[..., None]) ** 2
        return np.sum((-np.log(s) - 0.5 * NODES**2 - log_q) @ WEIGHTS, axis=-1)

    forwards: dict[str, tuple[str, Forward]] = {
        "textbook": (
            "the formula for a log-variance and the prior N(0, I): that answers another question",
            divergence(SIGMA[TEXTBOOK], 0.0, 1.0),
        ),
        "textbook_head": (
            "the second head is taken for a log-variance: that answers another question",
            divergence(SIGMA[TEXTBOOK], m, s),
        ),
        "textbook_prior": ("the prior is taken for N(0, I), which it is not here", divergence(sigma, 0.0, 1.0)),
        "prior_mean_forgotten": ("the mean of the prior is taken for 0", divergence(sigma, 0.0, s)),
        "prior_sigma_forgotten": ("the standard deviation of the prior is taken for 1", divergence(sigma, m, 1.0)),
        "prior_mean_with_the_wrong_sign": ("mu and the prior's mean are added", divergence(sigma, -m, s)),
        "prior_variance_for_sigma": ("the prior's sigma is squared once too often", divergence(sigma, m, s**2)),
        "prior_sigma_for_variance": (
            "the prior's sigma stands where its variance belongs",
            divergence(sigma, m, s**0.5),
        ),
        "variance_for_sigma": (
            "q's variance stands where its sigma belongs",
            divergence(lambda r: sigma(r) ** 2, m, s),
        ),
        "sigma_for_variance": (
            "q's sigma stands where its variance belongs",
            divergence(lambda r: sigma(r) ** 0.5, m, s),
        ),
        "kl_negated": ("the sign of the whole: a divergence is never negative", lambda *args: -kl(*args)),
        "half_on_a_part_of_the_sum": (
            "the half is on a part of the sum only: a parenthesis in the wrong place",
            lambda *args: kl(*args) + square(*args),
        ),
        "kl_halved": ("half of what it should be: a hidden beta", lambda *args: 0.5 * kl(*args)),
        "kl_doubled": ("twice what it should be: a hidden beta", lambda *args: 2 * kl(*args)),
        "kl_averaged_over_the_latents": (
            "averaged over the latent dimensions: a hidden beta of 1 / L",
            lambda mu, rho: kl(mu, rho) / mu.shape[-1],
        ),
        "kl_summed_over_the_batch": (
            "summed over the examples too, where each has its own",
            lambda mu, rho: np.full(len(mu), kl(mu, rho).sum()),
        ),
        "kl_the_other_way_round": ("the divergence from p to q: it is not symmetric", reverse),
        "kl_without_mu": ("mu does not enter", lambda mu, rho: kl(np.full_like(mu, m), rho)),
        "kl_in_bits": ("logarithms to base 2: bits, not nats", lambda *args: kl(*args) / np.log(2)),
        "kl_without_its_one": (
            "a constant is missing: gradients are right, and the prior's divergence to itself is not 0",
            lambda mu, rho: kl(mu, rho) + 0.5 * mu.shape[-1],
        ),
        "kl_without_the_priors_log_sigma": (
            "a constant of the prior is missing: gradients are right, the prior's divergence to itself is not 0",
            lambda mu, rho: kl(mu, rho) - np.log(s) * mu.shape[-1],
        ),
    }

    def ignored(probe: Probe, right: Mapping[str, Array]) -> Results:
        return {name: right[name] / probe.dout[:, None] for name in BY}

    return [
        *(alike(name, what, f, BY) for name, (what, f) in forwards.items()),
        Slip("kl_dmu_negated", "dmu points the wrong way: the means run away", lambda _, r: {"dmu": -r["dmu"]}),
        Slip("kl_drho_negated", "drho points the wrong way: sigma runs away", lambda _, r: {"drho": -r["drho"]}),
        Slip(
            "kl_drho_negated_and_doubled",
            "drho points the wrong way and is twice too long",
            lambda _, right: {"drho": -2 * right["drho"]},
        ),
        Slip(
            "kl_dmu_is_one",
            "dmu has the right sign and no size",
            lambda probe, right: {"dmu": probe.dout[:, None] * np.sign(probe.args[0] - m)},
        ),
        Slip("kl_gradients_exchanged", "the two gradients stand in the wrong order", exchanged),
        Slip("kl_upstream_ignored", "the upstream gradient is ignored: beta and 1 / N are lost on the way", ignored),
        Slip(
            "kl_reported_and_not_trained",
            "the gradients are zero: the term is in the loss, and nothing holds it",
            lambda _, right: {name: np.zeros_like(right[name]) for name in BY},
        ),
    ]


KL_DIVERGENCE = Exercise(
    name="kl_divergence",
    title="The KL divergence to the prior",
    section="KL Divergence",
    functions=("kl_divergence", "kl_divergence_backward"),
    choices={"head": SIGMA, **PRIOR},
    points=lambda variant: {"forward": 4, "dmu": 2, "drho": 3, SEVERAL: 1, EXTREMES: 2},
    probes=kl_probes,
    expected=lambda variant, probe: truth_of(kl_of(variant), BY, {"dmu": 0.5})(probe),  # a parabola in mu: exact
    slips=kl_slips,
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
    """Gradients of sum(dz * z) + sum(dkl * kl) by mu and rho."""
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


def meeting_slips(variant: Variant) -> list[Slip]:
    def path(*weights: float) -> Callable[[Probe, Any], Results]:
        gradients = meeting(variant, *weights)
        return lambda probe, right: gradients(probe)

    def upstream_ignored(probe: Probe, right: Mapping[str, Array]) -> Results:
        dz, dkl, *rest = probe.args
        return meeting(variant)(Probe(probe.where, (dz, np.ones_like(dkl), *rest)))

    def textbook(probe: Probe, right: Mapping[str, Array]) -> Results:
        return meeting(Variant())(probe)

    answers_another = [
        Slip("textbook", "a log-variance and the prior N(0, I): that answers another question", textbook)
    ]
    return [
        Slip("kl_path_forgotten", "only the gradient through z arrives: the KL term is missing", path(1, 0)),
        Slip("z_path_forgotten", "only the gradient of the KL arrives: the path through z is missing", path(0, 1)),
        Slip("kl_path_subtracted", "the gradient of the KL is subtracted", path(1, -1)),
        Slip("paths_averaged", "the two gradients are averaged", path(0.5, 0.5)),
        Slip("kl_upstream_ignored", "dkl is ignored: beta and 1 / N are lost on the way", upstream_ignored),
        Slip("gradients_exchanged", "the two gradients stand in the wrong order", exchanged),
        *(answers_another if variant != Variant() else []),
    ]


MEETING = Exercise(
    name="latent_backward",
    title="Two gradients meet at mu and at the second head",
    section="Loss",
    functions=("latent_backward",),
    choices={"head": SIGMA, **PRIOR},
    points=lambda variant: {"dmu": 3, "drho": 3, SEVERAL: 2},
    probes=meeting_probes,
    expected=lambda variant, probe: meeting(variant)(probe),
    slips=meeting_slips,
    properties={
        "dmu": "mu enters the loss twice, through z and through the KL, and both gradients count",
        "drho": "the second head enters the loss twice, through z and through the KL, and both gradients count",
    },
)
