"""CSV, with and without a header and a column of labels, of images and of anything else."""

import gzip
import tracemalloc

import numpy as np
import pytest

from npvae.data.sources import load_dataset

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, (12, 64), np.uint8)
GREY[:, [0, -1]] = 0  # as the corners of digits are
DIGITS = np.arange(12) % 3
REAL = (-np.inf, np.inf)
PIXELS = ",".join(f"pixel{i}" for i in range(64))


def lines(columns, header=None):
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join([*([header] if header else []), *rows, ""])


def read(tmp_path, text, support=(0.0, 1.0), name="x.csv", encoding="utf-8"):
    path = tmp_path / name
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return load_dataset(str(path), support)


IMAGES = {
    "label first, header": lines([DIGITS, *GREY.T], f"label,{PIXELS}"),
    "label last, header": lines([*GREY.T, DIGITS], f"{PIXELS},class"),
    "label in the middle, header": lines(
        [*GREY.T[:9], DIGITS, *GREY.T[9:]], "p,p,p,p,p,p,p,p,p,Label" + ",p1" * 55
    ).replace("p,p,p,p,p,p,p,p,p", ",".join(f"p{i}" for i in range(9))),
    "label first, no header": lines([DIGITS, *GREY.T]),
    "label last, no header": lines([*GREY.T, DIGITS]),
    "header in quotes, and spaces": lines([DIGITS, *GREY.T], '"label", ' + PIXELS),
    "header that counts": lines([DIGITS, *GREY.T], "label," + ",".join(map(str, range(64)))),
    "empty lines": "\n\n" + lines([DIGITS, *GREY.T], f"label,{PIXELS}").replace("\n", "\n\n"),
    "Windows": lines([DIGITS, *GREY.T], f"label,{PIXELS}").replace("\n", "\r\n"),
    "byte-order mark": "\ufeff" + lines([DIGITS, *GREY.T], f"label,{PIXELS}"),
}


@pytest.mark.parametrize("text", IMAGES.values(), ids=IMAGES.keys())
@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.dat"])
def test_images_with_labels_are_read_however_the_table_is_laid_out(tmp_path, text, name):
    data = read(tmp_path, text, name=name)
    x = np.concatenate([data.x_train, data.x_test])
    assert (x.dtype, data.image_shape, data.classes) == (np.uint8, (8, 8), ("0", "1", "2"))
    np.testing.assert_array_equal(x, GREY)
    np.testing.assert_array_equal(np.concatenate([data.y_train, data.y_test]), DIGITS)


@pytest.mark.parametrize("header", [None, PIXELS, ",".join(map(str, range(64)))])
def test_images_without_labels_lose_no_row_to_the_header_and_none_to_its_absence(tmp_path, header):
    data = read(tmp_path, lines(GREY.T, header))
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]), GREY)
    assert (data.y_train, data.image_shape) == (None, (8, 8))


def test_labels_of_text_may_stand_at_either_end_and_keep_their_names(tmp_path):
    for columns in (
        [np.array(["cat", "dog", "ä"])[DIGITS], *GREY.T],
        [*GREY.T, np.array(["cat", "dog", "ä"])[DIGITS]],
    ):
        data = read(tmp_path, lines(columns))
        assert data.classes == ("cat", "dog", "ä")
        np.testing.assert_array_equal(np.concatenate([data.y_train, data.y_test]), DIGITS)


def test_pixels_of_0_and_1_in_text_are_zeros_and_ones_and_levels_of_0_to_16_are_not_taken_for_255(tmp_path):
    data = read(tmp_path, lines((GREY > 127).astype(int).T))
    assert data.x_train.dtype == np.float32
    np.testing.assert_array_equal(np.unique(data.x_train), [0, 1])
    with pytest.raises(ValueError, match=r"runs from 0 to 15, expected values in \[0, 1\]"):
        read(tmp_path, lines((GREY // 17).T))


def test_a_table_of_anything_else_is_no_image_and_its_numbers_are_left_as_they_are(tmp_path):
    x = np.array([[5.1, 3.5, 1.4, 0.2], [4.9, 3.0, 1.4, 0.2], [7.0, 3.2, 4.7, 1.4]])
    text = lines(
        [*x.T, ["setosa", "setosa", "versicolor"]], "sepal_length,sepal_width,petal_length,petal_width,species"
    )
    data = read(tmp_path, text, REAL)
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]), x.astype(np.float32))
    assert (data.image_shape, data.classes) == (None, ("setosa", "versicolor"))
    words = read(tmp_path, lines(GREY.T // 20, ",".join("abcdefgh"[i % 8] * (i + 1) for i in range(64))), REAL)
    assert (words.image_shape, words.x_train.dtype) == (None, np.float32)


REFUSED = {
    "a gap": ("1,2,3\n4,,6\n", "could not convert string '' to float32"),
    "text": ("a,b\n1,2\n3,x\n", "could not convert string 'x'"),
    "two columns of text": ("a,b,c\nu,1,v\n", "any of the columns 1, 3 may be the labels"),
    "two columns of labels": ("label,class,b\n1,2,3\n", "any of the columns 1, 2 may be the labels"),
    "lines of other lengths": ("1,2,3\n4,5\n", "number of columns changed"),
    "a longer line": ("1,2,3\n4,5,6,7\n", "number of columns changed"),
    "only a header": ("label,a,b\n", "no line of numbers"),
    "numbered from 0": (",a,b\n0,5,3\n1,2,1\n2,6,2\n", "first column numbers the lines.*index=False"),
    "numbered from 1": ("Id,a,b\n1,5,3\n2,2,1\n3,6,2\n", "first column numbers the lines"),
    "labels at one end or the other": (
        lines([DIGITS, *GREY.T[1:], DIGITS]),
        "the first or the last column may be labels",
    ),
    "Latin-1": (lines([["ä", "b"], [1, 2]], "label,a"), "decode|bytes"),
    "NaN": ("1,2,3\nnan,5,6\n", "NaN or infinite"),
    "beyond float32": ("1,2,3\n1e60,5,6\n", "NaN or infinite"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_table_that_could_be_misunderstood_is_refused_and_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=rf"(?s)x\.csv.*({message})"):
        read(tmp_path, text, REAL, encoding="latin-1" if "ä" in text else "utf-8")


def test_a_file_of_labels_may_be_a_table_too(tmp_path):
    np.save(tmp_path / "train_images.npy", GREY)
    (tmp_path / "train_labels.csv").write_text("label\n" + "".join(f"{'abc'[y]}\n" for y in DIGITS))
    data = load_dataset(str(tmp_path / "train_images.npy"))
    assert data.classes == ("a", "b", "c")
    (tmp_path / "train_labels.csv").write_text("".join(f"{y}\n" for y in DIGITS))
    assert load_dataset(str(tmp_path / "train_images.npy")).classes == ("0", "1", "2")


def test_the_test_half_is_a_table_beside_it_with_its_own_labels(tmp_path):
    read(tmp_path, lines([DIGITS, *GREY.T], f"label,{PIXELS}"), name="mnist_test.csv")
    data = read(tmp_path, lines([DIGITS, *GREY.T], f"label,{PIXELS}"), name="mnist_train.csv")
    assert (len(data.x_train), len(data.x_test)) == (12, 12)
    np.testing.assert_array_equal(data.y_test, DIGITS)


def test_memory_is_bounded_by_the_text_even_where_one_label_is_very_long(tmp_path):
    text = "label,a,b\nz,1,1\n" + "x" * 1_000_000 + ",1,0\n" + "y,0,1\n" * 10_000
    tracemalloc.start()
    data = read(tmp_path, text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(data.classes) == 3
    assert peak < 30e6


def test_a_gzipped_table_that_unpacks_without_end_is_refused(tmp_path):
    row = b"0,1\n" * 250_000
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(row, 9) * 115)
    with pytest.raises(ValueError, match=r"unpacks from .* store it uncompressed"):
        load_dataset(str(tmp_path / "x.csv.gz"))
