import numpy as np
import pytest
from support import D, H, L

import npvae


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
