"""The data that comes with the package: MNIST, and digits of 8 x 8 pixels for quick lessons."""

import gzip
from pathlib import Path

import numpy as np

from npvae.data.idx import read_idx
from npvae.internals.types import Array

HERE = Path(__file__).parent
Split = tuple[tuple[Array, Array], tuple[Array, Array]]


def load_mnist() -> Split:
    """Load the MNIST database of handwritten digits.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (60000, 784) and (10000, 784), uint8 grey levels 0..255, rows of 28 x 28 pixels; labels
        (60000,) and (10000,), uint8 0..9.

    Notes
    -----
    LeCun, Bottou, Bengio and Haffner (1998). The data's terms are in npvae/data/LICENSE.md.
    """
    (x_train, y_train), (x_test, y_test) = (
        (
            read_idx(HERE / "mnist" / f"{part}-images-idx3-ubyte.gz").reshape(-1, 784),
            read_idx(HERE / "mnist" / f"{part}-labels-idx1-ubyte.gz"),
        )
        for part in ("train", "t10k")
    )
    return (x_train, y_train), (x_test, y_test)


def load_digits() -> Split:
    """Load the UCI handwritten digits of 8 x 8 pixels.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        Images (1541, 64) and (256, 64), uint8 grey levels rescaled from 0..16 to 0..255; labels (1541,) and
        (256,), uint8 0..9. Every seventh row is in the test set, so that both halves know every writer.

    Notes
    -----
    Alpaydin and Kaynak (1998). The data's terms are in npvae/data/LICENSE.md.
    """
    with gzip.open(HERE / "digits" / "digits.csv.gz") as file:
        table = np.loadtxt(file, dtype=np.uint8, delimiter=",")
    x = np.round(table[:, :64] * (255 / 16)).astype(np.uint8)
    y = table[:, 64]
    test = np.arange(len(table)) % 7 == 6
    return (x[~test], y[~test]), (x[test], y[test])
