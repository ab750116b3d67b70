"""Checkpoints: all that training needs to go on as if it had never stopped, in one .npz file without pickles.

The one before stays beside the newest: a file that is damaged later on costs an epoch, not a run.
"""

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from npvae.internals import validation
from npvae.internals.files import read_arrays, write_atomically
from npvae.internals.memory import aligned
from npvae.internals.types import Array, Generator
from npvae.models import Model
from npvae.optim import Optimizer

FORMAT = 2
"""Rises when what a checkpoint holds changes its meaning."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, read but not yet believed."""

    model: dict[str, Any]
    optimizer: str
    steps: int
    rng: dict[str, Any]
    training: dict[str, Any]
    """The settings that training has to go on with."""
    computer: dict[str, Any]
    rows: list[dict[str, float]]
    vectors: dict[str, Array]
    """params, and the optimizer's moments by their names."""


def previous_of(path: str | os.PathLike[str]) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    path = Path(path)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Model,
    optimizer: Optimizer,
    rng: Generator,
    rows: list[dict[str, float]],
    training: Mapping[str, Any],
    threads: int,
) -> None:
    """Write the state after an epoch, whole or not at all. What stood at `path` becomes the previous checkpoint.

    Raises
    ------
    ValueError
        Where rng's state is not made of whole numbers (those of `np.random.default_rng` are).
    OSError
        Where the file cannot be written: the one that stood there still does.
    """
    header = {
        "format": FORMAT,
        "model": model.config,
        "optimizer": type(optimizer).__name__,
        "steps": optimizer.t,
        "rng": _rng_state(rng),
        "training": training,
        "computer": {**computer(), "threads": threads},
        "rows": rows,
    }
    arrays: dict[str, Any] = {
        "header": np.array(json.dumps(header)),
        "params": model.params.vector,
        **optimizer.state,
    }
    _keep_previous(Path(path))
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_checkpoint(
    path: str | os.PathLike[str],
    model: Model,
    optimizer: Optimizer,
    rng: Generator,
    training: Mapping[str, Any],
    columns: Iterable[str],
) -> tuple[list[dict[str, float]], int]:
    """Put model, optimizer and rng into the state of a checkpoint.

    Warns where it was written with another NumPy or on another kind of processor: the last digits may then differ.

    Returns
    -------
    rows : list of dict
        Of its history.
    threads : int
        On which the matrix products ran: with others the last digits would differ.

    Raises
    ------
    ValueError
        For a file that is damaged, of another format, or of another model, optimizer, generator or training.
        Nothing has been changed then.
    """
    try:
        arrays = read_arrays(path)
    except ValueError as error:
        raise ValueError(f"{error}{_way_out(path)}") from error
    try:
        found = _parse(path, arrays)
        _check_same(path, found, model, optimizer, rng, training)
        vectors = _checked_vectors(found, model, optimizer)
        rows = [{column: float(row[column]) for column in columns} for row in found.rows]
        beta = validation.finite_number("beta", found.model["beta"], above=0)
        steps = int(validation.finite_number("steps", found.steps, above=0))
        threads = validation.positive_int("threads", found.computer.pop("threads"))
        type(rng.bit_generator)().state = found.rng  # a trial: the state may be nonsense
    except OtherTrainingError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        why = str(error) if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"{path} is not a checkpoint, or it is damaged: {why}{_way_out(path)}") from error
    if found.computer != computer():
        warnings.warn(
            f"{path} was written on {found.computer}, this is {computer()}: the last digits may differ", stacklevel=3
        )
    rng.bit_generator.state = found.rng
    model.params.vector, model.beta = vectors.pop("params"), beta
    optimizer.t, optimizer.state = steps, {name: aligned(vector) for name, vector in vectors.items()}
    return rows, threads


class OtherTrainingError(ValueError):
    """A whole checkpoint, of something else."""


def _parse(path: str | os.PathLike[str], arrays: dict[str, Array]) -> Checkpoint:
    """What the arrays of a file say, with nothing checked but its format."""
    try:
        header = json.loads(str(arrays.pop("header")))
        version = header.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it has no header ({type(error).__name__})") from error
    if version != FORMAT:
        raise OtherTrainingError(
            f"{path} has format {version}, this npvae reads {FORMAT}: go on with the npvae that has written it"
        )
    return Checkpoint(**header, vectors=arrays)


def computer() -> dict[str, Any]:
    """What decides the last digits of a result, besides the number of threads: NumPy and the processor's kind."""
    import platform

    return {"numpy": np.__version__, "machine": platform.machine()}


def _check_same(
    path: str | os.PathLike[str],
    found: Checkpoint,
    model: Model,
    optimizer: Optimizer,
    rng: Generator,
    training: Mapping[str, Any],
) -> None:
    for what, ours, theirs in (
        ("model", _without_beta(model.config), _without_beta(found.model)),
        ("optimizer", type(optimizer).__name__, found.optimizer),
        ("generator", _rng_state(rng)["bit_generator"], found.rng["bit_generator"]),
        ("training", training, found.training),
    ):
        if json.loads(json.dumps(ours)) != theirs:
            raise OtherTrainingError(
                f"{path} was written with the {what} {theirs}, expected {ours}: use another file"
            )


def _checked_vectors(found: Checkpoint, model: Model, optimizer: Optimizer) -> dict[str, Array]:
    names = {"params", *(optimizer.moments if found.steps else ())}
    if found.vectors.keys() != names:
        raise ValueError(f"it holds {', '.join(found.vectors)}, expected {', '.join(names)}")
    for name, vector in found.vectors.items():
        if vector.shape != model.params.vector.shape or vector.dtype != model.dtype or not np.isfinite(vector).all():
            raise ValueError(f"{name} does not fit the model")
    return found.vectors


def _keep_previous(path: Path) -> None:
    """A second name for the file that is about to be replaced; a copy, where the file system has no such thing."""
    previous = previous_of(path)
    if path.exists():
        previous.unlink(missing_ok=True)
        try:
            os.link(path, previous)
        except OSError:
            write_atomically(previous, lambda file: file.write(path.read_bytes()))


def _way_out(path: str | os.PathLike[str]) -> str:
    previous = previous_of(path)
    if not previous.exists():
        return ""
    return f". The one before it is {previous}: npvae train --resume RUN --previous goes on from there, or rename it"


def _without_beta(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration less what a schedule may have changed on the way."""
    return {name: value for name, value in config.items() if name != "beta"}


def _rng_state(rng: Generator) -> dict[str, Any]:
    state = dict(rng.bit_generator.state)
    try:
        json.dumps(state)
    except TypeError as error:
        name = type(rng.bit_generator).__name__
        raise ValueError(f"rng is a {name}, expected one from np.random.default_rng, to be saved") from error
    return state
