"""Wrong loops over the data, and wrong data in them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from npvae.internals.types import Array, Rng
from npvae.training import fit
from wrong_versions.table import replaces

FIT, MINIBATCHES = "npvae.training.fit", "npvae.training.minibatches"
TO_FLOAT, BINARIZE = "npvae.data.pixels.to_float", "npvae.data.pixels.binarize"


@replaces(MINIBATCHES)
def remainder_dropped(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[Array]:
    """Full batches only -> a shorter one at the end: some examples are left out of each epoch."""
    order = rng.permutation(n)
    for start in range(0, n - batch_size + 1, batch_size):
        yield order[start : start + batch_size]


@replaces(MINIBATCHES)
def always_in_the_same_order(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[Array]:
    """np.arange -> a permutation: data sorted by class are met class by class."""
    order = np.arange(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


@replaces(MINIBATCHES)
def drawn_with_replacement(n: int, batch_size: int, rng: np.random.Generator) -> Iterator[Array]:
    """rng.integers -> a permutation: a third of the data is not met in an epoch."""
    for start in range(0, n, batch_size):
        yield rng.integers(0, n, min(batch_size, n - start))


@replaces(FIT)
def beta_schedule_ignored(model: Any, x_train: Array, x_test: Array | None = None, **settings: Any) -> Any:
    """beta stays -> follows its schedule: the warm-up that was asked for never happens."""
    return fit(model, x_train, x_test, **{**settings, "beta_schedule": None})


@replaces(FIT)
def labels_not_shuffled_along(model: Any, x_train: Array, x_test: Array | None = None, **settings: Any) -> Any:
    """Images in a new order, labels in the old -> the same order for both: the label tells nothing."""
    labels = settings.get("labels")
    return fit(model, x_train, x_test, **{**settings, "labels": None if labels is None else np.roll(labels, 1)})


@replaces(FIT)
def held_out_loss_of_the_training_set(
    model: Any, x_train: Array, x_test: Array | None = None, **settings: Any
) -> Any:
    """Test loss of the training set -> of the test set: nothing is held out, and overfitting never shows."""
    return fit(model, x_train, x_test if x_test is None else x_train[: len(x_test)], **settings)


@replaces(TO_FLOAT)
def grey_levels_by_256(x: Array, dtype: DTypeLike = np.float32) -> Array:
    """x / 256 -> x / 255: white is never 1."""
    return np.divide(x, 256, dtype=dtype) if x.dtype == np.uint8 else x.astype(dtype, copy=False)


@replaces(TO_FLOAT)
def grey_levels_in_uint8(x: Array, dtype: DTypeLike = np.float32) -> Array:
    """x // 255 -> x / 255: integer division, every pixel that is not white is black."""
    return (x // 255 if x.dtype == np.uint8 else x).astype(dtype, copy=False)


@replaces(BINARIZE)
def binarized_by_a_threshold(x: Array, rng: Rng = None) -> Array:
    """x > 1/2 -> a draw with probability x: the mean image is another."""
    grey = x / 255 if x.dtype == np.uint8 else x
    return (grey > 0.5).astype(np.float32 if x.dtype == np.uint8 else x.dtype)


@replaces(BINARIZE)
def binarized_with_256_levels(x: Array, rng: Rng = None) -> Array:
    """A draw from 0..255 < x -> from 0..254: white is drawn black once in 256."""
    rng = np.random.default_rng(rng)
    if x.dtype == np.uint8:
        return (rng.integers(0, 256, x.shape, np.uint8) < x).astype(np.float32)
    return (rng.random(x.shape) < x).astype(x.dtype)


@replaces(BINARIZE)
def binarized_with_one_draw(x: Array, rng: Rng = None) -> Array:
    """One uniform number for all -> one a pixel: every mean is right, and the image is a threshold."""
    grey = x / 255 if x.dtype == np.uint8 else x
    return (np.random.default_rng(rng).random() < grey).astype(np.float32 if x.dtype == np.uint8 else x.dtype)
