"""Every reader of files as a function of bytes, and the first inputs of the fuzzer.

The corpus is made again by `python tests/fuzz/readers.py`, from the folder of the repository. Beside honest files it
holds crafted ones: most of them once broke a reader. What the fuzzer finds is added here.
"""

import atexit
import base64
import gzip
import io
import json
import math
import shutil
import struct
import tempfile
import warnings
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

import npvae
from npvae.cli.runs import open_run
from npvae.coursework.collection import collect
from npvae.coursework.collection.roster import read_roster
from npvae.coursework.submissions import Submission, read, safe_name
from npvae.data.sources import load_dataset

CORPUS = Path(__file__).parent / "corpus"
DOCUMENTED = (ValueError, OSError)
"""What a reader may raise, whatever the bytes; the command line says it in one line."""
MEMORY = Path("/dev/shm")
FOLDER = Path(tempfile.mkdtemp(prefix="npvae-readers-", dir=MEMORY if MEMORY.is_dir() else None))
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)


def try_to(reader, *args):
    try:
        return reader(*args)
    except DOCUMENTED:
        return None


def file_of(data, name):
    path = FOLDER / name
    path.write_bytes(data)
    return path


def idx(data):
    path = file_of(data, "images")
    try_to(npvae.read_idx, path)
    try_to(load_dataset, str(path))


def npy(data):
    try_to(load_dataset, str(file_of(data, "x.npy")))


def npz(data):
    path = file_of(data, "x.npz")
    try_to(load_dataset, str(path))
    model = try_to(npvae.load_model, path)
    if model is not None:  # what a reader lets through is a model, and can be written again
        assert np.all(np.isfinite(model.params.vector))
        model.save(FOLDER / "again.npz")


def table(data):
    """What is not an array, nor known to be anything else: perhaps a table."""
    data_set = try_to(load_dataset, str(file_of(data, "table")), (-np.inf, np.inf))
    if data_set is not None:
        for x, y in ((data_set.x_train, data_set.y_train), (data_set.x_test, data_set.y_test)):
            assert x.ndim == 2
            assert len(x)
            assert np.all(np.isfinite(x))
            assert y is None or len(y) == len(x)
            assert y is None or set(y.tolist()) <= set(range(len(data_set.classes)))


def csv(data):
    path = file_of(data, "x.csv")
    try_to(npvae.History.from_csv, path)
    try_to(read_roster, path)


def notebook(data):
    """No error at all: one student's file must not cost the class its grades, which are written as UTF-8."""
    for name in ("a.ipynb", "a.py"):
        contents = read(Submission("a", name, data))
        json.dumps(asdict(contents), ensure_ascii=False).encode("utf-8")


def submissions(data):
    collection = try_to(collect, file_of(data, "x.zip"))
    for submission in collection.submissions if collection else ():
        assert not {"/", "\\", "\0"} & set(safe_name(submission.student))
        submission.student.encode("utf-8")


def run(data):
    """A run's config.json, beside an honest model of images of 2 x 2."""
    if not (FOLDER / "model.npz").exists():
        (FOLDER / "model.npz").write_bytes(model_file())
    file_of(data, "config.json")
    opened = try_to(open_run, str(FOLDER))
    if opened is not None:
        _, config = opened
        assert config["image_shape"] is None or math.prod(config["image_shape"]) == 4
        low, high = config["value_range"]
        assert low < high


READERS = {
    "idx": idx,
    "npy": npy,
    "npz": npz,
    "table": table,
    "csv": csv,
    "notebook": notebook,
    "submissions": submissions,
    "run": run,
}


# What they are given first.


def idx_file(shape, content, code=8):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + content


def npy_file(header, content=b"", version=1):
    header = header.encode("latin1")
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + struct.pack("<H" if version == 1 else "<I", len(header))
        + header
        + content
    )


def npy_header(shape="(2, 4)", descr="'|u1'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def saved(save, *args, **kwargs):
    file = io.BytesIO()
    save(file, *args, **kwargs)
    return file.getvalue()


def zip_file(members, method=zipfile.ZIP_STORED):
    """A zip of names and bytes; names may come twice."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # of a name that comes twice
        for name, content in members:
            member = zipfile.ZipInfo(name)
            member.compress_type = method
            archive.writestr(member, content)
    return file.getvalue()


def model_file(change=None, **settings):
    """A small autoencoder's file, as `save` writes it but compressed; `change` may alter configuration and arrays."""
    model = npvae.AutoEncoder(4, 1, (), **settings)
    config, arrays = {"format": 1, **model.config}, dict(model.params)
    if change:
        config = change(config, arrays) or config
    text = config if isinstance(config, str) else json.dumps(config)
    return saved(np.savez_compressed, config=np.array(text), **arrays)


def notebook_file(*sources, kind="code"):
    return json.dumps({"cells": [{"cell_type": kind, "source": source} for source in sources]}).encode()


def first_inputs():
    """By reader and name: honest files and crafted ones, each under 2 kB."""
    images = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    plain = idx_file((3, 2, 2), images.tobytes())
    data_set = saved(np.savez, x_train=images, y_train=np.arange(3), x_test=images[:1], y_test=np.arange(1))
    history = "epoch,train_loss,train_nll,train_kl,test_loss,test_nll,test_kl,seconds\n1,2,1,1,nan,nan,nan,0.1\n"
    config = {"data": "digits", "image_shape": [2, 2], "training": {"binarize": "none"}}

    def claim(**changes):
        return model_file(lambda config, arrays: config.update(changes))

    beyond_unicode = '"x"'.encode("utf-32-le").replace(b"x\0\0\0", b"\xff\xff\xff\x7f")
    encrypted = bytearray(data_set)
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        encrypted[encrypted.index(signature) + offset] |= 1
    swollen = bytearray(zip_file([("x_train.npy", saved(np.save, images))]))
    swollen[(entry := swollen.index(b"PK\1\2")) + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
    return {
        "idx": {
            "images": plain,
            "labels": idx_file((3,), b"\0\1\2"),
            "floats": idx_file((2, 1), bytes(16), 0x0E),
            "images.gz": gzip.compress(plain, mtime=0),
            "cut.gz": gzip.compress(plain, mtime=0)[:-9],
            "gigabytes": idx_file((2**31, 2**31), b"\0"),
            "gigabytes.gz": gzip.compress(idx_file((2**31, 2**31), b"\0"), mtime=0),
            "255-dimensions": idx_file((1,) * 255, b"\0"),
            "nothing-but-overflow": idx_file((0, 2**32 - 1, 2**32 - 1, 2**32 - 1), b""),
        },
        "npy": {
            "images": saved(np.save, images),
            "fortran": saved(np.save, np.asfortranarray(np.eye(3))),
            "text": saved(np.save, np.array(["a", "bc"])),
            "complex": saved(np.save, np.eye(3) * 1j),
            "objects": saved(np.save, np.array([[None], [print]])),
            "structured": saved(np.save, np.zeros(2, [("a", "f4"), ("b", "u1", (2,))])),
            "version-2": npy_file(npy_header(), bytes(8), 2),
            "header-of-4-GB": b"\x93NUMPY\2\0\xff\xff\xff\xff{",
            "gigabytes": npy_file(npy_header("(1000000000, 1000)"), bytes(8)),
            "negative": npy_file(npy_header("(-2, -4)"), bytes(8)),
            "beyond-int64": npy_file(npy_header(f"(0, {2**70})")),
            "python-2": npy_file(npy_header("(2L, 4L)"), bytes(8)),
            "nested": npy_file(npy_header("(" * 500)),
            "signs": npy_file(npy_header("-" * 1500 + "1")),
            "token-error": npy_file(npy_header("(2, 4), '''")),
            "empty-items": npy_file(npy_header("(1000000000000,)", "'|S0'")),
            "deep-descr": npy_file(npy_header("()", "[('a', " * 30 + "'f4'" + ")]" * 30)),
            "huge-descr": npy_file(npy_header("()", "'<U99999999999999999999'")),
            "no-ascii": npy_file("{'descr': '\xff'}"),
        },
        "npz": {
            "data-set": data_set,
            "model": model_file(),
            "model-gaussian": model_file(likelihood=npvae.Gaussian("learned"), activation="tanh", dtype="float64"),
            "claims-gigabytes": claim(hidden_dims=[10**9, 10**9]),
            "claims-negative": claim(latent_dim=-1),
            "claims-words": claim(input_dim="4", hidden_dims="none", beta="x"),
            "beta-beyond-float": claim(beta=10**400),
            "dtype-list": claim(dtype=[["a", "f4"]]),
            "dtype-words": claim(dtype="(((,f4"),
            "likelihood-list": claim(likelihood={"name": ["bernoulli"]}),
            "class-list": claim(**{"class": ["VAE"]}),
            "config-nested": model_file(lambda config, arrays: "[" * 20_000),
            "config-surrogate": claim(**{"class": "\ud800"}),
            "config-beyond-unicode": zip_file([("config.npy", npy_file(npy_header("()", "'<U3'"), beyond_unicode))]),
            "nan": model_file(lambda config, arrays: arrays.update({"output.b": np.full(4, np.nan, "f4")})),
            "complex": model_file(lambda config, arrays: arrays.update({"output.b": np.zeros(4, "c8")})),
            "objects": zip_file([("config.npy", saved(np.save, np.array([None])))]),
            "no-array": zip_file([("x_train.npy", b"hello"), ("readme.txt", b"")]),
            "twice": zip_file([("x_train.npy", saved(np.save, images))] * 2),
            "encrypted": bytes(encrypted),
            "swollen": bytes(swollen),
            "bzip2": zip_file([("x_train.npy", saved(np.save, images))], zipfile.ZIP_BZIP2),
            "lzma": zip_file([("x_train.npy", saved(np.save, images))], zipfile.ZIP_LZMA),
            "bad-crc": data_set.replace(bytes(range(12)), bytes(12), 1),
        },
        "table": {
            "header-and-labels": b"label,a,b\nx,1,2\ny,3,4\nx,5,7\n",
            "no-header": b"0.5,1\n-1e3,.25\n7,1\n",
            "images": b"".join(b"%d," % (i % 3) + b"0," * 62 + b"%d,0\n" % (50 + i) for i in range(4)),
            "images.gz": gzip.compress(b"pixel0" + b",pixel" * 63 + b"\n" + (b"9," * 63 + b"99\n") * 3, mtime=0),
            "labels-at-both-ends": b"".join(b"%d," % (i % 3) + b"0," * 63 + b"%d\n" % (i % 2) for i in range(4)),
            "line-numbers": b",a\n0,3\n1,4\n2,2\n",
            "quotes": b'"a","la""bel"\n"1",x\n2,"y,z"\n3,"\n"\n',
            "open-quote": b'a,label\n1,"x\n2,y\n',
            "a-gap": b"1,2\n,3\n",
            "ragged": b"1,2\n3\n",
            "infinite": b"1,nan\n-inf,1e999\n3,1e39\n",
            "long-field": b"label,a\n" + b"x" * 1500 + b",1\ny,2\n",
            "nul": b"1,2\n\x003,4\n",
            "not-utf-8": b"label,a\n\xff,1\ny,2\n",
            "byte-order-mark": b"\xef\xbb\xbflabel,a\nx,1\ny,2\n",
            "only-a-header": b"label,a,b\n",
            "one-column": b"label\n3\n4\n3\n",
            "columns": b"1 2 3\n4 5 6\n",
            "semicolons": b"a;b\n1;2\n",
            "web-page": b"<!DOCTYPE html><html>1,2</html>",
            "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "pickle": b"\x80\x04K\x01.",
            "tar": b"a".ljust(257, b"\0") + b"ustar\0",
            "gzip-twice": gzip.compress(gzip.compress(b"1,2\n", mtime=0), mtime=0),
        },
        "csv": {
            "history": history.encode(),
            "roster": "student,name\ns1,Müller Jörg\ns2,\n".encode(),
            "not-utf-8": history.encode() + b"\xff",
            "nul": history.encode().replace(b"nan", b"\0"),
            "open-quote": history.encode() + b'"1,2\n',
            "bare-return": history.encode() + b"1\r2,3\r",
            "short-row": history.encode() + b"1,2\n1,2,3,4,5,6,7,8,9\n",
            "long-number": history.encode() + b"1," + b"9" * 1000,
        },
        "notebook": {
            "notebook": notebook_file("import numpy as np\n%magic\n", ["def f(x):\n", "    return x + 1\n"]),
            "words": notebook_file("**W1.** Why?", "Because.", "# End", kind="markdown"),
            "script": b"# %% [markdown]\n# **W1.** Why?\n# %%\ndef f():\n    raise NotImplementedError('exercise')\n",
            "old": b'{"worksheets": [{"cells": [{"cell_type": "code", "input": "x = 1"}]}]}',
            "no-worksheet": b'{"worksheets": []}',
            "a-string": b'"cells"',
            "cells-of-numbers": b'{"cells": [1, 2]}',
            "source-of-lists": b'{"cells": [{"cell_type": [[]], "source": [[1], {"a": null}, 1e999]}]}',
            "source-number": b'{"cells": [{"cell_type": "code", "source": 1}]}',
            "surrogates": notebook_file("**W1.** Why?", "\ud800", kind="markdown") + b"\n",
            "surrogate-code": notebook_file("x = '\ud800'", "y = '\\ud800'", "def f():\n    '''\\ud800'''"),
            "nul": notebook_file("x = '\0'", "def f(): return '\\0'"),
            "nested": b"[" * 1500,
            "nested-code": notebook_file("x = " + "-" * 500 + "1", "x" + ".a" * 400, "x = " + "(" * 150),
            "nested-raise": notebook_file("def f():\n    raise E(" + "-" * 700 + "1)"),
            "newlines": b"\n" * 1500 + b"x = 1",
            "syntax": notebook_file("def g(x:\n  oops", "x = 0777", "\x0c\\\n", "f'{x!r:{y}}'", "print 1"),
        },
        "submissions": {
            "moodle": zip_file([("Ada Lovelace_1_assignsubmission_file/a.py", b"x = 1"), ("b/c.ipynb", b"{}")]),
            "canvas": zip_file([("ada_LATE_4711_81234_a-1.py", b"old"), ("ada_4711_81299_a-2.py", b"new")], 8),
            "names": zip_file([("../../escaped.py", b""), ("/etc/a.py", b""), ("..\\a.py", b""), ("\n.py", b"")]),
            "long-name": zip_file([("_1" * 200 + "-x" * 200 + ".py", b"")]),
            "twice": zip_file([("a.py", b"1"), ("a.py", b"2")]),
            "bzip2": zip_file([("a.py", b"x = 1")], zipfile.ZIP_BZIP2),
            "bad-deflate": zip_file([("a.py", b"x = 1" * 9)], 8).replace(b"\xab\x50", b"\xff\xff", 1),
            "bad-directory": zip_file([("a.py", b"x")]).replace(b"\1\2", b"\1\3"),
        },
        "run": {
            "config": json.dumps(config).encode(),
            "list": b"[]",
            "words": json.dumps({**config, "image_shape": ["a", 10**12]}).encode(),
            "negative": json.dumps({**config, "image_shape": [-2, -2]}).encode(),
            "colour": json.dumps({**config, "image_shape": [2, 2, 3]}).encode(),
            "no-shape": json.dumps({**config, "image_shape": None, "value_range": [-1, 1]}).encode(),
            "classes": json.dumps({**config, "classes": ["a", "b"], "value_range": [1, 1]}).encode(),
            "range-of-words": json.dumps({**config, "value_range": ["a", None]}).encode(),
            "three-sides": json.dumps({**config, "image_shape": [2, 2, 1]}).encode(),
            "data-number": json.dumps({**config, "data": 3}).encode(),
            "binarize-list": json.dumps({**config, "training": {"binarize": []}}).encode(),
            "training-word": json.dumps({**config, "training": "binarize"}).encode(),
            "huge": b'{"data": 1' + b"0" * 1000 + b', "image_shape": [1e999, NaN]}',
            "nested": b'{"data": ' * 200,
            "not-utf-8": b'{"data": "\xff"}',
            "surrogate": json.dumps({**config, "data": "\ud800\0"}).encode(),
        },
    }


FOUND = {
    "npz": {
        "nameless-encrypted": "UEsDBBQAAAAIAAAAIQAKqWfdBAAAAAIAAAAAAAAAq/sPAFBLAQIUAxQABwAIAAAAIQAKqWfdBAAAAAIAAAAA"
        "AAAAAAAAAAAAAIAAAQAAAABQSwUGAAAAAAEAAQAuAAAAIgAAAAAA",
    },
}
"""What the fuzzer has found and no crafted input says, in base64."""


def write_corpus():
    for reader, inputs in first_inputs().items():
        folder = CORPUS / reader
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in inputs.items():
            (folder / name).write_bytes(content)
        for name, text in FOUND.get(reader, {}).items():
            (folder / name).write_bytes(base64.b64decode(text))


if __name__ == "__main__":
    write_corpus()
