"""Whatever a child writes, the grader makes no more of it than arrays of the kind that it asked for."""

import json
import pickle

import pytest

from npvae.coursework.sandbox.reading import clean, read

HUGE = [["<f8", [10**10]], ["<f8", [1]], ["<f8", [1]]]
NAMES = ("dx", "dW", "db")


def forged(entries, names=NAMES):
    return json.dumps({"results": [dict(zip(names, entries, strict=False))]}).encode() + b"\n" + bytes(64)


FORGED = {
    "huge": forged(HUGE),
    "overflow": forged([["<f8", [2**39] * 32]] * 3),
    "negative": forged([["<f8", [-1, -8]]] * 3),
    "objects": forged([["|O", [1]]] * 3) + pickle.dumps(print),
    "structures": forged([["f8,O", [1]]] * 3),
    "true": forged([["<f8", [True]]] * 3),
    "other names": forged([["<f8", [1]]] * 3, ("dx", "dW", "points")),
    "missing": forged([["<f8", [1]]]),
    "made-up failure": forged([["right", "is right"]] * 3),
    "failure of failures": forged([["blank", {"a": 1}]] * 3),
    "short": json.dumps({"results": []}).encode() + b"\n",
    "deep": b'{"results": ' + b"[" * 100_000,
    "digits": b'{"results": ' + b"9" * 100_000 + b"}\n",
    "number": b"7\n",
    "pickle": pickle.dumps({"results": [1]}),
    "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (10000000000,)}\n",
    "text": b"\xff" * 1000 + b"\n",
    "zeros": bytes(2**20),
    "flags": b'{"flag": "again"}\n' * 10_000,
    "errors": b"".join(b'{"raised": "line %d raises"}\n' % i for i in range(1000)),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_results(name):
    outcome = read(FORGED[name], [NAMES])
    assert outcome.results is None
    assert outcome.flags == ()
    assert len(outcome.raised) <= 20


def test_text_of_a_submission_is_one_short_printable_line():
    assert clean("a\x1b[31m \n\u202eb\ud800" + "c" * 1000) == "a[31m b" + "c" * 289
