"""Readers under attack: whatever the bytes, only documented errors, little memory, no end of time, nothing run.

The readers as functions of bytes, and inputs that once broke one, are in fuzz/readers.py.
"""

import gzip
import io
import json
import os
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from fuzz.readers import (
    CORPUS,
    READERS,
    first_inputs,
    idx_file,
    model_file,
    notebook_file,
    npy_file,
    npy_header,
    saved,
    zip_file,
)
from hypothesis import given
from hypothesis import strategies as st

import npvae
from npvae.cli.runs import open_run
from npvae.coursework.collection import collect
from npvae.coursework.collection.roster import read_roster
from npvae.coursework.statements import LARGEST_CODE
from npvae.coursework.submissions import Submission, read
from npvae.data.sources import load_dataset
from npvae.internals import files

INPUTS = {reader: sorted(path for path in (CORPUS / reader).iterdir()) for reader in READERS}
ARCHIVES = ("npz", "submissions")
MEGABYTE = 2**20
keys = st.sampled_from(["cells", "source", "cell_type", "name", "std", "data", "image_shape", "training", "binarize"])
some_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(10**400) | keys,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=9,
)


@st.composite
def damaged(draw, content):
    """The content with some bytes changed, put in or left out, or cut off."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        stop = draw(st.sampled_from([start, start + 1, start + 4, len(content)]))
        content[start:stop] = draw(st.binary(max_size=4))
    return bytes(content)


@st.composite
def damaged_inside(draw, content):
    """The same for one of the files in a zip, which is packed again with a right checksum."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(member.filename, archive.read(member)) for member in archive.infolist()]
    except Exception:
        return draw(damaged(content))
    i = draw(st.integers(0, len(members) - 1))
    return zip_file([*members[:i], (members[i][0], draw(damaged(members[i][1]))), *members[i + 1 :]])


@pytest.mark.parametrize(
    "path", [path for paths in INPUTS.values() for path in paths], ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_what_once_broke_a_reader_no_longer_does(path):
    READERS[path.parent.name](path.read_bytes())


def test_the_corpus_is_all_that_is_written_down_and_small():
    for reader, inputs in first_inputs().items():
        assert set(inputs) <= {path.name for path in INPUTS[reader]}
        assert all(path.stat().st_size < 2000 for path in INPUTS[reader])


@pytest.mark.parametrize("reader", READERS)
@given(data=st.data())
def test_whatever_the_bytes_a_reader_raises_only_what_it_documents(reader, data):
    content = data.draw(st.sampled_from(INPUTS[reader])).read_bytes()
    inside = reader in ARCHIVES and data.draw(st.booleans())
    READERS[reader](data.draw(damaged_inside(content) if inside else damaged(content) | st.binary(max_size=64)))


@given(
    name=st.sampled_from(["class", "format", *npvae.AutoEncoder(4, 1, ()).config, "rng", "arrays"]), value=some_json
)
def test_whatever_a_models_configuration_says_it_is_a_model_or_a_value_error(name, value):
    READERS["npz"](model_file(lambda config, arrays: config.update({name: value})))


@given(name=st.sampled_from(["data", "image_shape", "training"]), value=some_json)
def test_whatever_a_runs_configuration_says_it_is_a_run_or_a_value_error(name, value):
    config = {"data": "digits", "image_shape": [2, 2], "training": {"binarize": "none"}}
    READERS["run"](json.dumps({**config, name: value}).encode())


@given(
    st.fixed_dictionaries({"cells": st.lists(some_json | st.fixed_dictionaries({"source": some_json}))}) | some_json
)
def test_whatever_a_notebook_says_it_has_contents(notebook):
    READERS["notebook"](json.dumps(notebook).encode())


# Memory.


def deflated_zeros(megabytes, wrap):
    """Many megabytes of zeros, deflated, without deflating each: a block that stands alone is repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wrap)
    begin = packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MEGABYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return begin + block * megabytes


def real_bomb(megabytes):
    """A true .npz of zeros, about a thousandth of what it holds."""
    header = npy_file(npy_header(f"({megabytes}, {MEGABYTE})"))
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packed.compress(header) + packed.flush(zlib.Z_FULL_FLUSH) + deflated_zeros(megabytes, -15)
    sizes = struct.pack("<II", len(packed), len(header) + megabytes * MEGABYTE)
    archive = bytearray(zip_file([("x_train.npy", packed)]))
    for signature, method, size in ((b"PK\3\4", 8, 18), (b"PK\1\2", 10, 20)):
        start = archive.rindex(signature)
        archive[start + method : start + method + 2] = struct.pack("<H", 8)
        archive[start + size : start + size + 8] = sizes
    return bytes(archive)


def idx_bomb(megabytes):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = packer.compress(idx_file((4096, MEGABYTE), b"")) + packer.flush(zlib.Z_FULL_FLUSH)
    return header + deflated_zeros(megabytes, -15)


def crafted(reader, name):
    return (CORPUS / reader / name).read_bytes()


ATTACKS = {
    "an .npz of 2 GB in 2 MB": (
        "x.npz",
        lambda: real_bomb(2048),
        "unpacks from .* to 2,147,.*store it uncompressed",
        20,
    ),
    "an .npz that claims 2 GB": ("x.npz", lambda: crafted("npz", "swollen"), "unpacks from .* to 2,147,483,648", 4),
    "an IDX file of 4 GB in 4 MB": ("x.gz", lambda: idx_bomb(110), "unpacks from .* store it uncompressed", 250),
    "an IDX file that promises exabytes": ("x", lambda: crafted("idx", "gigabytes"), "holds only 1", 4),
    "an .npy that promises a terabyte": (
        "x.npy",
        lambda: crafted("npy", "gigabytes"),
        "holds 8 bytes, but its header",
        4,
    ),
    "an .npy with a header of 4 GB": ("x.npy", lambda: crafted("npy", "header-of-4-GB"), "cannot be read", 4),
    "an .npy of 10^12 empty items": ("x.npy", lambda: crafted("npy", "empty-items"), "itemsize", 4),
    "an .npy of overflowing shape": ("x.npy", lambda: crafted("npy", "beyond-int64"), "dimension", 4),
    "an IDX file of overflowing shape": ("x", lambda: crafted("idx", "nothing-but-overflow"), "too big|large", 4),
    "a model that claims 10^18 weights": ("model.npz", lambda: crafted("npz", "claims-gigabytes"), "do not fit", 4),
}


@pytest.mark.parametrize(("name", "make", "message", "megabytes"), ATTACKS.values(), ids=ATTACKS.keys())
def test_a_bomb_is_refused_by_name_before_it_takes_memory(tmp_path, name, make, message, megabytes):
    path = tmp_path / name
    path.write_bytes(make())
    reader = npvae.load_model if name == "model.npz" else load_dataset
    tracemalloc.start()
    with pytest.raises(ValueError, match=rf"{name}.*{message}"):
        reader(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device here")
@pytest.mark.parametrize("name", ["x", "x.npy", "x.npz"])
def test_a_link_to_a_device_that_never_ends_is_refused(tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=name):
        load_dataset(str(tmp_path / name))


def test_a_zip_of_many_bombs_is_read_up_to_a_limit_and_the_rest_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("npvae.coursework.collection.finding.unpacked_limit", lambda size: 100_000)
    path = tmp_path / "class.zip"
    path.write_bytes(zip_file([(f"s{i}.py", b"#" * 45_000) for i in range(5)], zipfile.ZIP_DEFLATED))
    submissions = collect(path).submissions
    assert [not one.trouble for one in submissions] == [True, True, False, False, False]
    assert submissions[-1].trouble.startswith("is not unpacked: all that stands in its archive has more than 100,000")


def test_honest_data_may_compress_a_thousandfold(tmp_path):
    labels = np.zeros(4_000_000, np.uint8)
    np.savez_compressed(tmp_path / "x.npz", x=labels)
    (tmp_path / "x.gz").write_bytes(gzip.compress(idx_file(labels.shape, labels.tobytes())))
    assert (tmp_path / "x.npz").stat().st_size * 900 < labels.nbytes
    np.testing.assert_array_equal(files.read_arrays(tmp_path / "x.npz")["x"], labels)
    np.testing.assert_array_equal(npvae.read_idx(tmp_path / "x.gz"), labels)


# Arrays.


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize(
    ("name", "reader"), [("x.npy", load_dataset), ("x.npz", load_dataset), ("x.npz", npvae.load_model)]
)
def test_objects_are_refused_with_a_sentence_and_never_unpickled(tmp_path, name, reader):
    objects = np.array([[Trap(str(tmp_path / "sprung"))]])
    save = np.save if name == "x.npy" else lambda file, array: np.savez(file, x_train=array, config=array)
    (tmp_path / name).write_bytes(saved(save, objects))
    with pytest.raises(
        ValueError, match=rf"{name}.* reading a pickle can run any code: save it as a plain array of numbers"
    ):
        reader(str(tmp_path / name))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(2, [("a", "f4"), ("b", "u1")]), "holds records, expected plain numbers"),
        (np.array([["a"]]), "dtype <U1, expected uint8"),
        (np.eye(3) * 1j, "dtype complex128, expected uint8"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=rf"x\.npy.* {message}"):
        load_dataset(str(tmp_path / "x.npy"))


@pytest.mark.parametrize(
    "array", [np.eye(3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros((0, 2), ">i2")]
)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_array_is_read_as_numpy_reads_it(tmp_path, array, version):
    (tmp_path / "x.npy").write_bytes(saved(np.lib.format.write_array, array, version))
    read_back = files.read_array(tmp_path / "x.npy")
    np.testing.assert_array_equal(read_back, array)
    assert (read_back.dtype, read_back.flags.writeable) == (array.dtype, True)


BAD_ARCHIVES = {
    "encrypted": "encrypted",
    "nameless-encrypted": "index|encrypted",
    "twice": r"two arrays named x_train\.npy",
    "bzip2": r"x_train\.npy is compressed by method 12, expected deflate",
    "lzma": "by method 14",
    "bad-crc": "Bad CRC-32",
    "no-array": "cannot be read",
}


@pytest.mark.parametrize(("name", "message"), BAD_ARCHIVES.items())
def test_an_archive_that_is_odd_is_refused_and_named(tmp_path, name, message):
    path = tmp_path / "x.npz"
    path.write_bytes(crafted("npz", name))
    with pytest.raises(ValueError, match=rf"x\.npz is not an \.npz file of plain arrays.*({message})"):
        files.read_arrays(path)
    with pytest.raises(ValueError, match=r"x\.npz (is not an \.npz file of plain arrays|seems to be a zip archive)"):
        load_dataset(str(path))


BAD_MODELS = {
    "NaN": (crafted("npz", "nan"), "parameters that are NaN or infinite"),
    "complex": (crafted("npz", "complex"), "its arrays do not fit"),
    "text": (model_file(lambda c, a: a.update({"output.b": np.array(["1"] * 4)})), "its arrays do not fit"),
    "a negative size": (
        crafted("npz", "claims-negative"),
        "cannot be loaded: latent_dim is -1, expected a whole",
    ),
    "a class that is a list": (crafted("npz", "class-list"), "not a saved model: .*its class is"),
    "a nested configuration": (crafted("npz", "config-nested"), "not a saved model"),
    "text that is not Unicode": (crafted("npz", "config-beyond-unicode"), "not Unicode"),
    "beta beyond floats": (crafted("npz", "beta-beyond-float"), "cannot be loaded: .*(beta|too large)"),
}


@pytest.mark.parametrize(("content", "message"), BAD_MODELS.values(), ids=BAD_MODELS.keys())
def test_a_model_file_that_is_no_model_says_why(tmp_path, content, message):
    (tmp_path / "m.npz").write_bytes(content)
    with pytest.raises(ValueError, match=rf"m\.npz.*{message}"):
        npvae.load_model(tmp_path / "m.npz")


# Text.


@pytest.mark.parametrize("reader", [npvae.History.from_csv, read_roster])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"a,student\n1," + b"x" * 200_000, b'student\n"' + b"x" * 200_000])
def test_a_csv_that_cannot_be_read_is_a_value_error_that_names_it(tmp_path, reader, content):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.csv"):
        reader(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_shape": [-2, -2]}, r"config\.json is damaged: .*image_shape is -2"),
        ({"image_shape": [3, 3]}, "images of 3 x 3 and a model of 4 pixels"),
        ({"image_shape": [2, 2, 2]}, r"config\.json is damaged: .*perhaps 3 for colour"),
        ({"value_range": [1, 1]}, r"config\.json is damaged: .*value_range is 1.0 to 1.0"),
        ({"classes": ["a"]}, r"config\.json is damaged: classes are \['a'\], expected 0 names"),
        ({"data": 7}, r"config\.json is damaged: .*data is 7"),
        ({"training": {"binarize": []}}, r"config\.json is damaged"),
    ],
)
def test_a_run_whose_configuration_is_nonsense_is_refused(tmp_path, change, message):
    config = {"data": "digits", "image_shape": [2, 2], "training": {"binarize": "none"}}
    (tmp_path / "model.npz").write_bytes(model_file())
    (tmp_path / "config.json").write_text(json.dumps(config))
    understood = {**config, "image_shape": (2, 2), "value_range": (0, 1), "classes": ()}
    assert open_run(str(tmp_path))[1] == understood
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ValueError, match=message):
        open_run(str(tmp_path))


# Submissions.


def contents(*sources, kind="code"):
    return read(Submission("a", "a.ipynb", notebook_file(*sources, kind=kind)))


@pytest.mark.parametrize(
    "source",
    [
        "x = 0x" + "f" * 5000,
        "def g():\n    raise E(" + "-" * 900 + "1)",
        "x = '\0'",
        "x = " + "(" * 5000,
        "x = [" + "1," * LARGEST_CODE + "]",
    ],
    ids=["a number of 6000 digits", "nested in a raise", "NUL", "parentheses", "too long"],
)
def test_a_cell_beyond_reason_costs_only_itself(source):
    read_back = contents(source, "def f():\n    return 1")
    assert [each.source for each in read_back.code.statements] == ["def f():\n    return 1"]
    assert len(read_back.notes) == 1
    assert read_back.notes[0].startswith("code cell 1")


def test_empty_lines_in_their_thousands_are_read_at_once():
    read_back = contents("x = 1" + "\n" * 400_000 + "  %magic\ny = 2")
    assert [each.source for each in read_back.code.statements] == ["x = 1", "y = 2"]


def test_half_a_surrogate_pair_does_not_keep_results_from_being_written():
    read_back = contents("**W1.** Why?", "Because \ud800.", kind="markdown")
    assert read_back.written == {"W1": "Why?\n\nBecause ?."}


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_file_name_of_another_encoding_is_a_name_that_can_be_written(tmp_path):
    try:
        (tmp_path / os.fsdecode("Jörg.py".encode("latin1"))).write_text("x = 1")
    except OSError:
        pytest.skip("this disk takes no such name")
    (submission,) = collect(tmp_path).submissions
    assert submission.student == "J?rg"


def test_a_name_longer_than_any_disk_takes_is_shortened_and_told(tmp_path):
    path = tmp_path / "class.zip"
    path.write_bytes(zip_file([("_1" * 10_000 + "-x" * 10_000 + ".py", b""), ("ada.py", b"x = 1")]))
    long, _ = collect(path).hand_ins
    assert len(long.submission.file) < 255
    assert "the name has 40,003 characters and is shortened here" in "".join(long.flags)


def test_one_file_that_cannot_be_unzipped_costs_only_itself(tmp_path):
    path = tmp_path / "class.zip"
    path.write_bytes(crafted("submissions", "bzip2"))
    (submission,) = collect(path).submissions
    assert submission.trouble == "cannot be read: a.py is compressed by method 12, expected deflate"
    assert read(submission).code.statements == ()
