"""The record of a training run: one row per epoch, to look at, plot, save and load."""

import csv
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from npvae.internals.files import write_text
from npvae.internals.types import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ("epoch", "train_loss", "train_nll", "train_kl", "test_loss", "test_nll", "test_kl", "seconds")


class History:
    """One row per epoch, with losses in nats per example.

    `history["test_loss"]` is a column, `history.rows` are the rows.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.interrupted = False

    def __repr__(self) -> str:
        if not self.rows:
            return "History(0 epochs)"
        part = "train" if np.isnan(self.rows[-1]["test_loss"]) else "test"
        ends = [f"{self.rows[i][f'{part}_loss']:.2f}" for i in (0, -1)]
        return f"History({len(self)} epochs, {part} loss {' to '.join(ends)} nats)"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> Array:
        """Return one column, (epochs,); NaN where there was no test set."""
        if column not in COLUMNS:
            raise KeyError(f"no column {column!r}, expected one of: {', '.join(COLUMNS)}")
        return np.array([row[column] for row in self.rows])

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rows as CSV in UTF-8, atomically, with numbers in full precision."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in self.rows)
        write_text(path, text.getvalue())

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str]) -> "History":
        """Read a history that `to_csv` wrote.

        Raises
        ------
        ValueError
            For a file that is not CSV in UTF-8, other column names, or entries that are not numbers.
        """
        history = cls()
        try:
            reader = csv.DictReader(io.StringIO(Path(path).read_text("utf-8")))
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError(f"its columns are {reader.fieldnames}, expected {','.join(COLUMNS)}")
            history.rows = [{column: float(row[column]) for column in COLUMNS} for row in reader]
        except (TypeError, ValueError, csv.Error) as error:
            raise ValueError(f"{path} does not hold a history of numbers: {error}") from error
        return history

    def plot(self) -> "Figure":
        """Draw the curves; see `npvae.plots.plot_history`."""
        from npvae.plots import plot_history

        return plot_history(self)
