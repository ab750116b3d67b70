"""What the decoder's output costs: the Bernoulli's negative log-likelihood, and another one."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import npvae
from npvae.coursework.exercise import EXTREMES, ONE, SEVERAL, Exercise, Slip, alike, spread, table_slips, truth_of
from npvae.coursework.sandbox.calls import Probe, run_pair
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

# 5. Bernoulli.

BERNOULLI_BY = {"dlogits": 1}
FAR = 1e4


def bernoulli(x: Array, logits: Array) -> Array:
    """-log of the probability of x, in which each pixel's two outcomes weigh as their energies say."""
    return np.sum(np.logaddexp(0, logits) - x * logits, axis=-1)


def bernoulli_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n, pixels = int(rng.integers(4, 7)), 7
    black_and_white = rng.integers(0, 2, (1, pixels)).astype(float)
    far = np.array([[FAR, -FAR, 40.0, -40.0, FAR, -FAR, 0.0]])
    return [
        Probe(ONE, (rng.random((1, pixels)), spread(rng, 1, pixels)), spread(rng, 1)),
        Probe("black and white", (black_and_white, spread(rng, 1, pixels)), spread(rng, 1)),
        Probe(SEVERAL, (rng.random((n, pixels)), spread(rng, n, pixels)), spread(rng, n)),
        Probe(EXTREMES, (np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.5]]), far), spread(rng, 1)),
    ]


def bernoulli_slips(variant: Variant) -> list[Slip]:
    pair: dict[str, Any] = {
        "npvae.likelihoods.bernoulli_nll": npvae.bernoulli_nll,
        "npvae.likelihoods.bernoulli_nll_backward": npvae.bernoulli_nll_backward,
    }
    return [
        *table_slips(pair, run_pair(tuple(BERNOULLI_BY))),
        alike("nll_negated", "the log-likelihood, not its negative", lambda *args: -bernoulli(*args), BERNOULLI_BY),
        alike(
            "nll_summed_over_the_batch",
            "summed over the examples too, where each has its own",
            lambda x, logits: np.full(len(x), bernoulli(x, logits).sum()),
            BERNOULLI_BY,
        ),
    ]


BERNOULLI = Exercise(
    name="bernoulli_nll",
    title="The Bernoulli loss, from logits",
    section="Reconstruction Loss",
    functions=("bernoulli_nll", "bernoulli_nll_backward"),
    points=lambda variant: {"forward": 4, "dlogits": 3, SEVERAL: 1, EXTREMES: 2},
    probes=bernoulli_probes,
    expected=lambda variant, probe: truth_of(bernoulli, BERNOULLI_BY)(probe),
    slips=bernoulli_slips,
    properties={
        "forward": "the probabilities of all black-and-white images sum to one, and it is finite for every logit",
        "dlogits": "it vanishes where the predicted probability is the pixel, and is never larger than one in size",
    },
)


# 6. Another likelihood.


def gaussian(x: Array, mean: Array, logvar: Array) -> Array:
    return np.sum(0.5 * (math.log(2 * math.pi) + logvar + (x - mean) ** 2 * np.exp(-logvar)), axis=-1)


def laplace(x: Array, mean: Array, logscale: Array) -> Array:
    return np.sum(math.log(2) + logscale + np.abs(x - mean) * np.exp(-logscale), axis=-1)


def logistic(x: Array, mean: Array, logscale: Array) -> Array:
    u = (x - mean) * np.exp(-logscale)
    return np.sum(u + logscale + 2 * np.logaddexp(0, -u), axis=-1)


def poisson(x: Array, lograte: Array) -> Array:
    return np.sum(np.exp(lograte) - x * lograte + log_factorial(x), axis=-1)


def log_factorial(x: Array) -> Array:
    """Log x! of counts."""
    return np.vectorize(math.lgamma, otypes=[float])(x + 1)


NLL: dict[str, Callable[..., Array]] = {
    "Gaussian": gaussian,
    "Laplace": laplace,
    "Poisson": poisson,
    "logistic": logistic,
}
"""-log p(x given z), each by its density."""


def gradients(variant: Variant) -> dict[str, int]:
    """Names and positions of what gets a gradient."""
    return {"dlograte": 1} if variant.likelihood == "Poisson" else {"dmean": 1, "dscale": 2}


def likelihood_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n, pixels = int(rng.integers(4, 7)), 7
    signs = np.array([[1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0]])
    if variant.likelihood == "Poisson":
        far = np.array([[-30.0, 15.0, -8.0, 12.0, -20.0, 3.0, 0.5]])
        counts = np.array([[0.0, 40.0, 1.0, 0.0, 0.0, 20.0, 3.0]])
        return [
            Probe(ONE, (rng.integers(0, 6, (1, pixels)).astype(float), spread(rng, 1, pixels)), spread(rng, 1)),
            Probe(SEVERAL, (rng.integers(0, 6, (n, pixels)).astype(float), spread(rng, n, pixels)), spread(rng, n)),
            Probe(EXTREMES, (counts, far), spread(rng, 1)),
        ]

    def probe(where: str, n: int) -> Probe:
        mean = spread(rng, n, pixels)
        return Probe(where, (mean + spread(rng, n, pixels), mean, spread(rng, n, pixels)), spread(rng, n))

    mean, residual = spread(rng, 1, pixels), signs * (900.0 if variant.likelihood == "logistic" else 9.0)
    scale = signs[:, ::-1] * (20.0 if variant.likelihood == "Gaussian" else 0.3)
    narrow = Probe("a narrow density", (mean + 0.01 * signs, mean, np.full_like(mean, -3.0)), spread(rng, 1))
    extreme = Probe(EXTREMES, (mean + residual, mean, scale), spread(rng, 1))
    return [probe(ONE, 1), narrow, probe(SEVERAL, n), extreme]


def likelihood_points(variant: Variant) -> Mapping[str, int]:
    shares = {"dlograte": 5} if variant.likelihood == "Poisson" else {"dmean": 2, "dscale": 3}
    return {"forward": 4, **shares, SEVERAL: 1, EXTREMES: 2}


def likelihood_slips(variant: Variant) -> list[Slip]:
    by, f = gradients(variant), NLL[variant.likelihood]
    if variant.likelihood == "Gaussian":
        pair: dict[str, Any] = {
            "npvae.likelihoods.gaussian_nll": npvae.gaussian_nll,
            "npvae.likelihoods.gaussian_nll_backward": npvae.gaussian_nll_backward,
        }
        return table_slips(pair, run_pair(tuple(by)))

    def times(name: str, factor: float, what: str) -> Slip:
        return Slip(f"{name}_{what.split()[0]}", f"{name} {what}", lambda _, right: {name: factor * right[name]})

    common = [
        alike("nll_negated", "the log-likelihood, not its negative", lambda *args: -f(*args), by),
        alike(
            "averaged_over_pixels",
            "averaged over the pixels: the KL outweighs it D times",
            lambda *args: f(*args) / args[0].shape[-1],
            by,
        ),
        alike(
            "summed_over_the_batch",
            "summed over the examples too, where each has its own",
            lambda *args: np.full(len(args[0]), f(*args).sum()),
            by,
        ),
        *(times(name, -1, "negated: it points the wrong way") for name in by),
        *(times(name, 2, "doubled: a factor 2 too much") for name in by),
        *(times(name, 0.5, "halved: a factor 2 is missing") for name in by),
    ]
    return common + (poisson_slips(by) if variant.likelihood == "Poisson" else scale_slips(variant, by))


def poisson_slips(by: Mapping[str, int]) -> list[Slip]:
    def dlograte(name: str, what: str, wrong: Callable[[Array, Array], Array]) -> Slip:
        return Slip(name, what, lambda probe, right: {"dlograte": probe.dout[:, None] * wrong(*probe.args)})

    return [
        alike(
            "without_the_factorial",
            "log x! is missing: every gradient is right, and the probabilities do not sum to one",
            lambda x, a: poisson(x, a) - np.sum(log_factorial(x), axis=-1),
            by,
        ),
        alike(
            "head_taken_for_the_rate",
            "the head is taken for the rate, not for its logarithm",
            lambda x, a: np.sum(a - x * np.log(a) + log_factorial(x), axis=-1),
            by,
        ),
        alike("without_the_rate", "the rate itself is missing", lambda x, a: poisson(x, a) - np.exp(a).sum(-1), by),
        alike(
            "squared_error",
            "a squared error: that answers another question",
            lambda x, a: 0.5 * np.sum((x - a) ** 2, axis=-1),
            by,
        ),
        dlograte(
            "gradient_by_the_rate",
            "it is the gradient by the rate, not by its logarithm",
            lambda x, a: 1 - x / np.exp(a),
        ),
        dlograte("gradient_at_the_logarithm", "the logarithm stands where the rate belongs", lambda x, a: a - x),
        dlograte("gradient_without_x", "x does not enter the gradient", lambda x, a: np.exp(a)),
    ]


def scale_slips(variant: Variant, by: Mapping[str, int]) -> list[Slip]:
    f = NLL[variant.likelihood]

    def forward(name: str, what: str, wrong: Callable[[Array, Array, Array], Array]) -> Slip:
        return alike(name, what, wrong, by)

    def gradient(key: str, name: str, what: str, wrong: Callable[[Array, Array], Array]) -> Slip:
        """Wrong gradient as a function of the right one and of the logarithm of the scale."""
        return Slip(name, what, lambda probe, right: {key: wrong(right[key], probe.args[2])})

    slips = [
        forward("textbook", "the Gaussian: that answers another question", gaussian),
        forward(
            "without_its_log_scale",
            "the logarithm of the scale is missing: a larger scale is always better, and is learned",
            lambda x, m, s: f(x, m, s) - s.sum(-1),
        ),
        forward(
            "head_taken_for_a_log_variance",
            "the scale is the root of what it should be, as if the head were a log-variance",
            lambda x, m, s: f(x, m, 0.5 * s),
        ),
        forward("scale_squared", "the scale is squared", lambda x, m, s: f(x, m, 2 * s)),
        forward(
            "scale_inverted",
            "the residual is multiplied by the scale where it should be divided",
            lambda x, m, s: f(x, m, -s) + 2 * s.sum(-1),
        ),
        forward(
            "head_taken_for_the_scale", "the head is taken for the scale itself", lambda x, m, s: f(x, m, np.log(s))
        ),
        gradient(
            "dscale",
            "gradient_by_the_scale",
            "it is the gradient by the scale, not by its logarithm",
            lambda g, s: g * np.exp(-s),
        ),
        gradient(
            "dmean",
            "dmean_without_the_scale",
            "the residual's slope is not divided by the scale",
            lambda g, s: g * np.exp(s),
        ),
        Slip(
            "dscale_without_its_one",
            "the term that keeps the scale from growing is missing",
            lambda probe, right: {"dscale": right["dscale"] - probe.dout[:, None]},
        ),
    ]
    if variant.likelihood == "Laplace":
        slips += [
            forward(
                "without_log_two",
                "a constant is missing: the density does not integrate to one",
                lambda x, m, s: f(x, m, s) - math.log(2) * x.shape[-1],
            ),
            forward(
                "squared_residual",
                "the residual is squared",
                lambda x, m, s: np.sum(math.log(2) + s + (x - m) ** 2 * np.exp(-s), axis=-1),
            ),
            Slip(
                "residual_for_its_sign",
                "the residual stands where its sign belongs",
                lambda probe, right: {"dmean": right["dmean"] * np.abs(probe.args[0] - probe.args[1])},
            ),
        ]
    else:

        def u(x: Array, m: Array, s: Array) -> Array:
            return (x - m) * np.exp(-s)

        slips += [
            forward(
                "factor_two_missing",
                "a factor 2 before a logarithm is missing",
                lambda x, m, s: f(x, m, s) - np.logaddexp(0, -u(x, m, s)).sum(-1),
            ),
            forward(
                "without_u",
                "a term linear in the residual is missing",
                lambda x, m, s: f(x, m, s) - u(x, m, s).sum(-1),
            ),
        ]
    return slips


LIKELIHOOD = Exercise(
    name="likelihood_nll",
    title="Another likelihood, from its density",
    section="Decoder",
    functions=("likelihood_nll", "likelihood_nll_backward"),
    choices={"likelihood": NLL},
    points=likelihood_points,
    probes=likelihood_probes,
    expected=lambda variant, probe: truth_of(NLL[variant.likelihood], gradients(variant))(probe),
    slips=likelihood_slips,
    properties={
        "forward": "exp(-nll) of one pixel sums or integrates to one over all x",
        "dmean": "it agrees with central differences of the true loss by the mean",
        "dscale": "its mean over x drawn from the density is zero: the right scale is where it balances",
        "dlograte": "its mean over x drawn with that rate is zero: the right rate is where it balances",
    },
)
