"""Checkpoints: resuming gives the same bits, and what does not belong is refused."""

import json
import os
import warnings

import numpy as np
import pytest
from support import D, H, L

import npvae
from npvae.checkpoints import previous_of


def data(seed=0, n=50):
    return np.random.default_rng(seed).integers(0, 256, (n, D), np.uint8)


def fit(path=None, epochs=6, model=None, optimizer=None, **settings):
    model = model or npvae.VAE(D, L, (H,))
    optimizer = optimizer or npvae.Adam()
    settings = {"batch_size": 16, "binarize": True, "verbose": False, "rng": 5} | settings
    return model, npvae.fit(model, data(), data(1), epochs=epochs, checkpoint=path, optimizer=optimizer, **settings)


def same_rows(one, other):
    return [{**row, "seconds": 0} for row in one.rows] == [{**row, "seconds": 0} for row in other.rows]


@pytest.mark.parametrize("make", [npvae.Adam, npvae.Adagrad, lambda: npvae.SGD(lr=1e-3, momentum=0.9)])
def test_training_in_two_parts_ends_with_the_same_bits_as_in_one(tmp_path, make):
    path = tmp_path / "checkpoint.npz"
    whole, history = fit(optimizer=make())
    fit(path, epochs=2, optimizer=make())
    resumed, resumed_history = fit(path, epochs=6, optimizer=make(), rng=99)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    assert same_rows(history, resumed_history)


def test_all_that_a_step_walks_through_starts_at_a_cache_line_and_does_so_again_when_resumed(tmp_path):
    starts = []

    class Watched(npvae.Adam):
        def step(self, params, grad):
            super().step(params, grad)
            starts.extend(a.ctypes.data % 64 for a in (params, grad, self.scratch, *self.state.values()))

    for epochs in (1, 2, 3):  # resumed twice: by chance alone a vector starts there one time in four
        fit(tmp_path / "checkpoint.npz", epochs, optimizer=type("Adam", (Watched,), {})())
    assert starts == [0] * 3 * 4 * 5  # epochs, steps, vectors


def test_an_interrupted_epoch_is_trained_again_from_its_beginning(tmp_path):
    path = tmp_path / "checkpoint.npz"
    whole, history = fit()

    class Interrupted(npvae.Adam):
        def step(self, params, grad):
            super().step(params, grad)
            if self.t == 10:
                raise KeyboardInterrupt

    _, cut = fit(path, optimizer=type("Adam", (Interrupted,), {})())
    assert (cut.interrupted, len(cut)) == (True, 2)
    resumed, resumed_history = fit(path)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    assert same_rows(history, resumed_history)


def test_schedules_go_on_where_they_were(tmp_path):
    path = tmp_path / "checkpoint.npz"
    schedules = {"lr_schedule": npvae.cosine_decay(0.01, 6), "beta_schedule": npvae.linear_warmup(1, 6)}
    whole, history = fit(**schedules)
    fit(path, epochs=3, **schedules)
    resumed, resumed_history = fit(path, **schedules)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    assert same_rows(history, resumed_history)


def test_a_finished_training_is_not_trained_again(tmp_path):
    path = tmp_path / "checkpoint.npz"
    whole, _ = fit(path)
    again, history = fit(path)
    assert len(history) == 6
    np.testing.assert_array_equal(again.params.vector, whole.params.vector)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": npvae.VAE(D, L + 1, (H,))}, "written with the model"),
        ({"model": npvae.VAE(D, L, (H,), dtype="float64")}, "written with the model"),
        ({"optimizer": npvae.SGD()}, "written with the optimizer Adam, expected SGD"),
        ({"rng": np.random.Generator(np.random.SFC64(0))}, "written with the generator PCG64|rng is a SFC64"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_and_left_alone(tmp_path, settings, message):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        fit(path, **settings)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "a bit flipped", "other arrays", "empty"])
def test_a_damaged_checkpoint_is_refused_named_and_left_alone(tmp_path, damage):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes({"truncated": content[:middle], "a bit flipped": flipped, "empty": b""}.get(damage, b""))
    if damage == "other arrays":
        np.savez(path, x=np.zeros(3))
    before = path.read_bytes()
    model = npvae.VAE(D, L, (H,))
    parameters = model.params.vector.copy()
    with pytest.raises(ValueError, match=r"checkpoint\.npz"):
        fit(path, model=model)
    assert path.read_bytes() == before
    np.testing.assert_array_equal(model.params.vector, parameters)


def test_there_is_a_checkpoint_before_the_first_epoch(tmp_path):
    path = tmp_path / "checkpoint.npz"
    whole, history = fit()

    class Adam(npvae.Adam):
        def step(self, params, grad):
            raise KeyboardInterrupt

    fit(path, optimizer=Adam())
    resumed, resumed_history = fit(path, model=npvae.VAE(D, L, (H,), rng=77), rng=99)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    assert same_rows(history, resumed_history)


@pytest.mark.parametrize("linked", [True, False])
def test_the_checkpoint_before_is_kept_and_leads_to_the_same_end(tmp_path, monkeypatch, linked):
    def refused(*_):
        raise OSError("a file system without links")

    if not linked:
        monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "checkpoint.npz"
    whole, history = fit(path)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint.npz", "checkpoint.previous.npz"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"damaged.*checkpoint\.previous\.npz"):
        fit(path)
    os.replace(previous_of(path), path)
    resumed, resumed_history = fit(path)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    assert same_rows(history, resumed_history)


def rewrite(path, change=lambda header: None, **arrays):
    """The checkpoint again, as someone else might have written it."""
    with np.load(path) as archive:
        contents = dict(archive)
    header = json.loads(str(contents["header"]))
    header = change(header) or header
    np.savez(path, **{**contents, "header": json.dumps(header), **arrays})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.update(format=99), "has format 99, this npvae reads"),
        (lambda header: header.update(format=1), "has format 1, this npvae reads"),
        (lambda header: header["training"].update(batch_size=17), "written with the training"),
        (lambda header: [header], "damaged: it has no header"),
        (lambda header: header.pop("format") and None, "damaged: it has no header"),
        (lambda header: header.pop("rows") and None, "damaged"),
        (lambda header: header.update(more=1), "damaged"),
        (lambda header: header.update(rows=[{"epoch": 1}]), "damaged"),
        (lambda header: header.update(rows=3), "damaged"),
        (lambda header: header.update(model=[1]), "damaged"),
        (lambda header: header.update(steps="many"), "damaged"),
        (lambda header: header.update(steps=-1), "damaged"),
        (lambda header: header["rng"].update(state=None), "damaged"),
        (lambda header: header["rng"]["state"].update(state=2**200), "damaged"),
        (lambda header: header["rng"].pop("bit_generator") and None, "damaged"),
        (lambda header: header["model"].update(beta=None), "damaged"),
        (lambda header: header["model"].update(beta=float("nan")), "damaged"),
    ],
)
def test_a_crafted_header_is_refused_and_changes_nothing(tmp_path, change, message):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    rewrite(path, change)
    model, optimizer, rng = npvae.VAE(D, L, (H,)), npvae.Adam(), np.random.default_rng(5)
    before, state = model.params.vector.copy(), rng.bit_generator.state
    with pytest.raises(ValueError, match=message):
        fit(path, model=model, optimizer=optimizer, rng=rng)
    np.testing.assert_array_equal(model.params.vector, before)
    assert (rng.bit_generator.state, optimizer.t, optimizer.state) == (state, 0, {})


@pytest.mark.parametrize(
    "arrays",
    [
        {"params": np.zeros(3, np.float32)},
        {"params": np.full(npvae.VAE(D, L, (H,)).params.vector.shape, np.nan, np.float32)},
        {"m": np.zeros(npvae.VAE(D, L, (H,)).params.vector.shape)},
        {"extra": np.zeros(1)},
    ],
)
def test_crafted_vectors_are_refused(tmp_path, arrays):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    rewrite(path, **arrays)
    with pytest.raises(ValueError, match="damaged"):
        fit(path)


def test_another_numpy_is_told_and_the_same_is_not(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(path, epochs=2)
    monkeypatch.setattr(np, "__version__", "9.9")
    with pytest.warns(UserWarning, match="'numpy': '9.9'.*last digits may differ"):
        fit(path, epochs=3)


@pytest.mark.parametrize("threads", [0, -1, "two", None, 1.5])
def test_a_checkpoint_with_a_crafted_number_of_threads_is_refused(tmp_path, threads):
    path = tmp_path / "checkpoint.npz"
    fit(path, epochs=1)
    rewrite(path, lambda header: header["computer"].update(threads=threads))
    with pytest.raises(ValueError, match="damaged: threads is"):
        fit(path)
