"""Files and arrays that people bring are read right, or refused in a sentence; never silently wrong."""

import bz2
import gzip
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
from fuzz.readers import idx_file

import npvae
from npvae.data.names import understand
from npvae.data.sources import load_dataset
from npvae.internals.foreign import UnreadableError

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (30, 4, 5), np.uint8)
LABELS = np.arange(30).astype(np.uint8) % 3
REAL = (-np.inf, np.inf)


@pytest.fixture
def put(tmp_path):
    """Write a file by its name, from an array, arrays by name, or bytes; give its path."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        zipped = name.endswith(".gz")
        if isinstance(content, dict):
            np.savez(path, **content)
        elif isinstance(content, np.ndarray) and name.removesuffix(".gz").endswith(".npy"):
            file = io.BytesIO()
            np.save(file, content)
            path.write_bytes(gzip.compress(file.getvalue()) if zipped else file.getvalue())
        else:
            if isinstance(content, np.ndarray):
                content = idx_file(content.shape, content.tobytes())
            path.write_bytes(gzip.compress(content) if zipped else content)
        return str(path)

    return write


# Whole numbers that are not grey levels of 0 to 255.

BINARY = (RNG.random((200, 9)) < 0.5).astype(np.uint8)
LEVELS = RNG.integers(0, 17, (200, 9), np.uint8)
CALLS = {
    "fit": lambda x: npvae.fit(npvae.VAE(9, 1, ()), x, epochs=1, verbose=False),
    "fit, binarized": lambda x: npvae.fit(npvae.VAE(9, 1, ()), x, epochs=1, binarize=True, verbose=False),
    "fit, test set": lambda x: npvae.fit(npvae.VAE(9, 1, ()), 255 * BINARY, x, epochs=1, verbose=False),
    "init_output": lambda x: npvae.VAE(9, 1, ()).init_output(x),
    "evaluate": lambda x: npvae.evaluate(npvae.VAE(9, 1, ()), x),
    "log_likelihood": lambda x: npvae.log_likelihood(npvae.VAE(9, 1, ()), x, n_samples=1),
    "binarize": lambda x: npvae.binarize(x, 0),
    "binarize_threshold": npvae.binarize_threshold,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_uint8_that_is_hardly_grey_levels_is_refused_with_what_it_looks_like_and_the_ways_out(call):
    ways = r"x\.astype\(np\.float32\) .*x / 255"
    with pytest.raises(ValueError, match=rf"uint8 and runs from 0 to 1, .* pixels of 0 and 1: {ways}"):
        call(BINARY)
    with pytest.raises(ValueError, match=r"uint8 and runs from 0 to 16, .* levels of 0 to 16: x / 16 .*x / 255"):
        call(LEVELS)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_all_black_set_and_a_single_dark_image_pass(call):
    call(np.zeros((200, 9), np.uint8))
    call(BINARY[:1])


def test_a_hundred_dark_images_may_be_evaluated_but_not_trained_on():
    npvae.evaluate(npvae.VAE(9, 1, ()), BINARY[:100])
    with pytest.raises(ValueError, match="pixels of 0 and 1"):
        CALLS["fit"](BINARY[:100])


def test_a_dark_batch_of_a_set_with_bright_images_is_no_reason_to_stop():
    x = np.concatenate([np.tile(BINARY, (1, 1)), np.full((1, 9), 255, np.uint8)])
    npvae.fit(npvae.VAE(9, 1, ()), x, epochs=1, batch_size=150, binarize=True, verbose=False)


@pytest.mark.parametrize(
    ("array", "way"),
    [
        (BINARY.astype(np.int64), "x.astype(np.float32)"),
        (LEVELS.astype(np.int64), "x / 16"),
        (np.array([[0, 255]]), "x / 255"),
        (np.array([[0, 256]]), "(x - low) / (high - low)"),
        (np.array([[-1, 1]]), "(x + 1) / 2"),
    ],
)
def test_the_conversion_that_a_message_proposes_maps_the_numbers_into_the_unit_interval(array, way):
    model = npvae.VAE(array.shape[1], 1, (), likelihood="gaussian")
    for call in (model.reconstruct, model.init_output, npvae.to_float):
        with pytest.raises(ValueError, match="dtype int64, expected") as caught:
            call(array)
        assert way in str(caught.value)
        assert "uint8)" not in str(caught.value)
    converted = eval(way, {"x": array, "np": np, "low": array.min(), "high": array.max()})
    assert 0 <= converted.min() <= converted.max() == 1


@pytest.mark.parametrize(
    ("array", "way"),
    [
        (np.array([[0.0, 255.0]]), "x / 255"),
        (np.array([[-1.0, 1.0]]), "(x + 1) / 2"),
        (np.array([[-3.0, 2.0]]), "(x - low) / (high - low)"),
        (np.array([[0.0, 12.0]]), "(x - low) / (high - low)"),
    ],
)
def test_floats_out_of_range_are_sent_to_what_their_range_looks_like(array, way):
    with pytest.raises(ValueError, match="expected values in") as caught:
        npvae.VAE(2, 1, ()).encode(array)
    assert way in str(caught.value)


def test_no_conversion_is_proposed_for_what_is_not_a_number():
    for array in (np.array([["a"]]), np.array([[1j]]), np.array([[None]])):
        with pytest.raises(ValueError, match="expected") as caught:
            npvae.VAE(1, 1, ()).encode(array)
        assert "astype" not in str(caught.value)


def test_floats_on_which_a_gaussian_model_would_diverge_are_refused_before_the_first_step(put):
    x = RNG.random((50, 9)) * 255
    message = r"root mean square of 1\d\d, expected at most 10: .*x\.std\(\).*x / 255"
    with pytest.raises(ValueError, match=message):
        npvae.fit(npvae.VAE(9, 1, (), "gaussian"), x, verbose=False)
    with pytest.raises(ValueError, match=message):
        load_dataset(put("x.npy", x), REAL)
    scaled = (x - x.mean()) / x.std()
    assert len(npvae.fit(npvae.VAE(9, 1, (), "gaussian"), scaled, epochs=1, verbose=False)) == 1


def test_what_diverges_before_any_step_is_not_put_down_to_the_learning_rate():
    model = npvae.VAE(9, 1, (400,), "gaussian")
    model.params["logvar.b"] = 1e4
    with pytest.raises(npvae.training.DivergenceError, match=r"step 1: the nll .*: rescale x to the order of 1"):
        npvae.fit(model, RNG.random((50, 9)), verbose=False)


def test_labels_that_are_not_whole_numbers_are_sent_to_numpy_unique():
    model = npvae.ConditionalVAE(4, 1, (), label_dim=3)
    for labels in (["a", "b"], [0.0, 1.0], [1, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"np\.unique\(y, return_inverse=True\).*np\.searchsorted\(names, y\)"):
            model.encode(np.zeros((2, 4)), labels)


# Names.


@pytest.mark.parametrize(
    ("name", "part", "kind", "family"),
    [
        ("train-images-idx3-ubyte.gz", "train", "x", ()),
        ("t10k-labels.idx1-ubyte", "test", "y", ()),
        ("emnist-letters-test-images-idx3-ubyte.gz", "test", "x", ("emnist", "letters")),
        ("qmnist-train-labels-idx2-int.gz", "train", "y", ("qmnist",)),
        ("kmnist-train-imgs.npz", "train", "x", ("kmnist",)),
        ("mnist_train_100.csv", "train", "", ("mnist", "100")),
        ("X_train", "train", "x", ()),
        ("Xtrain", "train", "x", ()),
        ("XTrain", "train", "x", ()),
        ("ytest", "test", "y", ()),
        ("trainX", "train", "x", ()),
        ("testLabels", "test", "y", ()),
        ("train_image_labels", "train", "y", ()),
        ("val_images", "val", "x", ()),
        ("latents_values", "", "", ("latents", "values")),
        ("übung_train", "train", "", ("übung",)),
        ("contest", "", "", ("contest",)),
        ("arr_0", "", "", ("arr", "0")),
    ],
)
def test_a_name_is_understood(name, part, kind, family):
    assert understand(name) == (part, kind, family)


FOUR = ("x_train", "y_train", "x_test", "y_test")
SCHEMES = {
    "IDX": [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")],
    "IDX, dots": [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images.idx3", "labels.idx1")],
    "images unpacked, labels not": [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte.gz",
    ],
    "letters": [f"{part}{end}.npy" for part in ("train", "test") for end in ("", "_labels")],
    "x and y": [f"{name}.npy" for name in FOUR],
    "gzipped arrays": [f"{name}.npy.gz" for name in FOUR],
    "a validation set": ["train_images.npy", "train_labels.npy", "val_images.npy", "val_labels.npy"],
    "in folders of their names": [f"{name}.npy/{name}.npy" for name in FOUR],
}


@pytest.mark.parametrize("names", SCHEMES.values(), ids=SCHEMES.keys())
def test_labels_and_test_images_are_found_by_the_names_people_use_from_the_file_and_from_its_folder(
    put, tmp_path, names
):
    for name, array in zip(names, (GREY[:20], LABELS[:20], GREY[20:], LABELS[20:]), strict=True):
        path = put(name, array)
    (tmp_path / "notes.txt").write_text("train")
    (tmp_path / "test.py").write_text("x = 1")
    (tmp_path / "._x_test.npy").write_bytes(b"\0\5\x16\7")
    for source in (tmp_path, tmp_path / names[0], tmp_path / names[0].partition("/")[0]):
        data = load_dataset(str(source))
        np.testing.assert_array_equal(data.x_train, GREY[:20].reshape(20, 20))
        np.testing.assert_array_equal(data.x_test, GREY[20:].reshape(10, 20))
        np.testing.assert_array_equal(data.y_train, LABELS[:20])
        np.testing.assert_array_equal(data.y_test, LABELS[20:])
    assert path


def test_the_same_file_gzipped_and_not_is_one_file(put, tmp_path):
    for name, array in zip(SCHEMES["IDX"], (GREY[:20], LABELS[:20], GREY[20:], LABELS[20:]), strict=True):
        put(name, array)
        put(f"{name}.gz", array)
    for source in (tmp_path, tmp_path / SCHEMES["IDX"][0], tmp_path / f"{SCHEMES['IDX'][0]}.gz"):
        data = load_dataset(str(source))
        assert (len(data.x_train), len(data.x_test), len(data.y_train)) == (20, 10, 20)


def test_of_a_file_gzipped_and_not_the_one_that_is_like_the_images_is_read(put):
    for end, classes in (("", LABELS), (".gz", LABELS + np.uint8(5))):
        put(f"train-images-idx3-ubyte{end}", GREY)
        put(f"train-labels-idx1-ubyte{end}", classes)
    for end, classes in (("", ("0", "1", "2")), (".gz", ("5", "6", "7"))):
        assert load_dataset(put(f"train-images-idx3-ubyte{end}", GREY)).classes == classes


def test_the_labels_of_another_set_are_nobodys(put):
    put("my-letters-train-labels.npy", LABELS)
    data = load_dataset(put("my-digits-train-images.npy", GREY))
    assert (data.y_train, data.unlabelled) == (None, "")


def test_of_several_labels_in_an_npz_those_named_like_the_images_are_taken(put):
    data = load_dataset(put("x.npz", {"x_train": GREY, "coarse_y_train": LABELS + np.uint8(5), "y_train": LABELS}))
    assert data.classes == ("0", "1", "2")


def test_sets_of_other_names_in_the_same_folder_are_kept_apart(put, tmp_path):
    for family, shift in (("letters", 0), ("digits", 1)):
        put(f"my-{family}-train-images.npy", GREY + np.uint8(shift))
        put(f"my-{family}-train-labels.npy", LABELS + np.uint8(shift))
    data = load_dataset(str(tmp_path / "my-digits-train-images.npy"))
    assert data.classes == ("1", "2", "3")
    with pytest.raises(
        ValueError, match=r"holds my-digits-train-images\.npy, my-letters-train-images\.npy, expected"
    ):
        load_dataset(str(tmp_path))


def test_a_file_that_is_not_named_as_a_training_set_is_not_given_the_test_half_of_another(put):
    put("x_train.npy", GREY)
    put("x_test.npy", GREY[:5])
    assert "held out" in load_dataset(put("data.npy", GREY)).held_out
    assert "held out" in load_dataset(put("x_test.npy", GREY[:5])).held_out


@pytest.mark.parametrize(
    "names",
    [
        FOUR,
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("train_x", "train_y", "test_x", "test_y"),
        ("xtrain", "ytrain", "xtest", "ytest"),
        ("images", "labels", "test_images", "test_labels"),
        ("train_images", "train_labels", "val_images", "val_labels"),
    ],
)
def test_the_arrays_of_an_npz_are_found_by_the_names_people_use_and_others_are_not_touched(put, names):
    arrays = dict(zip(names, (GREY[:20], LABELS[:20], GREY[20:], LABELS[20:]), strict=True))
    data = load_dataset(put("x.npz", {**arrays, "metadata": np.array({"a": 1}, object), "latents": np.zeros(3)}))
    assert (len(data.x_train), len(data.x_test)) == (20, 10)
    np.testing.assert_array_equal(data.y_train, LABELS[:20])
    np.testing.assert_array_equal(data.y_test, LABELS[20:])


def test_a_single_array_needs_no_name(put):
    put("set-train-labels.npz", {"arr_0": LABELS})
    data = load_dataset(put("set-train-imgs.npz", {"arr_0": GREY}))
    assert (data.image_shape, data.classes) == ((4, 5), ("0", "1", "2"))


# Forms.

GREYS = GREY.reshape(30, 20)
COLOUR = RNG.integers(0, 256, (30, 4, 5, 3), np.uint8)
FORMS = {
    "(N, H, W)": (GREY, GREYS, (4, 5)),
    "(N, H, W, 1)": (GREY[..., None], GREYS, (4, 5)),
    "(N, 1, H, W)": (GREY[:, None], GREYS, (4, 5)),
    "(N, D)": (GREYS, GREYS, None),
    "(N, 1, D)": (GREYS[:, None], GREYS, None),
    "(N, D, 1)": (GREYS[..., None], GREYS, None),
    "(N, 1, D), D a square": (GREYS[:, None, :16], GREYS[:, :16], (4, 4)),
    "(N, H, W, 3)": (COLOUR, COLOUR.reshape(30, 60), (4, 5, 3)),
    "(N, 3, H, W)": (COLOUR.transpose(0, 3, 1, 2), COLOUR.reshape(30, 60), (4, 5, 3)),
    "Fortran order": (np.asfortranarray(GREY), GREYS, (4, 5)),
    "bool": (GREY > 127, GREYS > 127, (4, 5)),
    "half precision": ((GREY / 255).astype("f2"), (GREYS / 255).astype("f2"), (4, 5)),
    "big-endian": ((GREY / 255).astype(">f4"), (GREYS / 255).astype("f4"), (4, 5)),
}


@pytest.mark.parametrize(("array", "rows", "shape"), FORMS.values(), ids=FORMS.keys())
def test_whatever_form_the_images_have_each_is_one_row_and_its_shape_is_known_or_not_made_up(put, array, rows, shape):
    data = load_dataset(put("x.npy", array))
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]), rows)
    assert data.image_shape == shape


def test_the_number_of_images_behind_their_sides_is_not_taken_for_a_side(put):
    images = np.moveaxis(GREY[:, :, :4], 0, 2)
    with pytest.raises(ValueError, match=r"has shape \(4, 4, 30\), expected \(N, H, W\): np\.moveaxis\(x, 2, 0\)"):
        load_dataset(put("x.npy", images))
    data = load_dataset(put("y.npy", np.moveaxis(images, 2, 0)))
    assert (len(data.x_train), data.image_shape) == (27, (4, 4))


def test_a_shape_can_be_given_where_the_array_has_none_and_must_fit(put):
    path = put("x.npy", GREYS)
    assert load_dataset(path, shape=(5, 4)).image_shape == (5, 4)
    with pytest.raises(ValueError, match=r"image_shape is \(3, 4\), expected 20 pixels"):
        load_dataset(path, shape=(3, 4))


def test_test_images_of_another_size_are_refused(put):
    with pytest.raises(ValueError, match="test examples have 16 values, expected 20"):
        load_dataset(put("x.npz", {"x_train": GREY, "x_test": GREY[:, :, :4]}))


# Labels.

CLASSES = {
    "uint8": (LABELS, ("0", "1", "2")),
    "from 1": (LABELS + np.uint8(1), ("1", "2", "3")),
    "below 0": (LABELS.astype(int) - 1, ("-1", "0", "1")),
    "with gaps, by number and not by letter": (LABELS.astype(int) * 5, ("0", "5", "10")),
    "(N, 1)": (LABELS[:, None], ("0", "1", "2")),
    "one-hot": (np.eye(3)[LABELS], ("0", "1", "2")),
    "whole floats": (LABELS * 1.0, ("0", "1", "2")),
    "bool": (LABELS > 0, ("False", "True")),
    "digits as text": (LABELS.astype("U1"), ("0", "1", "2")),
    "numbers as text": ((LABELS.astype(int) * 5).astype("U2"), ("0", "5", "10")),
    "letters": (np.array(["c", "ä", "b"])[LABELS], ("b", "c", "ä")),
    "bytes": (np.array([b"c", b"a", b"b"])[LABELS], ("a", "b", "c")),
}


@pytest.mark.parametrize(("labels", "names"), CLASSES.values(), ids=CLASSES.keys())
def test_labels_of_any_kind_are_numbered_from_0_and_keep_their_names(put, labels, names):
    data = load_dataset(put("x.npz", {"x_train": GREY, "y_train": labels, "x_test": GREY, "y_test": labels}))
    assert data.classes == names
    plain = labels.argmax(1) if labels.shape == (30, 3) else labels.ravel()
    for y in (data.y_train, data.y_test):
        called = np.array(names)[y]
        assert all(len(set(called[plain == value])) == 1 for value in np.unique(plain))
        assert set(y) == set(range(len(names)))


UNUSABLE = {
    "objects": (LABELS.astype(object), "pickle"),
    "fractions": (LABELS + 0.5, "values such as 2.5, expected classes"),
    "NaN": (np.full(30, np.nan), "values such as nan"),
    "too few": (LABELS[:-1], "there are 29 labels, expected 30"),
    "eight columns": (np.tile(LABELS[:, None], 8), r"labels have shape \(30, 8\)"),
    "complex": (LABELS * 1j, "labels have dtype complex128"),
}


@pytest.mark.parametrize(("labels", "reason"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_labels_that_cannot_be_used_stop_nobody_who_needs_none_and_say_why(put, labels, reason):
    data = load_dataset(put("x.npz", {"x_train": GREY, "y_train": labels}))
    assert (data.y_train, data.y_test, data.classes) == (None, None, ())
    with pytest.raises(ValueError, match=reason):
        raise ValueError(data.unlabelled)


def test_a_damaged_file_of_labels_stops_nobody_who_needs_none(put):
    put("train-labels-idx1-ubyte.gz", b"")
    data = load_dataset(put("train-images-idx3-ubyte", GREY))
    assert data.y_train is None
    assert "train-labels-idx1-ubyte.gz is empty" in data.unlabelled


def test_classes_are_those_of_both_halves_and_numbered_alike(put):
    arrays = {"x_train": GREY, "y_train": ["b", "c"] * 15, "x_test": GREY[:2], "y_test": ["c", "a"]}
    data = load_dataset(put("x.npz", arrays))
    assert data.classes == ("a", "b", "c")
    assert (data.y_train[:2].tolist(), data.y_test.tolist()) == ([1, 2], [2, 0])
    with pytest.raises(ValueError, match="labels have the class 'a', expected one of: b, c"):
        data.numbered(("b", "c"))


# Anything else.


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return file.getvalue()


def zipped_text():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("train.txt", "x")
    return file.getvalue()


FOREIGN = {
    "nothing": (b"", "is empty", "download it again"),
    "a web page": (b"\n<!DOCTYPE html><html>", "web page", "download the file itself"),
    "a web page in capitals": (b"<HTML>", "web page", "download"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer", "git lfs pull"),
    "a pickle": (pickle.dumps((1, 2)), "a pickle, which npvae never reads", "pickle.load("),
    "an old pickle": (b"(lp0\ncnumpy.core.multiarray\n_reconstruct", "a pickle", "pickle.load("),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(9), "a single picture", "Image.open"),
    "JPEG": (b"\xff\xd8\xff\xe0" + bytes(9), "a single picture", "Image.open"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "HDF5", "h5py.File("),
    "MATLAB": (b"MATLAB 5.0 MAT-file", "MATLAB", "scipy.io.loadmat("),
    "zip": (zipped_text(), "a zip archive", "python -m zipfile -e"),
    "tar": (tar(), "a tar archive", "python -m tarfile -e"),
    "gzip in gzip": (gzip.compress(b"x"), "gzipped twice", "gzip.decompress("),
    "columns": (b"0 1 0\n1 0 1\n", "text in columns without commas", "np.float32)"),
    "tabs and a header": (b"a\tb\n1\t2\n", "text in columns", r"delimiter='\t', skiprows=1)"),
    "semicolons": (b"0,5;1\n1;0,2\n", "text in columns", "delimiter=';')"),
}


@pytest.mark.parametrize(("content", "seems", "line"), FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("name", ["x.npy", "train-images-idx3-ubyte.gz"])
def test_a_file_of_another_kind_is_refused_with_what_it_seems_to_be_and_what_to_do(put, name, content, seems, line):
    if (name, seems) == ("x.npy", "gzipped twice"):
        content = gzip.compress(content)
    if seems == "a zip archive":
        name = "train-images-idx3-ubyte"
    path = put(name, content)
    with pytest.raises(UnreadableError, match=seems) as caught:
        load_dataset(path)
    assert caught.value.sentence.startswith(path)
    assert line in "\n".join(caught.value.lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bz2.compress(b"x"), "begins with the bytes 42 5a 68"),
        ("a,b\n1,2\n".encode("utf-16"), "begins with the bytes ff fe"),
        (b"5 1:0.5 7:0.3\n", "is text that begins '5 1:0.5 7:0.3'"),
        (b"hello world\n", "is text that begins 'hello world'"),
    ],
)
def test_what_is_of_no_kind_that_is_known_says_how_it_begins(put, content, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(put("x.dat", content))


@pytest.mark.parametrize("content", [b"0 1 0\n1 0 1\n0 0 1\n", b"a;b;c\n0;1;0\n1;0;1\n0;0;1\n"])
def test_the_lines_that_a_message_gives_make_a_file_that_is_read_right(put, tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableError) as caught:
        load_dataset(put("x.txt", content))
    exec("\n".join(caught.value.lines), {})
    data = load_dataset("data.npz")
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]), [[0, 1, 0], [1, 0, 1], [0, 0, 1]])


def test_a_folder_of_pictures_says_so_and_its_lines_make_a_data_set_of_them(put, tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.chdir(tmp_path)
    for i in range(6):
        (tmp_path / "set" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        image.fromarray(np.full((3, 2), 40 * i + 40, np.uint8)).save(tmp_path / "set" / "ab"[i % 2] / f"{i}.png")
    with pytest.raises(UnreadableError, match="seem to be pictures") as caught:
        load_dataset("set")
    exec("\n".join(caught.value.lines), {})
    data = load_dataset("data.npz")
    assert (data.image_shape, data.classes) == ((3, 2), ("a", "b"))
    levels = np.concatenate([data.x_train, data.x_test])[:, 0]
    assert sorted(levels.tolist()) == [40, 80, 120, 160, 200, 240]
    assert all((level // 40 - 1) % 2 == y for level, y in zip(levels, [*data.y_train, *data.y_test], strict=True))


def test_a_pickle_is_never_opened(put, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    for name in ("x.pkl", "x.npy", "x.npz", "train.gz"):
        with pytest.raises(UnreadableError, match="pickle"):
            load_dataset(put(name, pickle.dumps(Trap())))
    assert not (tmp_path / "sprung").exists()


def test_a_zip_under_another_name_is_still_an_npz_and_an_npy_still_an_npy(put, tmp_path):
    os.rename(put("x.npz", {"x_train": GREY}), tmp_path / "x.dat")
    assert load_dataset(str(tmp_path / "x.dat")).image_shape == (4, 5)
    os.rename(put("y.npy", GREY), tmp_path / "y.npz")
    assert load_dataset(str(tmp_path / "y.npz")).image_shape == (4, 5)
