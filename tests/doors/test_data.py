"""The shipped data, readers of other files, and what makes pixels of them."""

import gzip
import hashlib
import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

import npvae
from npvae.data.idx import DTYPES
from npvae.data.sources import load_dataset

SHIPPED = Path(npvae.__file__).parent / "data"
CODES = {np.dtype(dtype).newbyteorder("="): code for code, dtype in DTYPES.items()}


def idx_bytes(array):
    header = bytes([0, 0, CODES[array.dtype], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path, content):
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "table_row", [line for line in (SHIPPED / "LICENSE.md").read_text().splitlines() if ".gz |" in line]
)
def test_the_shipped_files_are_the_published_ones_bit_for_bit(table_row):
    name, size, sha256 = (cell.strip() for cell in table_row.strip("|").split("|"))
    (path,) = SHIPPED.glob(f"*/{name}")
    assert path.stat().st_size == int(size)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_mnist_has_its_shapes_and_its_published_label_counts():
    (x_train, y_train), (x_test, y_test) = npvae.load_mnist()
    assert (x_train.shape, x_train.dtype, x_test.shape, x_test.dtype) == (
        (60000, 784),
        np.uint8,
        (10000, 784),
        np.uint8,
    )
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert (y_train.dtype, y_test.dtype) == (np.uint8, np.uint8)
    assert (x_train.min(), x_train.max()) == (0, 255)


def test_digits_are_rescaled_to_255_and_every_class_is_in_both_halves():
    (x_train, y_train), (x_test, y_test) = npvae.load_digits()
    assert (x_train.shape, x_test.shape, x_train.dtype) == ((1541, 64), (256, 64), np.uint8)
    assert (x_train.min(), x_train.max()) == (0, 255)
    assert len(np.unique(x_train)) == 17
    assert np.bincount(y_train).min() > 140
    assert np.bincount(y_test).min() > 15


@pytest.mark.parametrize("zipped", [False, True])
@given(
    array=st.sampled_from(list(CODES)).flatmap(
        lambda dtype: st_np.arrays(dtype, st_np.array_shapes(max_dims=4, max_side=4))
    )
)
def test_an_idx_file_is_read_as_it_was_written(tmp_path_factory, zipped, array):
    content = idx_bytes(array)
    path = write(tmp_path_factory.mktemp("idx") / "file", gzip.compress(content) if zipped else content)
    read = npvae.read_idx(path)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


IMAGES = idx_bytes(np.zeros((3, 2, 2), np.uint8))
BAD_IDX = {
    "empty": (b"", r"not an IDX file: it begins with the bytes \(none\)"),
    "text": (b"hello world", "not an IDX file"),
    "unknown type": (b"\0\0\x07\1" + bytes(8), "not an IDX file"),
    "header cut": (IMAGES[:9], "ends inside its header"),
    "content cut": (IMAGES[:-1], r"holds only 11, its header \(3, 2, 2\) promises 12 bytes"),
    "content too long": (IMAGES + b"x", "holds more, its header"),
    "gzip cut": (gzip.compress(IMAGES)[:-9], "damaged gzip"),
    "gzip flipped": (gzip.compress(IMAGES)[:-6] + b"\xff" * 6, "damaged gzip"),
    "gzip of nothing": (gzip.compress(b""), "not an IDX file"),
}


@pytest.mark.parametrize(("content", "message"), BAD_IDX.values(), ids=BAD_IDX.keys())
def test_a_damaged_idx_file_is_a_value_error_that_says_how(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        npvae.read_idx(write(tmp_path / "file", content))


@pytest.mark.parametrize("zipped", [False, True])
def test_memory_is_bounded_by_what_an_idx_file_holds_not_by_what_it_promises(tmp_path, zipped):
    content = b"\0\0\x0e\4" + struct.pack(">4I", *[2**31] * 4) + bytes(100)
    path = write(tmp_path / "file", gzip.compress(content) if zipped else content)
    tracemalloc.start()
    with pytest.raises(ValueError, match="holds only 100"):
        npvae.read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_to_float_divides_grey_levels_by_255_and_passes_floats_on():
    np.testing.assert_array_equal(npvae.to_float(np.array([0, 51, 255], np.uint8), np.float64), [0, 0.2, 1])
    x = np.array([0.5], np.float32)
    assert npvae.to_float(x) is x
    assert npvae.to_float(np.zeros(1, np.uint8)).dtype == np.float32


@pytest.mark.parametrize("levels", [np.array([0, 1, 51, 128, 254, 255], np.uint8), np.array([0.0, 0.2, 0.5, 1.0])])
def test_binarize_draws_ones_with_the_grey_level_as_probability(levels):
    n = 100_000
    draws = npvae.binarize(np.tile(levels, (n, 1)), 0)
    p = npvae.to_float(levels, np.float64)
    assert set(np.unique(draws)) == {0.0, 1.0}
    assert np.all(np.abs(draws.mean(axis=0) - p) <= 4 * np.sqrt(p * (1 - p) / n))


def test_binarize_is_drawn_by_its_seed_and_leaves_its_input_alone():
    x = np.full((5, 50), 128, np.uint8)
    first, again, other = (npvae.binarize(x, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.mean(first != other) > 0.3
    assert np.all(x == 128)
    assert first.dtype == np.float32
    assert npvae.binarize(x / 255, 1).dtype == np.float64


def test_the_threshold_variant_cuts_both_scales_at_the_same_place():
    grey = np.arange(256).astype(np.uint8)
    np.testing.assert_array_equal(npvae.binarize_threshold(grey), npvae.binarize_threshold(grey / 255))
    assert npvae.binarize_threshold(grey).sum() == 128
    assert npvae.binarize_threshold(grey, 0.9).sum() == 255 - math.floor(0.9 * 255)


@pytest.mark.parametrize("binarize", [npvae.binarize, npvae.binarize_threshold])
def test_pixels_that_are_no_probabilities_cannot_be_binarized(binarize):
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        binarize(np.array([[0.0, 2.0]]))
    with pytest.raises(ValueError, match="NaN"):
        binarize(np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match="x has dtype int64, expected uint8"):
        binarize(np.array([[0, 255]]))


def save_as(kind, folder, images, labels):
    if kind == "npz":
        path = folder / "set.npz"
        np.savez(path, x_train=images[:8], y_train=labels[:8], x_test=images[8:], y_test=labels[8:])
        return path
    suffix, encode = (".gz", gzip.compress) if kind == "gzipped idx" else ("", lambda content: content)
    for part, rows in (("train", slice(8)), ("t10k", slice(8, None))):
        write(folder / f"{part}-images-idx3-ubyte{suffix}", encode(idx_bytes(images[rows])))
        write(folder / f"{part}-labels-idx1-ubyte{suffix}", encode(idx_bytes(labels[rows])))
    return folder if kind == "folder" else folder / f"train-images-idx3-ubyte{suffix}"


@pytest.mark.parametrize("kind", ["npz", "idx", "gzipped idx", "folder"])
def test_a_data_set_of_files_comes_with_its_test_half_and_its_labels(tmp_path, kind):
    images = np.random.default_rng(0).integers(0, 256, (10, 3, 2), np.uint8)
    labels = np.arange(10).astype(np.uint8)
    data = load_dataset(str(save_as(kind, tmp_path, images, labels)))
    np.testing.assert_array_equal(data.x_train, images[:8].reshape(8, 6))
    np.testing.assert_array_equal(data.x_test, images[8:].reshape(2, 6))
    np.testing.assert_array_equal(data.y_train, labels[:8])
    np.testing.assert_array_equal(data.y_test, labels[8:])
    assert data.image_shape == (3, 2)


def test_without_a_test_half_the_last_tenth_is_held_out(tmp_path):
    images = np.random.default_rng(0).random((40, 16))
    np.save(tmp_path / "x.npy", images)
    data = load_dataset(str(tmp_path / "x.npy"))
    np.testing.assert_array_equal(data.x_train, images[:36])
    np.testing.assert_array_equal(data.x_test, images[36:])
    assert (data.y_train, data.image_shape) == (None, (4, 4))
    assert "held out" in data.held_out


BAD_ARRAYS = {
    "labels": (np.zeros(5, np.uint8), r"shape \(5,\), expected images.*is it a file of labels"),
    "four channels": (np.zeros((5, 2, 2, 4), np.uint8), "expected images"),
    "five dimensions": (np.zeros((5, 2, 2, 3, 1), np.uint8), "expected images"),
    "none": (np.zeros((0, 2, 2), np.uint8), "expected images"),
    "integers": (np.zeros((5, 4), int), "dtype int64, expected uint8"),
    "NaN": (np.full((5, 4), np.nan), "20 entries that are NaN"),
    "out of range": (np.full((5, 4), 17.0), r"runs from 17 to 17, expected values in \[0, 1\]"),
    "objects": (np.array([[None]]), "not an .npy file of a plain array"),
    "a single image": (np.zeros((1, 4)), "holds 1 example, expected 2 or more"),
}


@pytest.mark.parametrize(("array", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS.keys())
def test_an_array_that_is_no_set_of_images_is_refused_and_the_file_named(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=rf"x\.npy.*{message}"):
        load_dataset(str(tmp_path / "x.npy"))


def test_an_npz_without_x_train_and_a_damaged_one_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros((5, 4)), b=np.zeros((5, 4)))
    with pytest.raises(ValueError, match=r"holds a, b, expected images .* under one name like x_train"):
        load_dataset(str(tmp_path / "x.npz"))
    write(tmp_path / "x.npz", (tmp_path / "x.npz").read_bytes()[:100])
    with pytest.raises(ValueError, match=r"x\.npz is not an \.npz file"):
        load_dataset(str(tmp_path / "x.npz"))


def test_a_path_that_does_not_exist_says_which_names_there_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file.*mnist and digits"):
        load_dataset(str(tmp_path / "none.npz"))
    with pytest.raises(ValueError, match="holds no file that can be read, expected images to train on"):
        load_dataset(str(tmp_path))
