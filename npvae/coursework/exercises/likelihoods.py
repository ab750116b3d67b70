"""What the decoder's output costs: the Bernoulli's negative log-likelihood, and another one."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from npvae.coursework.exercise import (
    EXTREMES,
    ONE,
    SEVERAL,
    Exercise,
    Mistake,
    alike,
    forward_alone,
    spread,
    truth_of,
)
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

# 5. Bernoulli.

BERNOULLI_BY = {"dlogits": 1}
FAR = 1e4
DIVIDED_BY_N = "it is divided by N, which dnll has in it already"
BY_THE_SCALE = "it is the gradient with respect to the scale, not to its logarithm"


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


def bernoulli_mistakes(variant: Variant) -> list[Mistake]:
    def naive(x: Array, p: Array) -> Array:
        """The loss from probabilities."""
        return -np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=-1)

    def plain(logits: Array) -> Array:
        return 1 / (1 + np.exp(-logits))

    forwards: list[tuple[str, Callable[[Array, Array], Array]]] = [
        ("the log-likelihood, not its negative", lambda *args: -bernoulli(*args)),
        ("averaged over the pixels: the KL outweighs it D times", lambda x, a: bernoulli(x, a) / x.shape[-1]),
        ("summed over the examples, where each has its own", lambda x, a: np.full(len(x), bernoulli(x, a).sum())),
        ("only white pixels count: white costs nothing", lambda x, a: np.sum(x * np.logaddexp(0, -a), axis=-1)),
        ("only black pixels count: black costs nothing", lambda x, a: np.sum((1 - x) * np.logaddexp(0, a), axis=-1)),
        ("target and prediction are exchanged", lambda x, a: np.sum(np.logaddexp(0, x) - x * a, axis=-1)),
        ("black and white are exchanged", lambda x, a: bernoulli(1 - x, a)),
        ("a sign between its two terms is wrong", lambda x, a: np.sum(np.logaddexp(0, a) + x * a, axis=-1)),
        ("a sigmoid is taken of a probability: no pixel gets below 0.31 nats", lambda x, a: bernoulli(x, plain(a))),
        ("a squared error: that answers another question", lambda x, a: np.sum((x - plain(a)) ** 2, axis=-1)),
    ]
    beyond: list[tuple[str, Callable[[Array, Array], Array]]] = [
        ("the logarithm of a probability that was rounded to 0 or 1", lambda x, a: naive(x, plain(a))),
        (
            "probabilities are clipped: beyond the clip the loss is flat, where its gradient is not",
            lambda x, a: naive(x, np.clip(plain(a), 1e-7, 1 - 1e-7)),
        ),
        (
            "something is added within the logarithm: the loss is bounded, where the true one is not",
            lambda x, a: -np.sum(x * np.log(plain(a) + 1e-8) + (1 - x) * np.log(1 - plain(a) + 1e-8), axis=-1),
        ),
        ("an exponential overflows in the softplus", lambda x, a: np.sum(np.log(1 + np.exp(a)) - x * a, axis=-1)),
    ]

    def dlogits(what: str, wrong: Callable[[Array, Array, Array], Array]) -> Mistake:
        """Wrong as a function of x, of the logits and of the probability, before dnll."""

        def made(probe: Probe, right: Mapping[str, Array]) -> Results:
            x, a = probe.args
            return {"dlogits": probe.dout[:, None] * wrong(x, a, plain(a))}

        return Mistake(what, made)

    return [
        *(alike(what, f, BERNOULLI_BY) for what, f in forwards),
        *(forward_alone(what, f) for what, f in beyond),
        dlogits("it points the wrong way: it learns the negative", lambda x, a, p: x - p),
        dlogits("the sigmoid's slope is in it, which has cancelled", lambda x, a, p: (p - x) * p * (1 - p)),
        dlogits("it is the gradient with respect to the probability", lambda x, a, p: (p - x) / (p * (1 - p))),
        dlogits("logits stand where probabilities belong", lambda x, a, p: a - x),
        dlogits("x does not enter", lambda x, a, p: p),
        dlogits("pixels are rounded to 0 or 1", lambda x, a, p: p - np.round(x)),
        Mistake(DIVIDED_BY_N, lambda p, right: {"dlogits": right["dlogits"] / len(p.dout)}),
        Mistake(
            "all examples hear the upstream gradient of the first",
            lambda p, right: {"dlogits": right["dlogits"] * (p.dout[0] / p.dout)[:, None]},
        ),
    ]


BERNOULLI = Exercise(
    name="bernoulli_nll",
    title="The Bernoulli loss, from logits",
    section="Reconstruction Loss",
    lesson="05_decoder_and_two_noises",
    functions=("bernoulli_nll", "bernoulli_nll_backward"),
    points=lambda variant: {"forward": 4, "dlogits": 3, SEVERAL: 1, EXTREMES: 2},
    probes=bernoulli_probes,
    expected=lambda variant, probe: truth_of(bernoulli, BERNOULLI_BY)(probe),
    mistakes=bernoulli_mistakes,
    arguments=lambda variant: ("x", "logits"),
    upstream="dnll",
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
        far = np.array([[-30.0, 15.0, -8.0, 12.0, -20.0, 5.0, 0.5]])
        counts = np.array([[0.0, 40.0, 1.0, 0.0, 0.0, 300.0, 3.0]])
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


def likelihood_mistakes(variant: Variant) -> list[Mistake]:
    by, f = gradients(variant), NLL[variant.likelihood]

    def times(name: str, factor: float, what: str) -> Mistake:
        return Mistake(what, lambda _, right: {name: factor * right[name]})

    common = [
        alike("the log-likelihood, not its negative", lambda *args: -f(*args), by),
        alike("averaged over the pixels: the KL outweighs it D times", lambda *a: f(*a) / a[0].shape[-1], by),
        alike("summed over the examples, where each has its own", lambda *a: np.full(len(a[0]), f(*a).sum()), by),
        *(times(name, -1, "negated: it points the wrong way") for name in by),
        *(times(name, 2, "doubled: a factor 2 too much") for name in by),
        *(times(name, 0.5, "halved: a factor 2 is missing") for name in by),
        Mistake(
            "all examples hear the upstream gradient of the first",
            lambda p, right: {name: right[name] * (p.dout[0] / p.dout)[:, None] for name in by},
        ),
    ]
    return common + (poisson_mistakes(by) if variant.likelihood == "Poisson" else scale_mistakes(variant, by))


def poisson_mistakes(by: Mapping[str, int]) -> list[Mistake]:
    def dlograte(what: str, wrong: Callable[[Array, Array], Array]) -> Mistake:
        return Mistake(what, lambda probe, right: {"dlograte": probe.dout[:, None] * wrong(*probe.args)})

    return [
        alike(
            "log x! is missing: the probabilities do not sum to one",
            lambda x, a: poisson(x, a) - np.sum(log_factorial(x), axis=-1),
            by,
        ),
        alike(
            "the head is taken for the rate, not for its logarithm",
            lambda x, a: np.sum(a - x * np.log(a) + log_factorial(x), axis=-1),
            by,
        ),
        alike("the rate itself is missing", lambda x, a: poisson(x, a) - np.exp(a).sum(-1), by),
        alike(
            "the rate stands where its logarithm belongs",
            lambda x, a: np.sum(np.exp(a) * (1 - x) + log_factorial(x), axis=-1),
            by,
        ),
        alike("a squared error: that answers another question", lambda x, a: 0.5 * np.sum((x - a) ** 2, axis=-1), by),
        dlograte("it is the gradient with respect to the rate, not to its logarithm", lambda x, a: 1 - x / np.exp(a)),
        dlograte("the logarithm stands where the rate belongs", lambda x, a: a - x),
        dlograte("x does not enter", lambda x, a: np.exp(a)),
    ]


def scale_mistakes(variant: Variant, by: Mapping[str, int]) -> list[Mistake]:
    f, gauss = NLL[variant.likelihood], variant.likelihood == "Gaussian"
    one = 0.5 if gauss else 1.0
    """What the head contributes by itself: half of it where it is the logarithm of a square."""

    def forward(what: str, wrong: Callable[[Array, Array, Array], Array]) -> Mistake:
        return alike(what, wrong, by)

    def gradient(key: str, what: str, wrong: Callable[[Array, Array], Array]) -> Mistake:
        """Wrong gradient as a function of the right one and of the head."""
        return Mistake(what, lambda probe, right: {key: wrong(right[key], probe.args[2])})

    return [
        *([] if gauss else [forward("the Gaussian: that answers another question", gaussian)]),
        forward(
            "the logarithm of the scale is missing: a larger scale is always better, and is learned",
            lambda x, m, s: f(x, m, s) - one * s.sum(-1),
        ),
        forward("the logarithm of the scale counts twice", lambda x, m, s: f(x, m, s) + one * s.sum(-1)),
        forward(
            "the scale stands where its logarithm belongs",
            lambda x, m, s: f(x, m, s) + one * np.sum(np.exp(s) - s, axis=-1),
        ),
        forward(
            "the scale is the root of what it should be" + ("" if gauss else ", as if the head were a log-variance"),
            lambda x, m, s: f(x, m, 0.5 * s),
        ),
        forward("the scale is squared", lambda x, m, s: f(x, m, 2 * s)),
        forward(
            "the residual is multiplied by the scale where it should be divided",
            lambda x, m, s: f(x, m, -s) + 2 * one * s.sum(-1),
        ),
        forward("the head is taken for the scale itself", lambda x, m, s: f(x, m, np.log(s))),
        gradient("dscale", BY_THE_SCALE, lambda g, s: g * np.exp(-s)),
        gradient("dmean", "the residual's slope is not divided by the scale", lambda g, s: g * np.exp(s)),
        Mistake(
            "the term that keeps the scale from growing is missing",
            lambda probe, right: {"dscale": right["dscale"] - one * probe.dout[:, None]},
        ),
        Mistake("the two gradients stand in the wrong order", exchanged, whole=True),
        *OF_ONE_LIKELIHOOD[variant.likelihood](by),
    ]


def exchanged(probe: Probe, right: Mapping[str, Array]) -> Results:
    return {"dmean": right["dscale"], "dscale": right["dmean"]}


def gaussian_mistakes(by: Mapping[str, int]) -> list[Mistake]:
    log_2_pi = math.log(2 * math.pi)
    return [
        alike("a squared error: a hidden beta", lambda x, m, s: np.sum((x - m) ** 2, axis=-1), by),
        alike("half a squared error: sigma does not enter", lambda x, m, s: 0.5 * np.sum((x - m) ** 2, -1), by),
        alike(
            "a constant is missing: the density does not integrate to one",
            lambda x, m, s: gaussian(x, m, s) - 0.5 * log_2_pi * x.shape[-1],
            by,
        ),
        alike(
            "a constant lacks its half: the density does not integrate to one",
            lambda x, m, s: gaussian(x, m, s) + 0.5 * log_2_pi * x.shape[-1],
            by,
        ),
        alike(
            "the squared residual is divided by sigma, not by its square",
            lambda x, m, s: np.sum(0.5 * (log_2_pi + s + (x - m) ** 2 * np.exp(-0.5 * s)), axis=-1),
            by,
        ),
        forward_alone("cut off at 0, but may be negative", lambda *args: np.maximum(gaussian(*args), 0)),
    ]


def laplace_mistakes(by: Mapping[str, int]) -> list[Mistake]:
    return [
        alike(
            "a constant is missing: the density does not integrate to one",
            lambda x, m, s: laplace(x, m, s) - math.log(2) * x.shape[-1],
            by,
        ),
        alike("a squared residual", lambda x, m, s: np.sum(math.log(2) + s + (x - m) ** 2 * np.exp(-s), axis=-1), by),
        alike(
            "the residual stands where its absolute value belongs",
            lambda x, m, s: np.sum(math.log(2) + s + (x - m) * np.exp(-s), axis=-1),
            by,
        ),
        Mistake(
            "the residual stands where its sign belongs",
            lambda probe, right: {"dmean": right["dmean"] * np.abs(probe.args[0] - probe.args[1])},
        ),
    ]


def logistic_mistakes(by: Mapping[str, int]) -> list[Mistake]:
    def u(x: Array, m: Array, s: Array) -> Array:
        return (x - m) * np.exp(-s)

    def sigmoid_for_tanh(probe: Probe, right: Mapping[str, Array]) -> Results:
        t = 1 / (1 + np.exp(-u(*probe.args)))
        g = probe.dout[:, None]
        return {"dmean": -g * t * np.exp(-probe.args[2]), "dscale": g * (1 - u(*probe.args) * t)}

    return [
        alike(
            "a factor 2 before a logarithm is missing",
            lambda x, m, s: logistic(x, m, s) - np.logaddexp(0, -u(x, m, s)).sum(-1),
            by,
        ),
        alike("a term linear in the residual is missing", lambda x, m, s: logistic(x, m, s) - u(x, m, s).sum(-1), by),
        Mistake("the slope is never negative, but should have both signs", sigmoid_for_tanh),
    ]


OF_ONE_LIKELIHOOD = {"Gaussian": gaussian_mistakes, "Laplace": laplace_mistakes, "logistic": logistic_mistakes}


LIKELIHOOD = Exercise(
    name="likelihood_nll",
    title="Another likelihood, from its density",
    section="Decoder",
    lesson="05_decoder_and_two_noises",
    functions=("likelihood_nll", "likelihood_nll_backward"),
    choices={"likelihood": NLL},
    points=likelihood_points,
    probes=likelihood_probes,
    expected=lambda variant, probe: truth_of(NLL[variant.likelihood], gradients(variant))(probe),
    mistakes=likelihood_mistakes,
    arguments=lambda variant: ("x", *(name[1:] for name in gradients(variant))),
    upstream="dnll",
    properties={
        "forward": "exp(-nll) of one pixel sums or integrates to one over all x",
        "dmean": "it agrees with central differences of the true loss by the mean",
        "dscale": "its mean over x drawn from the density is zero: the right scale is where it balances",
        "dlograte": "its mean over x drawn with that rate is zero: the right rate is where it balances",
    },
)
