"""Checks that the right code passes and a mistake does not: small copies of what the test files prove at length.

They look everything up when they are called, so that a mistake put in place of the right thing is seen.
"""

import itertools
import math
from functools import partial
from statistics import NormalDist

import numpy as np
from support import BAR, D, H, L, N, small_vae

import npvae
import npvae.gradcheck
from npvae.gradcheck import KinkError, Pair, all_pairs, normal, pair_error, redraw
from npvae.models import ConditionalVAE, ImportanceWeightedVAE

CHECKS = []
SEEDS = range(4)


def check(function):
    """A check for the list, tried at a few seeds where it takes one."""
    if function.__code__.co_argcount == 0:
        CHECKS.append(function)
        return function

    def at_some_seeds():
        for seed in SEEDS:
            function(seed)

    at_some_seeds.__name__, at_some_seeds.at = function.__name__, function
    CHECKS.append(at_some_seeds)
    return at_some_seeds


def same(a, b, rtol=1e-10, atol=1e-12):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def equal(a, b):
    np.testing.assert_array_equal(a, b)


def raises(error, call):
    try:
        call()
    except error:
        return True
    return False


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


# All pairs.


def pairs():
    """Those of the package, and a square layer, where a transpose does not show in the shape."""
    square = Pair(npvae.dense, npvae.dense_backward, normal(("N", D), (D, D), (D,)), wrt=(0, 1, 2))
    return all_pairs() | {"dense, square": square}


def check_of_one_pair(place):
    @check
    def gradients_of_a_pair(seed):
        pair, scale = [*pairs().values()][place], (0.5, 1.0, 1.5)[seed % 3]
        for n in (1, N):
            error, _ = redraw(lambda rng: pair_error(pair, rng, n, scale), seed)  # noqa: B023
            assert error < BAR

    return gradients_of_a_pair


gradients_of_pairs = [check_of_one_pair(place) for place in range(len(pairs()))]


@check
def pairs_are_pure():
    """Dtype out is dtype in; no input changes; a cache outlives another forward; backward is linear."""
    for dtype in (np.float32, np.float64):
        for name, pair in pairs().items():
            args = [np.asarray(arg, dtype) for arg in pair.draw(np.random.default_rng(0), N)]
            before = [arg.copy() for arg in args]
            out, cache = pair.forward(*args)
            dout = np.random.default_rng(1).standard_normal(out.shape).astype(dtype)
            dout_before, out_before = dout.copy(), out.copy()
            gradients = as_tuple(pair.backward(dout, cache))
            assert {array.dtype for array in (out, *gradients)} == {np.dtype(dtype)}, name
            for old, new in zip([*before, dout_before, out_before], [*args, dout, out], strict=True):
                equal(old, new)
            pair.forward(*(arg + 1 for arg in args))
            for gradient, again, twice in zip(
                gradients, as_tuple(pair.backward(dout, cache)), as_tuple(pair.backward(2 * dout, cache)), strict=True
            ):
                equal(gradient, again)
                same(twice, 2 * gradient, 1e-5, 1e-6)


@check
def rows_are_alone(seed):
    """What comes out for an example does not depend on its neighbours, in either direction."""
    rng = np.random.default_rng(seed)
    for name, pair in pairs().items():
        if name.startswith("log_"):
            continue  # there the draws come first
        args = pair.draw(rng, N)
        rowwise = [arg.ndim == 2 and len(arg) == N for arg in args]
        out, cache = pair.forward(*args)
        dout = rng.standard_normal(out.shape)
        gradients = as_tuple(pair.backward(dout, cache))
        for n in range(N):
            out_n, cache_n = pair.forward(
                *(arg[[n]] if alone else arg for arg, alone in zip(args, rowwise, strict=True))
            )
            same(out_n, out[[n]])
            for i, one, each in zip(pair.wrt, as_tuple(pair.backward(dout[[n]], cache_n)), gradients, strict=True):
                assert not rowwise[i] or np.allclose(one, each[[n]], rtol=1e-10), name


@check
def layers_by_hand():
    x, W, b = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0, -1.0], [10.0, 20.0, 30.0]]), np.array([0.5, 0.0, 7.0])
    y, cache = npvae.dense(x, W, b)
    equal(y, [[21.5, 40.0, 66.0]])
    for _ in range(2):  # the second time into used buffers
        buffers = np.full((2, 3), np.nan), np.full(3, np.nan)
        dx, dW, db = npvae.dense_backward(np.array([[1.0, 0.0, 2.0]]), cache, out=buffers)
        equal(dx, [[-1.0, 70.0]])
        equal(buffers[0], [[1.0, 0.0, 2.0], [2.0, 0.0, 4.0]])
        equal(buffers[1], [1.0, 0.0, 2.0])
        assert dW is buffers[0]
        assert db is buffers[1]
    h, cache = npvae.relu(np.array([-2.0, 0.0, 3.0, 100.0]))
    equal(h, [0.0, 0.0, 3.0, 100.0])
    equal(npvae.relu_backward(np.full(4, 5.0), cache), [0.0, 0.0, 5.0, 5.0])
    a = np.linspace(-10, 10, 101)
    same(npvae.tanh(a)[0], 2 / (1 + np.exp(-2 * a)) - 1)
    same(npvae.sigmoid(a)[0], 1 / (1 + np.exp(-a)))


@check
def extremes():
    """Logits of 1e4, log-variances of 80: finite, and right, in both dtypes."""
    for dtype in (np.float32, np.float64):
        a, one = np.array([-1e4, 0, 1e4], dtype), np.ones(3, dtype)
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            h, cache = npvae.sigmoid(a)
            equal(h, [0, 0.5, 1])
            equal(npvae.sigmoid_backward(one, cache), [0, 0.25, 0])
            h, cache = npvae.tanh(a)
            equal(h, [-1, 0, 1])
            equal(npvae.tanh_backward(one, cache), [0, 1, 0])
            equal(npvae.relu(a)[0], [0, 0, 1e4])
            same(npvae.sigmoid(np.array([-50], dtype))[0], [math.exp(-50)], 1e-5, 0)
            x = np.array([[0.0], [1.0], [0.0], [1.0]], dtype)
            for size in (20, 50, 1e4):
                nll, cache = npvae.bernoulli_nll(x, np.array([[-size], [size], [size], [-size]], dtype))
                same(nll, [0, 0, size, size], 1e-6, 3e-9)
                same(npvae.bernoulli_nll_backward(np.ones(4, dtype), cache).ravel(), [0, 0, 1, -1], 0, 3e-9)
            mu, logvar = np.zeros((1, 2), dtype), np.array([[-80, 80]], dtype)
            z, cache = npvae.reparameterize(mu, logvar, np.ones_like(mu))
            same(z, [[math.exp(-40), math.exp(40)]], 1e-5, 0)
            same(npvae.reparameterize_backward(np.ones_like(mu), cache)[1], 0.5 * z, 1e-5, 0)
            kl, cache = npvae.kl_divergence(mu, logvar)
            assert np.all(np.isfinite([kl[0], *npvae.kl_divergence_backward(np.ones(1, dtype), cache)[1][0]]))
            for spread in (-30, 30):
                nll, cache = npvae.gaussian_nll(np.full((2, 3), 10, dtype), np.zeros((2, 3), dtype), spread)
                gradients = npvae.gaussian_nll_backward(np.ones(2, dtype), cache)
                assert all(np.all(np.isfinite(array)) for array in (nll, *gradients))


# The latent space.


@check
def z_by_hand_and_its_moments():
    z, _ = npvae.reparameterize(*(np.array([row]) for row in ([1.0, 1.0], np.log([4, 9]), [1.0, -2.0])))
    same(z, [[3, -5]])
    mu, logvar, draws = np.array([-1.0, 0.5, 2.0]), np.array([-3.0, 0.7, 2.0]), 20_000
    z, _ = npvae.reparameterize(
        np.tile(mu, (draws, 1)), np.tile(logvar, (draws, 1)), np.random.default_rng(1).standard_normal((draws, 3))
    )
    assert np.all(np.abs(z.mean(axis=0) - mu) < 4 * np.exp(logvar / 2) / math.sqrt(draws))
    assert np.all(np.abs(z.var(axis=0) / np.exp(logvar) - 1) < 4 * math.sqrt(2 / draws))


@check
def kl_in_closed_form():
    same(npvae.kl_divergence(np.array([[2.0]]), np.array([[0.0]]))[0], [2.0])
    same(npvae.kl_divergence(np.zeros((2, 1)), np.log([[4], [0.25]]))[0], [1.5 - math.log(2), math.log(2) - 0.375])
    kl, cache = npvae.kl_divergence(np.zeros((2, 3)), np.zeros((2, 3)))
    equal(kl, [0, 0])
    assert not np.any(npvae.kl_divergence_backward(np.ones(2), cache))


@check
def kl_by_monte_carlo():
    rng, draws = np.random.default_rng(0), 20_000
    mu, logvar = rng.normal(0, 1, (2, 3)), rng.normal(0, 1, (2, 3))
    for n in range(2):
        z = mu[n] + np.exp(logvar[n] / 2) * rng.standard_normal((draws, 3))
        log_ratio = 0.5 * np.sum(z**2 - (z - mu[n]) ** 2 / np.exp(logvar[n]) - logvar[n], axis=1)
        kl, _ = npvae.kl_divergence(mu, logvar)
        assert abs(log_ratio.mean() - kl[n]) < 4 * log_ratio.std() / math.sqrt(draws)


# The likelihoods.


@check
def bernoulli_of_64_images(seed):
    """The probabilities of all images of six pixels sum to one, and each is the product of its pixels'."""
    rng = np.random.default_rng(seed)
    logits = np.tile(rng.normal(0, 2, 6), (64, 1))
    images = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    nll, _ = npvae.bernoulli_nll(images, logits)
    assert math.isclose(np.exp(-nll).sum(), 1, rel_tol=1e-12)
    x_hat, grey = 1 / (1 + np.exp(-logits)), rng.random((64, 6))
    expected = -np.sum(grey * np.log(x_hat) + (1 - grey) * np.log(1 - x_hat), axis=1)
    same(npvae.bernoulli_nll(grey, logits)[0], expected)


@check
def gaussian_density():
    x = np.linspace(-12, 14, 4001)[:, None]
    nll, _ = npvae.gaussian_nll(x, np.ones_like(x), math.log(1.7**2))
    assert math.isclose(np.exp(-nll).sum() * (x[1, 0] - x[0, 0]), 1, rel_tol=1e-9)
    x, mean, std = [[0.3, -2.0]], [[0.0, 1.0]], [[0.5, 3.0]]
    nll, _ = npvae.gaussian_nll(np.array(x), np.array(mean), 2 * np.log(std))
    same(nll, [-math.log(NormalDist(0, 0.5).pdf(0.3)) - math.log(NormalDist(1, 3).pdf(-2))])
    nll, _ = npvae.gaussian_nll(np.zeros((1, 1)), np.zeros((1, 1)), math.log(0.01**2))
    same(nll, [-math.log(NormalDist(0, 0.01).pdf(0))])


@check
def draws_of_an_output():
    output, params = np.tile([-2.0, 0.5], (20_000, 1)), {"output.logvar": np.array(math.log(0.2**2))}
    p = 1 / (1 + np.exp([2.0, -0.5]))
    cases = [
        (npvae.Bernoulli(), p, p * (1 - p)),
        (npvae.Gaussian(0.3), [-2, 0.5], [0.3**2] * 2),
        (npvae.Gaussian("learned"), [-2, 0.5], [0.2**2] * 2),
    ]
    for likelihood, mean, variance in cases:
        same(likelihood.mean(output[:1]), [mean])
        draws = likelihood.sample(output, params, np.random.default_rng(0))
        assert np.all(np.abs(draws.mean(axis=0) - mean) < 4 * np.sqrt(np.divide(variance, len(draws))))
        same(draws.var(axis=0), variance, 0.05)
        assert abs(np.corrcoef(draws.T)[0, 1]) < 4 / math.sqrt(len(draws))  # pixel by pixel


@check
def output_starts_at_its_best():
    x = (np.random.default_rng(0).random((500, 3)) < [0.2, 0.9, 0.5]).astype(float)
    for likelihood in (npvae.Bernoulli(), npvae.Gaussian(0.5), npvae.Gaussian("learned")):
        model = npvae.VAE(3, 1, (), likelihood, dtype="float64")
        model.params.vector = 0
        model.init_output(x)
        best = model.loss_terms(x, np.zeros((500, 1))).nll.mean()
        for name in ("output.b", *likelihood.param_shapes):
            for change in (-0.05, 0.05):
                model.params[name][...] += change
                assert model.loss_terms(x, np.zeros((500, 1))).nll.mean() > best
                model.params[name][...] -= change


# The model.

LIKELIHOODS = "bernoulli", {"name": "gaussian", "std": 0.5}, {"name": "gaussian", "std": "learned"}


def model_for(seed, n=N, **settings):
    """A small model; the seed decides what kind. Two hidden layers of one width: what is swapped still fits."""
    settings = {"likelihood": LIKELIHOODS[seed % 3], "activation": ("tanh", "relu")[seed % 2], "beta": 1.5} | settings
    return small_vae(seed, n, **{"hidden_dims": (5, 5)} | settings)


def loss_by_hand(model, x, eps, label=None, target=None):
    """Loss, nll and kl of each example, all of it in plain NumPy; then mu and logvar.

    A conditional model's label comes along with x already, and has to be put beside z here.
    """
    p = model.params
    activation = {"tanh": np.tanh, "relu": lambda a: np.where(a > 0, a, 0)}[model.activation]

    def network(name, h):
        for i in range(len(model.hidden_dims)):
            h = activation(h @ p[f"{name}.{i}.W"] + p[f"{name}.{i}.b"])
        return h

    h = network("encoder", x)
    mu, logvar = h @ p["mu.W"] + p["mu.b"], h @ p["logvar.W"] + p["logvar.b"]
    z, x = mu + np.sqrt(np.exp(logvar)) * eps, x if target is None else target
    output = network("decoder", z if label is None else np.hstack([z, label])) @ p["output.W"] + p["output.b"]
    if model.likelihood.config["name"] == "bernoulli":
        nll = np.sum(x * np.logaddexp(0, -output) + (1 - x) * np.logaddexp(0, output), axis=1)
    else:
        std = model.likelihood.std
        var = np.exp(p["output.logvar"]) if std == "learned" else std**2
        nll = np.sum((x - output) ** 2 / (2 * var) + np.log(2 * np.pi * var) / 2, axis=1)
    kl = np.sum(mu**2 + np.exp(logvar) - 1 - logvar, axis=1) / 2
    return (nll + model.beta * kl, nll, kl), mu, logvar


@check
def loss_of_the_model_by_hand(seed):
    model, x, eps = model_for(seed)
    terms, mu, logvar = loss_by_hand(model, x, eps)
    same(model.loss_terms(x, eps), terms)
    same(model.encode(x), (mu, logvar))
    assert math.isclose(model.loss_and_grad(x, eps)[0], terms[0].mean(), rel_tol=1e-12)


@check
def gradients_of_the_model(seed):
    def errors(rng):
        model, x, eps = model_for(seed, (1, N)[seed // 2 % 2])
        model.params.vector += rng.normal(0, 0.01, model.params.vector.shape)
        return npvae.gradcheck.model_errors(model, x, eps, rng)

    assert max(redraw(errors, seed)[0].values()) < BAR


@check
def gradient_of_the_mean_loss(seed):
    """Along random directions; a buffer that has been used before, and one filled with NaN, get the same."""
    model, x, eps = model_for(seed, activation="tanh")
    out = np.full_like(model.params.vector, np.nan)
    grads = [model.loss_and_grad(x, eps, out=buffer)[1].copy() for buffer in (out, out, None)]
    equal(grads[1], grads[0])
    equal(grads[2], grads[0])
    assert slopes_fit(model, lambda: loss_by_hand(model, x, eps)[0][0].mean(), grads[0], seed)


def slopes_fit(model, loss, grad, seed):
    """Whether a gradient meets the differences of a loss along random directions."""
    start, slopes = model.params.vector.copy(), []
    directions = np.random.default_rng(seed).standard_normal((3, start.size))
    for direction in directions:
        losses = []
        for step in (1e-5, -1e-5):
            model.params.vector = start + step * direction
            losses.append(loss())
        slopes.append((losses[0] - losses[1]) / 2e-5)
    model.params.vector = start
    return np.allclose(directions @ grad, slopes, rtol=1e-5, atol=1e-6)


@check
def batch_is_the_mean_of_its_examples(seed):
    model, x, eps = model_for(seed)
    loss, grad = model.loss_and_grad(x, eps)
    single = [model.loss_and_grad(x[[n]], eps[[n]]) for n in range(N)]
    assert math.isclose(loss, np.mean([value for value, _ in single]), rel_tol=1e-12)
    same(grad, np.mean([gradient for _, gradient in single], axis=0))


@check
def model_keeps_nothing():
    model, x, eps = model_for(0)
    before = [array.copy() for array in (x, eps, model.params.vector)]
    terms, cache = model.forward(x, eps)
    expected, late = (model.params.like(np.zeros_like(model.params.vector)) for _ in range(2))
    model.backward(np.ones_like(terms.loss), cache, expected)
    model.forward(1 - x, eps + 1)
    model.backward(np.ones_like(terms.loss), cache, late)
    equal(late.vector, expected.vector)
    assert expected.vector.any()
    for old, new in zip(before, (x, eps, model.params.vector), strict=True):
        equal(old, new)


@check
def zero_weights_cost_log_2_a_pixel():
    model, x, eps = model_for(0, likelihood="bernoulli")
    model.params.vector = 0
    terms = model.loss_terms(x, eps)
    same(terms.nll, np.full(N, D * math.log(2)))
    equal(terms.kl, np.zeros(N))


@check
def weights_start_as_they_should():
    for activation, variance in (("relu", 2 / 300), ("tanh", 2 / 500)):
        model = npvae.VAE(300, 5, (200,), activation=activation)
        same(model.params["encoder.0.W"].var(), variance, 0.05)
        same(model.params["output.W"].var(), 2 / 500, 0.05)
        assert not any(array.any() for name, array in model.params.items() if name.endswith(".b"))


@check
def pixels_out_of_range_are_refused():
    model, x, eps = model_for(0, likelihood="bernoulli")
    assert raises(ValueError, lambda: model.loss_and_grad(255 * x, eps))


@check
def noise_is_standard_normal():
    model, *_ = model_for(0)
    eps = model.draw_eps(5000, 7)
    equal(eps, model.draw_eps(5000, 7))
    rng = np.random.default_rng(7)
    equal(eps, model.draw_eps(5000, rng))
    assert np.all(eps != model.draw_eps(5000, rng))
    assert np.all(np.abs(eps.mean(axis=0)) < 4 / math.sqrt(5000))
    assert np.all(np.abs(eps.var(axis=0) - 1) < 4 * math.sqrt(2 / 5000))
    assert np.all(np.abs(np.corrcoef(eps.T) - np.eye(L)) < 4 / math.sqrt(5000))


@check
def pictures_are_decoded_from_the_right_z(seed):
    model, x, eps = model_for(seed, likelihood="bernoulli")
    _, mu, logvar = loss_by_hand(model, x, eps)
    same(model.reconstruct(x), model.decode(mu))
    same(model.reconstruct(x, eps), model.decode(mu + np.exp(logvar / 2) * eps))
    same(model.sample(5, seed), model.decode(np.random.default_rng(seed).standard_normal((5, L))))
    assert np.all((model.decode(9 * mu) >= 0) & (model.decode(9 * mu) <= 1))


@check
def importance_weighted_bound_by_hand(seed):
    model, x, eps = model_for(seed, kind=ImportanceWeightedVAE, importance_samples=3, activation="tanh", beta=1.0)

    loss, grad = model.loss_and_grad(x, eps)
    same(model.loss_terms(x, eps).loss, -bound_by_hand(model, x, eps))
    assert math.isclose(loss, -bound_by_hand(model, x, eps).mean(), rel_tol=1e-10)
    assert slopes_fit(model, lambda: -bound_by_hand(model, x, eps).mean(), grad, seed)


def bound_by_hand(model, x, eps):
    """Logarithm of the mean over draws of p(x|z) p(z) / q(z|x)."""
    weights = []
    for draw in eps:
        (_, nll, _), mu, logvar = loss_by_hand(model, x, draw)
        sigma = np.exp(logvar / 2)
        weights.append(np.exp(np.sum(np.log(sigma) + (draw**2 - (mu + sigma * draw) ** 2) / 2, axis=1) - nll))
    return np.log(np.mean(weights, axis=0))


@check
def log_likelihood_by_hand():
    """Of one image, so that the noise comes in one row; more draws than fit into one chunk."""
    model, x, _ = model_for(0, n=1, likelihood="bernoulli")
    log_p = npvae.evaluation.log_likelihood(model, x, n_samples=1500, rng=5)
    same(log_p, bound_by_hand(model, x, np.random.default_rng(5).standard_normal((1500, 1, L))))


@check
def importance_weights_far_from_one():
    log_w = np.array([[-2000.0, -2.0, 2000.0], [-2000.0, -2.0, 2000.0 + math.log(3)]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        same(npvae.log_mean_exp(log_w)[0], [-2000, -2, 2000 + math.log(2)])
        same(npvae.log_mean_exp(log_w)[1], [[0.5, 0.5, 0.25], [0.5, 0.5, 0.75]])


@check
def conditional_model_by_hand(seed):
    model, x, eps = model_for(seed, kind=ConditionalVAE, label_dim=2, activation="tanh")
    labels = np.arange(N) % 2
    one_hot = np.stack([labels == 0, labels == 1], axis=1).astype(float)

    def terms():
        return loss_by_hand(model, np.hstack([x, one_hot]), eps, one_hot, x)[0]

    loss, grad = model.loss_and_grad(x, eps, labels=labels)
    same(model.loss_terms(x, eps, labels=labels), terms())
    assert math.isclose(loss, terms()[0].mean(), rel_tol=1e-12)
    assert slopes_fit(model, lambda: terms()[0].mean(), grad, seed)


# The optimizers.


def run(optimizer, steps, start=None):
    params = np.zeros(steps.shape[1]) if start is None else start.copy()
    for grad in steps:
        optimizer.step(params, grad)
    return params


@check
def optimizers_written_out():
    steps = np.random.default_rng(0).standard_normal((30, 5))
    theta = theta_sgd = theta_adagrad = m = v = s = u = np.zeros(5)
    for t, g in enumerate(steps, 1):
        u = 0.5 * u + g
        theta_sgd = theta_sgd - 0.1 * u
        s = s + g**2
        theta_adagrad = theta_adagrad - 0.1 * g / (np.sqrt(s) + 1e-3)
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        theta = theta - 0.01 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-3)
    same(run(npvae.SGD(0.1, momentum=0.5), steps), theta_sgd)
    same(run(npvae.Adagrad(0.1, adagrad_eps=1e-3), steps), theta_adagrad)
    same(run(npvae.Adam(0.01, (0.8, 0.95), 1e-3), steps), theta)


@check
def steps_of_any_optimizer():
    """Weight decay adds to the gradient, which is left alone; every chunk moves."""
    grad, start = np.random.default_rng(1).standard_normal((1, 5)), np.array([1.0, -2.0, 3.0, 0.0, 5.0])
    before = grad.copy()
    for make in (npvae.SGD, npvae.Adagrad, npvae.Adam):
        same(run(make(0.1, weight_decay=0.3), grad, start), run(make(0.1), grad + 0.3 * start, start))
        equal(grad, before)
        same(run(make(0.1), np.tile(grad, 20_000)), np.tile(run(make(0.1), grad), 20_000))


@check
def schedules():
    cosine, warmup = npvae.cosine_decay(0.2, 10), npvae.linear_warmup(2.0, 4)
    same([cosine(1), cosine(6)], [0.2, 0.1])
    assert 0 < cosine(10) < 0.01
    equal([warmup(epoch) for epoch in (1, 2, 4, 5, 100)], [0.5, 1, 2, 2, 2])


# Data, training and evaluation.

GREY = np.random.default_rng(0).integers(0, 256, (50, D), np.uint8)


@check
def pixels_and_their_draws():
    levels = np.repeat(np.arange(0, 256, 51, dtype=np.uint8), 20_000).reshape(6, -1)
    same(npvae.data.to_float(levels[:, :1]), np.arange(6).reshape(6, 1) / 5, 1e-6)
    for x in (levels, levels / 255):
        draws = npvae.binarize(x, 0)
        p = np.arange(6) / 5
        assert set(np.unique(draws)) == {0.0, 1.0}
        assert np.all(np.abs(draws.mean(axis=1) - p) <= 4 * np.sqrt(p * (1 - p) / 20_000))


@check
def minibatches_visit_each_example_once():
    batches = list(npvae.training.minibatches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    order = np.concatenate(batches).tolist()
    assert sorted(order) == list(range(10)) != order


@check
def fit_is_the_loop_one_would_write():
    """With a beta that rises, and with labels; the history is that of the loop."""
    x, labels = GREY / 255, np.arange(50) % 3
    for kind, kinds_labels in ((npvae.VAE, None), (partial(ConditionalVAE, label_dim=3), labels)):
        ours, theirs = (kind(D, L, (H,), dtype="float64") for _ in range(2))
        extra = {} if kinds_labels is None else {"labels": labels}
        history = npvae.fit(
            ours, x, epochs=3, batch_size=16, beta_schedule=lambda epoch: epoch / 2, rng=7, verbose=False, **extra
        )
        adam, rng = npvae.Adam(), np.random.default_rng(7)
        for epoch in range(1, 4):
            theirs.beta, total, order = epoch / 2, 0.0, rng.permutation(50)
            for start in range(0, 50, 16):
                index = order[start : start + 16]
                extra = {} if kinds_labels is None else {"labels": labels[index]}
                loss, grad = theirs.loss_and_grad(x[index], rng.standard_normal((len(index), L)), **extra)
                adam.step(theirs.params.vector, grad)
                total += loss * len(index)
            assert math.isclose(history["train_loss"][epoch - 1], total / 50, rel_tol=1e-10)
        same(ours.params.vector, theirs.params.vector)


@check
def held_out_loss_is_that_of_the_test_set():
    model, (x_train, x_test) = npvae.VAE(D, L, (H,), dtype="float64"), (GREY[:40] / 255, GREY[40:] / 255)
    history = npvae.fit(model, x_train, x_test, epochs=2, batch_size=16, verbose=False)
    assert math.isclose(history["test_loss"][-1], npvae.evaluate(model, x_test).loss, rel_tol=1e-10)


@check
def evaluation_by_hand():
    """Means over all examples, with z drawn from q; the bound, the bits and the active units by their formulas."""
    model, *_ = small_vae(0, hidden_dims=(), beta=2.0)
    model.params["output.W"] *= 3  # a decoder that listens to z
    x = np.tile(GREY, (11, 1)) / 255
    model.params["mu.W"][...] = 0
    model.params["mu.b"][...] = 2  # far from 0, but it does not vary
    model.params["mu.W"][0] = np.array([0.0, 0.09, 0.11]) / x[:, 0].std()  # variances 0, 0.0081 and 0.0121
    result = npvae.evaluate(model, x, rng=3)
    (loss, nll, kl), *_ = loss_by_hand(model, x, np.random.default_rng(3).standard_normal((550, L)))
    same((result.loss, result.nll, result.kl), (loss.mean(), nll.mean(), kl.mean()))
    same(result.elbo, -(nll + kl).mean())
    same(result.bits_per_pixel, (nll + kl).mean() / (D * math.log(2)))
    assert result.active_units == 1


# The tester, tested.


def product(a, b):
    return a**3 * b, (a, b)


def product_backward(dy, cache, wrong_a=1.0, wrong_b=1.0):
    a, b = cache
    return 3 * dy * a**2 * b * wrong_a, dy * a**3 * wrong_b


def first_entry(factor):
    return np.array([factor, *np.ones(5)])


@check
def tester_tells_right_from_wrong():
    a, b = np.array([0.5, 1.0, -1.5, 2.0, 0.7, 1.2]), np.array([1.0, -2.0, 0.3, 1.5, 0.8, 2.0])
    before = a.copy(), b.copy()
    assert npvae.gradient_error(product, product_backward, [a, b], 0) < BAR
    equal((a, b), before)
    for factor in (1.001, 0.999, 2.0, -1.0, 0.0, np.nan):
        for wrong in ((first_entry(factor), 1.0), (1.0, first_entry(factor)), (factor, 1.0), (1.0, factor)):
            assert npvae.gradient_error(product, lambda dy, cache: product_backward(dy, cache, *wrong), [a, b]) > 1e-5  # noqa: B023


@check
def tester_takes_small_entries_sums_and_kinks_for_what_they_are():
    tiny = np.array([1e-4, 1.0, 2.0])  # the derivative is 3e-8 here and 12 there: rounding is not an error
    assert npvae.gradient_error(lambda a: (a**3, a), lambda dy, a: 3 * dy * a**2, [tiny]) < BAR

    # The two outputs cancel exactly in a sum: with an upstream of ones its gradient is zero, and "0" would pass.
    assert npvae.gradient_error(lambda a: (np.array([a, -a]), a), lambda dy, a: np.zeros(()), [np.array(1.5)]) > 0.5
    kink = [np.array([1e-6])]
    assert raises(KinkError, lambda: npvae.gradient_error(npvae.relu, npvae.relu_backward, kink, 0, lambda h: h > 0))


CHECKS.sort(key=lambda check: check in (gradients_of_the_model, log_likelihood_by_hand))  # the slow ones last
