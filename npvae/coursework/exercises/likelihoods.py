"""What the decoder's output costs: the Bernoulli's negative log-likelihood, and another one."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from npvae.coursework.exercise import EXTREMES, ONE, SEVERAL, Exercise, Mistake
from npvae.coursework.pairs import Forward, Rows, alike, exchanged, forward_alone, pair, spread, summed
from npvae.coursework.sandbox.calls import Probe, Results
from npvae.coursework.variants import Variant
from npvae.internals.types import Array

UPSTREAM_ONCE = "all examples hear the upstream gradient of the first"
CLIPPED = "probabilities are clipped: beyond the clip the loss is flat, where its gradient is not"
ADDED_INSIDE = "something is added within the logarithm: the loss is bounded, where the true one is not"
DIVIDED_AGAIN = "it is divided by N, which dnll has in it already"
LOGARITHM_MISSING = "the logarithm of the scale is missing: a larger scale is always better, and is learned"
MULTIPLIED = "the residual is multiplied by the scale where it should be divided"
HOLDING_TERM_MISSING = "the term that keeps the scale from growing is missing"
SIGMA_NOT_SQUARED = "the squared residual is divided by sigma, not by its square"
SIGN_MISSING = "the residual stands where its sign belongs"
BY_THE_SCALE = "it is the gradient with respect to the scale, not to its logarithm"
CONSTANT_MISSING = "a constant is missing: the density does not integrate to one"
CONSTANT_WHOLE = "a constant lacks its half: the density does not integrate to one"
SQUARED_ERROR = "a squared error: that answers another question"

# All likelihoods are those of one pixel, and a loss is their sum.


MEAN_AND_SCALE, RATE, LOGITS = {"dmean": 1, "dscale": 2}, {"dlograte": 1}, {"dlogits": 1}
"""Names and positions of what gets a gradient."""


def nll(what: str, wrong: Forward, by: Mapping[str, int] = MEAN_AND_SCALE) -> Mistake:
    """Something in the place of a density, and the gradients that belong to it."""
    return alike(what, summed(wrong), by)


def of_any_likelihood(f: Forward, by: Mapping[str, int]) -> list[Mistake]:
    """Mistakes that do not depend on the density."""
    return [
        nll("the log-likelihood, not its negative", lambda *a: -f(*a), by),
        nll("averaged over the pixels: the KL outweighs it D times", lambda x, *a: f(x, *a) / x.shape[-1], by),
        nll("summed over the examples, where each has its own", lambda x, *a: f(x, *a).sum(axis=0) + 0 * x, by),
        Mistake(UPSTREAM_ONCE, lambda p, right: {name: right[name] * (p.dout[0] / p.dout)[:, None] for name in by}),
    ]


# 5. Bernoulli.

FAR = np.array([1e4, 40.0, 20.0, 2.0])


def bernoulli(x: Array, logits: Array) -> Array:
    """-log of the probability of x, in which a pixel's two outcomes weigh as their energies say."""
    return np.logaddexp(0, logits) - x * logits


def bernoulli_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n, pixels = int(rng.integers(4, 7)), 7
    black_and_white = rng.integers(0, 2, (1, pixels)).astype(float)
    on_both_sides = rng.permutation((np.arange(pixels) + rng.random(pixels)) / pixels)[None]
    far = np.stack([FAR, -FAR, FAR, -FAR, [5.0, -5.0, 2.0, 0.0]])
    white = np.repeat([[1.0], [0.0], [0.0], [1.0], [0.5]], len(FAR), axis=1)
    return [
        Probe(ONE, (on_both_sides, spread(rng, 1, pixels)), spread(rng, 1)),
        Probe("black and white", (black_and_white, spread(rng, 1, pixels)), spread(rng, 1)),
        Probe(SEVERAL, (rng.random((n, pixels)), spread(rng, n, pixels)), spread(rng, n)),
        Probe(EXTREMES, (white, far), spread(rng, len(far))),
    ]


def bernoulli_mistakes(variant: Variant) -> list[Mistake]:
    def naive(x: Array, p: Array, added: float = 0.0) -> Array:
        """The loss from probabilities."""
        return -(x * np.log(p + added) + (1 - x) * np.log(1 - p + added))

    def plain(logits: Array) -> Array:
        return 1 / (1 + np.exp(-logits))

    forwards: Rows = [
        ("only white pixels count: predicting white costs nothing", lambda x, a: x * np.logaddexp(0, -a)),
        ("only black pixels count: predicting black costs nothing", lambda x, a: (1 - x) * np.logaddexp(0, a)),
        ("target and prediction are exchanged", lambda x, a: bernoulli(a, x)),
        ("black and white are exchanged", lambda x, a: bernoulli(1 - x, a)),
        ("a sign between its two terms is wrong", lambda x, a: bernoulli(-x, a)),
        ("a sigmoid is taken of a probability: no pixel gets below 0.31 nats", lambda x, a: bernoulli(x, plain(a))),
        (SQUARED_ERROR, lambda x, a: (x - plain(a)) ** 2),
        ("the logarithm of the softplus is missing", lambda x, a: 1 + np.exp(a) - x * a),
    ]
    beyond: Rows = [
        ("the logarithm of a probability that was rounded to 0 or 1", lambda x, a: naive(x, plain(a))),
        (CLIPPED, lambda x, a: naive(x, np.clip(plain(a), 1e-7, 1 - 1e-7))),
        (ADDED_INSIDE, lambda x, a: naive(x, plain(a), 1e-8)),
        ("an exponential overflows in the softplus", lambda x, a: np.log(1 + np.exp(a)) - x * a),
    ]

    def dlogits(what: str, wrong: Forward) -> Mistake:
        """Wrong as a function of x, of the logits and of the probability, before dnll."""
        return Mistake(what, lambda p, right: {"dlogits": p.dout[:, None] * wrong(*p.args, plain(p.args[1]))})

    return [
        *of_any_likelihood(bernoulli, LOGITS),
        *(nll(*row, LOGITS) for row in forwards),
        *(forward_alone(what, summed(f)) for what, f in beyond),
        dlogits("it points the wrong way: it learns the negative", lambda x, a, p: x - p),
        dlogits("the sigmoid's slope is in it, which has cancelled", lambda x, a, p: (p - x) * p * (1 - p)),
        dlogits("it is the gradient with respect to the probability", lambda x, a, p: (p - x) / (p * (1 - p))),
        dlogits("logits stand where probabilities belong", lambda x, a, p: a - x),
        dlogits("x does not enter", lambda x, a, p: p),
        dlogits("pixels are rounded to 0 or 1", lambda x, a, p: p - np.round(x)),
        Mistake(DIVIDED_AGAIN, lambda p, right: {"dlogits": right["dlogits"] / len(p.dout)}),
    ]


BERNOULLI = Exercise(
    name="bernoulli_nll",
    title="The Bernoulli loss, from logits",
    section="Reconstruction Loss",
    lesson="05_decoder_and_two_noises",
    functions=("bernoulli_nll", "bernoulli_nll_backward"),
    points=lambda variant: {"forward": 4, "dlogits": 3, SEVERAL: 1, EXTREMES: 2},
    probes=bernoulli_probes,
    expected=lambda variant, probe: pair(summed(bernoulli), LOGITS, probe),
    mistakes=bernoulli_mistakes,
    arguments=lambda variant: ("x", "logits"),
    upstream="dnll",
    properties={
        "forward": "the probabilities of all black-and-white images sum to one, and it is finite for every logit",
        "dlogits": "it vanishes where the predicted probability is the pixel, and is never larger than dnll in size",
    },
)


# 6. Another likelihood.

LOG_2, LOG_2_PI = math.log(2), math.log(2 * math.pi)


def gaussian(x: Array, mean: Array, logvar: Array) -> Array:
    return 0.5 * (LOG_2_PI + logvar + (x - mean) ** 2 * np.exp(-logvar))


def scaled(x: Array, mean: Array, logscale: Array) -> Array:
    """The residual by the scale."""
    return (x - mean) * np.exp(-logscale)


def laplace(x: Array, mean: Array, logscale: Array) -> Array:
    return LOG_2 + logscale + np.abs(scaled(x, mean, logscale))


def logistic(x: Array, mean: Array, logscale: Array) -> Array:
    u = scaled(x, mean, logscale)
    return u + logscale + 2 * np.logaddexp(0, -u)


def poisson(x: Array, lograte: Array) -> Array:
    return np.exp(lograte) - x * lograte + log_factorial(x)


def log_factorial(x: Array) -> Array:
    """Log x! of counts."""
    return np.vectorize(math.lgamma, otypes=[float])(x + 1)


NLL: dict[str, Forward] = {"Gaussian": gaussian, "Laplace": laplace, "Poisson": poisson, "logistic": logistic}
"""-log p(x given z), each by its density."""


def gradients(variant: Variant) -> dict[str, int]:
    return RATE if variant.likelihood == "Poisson" else MEAN_AND_SCALE


def likelihood_probes(variant: Variant, rng: np.random.Generator) -> list[Probe]:
    n, pixels = int(rng.integers(4, 7)), 7
    signs = np.array([[1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0]])

    def heads(n: int) -> Array:
        """Of several the first is positive: it shows what a logarithm of it would be."""
        values = spread(rng, n, pixels)
        if n > 1:
            values[0] = np.abs(values[0])
        return values

    if variant.likelihood == "Poisson":
        far = np.array([[-30.0, 15.0, -8.0, 12.0, -20.0, 5.0, 0.5]])
        counts = np.array([[0.0, 40.0, 1.0, 0.0, 0.0, 300.0, 3.0]])
        return [
            Probe(ONE, (rng.integers(0, 6, (1, pixels)).astype(float), heads(1)), spread(rng, 1)),
            Probe(SEVERAL, (rng.integers(0, 6, (n, pixels)).astype(float), heads(n)), spread(rng, n)),
            Probe(EXTREMES, (counts, far), spread(rng, 1)),
        ]

    def probe(where: str, n: int) -> Probe:
        mean = spread(rng, n, pixels)
        return Probe(where, (mean + spread(rng, n, pixels), mean, heads(n)), spread(rng, n))

    mean, residual = spread(rng, 1, pixels), signs * (900.0 if variant.likelihood == "logistic" else 9.0)
    scale = signs[:, ::-1] * (20.0 if variant.likelihood == "Gaussian" else 0.3)
    narrow = Probe("a narrow density", (mean + 0.01 * signs, mean, np.full_like(mean, -3.0)), spread(rng, 1))
    extreme = Probe(EXTREMES, (mean + residual, mean, scale), spread(rng, 1))
    return [probe(ONE, 1), narrow, probe(SEVERAL, n), extreme]


def likelihood_points(variant: Variant) -> Mapping[str, int]:
    shares = {"dlograte": 5} if variant.likelihood == "Poisson" else {"dmean": 2, "dscale": 3}
    return {"forward": 4, **shares, SEVERAL: 1, EXTREMES: 2}


def likelihood_mistakes(variant: Variant) -> list[Mistake]:
    by, name = gradients(variant), variant.likelihood

    def times(key: str, factor: float, what: str) -> Mistake:
        return Mistake(what, lambda _, right: {key: factor * right[key]})

    return [
        *of_any_likelihood(NLL[name], by),
        *(times(key, -1, "negated: it points the wrong way") for key in by),
        *(times(key, 2, "doubled: a factor 2 too much") for key in by),
        *(times(key, 0.5, "halved: a factor 2 is missing") for key in by),
        *([] if name == "Poisson" else of_a_scale(name)),
        *OWN[name],
    ]


def of_a_scale(name: str) -> list[Mistake]:
    """Mistakes where the likelihood has a mean and a scale."""
    f, gauss = NLL[name], name == "Gaussian"
    one = 0.5 if gauss else 1.0
    """What the head contributes by itself: half of it where it is the logarithm of a square."""
    root = "the scale is the root of what it should be" + ("" if gauss else ", as if the head were a log-variance")

    def gradient(key: str, what: str, wrong: Callable[[Array, Array], Array]) -> Mistake:
        """Wrong as a function of the right one and of the head."""
        return Mistake(what, lambda probe, right: {key: wrong(right[key], probe.args[2])})

    return [
        nll(LOGARITHM_MISSING, lambda x, m, s: f(x, m, s) - one * s),
        nll("the logarithm of the scale counts twice", lambda x, m, s: f(x, m, s) + one * s),
        nll("the scale stands where its logarithm belongs", lambda x, m, s: f(x, m, s) + one * (np.exp(s) - s)),
        nll(root, lambda x, m, s: f(x, m, 0.5 * s)),
        nll("the scale is squared", lambda x, m, s: f(x, m, 2 * s)),
        nll(MULTIPLIED, lambda x, m, s: f(x, m, -s) + 2 * one * s),
        nll("the head is taken for the scale itself", lambda x, m, s: f(x, m, np.log(s))),
        nll("the Gaussian: that answers another question", gaussian),
        gradient("dscale", BY_THE_SCALE, lambda g, s: g * np.exp(-s)),
        gradient("dmean", "the residual's slope is not divided by the scale", lambda g, s: g * np.exp(s)),
        Mistake(HOLDING_TERM_MISSING, lambda p, right: {"dscale": right["dscale"] - one * p.dout[:, None]}),
        exchanged("dmean", "dscale"),
    ]


def dlograte(what: str, wrong: Callable[[Array, Array], Array]) -> Mistake:
    """Wrong as a function of x and the head, before dnll."""
    return Mistake(what, lambda probe, right: {"dlograte": probe.dout[:, None] * wrong(*probe.args)})


def sigmoid_for_tanh(probe: Probe, right: Mapping[str, Array]) -> Results:
    u, g = scaled(*probe.args), probe.dout[:, None]
    t = 1 / (1 + np.exp(-u))
    return {"dmean": -g * t * np.exp(-probe.args[2]), "dscale": g * (1 - u * t)}


OWN: dict[str, list[Mistake]] = {
    "Gaussian": [
        nll("a squared error: a hidden beta", lambda x, m, s: (x - m) ** 2),
        nll("half a squared error: sigma does not enter", lambda x, m, s: 0.5 * (x - m) ** 2),
        nll(CONSTANT_MISSING, lambda x, m, s: gaussian(x, m, s) - 0.5 * LOG_2_PI),
        nll(CONSTANT_WHOLE, lambda x, m, s: gaussian(x, m, s) + 0.5 * LOG_2_PI),
        nll("the squared residual counts twice", lambda x, m, s: (LOG_2_PI + s) / 2 + (x - m) ** 2 * np.exp(-s)),
        nll(SIGMA_NOT_SQUARED, lambda x, m, s: 0.5 * (LOG_2_PI + s + (x - m) ** 2 * np.exp(-0.5 * s))),
        forward_alone("cut off at 0, but may be negative", lambda *a: np.maximum(summed(gaussian)(*a), 0)),
    ],
    "Laplace": [
        nll(CONSTANT_MISSING, lambda x, m, s: laplace(x, m, s) - LOG_2),
        nll("a squared residual", lambda x, m, s: LOG_2 + s + (x - m) ** 2 * np.exp(-s)),
        nll("the residual stands where its absolute value belongs", lambda x, m, s: LOG_2 + s + scaled(x, m, s)),
        Mistake(SIGN_MISSING, lambda p, right: {"dmean": right["dmean"] * np.abs(p.args[0] - p.args[1])}),
    ],
    "Poisson": [
        nll("log x! is missing: the probabilities do not sum to one", lambda x, a: np.exp(a) - x * a, RATE),
        nll("the head is taken for the rate, not for its logarithm", lambda x, a: poisson(x, np.log(a)), RATE),
        nll("the rate itself is missing", lambda x, a: poisson(x, a) - np.exp(a), RATE),
        nll("the rate stands where its logarithm belongs", lambda x, a: np.exp(a) * (1 - x) + log_factorial(x), RATE),
        nll(SQUARED_ERROR, lambda x, a: 0.5 * (x - a) ** 2, RATE),
        dlograte("it is the gradient with respect to the rate, not to its logarithm", lambda x, a: 1 - x / np.exp(a)),
        dlograte("the logarithm stands where the rate belongs", lambda x, a: a - x),
        dlograte("x does not enter", lambda x, a: np.exp(a)),
    ],
    "logistic": [
        nll("a factor 2 before a logarithm is missing", lambda *a: logistic(*a) - np.logaddexp(0, -scaled(*a))),
        nll("a term linear in the residual is missing", lambda *a: logistic(*a) - scaled(*a)),
        Mistake("the slope is never negative, but should have both signs", sigmoid_for_tanh),
    ],
}
"""What may go wrong with one of them alone."""


LIKELIHOOD = Exercise(
    name="likelihood_nll",
    title="Another likelihood, from its density",
    section="Decoder",
    lesson="05_decoder_and_two_noises",
    functions=("likelihood_nll", "likelihood_nll_backward"),
    choices={"likelihood": NLL},
    points=likelihood_points,
    probes=likelihood_probes,
    expected=lambda variant, probe: pair(summed(NLL[variant.likelihood]), gradients(variant), probe),
    mistakes=likelihood_mistakes,
    arguments=lambda variant: ("x", *(name[1:] for name in gradients(variant))),
    upstream="dnll",
    properties={
        "forward": "exp(-nll) of one pixel sums or integrates to one over all x",
        "dmean": "it agrees with central differences of the true loss with respect to the mean",
        "dscale": "its mean over x drawn from the density is zero: the right scale is where it balances",
        "dlograte": "its mean over x drawn with that rate is zero: the right rate is where it balances",
    },
)
