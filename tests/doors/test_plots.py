"""Figures show what they say they show."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from support import small_vae

import npvae
from npvae import plots


def gray_pixels(axes):
    return np.asarray(axes.images[0].get_array())


def test_tile_puts_images_row_by_row_with_a_white_line_between():
    images = np.arange(12).reshape(3, 4) / 100
    sheet = plots.tile(images, columns=2)
    assert sheet.shape == (5, 5)
    np.testing.assert_array_equal(sheet[:2, :2], images[0].reshape(2, 2))
    np.testing.assert_array_equal(sheet[:2, 3:], images[1].reshape(2, 2))
    np.testing.assert_array_equal(sheet[3:, :2], images[2].reshape(2, 2))
    np.testing.assert_array_equal(sheet[2], 1)
    np.testing.assert_array_equal(sheet[3:, 3:], 1)


def test_images_that_are_not_square_are_drawn_in_the_shape_given():
    sheet = plots.tile(np.zeros((1, 6)), 1, (2, 3))
    assert sheet.shape == (2, 3)
    with pytest.raises(ValueError, match="images have 6 pixels, expected a square number, or shape="):
        plots.tile(np.zeros((1, 6)), 1)


def test_reconstructions_show_the_inputs_above_what_the_model_makes_of_them():
    x, x_hat = np.zeros((3, 4)), np.full((3, 4), 0.5)
    top, bottom = plots.plot_reconstructions(x, x_hat).axes
    np.testing.assert_array_equal(gray_pixels(top), plots.tile(x, 3))
    np.testing.assert_array_equal(gray_pixels(bottom), plots.tile(x_hat, 3))
    assert "input" in top.get_title(loc="left")


def test_all_pictures_share_one_grey_scale_from_0_to_1():
    axes = plots.plot_images(np.full((2, 4), 0.5)).axes[0]
    assert axes.images[0].get_clim() == (0, 1)


def test_the_curves_are_the_history_and_every_axis_has_its_unit():
    history = npvae.History()
    values = [1.0, 150.0, 120.0, 30.0, 140.0, 115.0, 25.0, 0.1]
    history.rows = [dict(zip(npvae.training.COLUMNS, values, strict=True))]
    loss, nll, kl = history.plot().axes
    assert [line.get_ydata()[0] for line in loss.lines] == [150.0, 140.0]
    assert (nll.lines[0].get_ydata()[0], kl.lines[0].get_ydata()[0]) == (115.0, 25.0)
    for axes in (loss, nll, kl):
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "nats per example")


def flat_vae():
    return npvae.VAE(4, 2, (3,))


def test_the_manifold_shows_what_the_corners_of_the_plane_decode_to():
    model = flat_vae()
    sheet = gray_pixels(plots.plot_manifold(model, cells=3).axes[0])
    z = 0.967421566  # the quantile of 5/6
    for (row, column), corner in {(0, 0): (-z, z), (0, 2): (z, z), (2, 0): (-z, -z), (1, 1): (0, 0)}.items():
        image = sheet[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        np.testing.assert_allclose(image, model.decode(np.array([corner])).reshape(2, 2), rtol=1e-5)


def test_the_latent_plane_shows_each_mean_as_its_label():
    model, x = flat_vae(), np.random.default_rng(0).random((6, 4))
    mu, _ = model.encode(x)
    axes = plots.plot_latent(mu, np.array([0, 1, 1, 0, 7, 7])).axes[0]
    offsets = [np.asarray(collection.get_offsets()) for collection in axes.collections]
    for shown, rows in zip(offsets, ([0, 3], [1, 2], [4, 5]), strict=True):
        np.testing.assert_allclose(shown, mu[rows])


def test_a_plane_needs_two_latent_dimensions():
    model, *_ = small_vae()
    with pytest.raises(ValueError, match="latent_dim 3, expected 2"):
        plots.plot_manifold(model)
    with pytest.raises(ValueError, match="latent_dim 3, expected 2"):
        plots.plot_latent(np.zeros((4, 3)), np.zeros(4, int))


def test_the_two_noises_are_drawn_apart():
    model = npvae.VAE(4, 3, (5,), rng=0)
    means, draws, one_z = (gray_pixels(axes) for axes in plots.plot_two_noises(model, rng=1, columns=6).axes)
    z = np.random.default_rng(1).standard_normal((6, 3), dtype=np.float32)
    np.testing.assert_array_equal(means, plots.tile(model.decode(z), 6))
    for sheet in (draws, one_z):
        assert set(np.unique(sheet)) == {0.0, 1.0}
    assert np.any(draws != one_z)


def test_no_figure_is_wider_than_a_page():
    model = flat_vae()
    figures = [
        plots.plot_images(np.zeros((40, 4)), columns=40),
        plots.plot_reconstructions(np.zeros((30, 4)), np.zeros((30, 4))),
        plots.plot_manifold(model),
    ]
    assert all(figure.get_size_inches()[0] <= 8 for figure in figures)


def test_a_notebook_shows_a_figure_once_and_a_script_keeps_it_open_for_show(monkeypatch):
    figure = plots.plot_images(np.zeros((1, 4)))
    with pytest.raises(NotImplementedError):  # IPython then shows it as it shows any other
        figure._ipython_display_()
    assert plt.fignum_exists(figure.number)
    monkeypatch.setattr(plt, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    with pytest.raises(NotImplementedError):
        figure._ipython_display_()
    assert not plt.fignum_exists(figure.number)


def test_a_bound_over_the_epochs_shows_the_learning_rate_of_each_stage_that_was_reached_in_thousandths():
    history = npvae.History()
    history.rows = [{"epoch": i, "train_loss": 100.0 - i, "test_loss": 101.0 - i} for i in range(1, 6)]
    (axes,) = plots.plot_stages({"vae": history}, [(1, 1e-3), (3, 1e-3 / 3), (9, 2e-4), (27, 1e-4)]).axes
    training, test, *starts = axes.lines
    np.testing.assert_array_equal(training.get_xydata(), [(i, i - 100) for i in range(1, 6)])
    np.testing.assert_array_equal(test.get_xydata(), [(i, i - 101) for i in range(1, 6)])
    told = [(text.get_position()[0], text.get_text().strip()) for text in axes.texts]
    assert [line.get_xdata()[0] for line in starts] == [1, 2, 5]
    assert told == [(1, "1"), (2, "0.33"), (5, "0.2")]
