# ruff: noqa: F821
"""Returns what is not a plain array: KINDS_IN_TURN says which, probe after probe."""

import os
import pickle

import numpy as np


class Payload:
    def __reduce__(self):
        return os.mkdir, (f"{FOLDER}/unpickled",)


class Array(np.ndarray):
    def __array__(self, *args, **named):
        raise SystemExit

    def __eq__(self, other):
        return True

    def __reduce__(self):
        return os.mkdir, (f"{FOLDER}/unpickled",)

    __hash__ = None


class Liar:
    dtype, shape, nbytes = np.dtype(float), (10**10,), 8

    def __array__(self, *args, **named):
        os._exit(3)


def endless():
    while True:
        yield 1.0


KINDS = {
    "pickle": lambda: pickle.dumps(Payload()),
    "object": Payload,
    "object array": lambda: np.array([Payload(), None], object),
    "generator": endless,
    "text": lambda: "100 of 100",
    "none": lambda: None,
    "complex": lambda: np.ones(2, complex),
    "half": lambda: np.ones(2, np.float16),
    "structure": lambda: np.zeros(2, [("a", "f8"), ("b", "O")]),
    "subclass": lambda: np.zeros(2).view(Array),
    "matrix": lambda: np.matrix([[1.0, 2.0]]),
    "list": lambda: [[1.0, 2.0], [3.0, 4.0]],
    "big-endian": lambda: np.array([1.0, 2.0], ">f8"),
    "bool": lambda: np.array([True, False]),
    "broadcast": lambda: np.broadcast_to(0.0, (10**5, 10**5)),
    "zero size": lambda: np.zeros((0, 10**15)),
    "liar": Liar,
}


def dense_backward(dy, cache):
    return KINDS[KINDS_IN_TURN.pop(0)](), np.zeros(1), np.zeros(1)
