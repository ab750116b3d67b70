"""Each fact stands once: what is entered into a registry can be named, trained, saved, loaded and checked."""

import numpy as np
import pytest
from support import BAR, D, H, L, N

import npvae
from npvae.cli import make_parser
from npvae.gradcheck import all_pairs, model_errors, pair_error, redraw

X = np.random.default_rng(0).random((20, D), np.float32)


@pytest.fixture(autouse=True)
def _registries_as_they_were():
    registries = npvae.LIKELIHOODS, npvae.ACTIVATIONS, npvae.MODELS
    before = [dict(registry) for registry in registries]
    yield
    for registry, entries in zip(registries, before, strict=True):
        registry.clear()
        registry.update(entries)


def define_laplace():
    def laplace_nll(x, mean):
        residual = x - mean
        return np.sum(np.abs(residual) + np.float32(np.log(2)), axis=-1), residual

    def laplace_nll_backward(dnll, residual):
        return -dnll[..., None] * np.sign(residual)

    class Laplace(npvae.Likelihood):
        name = "mine"
        pair = laplace_nll, laplace_nll_backward

        def sample(self, output, params, rng):
            return (output + rng.laplace(size=output.shape)).astype(output.dtype)

    return Laplace


def define_scaled():
    class ScaledVAE(npvae.VAE):
        """Logits times a factor that is learned: one more array."""

        @property
        def extra_shapes(self):
            return {"scale": (self.input_dim,)}

    return ScaledVAE


def enter_softplus():
    def softplus(a):
        return np.logaddexp(a, 0), a

    def softplus_backward(dh, a):
        return dh / (1 + np.exp(-a))

    npvae.ACTIVATIONS["softplus"] = npvae.Activation(
        softplus, softplus_backward, npvae.ACTIVATIONS["tanh"].initializer
    )


def test_a_likelihood_of_ones_own_is_named_trained_checked_saved_and_loaded(tmp_path):
    define_laplace()
    model = npvae.VAE(D, L, (H,), likelihood="mine")
    npvae.fit(model, X, epochs=1, verbose=False)
    model.save(tmp_path / "m.npz")
    again = npvae.load_model(tmp_path / "m.npz")
    np.testing.assert_array_equal(again.sample(3, 0, output_noise=True), model.sample(3, 0, output_noise=True))
    assert redraw(lambda rng: pair_error(all_pairs()["laplace_nll"], rng), 0)[0] < BAR
    checked = npvae.VAE(D, L, (H,), likelihood="mine", dtype="float64")
    errors = model_errors(checked, X[:N], checked.draw_eps(N, 1))
    assert max(errors.values()) < BAR


def test_a_likelihood_that_changes_one_of_the_packages_goes_by_the_name_of_its_class(tmp_path):
    class Dearer(npvae.Bernoulli):
        def nll(self, x, output, params):
            nll, cache = super().nll(x, output, params)
            return 2 * nll, cache

    model = npvae.VAE(D, L, (H,), likelihood=Dearer())
    model.save(tmp_path / "m.npz")
    assert type(npvae.load_model(tmp_path / "m.npz").likelihood) is Dearer
    assert npvae.VAE(D, L, (H,), likelihood="Dearer").config["likelihood"] == {"name": "Dearer"}
    assert npvae.Bernoulli.name == "bernoulli"


def test_an_activation_of_ones_own_is_named_checked_saved_and_loaded(tmp_path):
    enter_softplus()
    model = npvae.VAE(D, L, (H,), activation="softplus", dtype="float64")
    model.save(tmp_path / "m.npz")
    assert npvae.load_model(tmp_path / "m.npz").activation == "softplus"
    assert pair_error(all_pairs()["softplus"], np.random.default_rng(0)) < BAR
    assert max(model_errors(model, X[:N], model.draw_eps(N, 1)).values()) < BAR


def test_a_model_with_one_more_array_is_made_saved_and_loaded_without_further_changes(tmp_path):
    kind = define_scaled()
    model = kind(D, L, (H,), likelihood=npvae.Gaussian("learned"))
    assert list(model.params)[-2:] == ["scale", "output.logvar"]
    model.params["scale"] = 2.0
    model.save(tmp_path / "m.npz")
    again = npvae.load_model(tmp_path / "m.npz")
    assert type(again) is kind
    np.testing.assert_array_equal(again.params["scale"], 2.0)


def test_a_class_defined_again_replaces_itself(tmp_path):
    define_scaled()(D, L, (H,)).save(tmp_path / "m.npz")
    second = define_scaled()
    assert type(npvae.load_model(tmp_path / "m.npz")) is second
    assert define_laplace() is npvae.LIKELIHOODS["mine"]
    assert define_laplace() is npvae.LIKELIHOODS["mine"]


def test_the_packages_own_names_cannot_be_taken():
    with pytest.raises(ValueError, match="'VAE' is one of npvae's own models, expected another name for yours"):
        type("VAE", (npvae.Model,), {})
    with pytest.raises(ValueError, match="'gaussian' is one of npvae's own likelihoods"):
        type("Mine", (npvae.Gaussian,), {"name": "gaussian"})
    with pytest.raises(ValueError, match="'relu' is one of npvae's own activations"):
        npvae.ACTIVATIONS["relu"] = npvae.ACTIVATIONS["tanh"]
    assert npvae.MODELS["VAE"] is npvae.VAE
    assert npvae.LIKELIHOODS["gaussian"] is npvae.Gaussian


def test_entries_from_outside_are_no_choices_of_the_command_line(capsys):
    define_laplace()
    define_scaled()
    enter_softplus()
    with pytest.raises(SystemExit):
        make_parser().parse_args(["train", "--help"])
    shown = capsys.readouterr().out
    for registry in (npvae.LIKELIHOODS, npvae.ACTIVATIONS):
        assert "{" + ",".join(registry.own) + "}" in shown
    assert "{autoencoder,vae,cvae,iwae}" in shown


def test_what_load_would_refuse_save_refuses_and_writes_nothing(tmp_path):
    define_laplace()
    model = npvae.VAE(D, L, (H,), likelihood="mine")
    del npvae.LIKELIHOODS["mine"]
    with pytest.raises(ValueError, match=r"VAE\(.*\) cannot be saved, .*likelihood is .*'mine'"):
        model.save(tmp_path / "m.npz")
    broken = npvae.VAE(D, L, (H,))
    broken.params.vector[0] = np.nan
    with pytest.raises(ValueError, match=r"cannot be saved, .*NaN or infinite"):
        broken.save(tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_a_file_of_a_class_that_is_not_defined_says_what_to_do(tmp_path):
    define_scaled()(D, L, (H,)).save(tmp_path / "m.npz")
    del npvae.MODELS["ScaledVAE"]
    with pytest.raises(ValueError, match=r"holds a ScaledVAE, expected one of: .* define or import it first"):
        npvae.load_model(tmp_path / "m.npz")


def test_a_setting_that_a_configuration_leaves_out_is_not_lost_in_a_file_but_refused(tmp_path):
    class Scaled(define_laplace()):
        name = "scaled"

        def __init__(self, scale=1.0):
            self.scale = scale

    class Patient(npvae.VAE):
        def __init__(self, *args, patience=3, **kwargs):
            self.patience = patience
            super().__init__(*args, **kwargs)

    npvae.VAE(D, L, (H,), likelihood=Scaled()).save(tmp_path / "default.npz")
    for model, name in (
        (npvae.VAE(D, L, (H,), likelihood=Scaled(0.5)), "scale"),
        (Patient(D, L, patience=4), "patience"),
    ):
        with pytest.raises(ValueError, match=f"cannot be saved, .*: {name} is .*, but its config does not say so"):
            model.save(tmp_path / "m.npz")


def test_a_parameter_whose_gradient_is_not_written_shows_in_the_check_and_in_training():
    kind = define_scaled()
    checked = kind(D, L, (H,), activation="tanh", dtype="float64")
    assert model_errors(checked, X[:N], checked.draw_eps(N, 1))["scale"] == np.inf
    with pytest.raises(npvae.DivergenceError, match="the parameter scale is no longer finite"):
        npvae.fit(kind(D, L, (H,)), X, epochs=1, verbose=False)


def test_a_likelihood_without_a_loss_is_refused_where_it_is_defined():
    with pytest.raises(TypeError, match="Mine has no pair: a likelihood needs a loss"):
        type("Mine", (npvae.Likelihood,), {})
