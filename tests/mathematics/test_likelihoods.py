"""Values of `bernoulli_nll` and `gaussian_nll`, and what a likelihood draws; their gradients: test_pairs.py."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from support import D, N, seeds

import npvae
from npvae.likelihoods import make_likelihood


def test_bernoulli_nll_is_the_notes_cross_entropy():
    rng = np.random.default_rng(0)
    x, logits = rng.random((N, D)), rng.normal(0, 2, (N, D))
    x_hat = 1 / (1 + np.exp(-logits))
    expected = -np.sum(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat), axis=1)
    np.testing.assert_allclose(npvae.bernoulli_nll(x, logits)[0], expected, rtol=1e-13)


@given(seed=seeds)
def test_the_bernoulli_probabilities_of_all_64_images_of_six_pixels_sum_to_one(seed):
    logits = np.random.default_rng(seed).normal(0, 2, 6)
    images = np.array(list(itertools.product([0.0, 1.0], repeat=6)))
    nll, _ = npvae.bernoulli_nll(images, np.broadcast_to(logits, images.shape))
    assert math.isclose(np.exp(-nll).sum(), 1, rel_tol=1e-12)


def test_logits_of_zero_cost_log_2_a_pixel_whatever_x_is():
    nll, _ = npvae.bernoulli_nll(np.random.default_rng(0).random((N, D)), np.zeros((N, D)))
    np.testing.assert_allclose(nll, np.full(N, D * math.log(2)), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [20.0, 50.0, 1e4])
def test_a_confident_pixel_costs_nothing_where_right_and_its_logit_where_wrong(dtype, size):
    x = np.array([[0.0], [1.0], [0.0], [1.0]], dtype)
    logits = np.array([[-size], [size], [size], [-size]], dtype)
    nll, cache = npvae.bernoulli_nll(x, logits)
    np.testing.assert_allclose(nll, [0, 0, size, size], rtol=1e-6, atol=3e-9)
    dlogits = npvae.bernoulli_nll_backward(np.ones(4, dtype), cache)
    np.testing.assert_allclose(dlogits.ravel(), [0, 0, 1, -1], atol=3e-9)


def test_gaussian_nll_is_minus_the_log_density():
    x, mean, std = np.array([[0.3, -2.0]]), np.array([[0.0, 1.0]]), np.array([[0.5, 3.0]])
    expected = -sum(math.log(NormalDist(m, s).pdf(v)) for v, m, s in zip(x[0], mean[0], std[0], strict=True))
    nll, _ = npvae.gaussian_nll(x, mean, 2 * np.log(std))
    np.testing.assert_allclose(nll, [expected], rtol=1e-14)


@pytest.mark.parametrize("nll", [npvae.bernoulli_nll, lambda x, output: npvae.gaussian_nll(x, output, -0.3)])
def test_a_loss_sums_the_last_axis_and_no_other_of_several_draws_at_once(nll):
    rng = np.random.default_rng(0)
    x, output = rng.random((N, D)), rng.standard_normal((5, N, D))
    np.testing.assert_allclose(nll(x, output)[0], [nll(x, draw)[0] for draw in output], rtol=1e-13)


def test_a_density_may_exceed_one_and_its_nll_be_negative():
    nll, _ = npvae.gaussian_nll(np.zeros((1, 1)), np.zeros((1, 1)), math.log(0.01**2))
    assert nll[0] < -3


def test_the_gaussian_density_integrates_to_one():
    x = np.linspace(-12, 14, 20_001)[:, None]
    nll, _ = npvae.gaussian_nll(x, np.ones_like(x), math.log(1.7**2))
    assert math.isclose(np.exp(-nll).sum() * (x[1, 0] - x[0, 0]), 1, rel_tol=1e-9)


@pytest.mark.parametrize("shape", [(), (D,), (1, D), (N, 1), (N, D)])
def test_the_gradient_of_a_broadcast_logvar_has_its_shape_and_is_the_sum_of_the_full_one(shape):
    rng = np.random.default_rng(0)
    x, mean, dnll, logvar = rng.random((N, D)), rng.random((N, D)), rng.standard_normal(N), np.full(shape, -0.3)
    _, dlogvar = npvae.gaussian_nll_backward(dnll, npvae.gaussian_nll(x, mean, logvar)[1])
    full = npvae.gaussian_nll_backward(dnll, npvae.gaussian_nll(x, mean, np.full((N, D), -0.3))[1])[1]
    axes = tuple(i for i, size in enumerate((1,) * (2 - len(shape)) + shape) if size == 1)
    np.testing.assert_allclose(dlogvar, full.sum(axis=axes).reshape(shape), rtol=1e-12)


def test_a_logvar_that_several_draws_share_gets_the_sum_of_their_gradients():
    rng = np.random.default_rng(0)
    x, mean, dnll, logvar = (
        rng.random((N, D)),
        rng.random((5, N, D)),
        rng.standard_normal((5, N)),
        np.full((N, 1), 0.4),
    )
    _, dlogvar = npvae.gaussian_nll_backward(dnll, npvae.gaussian_nll(x, mean, logvar)[1])
    each = [
        npvae.gaussian_nll_backward(d, npvae.gaussian_nll(x, m, logvar)[1])[1]
        for d, m in zip(dnll, mean, strict=True)
    ]
    np.testing.assert_allclose(dlogvar, np.sum(each, axis=0), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("logvar", [-30.0, 30.0])
def test_gaussian_log_variances_of_plus_and_minus_30_stay_finite_at_residuals_of_10(dtype, logvar):
    nll, cache = npvae.gaussian_nll(np.full((2, 3), 10, dtype), np.zeros((2, 3), dtype), logvar)
    gradients = npvae.gaussian_nll_backward(np.ones(2, dtype), cache)
    assert all(np.all(np.isfinite(array)) for array in (nll, *gradients))


@pytest.mark.parametrize("likelihood", [npvae.Bernoulli(), npvae.Gaussian(0.3), npvae.Gaussian("learned")])
def test_draws_of_an_output_have_its_mean_and_spread(likelihood):
    params = {"output.logvar": np.array(math.log(0.2**2))}
    output = np.tile(np.array([-2.0, 0.5]), (100_000, 1))
    draws, mean = likelihood.sample(output, params, np.random.default_rng(0)), likelihood.mean(output[0])
    if isinstance(likelihood, npvae.Bernoulli):
        variance = mean * (1 - mean)
    else:
        variance = np.full(2, (0.3 if likelihood.std == 0.3 else 0.2) ** 2)
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4 * np.sqrt(variance / len(draws)))
    np.testing.assert_allclose(draws.var(axis=0), variance, rtol=0.03)


@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.5), npvae.Gaussian("learned")])
def test_init_output_is_the_best_that_can_be_said_without_z(likelihood):
    rng = np.random.default_rng(0)
    x = npvae.binarize(np.tile([0.2, 0.9, 0.5], (500, 1)), rng)
    model = npvae.VAE(3, 1, (), likelihood, dtype="float64")
    model.params.vector = 0
    model.init_output(x)

    def nll():
        return model.loss_terms(x, np.zeros((500, 1))).nll.mean()

    best = nll()
    for name in ("output.b", *model.likelihood.param_shapes):
        for entry in np.ndindex(model.params[name].shape):
            for change in (-0.05, 0.05):
                model.params[name][entry] += change
                assert nll() > best
                model.params[name][entry] -= change


def test_a_pixel_that_never_changes_starts_at_a_finite_logit_the_same_for_black_and_white():
    model = npvae.VAE(2, 1, (), dtype="float64")
    model.init_output(np.tile([0.0, 1.0], (10, 1)))
    black, white = model.params["output.b"]
    assert black == pytest.approx(-white, rel=1e-12)
    assert 4 < white < 20


@pytest.mark.parametrize("spread", [0, 1e-3])
def test_a_learned_std_starts_where_the_first_loss_is_moderate_however_small_the_spread_of_the_data(spread):
    x = 0.3 + spread * np.random.default_rng(0).standard_normal((10, 100))
    model = npvae.VAE(100, 20, (400,), npvae.Gaussian("learned"), rng=0)
    model.init_output(x)
    assert np.exp(model.params["output.logvar"] / 2) == pytest.approx(0.1)
    assert np.mean(model.loss_terms(x, model.draw_eps(10, 0)).nll) < 1000 * x.shape[1]


class LowestDraws:
    """Stands in for a generator that draws the smallest number it can."""

    def random(self, shape, dtype=np.float64):
        return np.zeros(shape, dtype)


def test_a_pixel_of_probability_zero_is_never_drawn():
    draws = npvae.Bernoulli().sample(np.array([[-1e4, 0.0]]), {}, LowestDraws())
    np.testing.assert_array_equal(draws, [[0.0, 1.0]])


def test_a_gaussian_without_further_settings_has_unit_variance():
    x, output = np.array([[0.0, 3.0]]), np.array([[1.0, 1.0]])
    nll, _ = npvae.Gaussian().nll(x, output, {})
    np.testing.assert_allclose(nll, [math.log(2 * math.pi) + (1 + 4) / 2], rtol=1e-14)


def test_a_configuration_makes_the_likelihood_again():
    for likelihood in (npvae.Bernoulli(), npvae.Gaussian(0.25), npvae.Gaussian("learned")):
        assert make_likelihood(likelihood.config).config == likelihood.config


@pytest.mark.parametrize("std", [0, -1.0, math.nan, math.inf, 10**400, "learn", None])
def test_a_std_that_is_not_positive_is_refused(std):
    with pytest.raises(ValueError, match=r"std is .* expected a positive number"):
        npvae.Gaussian(std)


def test_an_unknown_likelihood_is_refused_by_name():
    with pytest.raises(ValueError, match='likelihood is \'poisson\', expected "bernoulli", "gaussian"'):
        npvae.VAE(likelihood="poisson")


def test_a_configuration_without_a_name_is_refused():
    with pytest.raises(ValueError, match=r"likelihood is {'std': 0\.5}, expected "):
        make_likelihood({"std": 0.5})


@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.3)], ids=["bernoulli", "gaussian"])
def test_the_variance_of_a_pixel_is_that_of_its_mean_over_z_plus_the_mean_of_that_given_z(likelihood):
    """The two sources of randomness: the latent Gaussian varies the means, the output varies around each."""
    model, draws = npvae.VAE(D, 2, (8,), likelihood=likelihood, dtype="float64", rng=1), 40_000
    model.params.vector *= 3  # so that both shares are visible
    z = np.random.default_rng(2).standard_normal((draws, 2))
    means, x = model.decode(z), model.draw_output(z, rng=3)
    within = means * (1 - means) if likelihood == "bernoulli" else np.full_like(means, 0.3**2)
    between = means.var(axis=0)
    assert np.all(between > 0.002)
    expected = between + np.mean(within, axis=0)
    spread = np.std((x - x.mean(axis=0)) ** 2, axis=0) / math.sqrt(draws)
    assert np.all(np.abs(x.var(axis=0) - expected) < 4 * spread)


@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.3)], ids=["bernoulli", "gaussian"])
def test_at_one_z_the_pixels_are_uncorrelated_and_over_many_z_they_are_not(likelihood):
    model, draws = npvae.VAE(D, 2, (8,), likelihood=likelihood, dtype="float64", rng=1), 40_000
    model.params.vector *= 3
    z = np.random.default_rng(2).standard_normal((draws, 2))
    pairs = np.triu_indices(D, 1)
    at_one = np.corrcoef(model.draw_output(np.repeat(z[:1], draws, axis=0), rng=3).T)[pairs]
    over_many = np.corrcoef(model.draw_output(z, rng=3).T)[pairs]
    assert np.max(np.abs(at_one)) < 5 / math.sqrt(draws)  # the largest of 21
    assert np.max(np.abs(over_many)) > 20 / math.sqrt(draws)


def test_the_gradient_of_the_gaussian_loss_is_checked_with_a_log_variance_of_each_shape():
    drawn = npvae.LIKELIHOODS["gaussian"].draw(np.random.default_rng(0), np.zeros((4, 7)))
    assert {name: np.shape(logvar) for name, (_, logvar) in drawn.items()} == {
        "logvar (N, D)": (4, 7),
        "logvar (D,)": (7,),
        "logvar ()": (),
    }
