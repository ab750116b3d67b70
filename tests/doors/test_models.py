"""What all models promise alike."""

import numpy as np
import pytest
from support import H, L, N, small_vae

import npvae
from npvae.models import MODELS

every_model = pytest.mark.parametrize("kind", MODELS.values(), ids=MODELS.keys())


def labels_for(model, n=N):
    return {"labels": np.arange(n) % model.label_dim} if model.label_dim else {}


@every_model
def test_without_settings_it_is_the_784_400_20_network_on_ten_classes_or_five_draws(kind):
    model = kind()
    assert (model.input_dim, model.latent_dim, model.hidden_dims) == (784, 20, (400,))
    assert (model.label_dim, getattr(model, "importance_samples", 5)) in [(0, 5), (10, 5)]
    assert model.dtype == np.float32


@every_model
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_that_comes_out_has_the_models_dtype(kind, dtype):
    model, x, eps = small_vae(kind=kind, dtype=dtype)
    terms, grad = model.terms_and_grad(x, eps, **labels_for(model))
    z = np.zeros((N, L))
    arrays = [
        *terms,
        grad,
        model.decode(z, **labels_for(model)),
        *np.atleast_1d(model.encode(x, **labels_for(model))),
    ]
    arrays += [] if eps is None else [eps]
    assert {array.dtype for array in arrays} == {np.dtype(dtype)}


@every_model
def test_nothing_handed_in_is_changed_and_no_state_is_kept(kind):
    model, x, eps = small_vae(kind=kind)
    x.flags.writeable = False
    if eps is not None:
        eps.flags.writeable = False
    before = model.params.vector.copy()
    first, grad = model.loss_and_grad(x, eps, **labels_for(model))
    grad = grad.copy()
    model.loss_and_grad(1 - x, eps, **labels_for(model))
    again, same = model.loss_and_grad(x, eps, **labels_for(model))
    assert first == again
    np.testing.assert_array_equal(grad, same)
    np.testing.assert_array_equal(model.params.vector, before)


@every_model
def test_the_loss_and_gradient_of_a_batch_are_the_means_of_its_examples(kind):
    model, x, eps = small_vae(kind=kind)
    loss, grad = model.loss_and_grad(x, eps, **labels_for(model))
    singles = []
    for n in range(N):
        noise = None if eps is None else eps[..., n : n + 1, :]
        label = {name: values[n : n + 1] for name, values in labels_for(model).items()}
        singles.append(model.loss_and_grad(x[n : n + 1], noise, **label))
    np.testing.assert_allclose(loss, np.mean([value for value, _ in singles]), rtol=1e-13)
    np.testing.assert_allclose(grad, np.mean([gradient for _, gradient in singles], axis=0), rtol=1e-9, atol=1e-13)


@every_model
def test_latents_that_do_not_fit_are_refused_by_name(kind):
    model, *_ = small_vae(kind=kind)
    with pytest.raises(ValueError, match=rf"z has shape \(4, 2\), expected \(N, {L}\), where latent_dim is {L}"):
        model.decode(np.zeros((4, 2)), **labels_for(model))


@every_model
def test_a_saved_model_comes_back_the_same_to_the_bit_and_only_as_its_own_class(kind, tmp_path):
    model, x, eps = small_vae(kind=kind, hidden_dims=(H,))
    path = tmp_path / "model.npz"
    model.save(path)
    loaded = npvae.load_model(path)
    assert (type(loaded), loaded.config) == (kind, model.config)
    np.testing.assert_array_equal(
        loaded.loss_terms(x, eps, **labels_for(model)), model.loss_terms(x, eps, **labels_for(model))
    )
    for other in set(MODELS.values()) - {kind}:
        with pytest.raises(ValueError, match=f"holds a {kind.__name__}, expected a {other.__name__}"):
            other.load(path)


@every_model
def test_the_same_seed_draws_the_same_noise(kind):
    model, *_ = small_vae(kind=kind)
    first, again, other = (model.draw_eps(N, seed) for seed in (1, 1, 2))
    if kind is npvae.AutoEncoder:
        assert first is None
    else:
        assert first.shape[-2:] == (N, L)
        np.testing.assert_array_equal(first, again)
        assert np.all(first != other)


@every_model
def test_noise_and_images_of_another_precision_are_taken_in_the_models_own(kind):
    model, x, eps = small_vae(kind=kind, dtype="float32")
    wide = None if eps is None else eps.astype(np.float64)
    terms, grad = model.terms_and_grad(x.astype(np.float64), wide, **labels_for(model))
    same_terms, same_grad = model.terms_and_grad(x, eps, **labels_for(model))
    assert {array.dtype for array in (*terms, grad)} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(grad, same_grad)
    np.testing.assert_array_equal(terms, same_terms)


@every_model
def test_the_gradient_by_the_images_is_not_computed(kind, monkeypatch):
    model, x, eps = small_vae(kind=kind)
    needed = []
    right = npvae.network.dense_backward

    def watching(dy, cache, out=None, need_dx=True):
        needed.append((cache[0].shape[1] == model.input_dim + model.label_dim, need_dx))
        return right(dy, cache, out, need_dx)

    monkeypatch.setattr(npvae.network, "dense_backward", watching)
    model.loss_and_grad(x, eps, **labels_for(model))
    assert (True, False) in needed
    assert all(need_dx != is_first for is_first, need_dx in needed)
