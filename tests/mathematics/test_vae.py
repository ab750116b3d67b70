"""The VAE: the gradient of every parameter against differences, its loss by hand, draws, and files."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import BAR, D, H, L, N, activations, examples, seeds, small_vae, whole_model

import npvae
from npvae.gradcheck import gradient_error, model_errors, redraw

likelihoods = st.sampled_from([npvae.Bernoulli(), npvae.Gaussian(0.5), npvae.Gaussian("learned")])


@whole_model
@given(
    activation=activations,
    seed=seeds,
    n=examples,
    likelihood=likelihoods,
    hidden_dims=st.sampled_from([(), (H,), (H, 6), (H, 6, 5)]),
    beta=st.sampled_from([0.5, 1.0, 2.0]),
)
def test_the_gradient_of_every_parameter_meets_finite_differences(activation, seed, n, likelihood, hidden_dims, beta):
    def check(rng):
        model, x, eps = small_vae(
            rng, n, activation=activation, likelihood=likelihood, hidden_dims=hidden_dims, beta=beta
        )
        return model_errors(model, x, eps, rng)

    errors, _ = redraw(check, seed)
    assert max(errors.values()) < BAR, errors


@whole_model
@given(seed=seeds)
def test_the_gradient_is_a_straight_line_in_beta_down_to_zero(seed):
    gradients = []
    for beta in (0.0, 1.0, 2.0):
        model, x, eps = small_vae(seed, beta=beta)
        gradients.append(model.loss_and_grad(x, eps)[1])
    np.testing.assert_allclose(gradients[0], 2 * gradients[1] - gradients[2], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("n", [1, 4])
def test_the_gradient_of_loss_and_grad_is_that_of_its_mean_loss(n):
    model, x, eps = small_vae(n=n)

    def forward(vector):
        model.params.vector = vector
        return np.mean(model.loss_terms(x, eps).loss), None

    loss, grad = model.loss_and_grad(x, eps)
    assert loss == forward(model.params.vector)[0]
    assert gradient_error(forward, lambda dloss, _: dloss * grad, [model.params.vector]) < BAR


def test_the_two_heads_are_affine_in_the_last_hidden_layer():
    model, x, _ = small_vae(hidden_dims=(H,), activation="tanh")
    W, b = model.params.layer("encoder.0")
    h = np.tanh(x @ W + b)
    for head, name in zip(model.encode(x), ("mu", "logvar"), strict=True):
        W, b = model.params.layer(name)
        assert W.shape == (H, L)
        np.testing.assert_allclose(head, h @ W + b, rtol=1e-12)


def test_samples_with_output_noise_are_the_same_for_the_same_seed_and_others_for_another():
    model, *_ = small_vae()
    model.params.vector = 0  # z says nothing: whatever differs is output noise
    drawn = model.sample(5, 3, output_noise=True)
    np.testing.assert_array_equal(model.sample(5, 3, output_noise=True), drawn)
    assert np.any(model.sample(5, 4, output_noise=True) != drawn)


def test_what_cannot_be_drawn_is_refused_by_the_name_of_the_argument():
    model, _, eps = small_vae()
    for name, call in (
        ("n", lambda: model.draw_eps(0)),
        ("n", lambda: model.sample(-1)),
        ("rng", lambda: model.draw_eps(4, "a")),
        ("rng", lambda: model.sample(4, "a")),
        ("rng", lambda: model.draw_output(eps, "a")),
    ):
        with pytest.raises(ValueError, match=f"^{name} is "):
            call()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_samples_have_the_dtype_of_the_model(dtype):
    assert npvae.VAE(D, L, (H,), dtype=dtype).sample(0).dtype == dtype


def test_the_parameters_are_named_and_ordered_as_documented():
    model, *_ = small_vae(likelihood=npvae.Gaussian("learned"))
    layers = ["encoder.0", "encoder.1", "mu", "logvar", "decoder.0", "decoder.1", "output"]
    assert list(model.params) == [f"{layer}.{part}" for layer in layers for part in "Wb"] + ["output.logvar"]
    assert model.params["decoder.0.W"].shape == (L, 6)
    assert model.params["decoder.1.W"].shape == (6, H)


def test_zero_weights_say_log_2_a_pixel_and_no_kl():
    model, x, eps = small_vae()
    model.params.vector = 0
    terms = model.loss_terms(x, eps)
    np.testing.assert_allclose(terms.nll, np.full(N, D * math.log(2)), rtol=1e-14)
    np.testing.assert_array_equal(terms.kl, np.zeros(N))


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_the_loss_is_nll_plus_beta_kl_of_the_functions_in_the_notes(beta):
    model, x, eps = small_vae(beta=beta)
    mu, logvar = model.encode(x)
    z, _ = npvae.reparameterize(mu, logvar, eps)
    x_hat = model.decode(z)
    nll = -np.sum(x * np.log(x_hat) + (1 - x) * np.log(1 - x_hat), axis=1)
    kl, _ = npvae.kl_divergence(mu, logvar)
    terms = model.loss_terms(x, eps)
    np.testing.assert_allclose(terms.nll, nll, rtol=1e-12)
    np.testing.assert_allclose(terms.kl, kl, rtol=1e-12)
    np.testing.assert_allclose(terms.loss, nll + beta * kl, rtol=1e-12)
    loss, _ = model.loss_and_grad(x, eps)
    assert math.isclose(loss, np.mean(nll + beta * kl), rel_tol=1e-12)


def test_the_loss_and_gradient_of_a_batch_are_the_means_of_its_examples():
    model, x, eps = small_vae()
    loss, grad = model.loss_and_grad(x, eps)
    single = [model.loss_and_grad(x[[n]], eps[[n]]) for n in range(N)]
    assert math.isclose(loss, np.mean([value for value, _ in single]), rel_tol=1e-13)
    np.testing.assert_allclose(grad, np.mean([gradient for _, gradient in single], axis=0), rtol=1e-10, atol=1e-14)


def test_the_gradient_is_written_into_the_buffer_given():
    model, x, eps = small_vae()
    _, expected = model.loss_and_grad(x, eps)
    out = np.full_like(expected, np.nan)
    _, grad = model.loss_and_grad(x, eps, out=out)
    assert grad is out
    np.testing.assert_array_equal(out, expected)


def test_the_gradient_with_respect_to_the_data_is_not_computed():
    model, x, eps = small_vae()
    backward, returned = model.encoder.backward, []
    model.encoder.backward = lambda *args, **settings: returned.append(backward(*args, **settings))
    model.loss_and_grad(x, eps)
    assert returned == [None]


def test_nothing_handed_in_is_changed_and_the_parameters_are_not_either():
    model, x, eps = small_vae()
    before = [array.copy() for array in (x, eps, model.params.vector)]
    x.flags.writeable = eps.flags.writeable = False
    model.loss_and_grad(x, eps)
    model.reconstruct(x, eps)
    for old, new in zip(before, (x, eps, model.params.vector), strict=True):
        np.testing.assert_array_equal(old, new)


def test_the_model_keeps_no_state_between_a_forward_and_its_backward():
    model, x, eps = small_vae(activation="relu")
    terms, cache = model.forward(x, eps)
    expected, late = (model.params.like(np.empty_like(model.params.vector)) for _ in range(2))
    model.backward(np.ones_like(terms.loss), cache, expected)
    model.forward(1 - x, eps + 1)
    model.backward(np.ones_like(terms.loss), cache, late)
    np.testing.assert_array_equal(late.vector, expected.vector)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.5), npvae.Gaussian("learned")])
def test_everything_that_comes_out_has_the_models_dtype(dtype, likelihood):
    model, x, eps = small_vae(dtype=dtype, likelihood=likelihood)
    _, grad = model.loss_and_grad(x, eps)
    mu, logvar = model.encode(x)
    arrays = [
        grad,
        mu,
        logvar,
        model.decode(mu),
        model.sample(2, 0),
        model.sample(2, 0, output_noise=True),
        model.reconstruct(x, eps),
        model.draw_eps(3, 0),
        *model.loss_terms(x, eps),
    ]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backward_gets_the_upstream_gradient_in_the_models_dtype(dtype):
    model, x, eps = small_vae(dtype=dtype)
    backward, seen = model.backward, []

    def watched(dloss, cache, grads):
        seen.append(dloss.dtype)
        backward(dloss, cache, grads)

    model.backward = watched
    model.loss_and_grad(x, eps)
    assert seen == [np.dtype(dtype)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_variances_of_plus_and_minus_80_give_finite_losses_and_gradients(dtype):
    model, x, eps = small_vae(dtype=dtype)
    model.params["logvar.W"][...] = 0
    model.params["logvar.b"][...] = [-80, 0, 80]
    loss, grad = model.loss_and_grad(x, eps)
    assert math.isfinite(loss)
    assert np.all(np.isfinite(grad))


def test_reconstruct_decodes_mu_or_with_noise_a_draw_from_q():
    model, x, eps = small_vae()
    mu, logvar = model.encode(x)
    np.testing.assert_array_equal(model.reconstruct(x), model.decode(mu))
    np.testing.assert_array_equal(model.reconstruct(x, eps), model.decode(mu + np.exp(logvar / 2) * eps))


def test_samples_are_decoded_draws_from_the_prior_and_the_same_for_the_same_seed():
    model, *_ = small_vae()
    z = np.random.default_rng(3).standard_normal((5, L))
    np.testing.assert_array_equal(model.sample(5, 3), model.decode(z))
    assert model.sample(0).shape == (0, D)


def test_output_noise_makes_zeros_and_ones_of_a_bernoulli():
    model, *_ = small_vae()
    draws = model.sample(50, 3, output_noise=True)
    assert set(np.unique(draws)) == {0.0, 1.0}
    mean = model.sample(50, 3)
    assert abs(np.mean(draws - mean)) < 4 * math.sqrt(np.mean(mean * (1 - mean)) / mean.size)


def test_init_output_looks_at_all_parts_of_a_large_training_set():
    model = npvae.VAE(1, 1, (), dtype="float64")
    model.init_output(np.repeat([[0.0], [1.0]], 10_000, axis=0))
    np.testing.assert_allclose(model.params["output.b"], [0], atol=1e-3)


def test_init_output_averages_grey_levels_in_double_precision():
    levels = np.array([[10], [20], [90]], np.uint8)
    model = npvae.VAE(1, 1, (), dtype="float64")
    model.init_output(levels)
    np.testing.assert_allclose(model.params["output.b"], [math.log(120 / (3 * 255 - 120))], rtol=1e-13)


def test_init_output_refuses_images_that_do_not_fit_by_name():
    model, *_ = small_vae()
    with pytest.raises(ValueError, match=r"^x has shape \(2, 8\), expected \(N, 7\)"):
        model.init_output(np.zeros((2, 8)))


def test_the_defaults_are_the_documented_ones():
    model = npvae.VAE()
    documented = npvae.VAE(
        input_dim=784,
        latent_dim=20,
        hidden_dims=(400,),
        likelihood="bernoulli",
        activation="relu",
        beta=1.0,
        dtype="float32",
        rng=0,
    )
    assert model.config == documented.config
    np.testing.assert_array_equal(model.params.vector, documented.params.vector)


def test_the_same_seed_makes_the_same_weights_and_another_seed_others():
    vectors = [npvae.VAE(D, L, (H,), rng=seed).params.vector for seed in (0, 0, 1)]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.mean(vectors[0] != vectors[2]) > 0.5


def test_initial_biases_are_zero_and_hidden_weights_are_as_the_activation_asks():
    relu, tanh = (npvae.VAE(500, 10, (400,), activation=activation) for activation in ("relu", "tanh"))
    assert not relu.params["encoder.0.b"].any()
    np.testing.assert_allclose(relu.params["encoder.0.W"].var(), 2 / 500, rtol=0.02)
    np.testing.assert_allclose(tanh.params["encoder.0.W"].var(), 2 / 900, rtol=0.02)
    np.testing.assert_allclose(relu.params["output.W"].var(), 2 / 900, rtol=0.02)


@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian(0.5), npvae.Gaussian("learned")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_saved_model_comes_back_the_same_to_the_bit(tmp_path, likelihood, dtype):
    model, x, eps = small_vae(likelihood=likelihood, dtype=dtype, activation="relu", beta=2.5)
    model.save(tmp_path / "model.npz")
    for loaded in (npvae.VAE.load(tmp_path / "model.npz"), npvae.load_model(tmp_path / "model.npz")):
        assert type(loaded) is npvae.VAE
        assert loaded.config == model.config
        np.testing.assert_array_equal(loaded.params.vector, model.params.vector)
        np.testing.assert_array_equal(loaded.loss_terms(x, eps), model.loss_terms(x, eps))


def test_saving_again_replaces_the_file_and_leaves_nothing_else(tmp_path):
    model, *_ = small_vae()
    for _ in range(2):
        model.save(tmp_path / "model.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "a bit flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif how == "text":
        path.write_text("not a model")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "other arrays":
        np.savez(path, x=np.zeros(3))
    elif how == "objects":
        np.savez(path, config=np.array([{}], dtype=object))


@pytest.mark.parametrize("how", ["truncated", "a bit flipped", "text", "empty", "other arrays", "objects"])
def test_a_damaged_file_is_a_value_error_that_names_it(tmp_path, how):
    model, *_ = small_vae()
    path = tmp_path / "model.npz"
    model.save(path)
    damage(path, how)
    with pytest.raises(ValueError, match=r"model\.npz"):
        npvae.load_model(path)


def rewrite(path, change):
    """Change the configuration and the arrays of a saved model in their file."""
    with np.load(path) as archive:
        arrays = dict(archive)
    config = json.loads(str(arrays["config"]))
    change(config, arrays)
    np.savez(path, **{**arrays, "config": np.array(json.dumps(config))})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config, arrays: config.update(depth=3), "model.npz is not a VAE of this version: .*depth"),
        (lambda config, arrays: config.update(latent_dim=2), "model.npz cannot be loaded: its arrays do not fit"),
        (lambda config, arrays: arrays.pop("mu.b"), "model.npz cannot be loaded: its arrays do not fit"),
        (lambda config, arrays: config.update(format=0), "model.npz has format 0, expected .*another version"),
        (lambda config, arrays: config.update(format=99), "model.npz has format 99, expected .*another version"),
        (lambda config, arrays: config.pop("class"), "model.npz is not a saved model"),
        (lambda config, arrays: config.update({"class": "GAN"}), "model.npz holds a GAN, expected a VAE: use load"),
        (lambda config, arrays: config.update({"class": "ZAE"}), "model.npz holds a ZAE, expected a VAE: use load"),
    ],
)
def test_a_file_that_does_not_fit_says_which_and_why(tmp_path, change, message):
    model, *_ = small_vae()
    path = tmp_path / "model.npz"
    model.save(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        npvae.VAE.load(path)


def test_a_missing_file_is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        npvae.load_model(tmp_path / "none.npz")


BAD_BATCHES = {
    "images not flattened": (np.zeros((2, 7, 1)), r"x has shape \(2, 7, 1\), expected \(N, 7\).*flatten"),
    "another width": (np.zeros((2, 8)), r"x has shape \(2, 8\), expected \(N, 7\)"),
    "one example": (np.zeros(7), r"x has shape \(7,\), expected \(N, 7\).*x\[None, :\]"),
    "no example": (np.zeros((0, 7)), r"x has shape \(0, 7\).*no example"),
    "grey levels": (np.zeros((2, 7), np.uint8), "x has dtype uint8, expected floats: x / 255 makes"),
    "objects": (np.zeros((2, 7), object), "x has dtype object, expected floats"),
    "NaN": (np.full((2, 7), np.nan), "x has 14 entries that are NaN or infinite"),
    "out of range": (np.full((2, 7), 1.5), r"x runs from 1.5 to 1.5, expected values in \[0, 1\]"),
}


@pytest.mark.parametrize(("x", "message"), BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_batch_that_does_not_fit_is_refused_with_what_came_and_what_to_do(x, message):
    model, *_ = small_vae()
    for call in (lambda: model.loss_and_grad(x, np.zeros((2, L))), lambda: model.encode(x)):
        with pytest.raises(ValueError, match=message):
            call()


def test_latents_may_be_written_as_whole_numbers():
    model, *_ = small_vae()
    np.testing.assert_array_equal(model.decode([[0, 1, -1]]), model.decode(np.array([[0.0, 1.0, -1.0]])))
    with pytest.raises(ValueError, match="z has dtype object, expected real numbers"):
        model.decode([[None, 1, 2]])


def test_a_gaussian_takes_any_finite_pixel_but_no_nan():
    model, x, eps = small_vae(likelihood=npvae.Gaussian(1.0))
    assert math.isfinite(model.loss_and_grad(100 * x - 50, eps)[0])
    with pytest.raises(ValueError, match="NaN or infinite"):
        model.loss_and_grad(np.full_like(x, np.inf), eps)


def test_noise_that_does_not_fit_is_refused():
    model, x, eps = small_vae()
    for call in (model.loss_and_grad, model.loss_terms, model.reconstruct):
        with pytest.raises(ValueError, match=r"^eps has shape \(4, 2\), expected \(4, 3\): noise for each row of x"):
            call(x, eps[:, :2])
    with pytest.raises(ValueError, match=r"^eps has shape \(3, 3\), expected \(4, 3\)"):
        model.loss_and_grad(x, eps[:3])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_buffer_for_the_gradient_that_does_not_fit_is_refused(dtype):
    model, x, eps = small_vae(dtype=dtype)
    P, other = model.params.vector.size, {"float32": "float64", "float64": "float32"}[dtype]
    for size, kind in ((P - 1, dtype), (P + 1, dtype), (P, other)):
        with pytest.raises(ValueError, match=rf"^out has shape \({size},\) and dtype {kind}, .*{P},.* {dtype}"):
            model.loss_and_grad(x, eps, out=np.zeros(size, kind))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"input_dim": 0}, "input_dim is 0, expected a whole number, 1 or more"),
        ({"latent_dim": -2}, "latent_dim is -2"),
        ({"latent_dim": 2.5}, "latent_dim is 2.5"),
        ({"hidden_dims": (5, 0)}, "hidden_dims is 0"),
        ({"activation": "gelu"}, 'activation is \'gelu\', expected one of: "relu", "tanh"'),
        ({"beta": -1}, "beta is -1"),
        ({"beta": math.nan}, "beta is nan"),
        ({"dtype": "float16"}, "dtype is 'float16', expected \"float32\""),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings, message):
    with pytest.raises(ValueError, match=message):
        npvae.VAE(**settings)


@pytest.mark.parametrize("likelihood", ["bernoulli", npvae.Gaussian("learned")])
def test_draw_output_draws_around_the_mean_that_decode_gives(likelihood):
    model, *_ = small_vae(likelihood=likelihood)
    z = np.repeat(np.random.default_rng(0).standard_normal((1, L)), 20_000, axis=0)
    draws, mean = model.draw_output(z, 1), model.decode(z[:1])[0]
    spread = np.sqrt(mean * (1 - mean)) if likelihood == "bernoulli" else np.exp(0.5 * model.params["output.logvar"])
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 4 * spread / math.sqrt(len(z)))
    np.testing.assert_allclose(draws.std(axis=0), np.broadcast_to(spread, D), rtol=0.03)
    np.testing.assert_array_equal(draws, model.draw_output(z, 1))


def test_labels_are_refused_by_a_model_that_takes_none():
    model, x, eps = small_vae()
    with pytest.raises(ValueError, match="labels were given, but VAE takes none: use a ConditionalVAE"):
        model.loss_and_grad(x, eps, labels=np.zeros(N, int))
    with pytest.raises(ValueError, match="VAE takes none"):
        model.draw_output(eps, labels=np.zeros(N, int))
    with pytest.raises(ValueError, match=r"^z has shape \(4, 2\)"):
        model.draw_output(eps[:, :2])
