"""The loop, its wrapper fit, and the history: the same bits as the loop written out."""

import math

import numpy as np
import pytest
from support import D, H, L

import npvae
from npvae.training import COLUMNS, TEST_SEED, DivergenceError, minibatches

N_TRAIN = 50


def data(seed=0, n=N_TRAIN):
    return np.random.default_rng(seed).integers(0, 256, (n, D), np.uint8)


def small(**settings):
    return npvae.VAE(D, L, (H,), **settings)


def fit(model=None, x=None, **settings):
    model = model or small()
    settings = {"epochs": 3, "batch_size": 16, "verbose": False} | settings
    return model, npvae.fit(model, data() if x is None else x, **settings)


def test_minibatches_visit_every_example_once_in_an_order_of_their_own():
    batches = list(minibatches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    order = np.concatenate(batches)
    assert sorted(order) == list(range(10))
    assert list(order) != list(range(10))


def test_fit_is_the_loop_that_one_would_write():
    x = data() / 255
    model, _ = fit(x=x, rng=7)
    expected, adam, rng = small(), npvae.Adam(), np.random.default_rng(7)
    for _ in range(3):
        for index in minibatches(N_TRAIN, 16, rng):
            _, grad = expected.loss_and_grad(x[index], expected.draw_eps(len(index), rng))
            adam.step(expected.params.vector, grad)
    np.testing.assert_array_equal(model.params.vector, expected.params.vector)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    vectors = [fit(binarize=True, rng=seed)[0].params.vector for seed in (1, 1, 2)]
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert np.any(vectors[0] != vectors[2])


def test_numpys_global_random_state_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit(binarize=True)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_grey_levels_train_as_their_255th_part_does():
    grey, _ = fit(x=data())
    floats, _ = fit(x=(data() / 255).astype(np.float32))
    np.testing.assert_array_equal(grey.params.vector, floats.params.vector)


def test_training_on_digits_lowers_the_held_out_loss():
    (x_train, _), (x_test, _) = npvae.load_digits()
    model = npvae.VAE(64, 5, (50,))
    history = npvae.fit(model, x_train, x_test, epochs=5, batch_size=32, binarize=True, verbose=False)
    assert history["test_loss"][-1] < history["test_loss"][0] - 2
    assert history["test_loss"][-1] < 64 * math.log(2) - 10


def test_the_history_has_a_row_an_epoch_and_its_loss_is_nll_plus_beta_kl():
    _, history = fit(small(beta=2.0), x_test=data(1))
    assert len(history) == 3
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3])
    for part in ("train", "test"):
        loss, nll, kl = (history[f"{part}_{term}"] for term in ("loss", "nll", "kl"))
        assert np.all(kl > 0)
        np.testing.assert_allclose(loss, nll + 2 * kl, rtol=1e-6)


def test_the_training_loss_is_the_mean_over_the_examples_as_they_were_met():
    sgd = npvae.SGD(lr=0.0)
    model, history = fit(optimizer=sgd, epochs=1, rng=3)
    rng, total = np.random.default_rng(3), 0.0
    for index in minibatches(N_TRAIN, 16, rng):
        total += model.loss_terms(npvae.to_float(data()[index]), model.draw_eps(len(index), rng)).loss.sum()
    assert math.isclose(history["train_loss"][0], total / N_TRAIN, rel_tol=1e-6)


def test_the_last_test_row_is_what_evaluate_says_of_the_model():
    model, history = fit(x_test=data(1), binarize=True)
    result = npvae.evaluate(model, npvae.binarize(data(1), TEST_SEED))
    assert (result.loss, result.nll, result.kl) == tuple(
        history[column][-1] for column in ("test_loss", "test_nll", "test_kl")
    )


def test_the_test_curve_shows_the_model_not_the_draws():
    _, history = fit(x_test=data(1), binarize=True, optimizer=npvae.SGD(lr=0.0))
    assert len(set(history["test_loss"])) == 1
    assert len(set(history["train_loss"])) == 3


def test_without_a_test_set_its_columns_are_nan():
    _, history = fit()
    assert np.all(np.isnan(history["test_loss"]))


def test_a_history_survives_its_csv_to_the_bit(tmp_path):
    _, history = fit(x_test=data(1))
    history.to_csv(tmp_path / "history.csv")
    text = (tmp_path / "history.csv").read_text("utf-8")
    assert text.splitlines()[0] == "epoch,train_loss,train_nll,train_kl,test_loss,test_nll,test_kl,seconds"
    assert text.splitlines()[1].startswith("1,")
    assert npvae.History.from_csv(tmp_path / "history.csv").rows == history.rows


@pytest.mark.parametrize("text", ["", "epoch,loss\n1,2\n", ",".join(COLUMNS) + "\n1,2,x,4,5,6,7,8\n"])
def test_a_csv_of_another_kind_is_a_value_error_that_names_it(tmp_path, text):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(ValueError, match=r"history\.csv does not hold"):
        npvae.History.from_csv(tmp_path / "history.csv")


def test_an_unknown_column_is_a_key_error_that_names_the_known_ones():
    with pytest.raises(KeyError, match="train_loss"):
        npvae.History()["loss"]


def test_schedules_set_the_rate_and_beta_of_each_epoch():
    seen = []

    class Watching(npvae.SGD):
        def step(self, params, grad):
            seen.append((self.lr, model.beta))

    model = small()
    fit(model, optimizer=Watching(), batch_size=N_TRAIN, lr_schedule=lambda t: 0.1 / t, beta_schedule=lambda t: t / 3)
    assert seen == [(0.1, 1 / 3), (0.05, 2 / 3), (0.1 / 3, 1.0)]
    assert model.beta == 1.0


def test_a_line_an_epoch_is_printed_and_no_bar_where_there_is_no_terminal(capsys):
    fit(x_test=data(1), verbose=True)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert all(word in out.splitlines()[0] for word in ("epoch 1/3", "train loss", "test loss", "nll", "kl", " s"))
    assert "elbo" not in out
    assert err == ""


def test_the_line_of_an_epoch_tells_loss_and_elbo_apart_where_beta_is_not_one(capsys):
    _, history = fit(small(beta=4.0), verbose=True, epochs=1)
    out = capsys.readouterr().out
    nll, kl = history["train_nll"][0], history["train_kl"][0]
    assert f"nll {nll:.3f} + 4 x kl {kl:.3f}" in out
    assert f"elbo {-(nll + kl):8.3f}" in out


def test_nothing_is_printed_when_nothing_is_wanted(capsys):
    fit(x_test=data(1), verbose=False)
    assert capsys.readouterr() == ("", "")


def test_ctrl_c_ends_training_and_keeps_all_that_was_learned(capsys):
    def press_ctrl_c(epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        return 0.001

    model, history = fit(epochs=9, lr_schedule=press_ctrl_c, verbose=True)
    assert history.interrupted
    assert len(history) == 2
    np.testing.assert_array_equal(model.params.vector, fit(epochs=2)[0].params.vector)
    assert "stopped by Ctrl-C in epoch 3" in capsys.readouterr().out


def test_a_loss_that_leaves_the_numbers_ends_training_with_the_last_good_parameters():
    model = small()
    with pytest.raises(DivergenceError, match=r"epoch \d, step \d: the (kl|nll) is no longer finite") as caught:
        fit(model, optimizer=npvae.SGD(lr=1e6), epochs=9)
    assert np.all(np.isfinite(model.params.vector))
    terms = model.loss_terms(npvae.to_float(data()), model.draw_eps(N_TRAIN, 0))
    assert np.all(np.isfinite(terms.loss))
    assert len(caught.value.history) < 9


def test_the_first_parameter_that_is_no_longer_finite_is_named():
    class Sabotage(npvae.SGD):
        def step(self, params, grad):
            super().step(params, grad)
            if self.t == 5:
                model.params["mu.W"][0, 0] = np.nan
                model.params["output.b"][0] = np.nan

    model = small()
    before_the_last = fit(optimizer=npvae.SGD(), epochs=1)[0].params.vector
    with pytest.raises(FloatingPointError, match=r"epoch 2, step 2: the parameter mu\.W is no longer finite"):
        fit(model, optimizer=Sabotage(), epochs=2)
    np.testing.assert_array_equal(model.params.vector, before_the_last)


def test_an_optimizer_that_overflows_and_would_freeze_parameters_is_found_and_the_parameter_named():
    class Frozen(npvae.Adagrad):
        def step(self, params, grad):
            super().step(params, grad)
            model.params.like(self.state["s"])["decoder.0.b"][:] = np.inf

    model = small()
    with pytest.raises(DivergenceError, match=r"epoch 1, last step: the optimizer's s of decoder\.0\.b"):
        fit(model, optimizer=Frozen())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"x": np.zeros((5, D + 1), np.uint8)}, "x_train has shape"),
        ({"x": np.zeros((5, D, 1), np.uint8)}, "x_train has shape .* flatten"),
        ({"x": np.zeros((0, D), np.uint8)}, "x_train has shape .* no example"),
        ({"x": np.full((5, D), np.nan)}, "x_train has 35 entries that are NaN"),
        ({"x": np.zeros((5, D), int)}, "x_train has dtype int64"),
        ({"x_test": np.full((5, D), 2.0)}, "x_test runs from 2 to 2"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_before_anything_happens(settings, message):
    model = small()
    before = model.params.vector.copy()
    with pytest.raises(ValueError, match=message):
        fit(model, **settings)
    np.testing.assert_array_equal(model.params.vector, before)


def test_more_draws_of_z_are_the_mean_over_repeated_examples():
    x = data() / 255
    model, history = fit(x=x, rng=7, draws=3, optimizer=npvae.SGD(lr=1e-3), epochs=1)
    expected, sgd, rng, total = small(), npvae.SGD(lr=1e-3), np.random.default_rng(7), 0.0
    for index in minibatches(N_TRAIN, 16, rng):
        repeated = np.repeat(x[index], 3, axis=0)
        eps = expected.draw_eps(len(repeated), rng)
        total += expected.loss_terms(repeated, eps).loss.reshape(-1, 3).mean(axis=1).sum()
        sgd.step(expected.params.vector, expected.loss_and_grad(repeated, eps)[1])
    np.testing.assert_array_equal(model.params.vector, expected.params.vector)
    assert math.isclose(history["train_loss"][0], total / N_TRAIN, rel_tol=1e-6)


def test_labels_travel_with_their_images():
    labels = np.arange(N_TRAIN) % 3
    x = np.eye(D)[labels]
    seen = []

    class Watching(npvae.ConditionalVAE):
        def forward(self, x, eps, labels=None):
            seen.append(np.array_equal(x, np.eye(D)[labels]))
            return super().forward(x, eps, labels)

    fit(Watching(D, L, (H,), label_dim=3), x=x, x_test=x[::-1], labels=labels, test_labels=labels[::-1], draws=2)
    assert len(seen) == 3 * (4 + 1)
    assert all(seen)
