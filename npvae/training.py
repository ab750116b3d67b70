"""Training: minibatches, the loop over them, and the history it leaves."""

import csv
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae import validation
from npvae.checkpoints import load_checkpoint, save_checkpoint
from npvae.data.pixels import binarize as draw_binary
from npvae.data.pixels import to_float
from npvae.evaluation import MeanTerms, mean_terms, progress, rows_of, sums
from npvae.files import write_text
from npvae.models import LossTerms, Model
from npvae.optim import Adam, Optimizer, Schedule
from npvae.parameters import aligned
from npvae.threads import count_of, limited_threads
from npvae.types import Array, Generator, Rng

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("epoch", "train_loss", "train_nll", "train_kl", "test_loss", "test_nll", "test_kl", "seconds")
TEST_SEED = 0
"""Noise and binarization of the test set are drawn once: its curve shows the model, not the draws."""


class History:
    """What training looked like: a row an epoch, losses in nats per example.

    `history["test_loss"]` is a column, `history.rows` are the rows.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.interrupted = False

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> Array:
        """One column, (epochs,); NaN where there was no test set."""
        if column not in COLUMNS:
            raise KeyError(f"no column {column!r}, expected one of: {', '.join(COLUMNS)}")
        return np.array([row[column] for row in self.rows])

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as CSV, UTF-8, whole or not at all; numbers in full precision."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in self.rows)
        write_text(path, text.getvalue())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> "History":
        """Read what `to_csv` has written.

        Raises
        ------
        ValueError
            For a file that is not CSV in UTF-8, other columns, or entries that are not numbers.
        """
        history = cls()
        try:
            reader = csv.DictReader(io.StringIO(Path(path).read_text("utf-8")))
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are {reader.fieldnames}, expected {','.join(COLUMNS)}")
            history.rows = [{column: float(row[column]) for column in COLUMNS} for row in reader]
        except (TypeError, ValueError, csv.Error) as error:
            raise ValueError(f"{path} has no history of numbers in it: {error}") from error
        return history

    def plot(self) -> "Figure":
        """Draw the curves; see `npvae.plots.plot_history`."""
        from npvae.plots import plot_history

        return plot_history(self)


class DivergenceError(FloatingPointError):
    """Training has left the finite numbers. The history of the epochs before is in `history`."""

    history: History


def minibatches(n: int, batch_size: int, rng: Generator) -> Iterator[Array]:
    """Index arrays that together visit each of n examples once, in random order; the last may be shorter."""
    order = rng.permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


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
    """Train a model, in place.

    Parameters
    ----------
    model : VAE, ConditionalVAE, ImportanceWeightedVAE or AutoEncoder
    x_train, x_test : (N, D) ndarray
        uint8 grey levels, divided by 255 batch by batch, or floats. The test set is only looked at.
    labels, test_labels : (N,) ndarray of int
        Only for a `ConditionalVAE`.
    epochs : int
        Passes over the training set.
    batch_size : int
        Examples a step; the last step of an epoch takes what is left.
    optimizer : Optimizer, optional
        Adam with a learning rate of 0.001 where none is given.
    binarize : bool
        Draw each pixel from a Bernoulli with its grey level as the probability: anew in each epoch for
        training, once for the test set.
    draws : int
        Draws of z for each image and step; the loss is their mean (L in Kingma and Welling 2014, eq. 7).
    lr_schedule, beta_schedule : callable, optional
        Give the optimiser's rate and the model's beta for an epoch; epochs count from 1. The model keeps the
        last beta.
    rng : numpy.random.Generator, int or None
        Draws order, binarization and noise. The same seed gives the same parameters, bit for bit, on the
        same machine, versions and number of threads.
    checkpoint : path-like, optional
        File that the state is written to before the first epoch and after each, the one before kept beside it.
        Where it exists, training goes on from it and ends with the same bits as if it had never stopped.
    threads : int
        Of the matrix products. Two save a quarter of the time at most, and only on an idle machine; beside a busy
        process they cost a multiple of it. From a checkpoint, training goes on with the count it was written with.
    verbose : bool
        Print a line an epoch and, on a terminal, show a progress bar.

    Returns
    -------
    history : History
        Ctrl-C ends training early: `history.interrupted` is then True, the rows are those of the epochs that
        ended, and the model keeps all it has learned.

    Raises
    ------
    ValueError
        For a wrong shape or dtype, no examples, pixels out of range, NaN, labels that do not fit, a checkpoint
        that is damaged or of another model.
    DivergenceError
        A FloatingPointError, when the loss or a parameter stops being finite. It names epoch, step and what is
        concerned; the model gets back the last parameters whose loss was finite.
    """
    support = (0.0, 1.0) if binarize else model.likelihood.support
    x_train = validation.dataset("x_train", x_train, model.input_dim, support)
    labels = _checked_labels("labels", labels, model, x_train)
    if x_test is not None:
        x_test = validation.dataset("x_test", x_test, model.input_dim, support)
        test_labels = _checked_labels("test_labels", test_labels, model, x_test)
        x_test = draw_binary(x_test, TEST_SEED) if binarize else x_test
    if beta_schedule and not model.weighs_kl:
        raise ValueError(f"beta_schedule was given, but {type(model).__name__} has no KL term to weigh")
    epochs = validation.positive_int("epochs", epochs)
    batch_size = validation.positive_int("batch_size", batch_size)
    draws = validation.positive_int("draws", draws)
    threads = validation.positive_int("threads", threads)
    optimizer = optimizer or Adam()
    rng = np.random.default_rng(rng)

    history = History()
    if checkpoint is not None:
        settings = {"examples": len(x_train), "batch_size": batch_size, "binarize": binarize, "draws": draws}
        if os.path.exists(checkpoint):
            history.rows, threads = load_checkpoint(checkpoint, model, optimizer, rng, settings, COLUMNS)
            if verbose:
                print(f"resuming after epoch {len(history)}, {count_of(threads)}", flush=True)
        else:
            save_checkpoint(checkpoint, model, optimizer, rng, history.rows, settings, threads)
    good, grad = aligned(model.params.vector), aligned(model.params.vector)
    epoch = len(history)
    try:
        for epoch in range(len(history) + 1, epochs + 1):
            started = time.perf_counter()
            optimizer.lr = lr_schedule(epoch) if lr_schedule else optimizer.lr
            model.beta = beta_schedule(epoch) if beta_schedule else model.beta
            total = np.zeros(3)
            steps = minibatches(len(x_train), batch_size, rng)
            bar = progress(steps, f"epoch {epoch}", verbose, total=-(-len(x_train) // batch_size))
            with (
                limited_threads(threads),
                np.errstate(over="ignore", invalid="ignore", divide="ignore"),
            ):
                for step, index in enumerate(bar, 1):
                    x, y = x_train[index], rows_of(labels, index)
                    x = to_float(draw_binary(x, rng) if binarize else x, model.dtype)
                    if draws > 1:
                        x, y = np.repeat(x, draws, axis=0), None if y is None else np.repeat(y, draws)
                    terms, _ = model.terms_and_grad(x, model.draw_eps(len(x), rng), grad, y)
                    batch_sums = sums(terms)
                    if not np.isfinite(batch_sums[0]):
                        raise DivergenceError(f"epoch {epoch}, step {step}: {_blame(model, terms)}")
                    np.copyto(good, model.params.vector)
                    optimizer.step(model.params.vector, grad)
                    total += batch_sums / draws
                test = mean_terms(model, x_test, test_labels, TEST_SEED) if x_test is not None else None
            _check_epoch(epoch, model, optimizer)
            train = MeanTerms(*(total / len(x_train)).tolist())
            history.rows.append(_row(epoch, train, test, time.perf_counter() - started))
            if checkpoint is not None:
                save_checkpoint(checkpoint, model, optimizer, rng, history.rows, settings, threads)
            if verbose:
                print(epoch_line(history.rows[-1], epochs, model.beta), flush=True)
    except DivergenceError as error:
        model.params.vector = good
        error.history = history
        raise
    except KeyboardInterrupt:
        history.interrupted = True
        if verbose:
            print(f"stopped by Ctrl-C in epoch {epoch}: the model keeps what it has learned", flush=True)
    return history


def epoch_line(row: dict[str, float], epochs: int, beta: float) -> str:
    """One line on one epoch; with beta other than 1 it tells the loss and the bound apart."""
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


def _checked_labels(name: str, labels: Any, model: Model, x: Array) -> Array | None:
    """Labels that fit, or a ValueError that says which did not."""
    try:
        return model.check_labels(labels, len(x))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _blame(model: Model, terms: LossTerms) -> str:
    """What it was that stopped being finite: a parameter if any, else a term of the loss."""
    advice = "try a smaller learning rate"
    for name, array in model.params.items():
        if not np.all(np.isfinite(array)):
            return f"the parameter {name} is no longer finite: {advice}"
    term = "nll" if not np.all(np.isfinite(terms.nll)) else "kl"
    return f"the {term} is no longer finite, though all parameters are: {advice}"


def _check_epoch(epoch: int, model: Model, optimizer: Optimizer) -> None:
    """An overflow in the last step, or one in the optimiser that would freeze parameters silently, is an error."""
    vectors = {"the parameter": model.params.vector} | {
        f"the optimizer's {moment} of": vector for moment, vector in optimizer.state.items()
    }
    for what, vector in vectors.items():
        for name, array in model.params.like(vector).items():
            if not np.all(np.isfinite(array)):
                raise DivergenceError(
                    f"epoch {epoch}, last step: {what} {name} is no longer finite: try a smaller learning rate"
                )
