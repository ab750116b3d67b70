"""Training: minibatches, the loop over them, and a safe wrapper around it.

Tests: tests/training/test_training.py.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from npvae.checkpoints import load_checkpoint, save_checkpoint
from npvae.data.pixels import draw_binary, to_float
from npvae.evaluation import MeanTerms, mean_terms, rows_of, sums
from npvae.history import COLUMNS, History
from npvae.internals import validation
from npvae.internals.memory import aligned
from npvae.internals.progress import progress
from npvae.internals.threads import count_of, limited_threads
from npvae.internals.types import Array, Generator, Rng
from npvae.models import LossTerms, Model
from npvae.optim import Adam, Optimizer, Schedule

TEST_SEED = 0
"""Test noise and binarization are always drawn from this seed: the test curve shows the model, not the draws."""


class DivergenceError(FloatingPointError):
    """The loss, a parameter or the optimizer is no longer finite. `fit` adds the completed epochs, as `history`."""

    history: History


def minibatches(n: int, batch_size: int, rng: Generator) -> Iterator[Array]:
    """Yield index arrays that together visit each of n examples once, in random order; the last may be shorter."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def train_epoch(
    model: Model,
    x: Array,
    optimizer: Optimizer,
    batches: Iterable[Array],
    rng: Generator,
    labels: Array | None = None,
    binarize: bool = False,
    draws: int = 1,
) -> MeanTerms:
    """Train for one epoch, as in the notes: for each batch, draw the noise, compute loss and gradient, take a step.

    Parameters
    ----------
    model : Model
        Its parameters are updated in place.
    x : (N, D) ndarray
        uint8 grey levels, or floats.
    optimizer : Optimizer
    batches : iterable of (B,) ndarray of int
        Row numbers of x; see `minibatches`.
    rng : numpy.random.Generator
        Draws the noise, and the pixels if `binarize` is True.
    labels : (N,) ndarray of int
        Only for a `ConditionalVAE`.
    binarize : bool
        Draw each pixel as 0 or 1, with its grey level as the probability of 1.
    draws : int
        Number of draws of the noise for each image.

    Returns
    -------
    terms : MeanTerms
        Mean loss, nll and kl over the epoch, in nats per example, each batch measured before its step.

    Raises
    ------
    DivergenceError
        If the loss, a parameter or the optimizer's state is no longer finite. The model then has the last parameters
        whose loss was finite.
    """
    params, grad = model.params.vector, aligned(np.full_like(model.params.vector, np.nan))
    total, n = np.zeros(3), 0
    with last_finite(params) as good:
        for step, batch in enumerate(batches, 1):
            images, y = minibatch(model, x, labels, batch, rng, binarize, draws)
            eps = model.draw_eps(len(images), rng)
            terms, _ = model.terms_and_grad(images, eps, grad, y)
            check_terms(step, model, terms, optimizer)
            np.copyto(good, params)
            optimizer.step(params, grad)
            total, n = total + sums(terms) / draws, n + len(batch)
        check_state(model, optimizer)
    return MeanTerms(*(total / n).tolist())


def minibatch(
    model: Model, x: Array, labels: Array | None, batch: Array, rng: Generator, binarize: bool, draws: int
) -> tuple[Array, Array | None]:
    """Return these rows of x, as the model takes them, and their labels, each repeated `draws` times."""
    images, y = x[batch], rows_of(labels, batch)
    images = to_float(draw_binary(images, rng) if binarize else images, model.dtype)
    if draws > 1:
        return np.repeat(images, draws, axis=0), None if y is None else np.repeat(y, draws)
    return images, y


def fit(
    model: Model,
    x_train: Array,
    x_test: Array | None = None,
    *,
    labels: Array | None = None,
    test_labels: Array | None = None,
    epochs: int = 10,
    batch_size: int = 128,
    optimizer: Optimizer | None = None,
    binarize: bool = False,
    draws: int = 1,
    lr_schedule: Schedule | None = None,
    beta_schedule: Schedule | None = None,
    rng: Rng = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    threads: int = 1,
    verbose: bool = True,
) -> History:
    """Train a model in place: run `train_epoch` epoch by epoch, with checkpoints and a history.

    Parameters
    ----------
    model : Model
    x_train, x_test : (N, D) ndarray
        uint8 grey levels, divided by 255 batch by batch, or floats. The test set is only evaluated.
    labels, test_labels : (N,) ndarray of int
        Only for a `ConditionalVAE`.
    epochs : int
        Passes over the training set.
    batch_size : int
        Examples per step; the last step of an epoch takes those that are left.
    optimizer : Optimizer, optional
        By default Adam with a learning rate of 0.001.
    binarize : bool
        Draw each pixel as 0 or 1, with its grey level as the probability of 1: anew in each epoch for training, once
        for the test set.
    draws : int
        Number of draws of the noise for each image; their losses and gradients are averaged.
    lr_schedule, beta_schedule : callable, optional
        Takes the epoch, counted from 1, and returns the learning rate, or the weight of the KL term. See
        `cosine_decay` and `linear_warmup`.
    rng : numpy.random.Generator, int or None
        Draws the order of the examples, the noise and the binarization. The same seed gives the same result, bit for
        bit, on the same machine with the same versions and number of threads.
    checkpoint : path-like, optional
        An .npz file that is written before the first epoch and after every epoch; the previous one is kept beside it.
        If it exists, training resumes from it, and the result is, bit for bit, as if it had never stopped.
    threads : int
        Number of threads for the matrix products. Two save a quarter of the time at most, and only on an idle
        machine; beside a busy process they multiply the time. Resumed training keeps the number in the checkpoint.
    verbose : bool
        Print one line per epoch and, on a terminal, show a progress bar.

    Returns
    -------
    history : History
        One row per completed epoch. Ctrl-C ends training early: `history.interrupted` is then True, and the model
        keeps all it has learned.

    Raises
    ------
    ValueError
        For a wrong shape or dtype, no examples, pixels out of range, NaN, labels that do not fit, or a checkpoint
        that is damaged or belongs to another training run.
    DivergenceError
        As in `train_epoch`; the message names the epoch as well.
    """
    support = (0.0, 1.0) if binarize else model.likelihood.support
    x_train = validation.dataset("x_train", x_train, model.input_dim, support, training=True)
    labels = _checked_labels("labels", labels, model, x_train)
    if x_test is not None:
        x_test = validation.dataset("x_test", x_test, model.input_dim, support)
        test_labels = _checked_labels("test_labels", test_labels, model, x_test)
        x_test = draw_binary(x_test, np.random.default_rng(TEST_SEED)) if binarize else x_test
    epochs = validation.positive_int("epochs", epochs)
    batch_size = validation.positive_int("batch_size", batch_size)
    draws = validation.positive_int("draws", draws)
    threads = validation.positive_int("threads", threads)
    optimizer = _checked_optimizer(optimizer)
    rate = _checked_schedule("lr_schedule", lr_schedule) or (lambda epoch: optimizer.lr)
    beta = _checked_schedule("beta_schedule", beta_schedule) or (lambda epoch: model.beta)
    if beta_schedule and not model.weighs_kl:
        raise ValueError(f"beta_schedule was given, but {type(model).__name__} has no KL term to weight")
    rng = validation.generator("rng", rng)

    history, settings = History(), {}
    if checkpoint is not None:
        settings = {"examples": len(x_train), "batch_size": batch_size, "binarize": binarize, "draws": draws}
        if os.path.exists(checkpoint):
            history.rows, threads = load_checkpoint(checkpoint, model, optimizer, rng, settings, COLUMNS)
            if verbose:
                print(f"resuming after epoch {len(history)}, {count_of(threads)}", flush=True)
        else:
            save_checkpoint(checkpoint, model, optimizer, rng, history.rows, settings, threads)
    epoch = len(history)
    try:
        for epoch in range(len(history) + 1, epochs + 1):
            started = time.perf_counter()
            optimizer.lr, model.beta = rate(epoch), beta(epoch)
            with limited_threads(threads):
                batches = minibatches(len(x_train), batch_size, rng)
                shown = progress(batches, f"epoch {epoch}", verbose, total=-(-len(x_train) // batch_size))
                train = train_epoch(model, x_train, optimizer, shown, rng, labels, binarize, draws)
                test = None if x_test is None else mean_terms(model, x_test, test_labels, TEST_SEED)
            history.rows.append(_row(epoch, train, test, time.perf_counter() - started))
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, optimizer, rng, history.rows, settings, threads)
            if verbose:
                print(epoch_line(history.rows[-1], epochs, model.beta), flush=True)
    except DivergenceError as error:
        error.args, error.history = (f"epoch {epoch}, {error}",), history
        raise
    except KeyboardInterrupt:
        history.interrupted = True
        if verbose:
            print(f"stopped by Ctrl-C in epoch {epoch}: the model keeps what it has learned", flush=True)
    return history


def epoch_line(row: dict[str, float], epochs: int, beta: float) -> str:
    """Return one line about an epoch; with beta other than 1, it shows loss and bound separately."""
    part = "train" if np.isnan(row["test_loss"]) else "test"
    nll, kl = row[f"{part}_nll"], row[f"{part}_kl"]
    test = "" if part == "train" else f"  test loss {row['test_loss']:8.3f}"
    weight, elbo = ("", "") if beta == 1 else (f"{beta:g} x ", f"  elbo {-(nll + kl):8.3f}")
    return (
        f"epoch {row['epoch']:{len(str(epochs))}.0f}/{epochs}  train loss {row['train_loss']:8.3f}{test}"
        f" = nll {nll:.3f} + {weight}kl {kl:.3f}{elbo}  {row['seconds']:.2f} s"
    )


def _row(epoch: int, train: MeanTerms, test: MeanTerms | None, seconds: float) -> dict[str, float]:
    test = test or MeanTerms(np.nan, np.nan, np.nan)
    values = (epoch, train.loss, train.nll, train.kl, test.loss, test.nll, test.kl, seconds)
    return dict(zip(COLUMNS, values, strict=True))


# Checks of what fit is given.


def _checked_labels(name: str, labels: Any, model: Model, x: Array) -> Array | None:
    """Return labels that fit, or raise a ValueError that says which do not."""
    try:
        return model.check_labels(labels, len(x))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _checked_optimizer(optimizer: Any) -> Optimizer:
    """Return an optimizer, or raise a ValueError."""
    if optimizer is None:
        return Adam()
    if not isinstance(optimizer, Optimizer):
        name = optimizer.__name__ if isinstance(optimizer, type) else "Adam"
        raise ValueError(f"optimizer is {optimizer!r}, expected an instance: write npvae.{name}(lr=1e-3)")
    return optimizer


def _checked_schedule(name: str, schedule: Any) -> Callable[[int], float] | None:
    """Return a schedule or None, or raise a ValueError."""
    if schedule is not None and not callable(schedule):
        raise ValueError(
            f"{name} is {schedule!r}, expected a function of the epoch such as cosine_decay(1e-3, epochs): "
            "a constant belongs to the optimizer, Adam(lr=...), or to the model, VAE(beta=...)"
        )
    return schedule


# Divergence.


@contextlib.contextmanager
def last_finite(params: Array) -> Iterator[Array]:
    """Yield a copy of the parameters, which the block keeps up to date; if training diverges, put it back."""
    good = aligned(params)
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # found by the checks below
            yield good
    except DivergenceError:
        params[...] = good
        raise


def check_terms(step: int, model: Model, terms: LossTerms, optimizer: Optimizer) -> None:
    """Raise a DivergenceError that names what is no longer finite: a parameter if any, else a term of the loss."""
    if np.isfinite(np.sum(terms.loss, dtype=np.float64)):
        return
    broken = [f"the parameter {name}" for name, array in model.params.items() if not np.all(np.isfinite(array))]
    term = "nll" if not np.all(np.isfinite(terms.nll)) else "kl"
    what = broken[0] if broken else f"the {term}"
    though = "" if broken else ", though all parameters are"
    is_early = not (optimizer.t or broken)
    way = "rescale x to the order of 1" if is_early else "try a smaller learning rate"
    raise DivergenceError(f"step {step}: {what} is no longer finite{though}: {way}")


def check_state(model: Model, optimizer: Optimizer) -> None:
    """Raise a DivergenceError after an overflow in the last step, or in the optimizer, which freezes parameters."""
    vectors = {"the parameter": model.params.vector} | {
        f"the optimizer's {moment} of": vector for moment, vector in optimizer.state.items()
    }
    for what, vector in vectors.items():
        for name, array in model.params.like(vector).items():
            if not np.all(np.isfinite(array)):
                raise DivergenceError(f"last step: {what} {name} is no longer finite: try a smaller learning rate")
