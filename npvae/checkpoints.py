"""Checkpoints: all that training needs to resume as if it had never stopped, in one .npz file without pickles.

The previous one is kept beside the newest: if the newest is damaged, that costs an epoch and not the whole run.
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
"""Version of the file format: raised whenever the meaning of its contents changes."""


@dataclass(frozen=True)
class Checkpoint:
    """The contents of a file, read but not yet checked."""

    model: dict[str, Any]
    optimizer: str
    steps: int
    rng: dict[str, Any]
    training: dict[str, Any]
    """The settings that training must resume with."""
    computer: dict[str, Any]
    rows: list[dict[str, float]]
    vectors: dict[str, Array]
    """params, and the optimizer's moments, by name."""


def previous_of(path: str | os.PathLike[str]) -> Path:
    """Return the path at which the checkpoint before the one at `path` is kept."""
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
    """Write the state after an epoch, atomically. An existing file at `path` becomes the previous checkpoint.

    Raises
    ------
    ValueError
        If the state of rng cannot be written as JSON (that of `np.random.default_rng` can).
    OSError
        If the file cannot be written; an existing one is then left as it was.
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
    """Restore model, optimizer and rng to the state in a checkpoint.

    Warns if it was written with another NumPy or on another kind of processor: the last digits may then differ.

    Returns
    -------
    rows : list of dict
        The rows of its history.
    threads : int
        Number of threads for the matrix products: with another number the last digits would differ.

    Raises
    ------
    ValueError
        For a file that is damaged, has another format, or belongs to another model, optimizer, generator or training.
        Nothing has been changed in that case.
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
            f"{path} was written on {found.computer}, but this is {computer()}: the last digits may differ",
            stacklevel=3,
        )
    rng.bit_generator.state = found.rng
    model.params.vector, model.beta = vectors.pop("params"), beta
    optimizer.t, optimizer.state = steps, {name: aligned(vector) for name, vector in vectors.items()}
    return rows, threads


class OtherTrainingError(ValueError):
    """An intact checkpoint, but of another training run."""


def _parse(path: str | os.PathLike[str], arrays: dict[str, Array]) -> Checkpoint:
    """Return what the arrays of a file say, with nothing checked but its format."""
    try:
        header = json.loads(str(arrays.pop("header")))
        version = header.pop("format")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"it has no header ({type(error).__name__})") from error
    if version != FORMAT:
        raise OtherTrainingError(
            f"{path} has format {version}, this npvae reads {FORMAT}: resume with the npvae that wrote it"
        )
    return Checkpoint(**header, vectors=arrays)


def computer() -> dict[str, Any]:
    """Return what affects the last digits, besides the number of threads: NumPy's version, the kind of processor."""
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
    """Keep the file that is about to be replaced: by a hard link, or a copy where the file system has no links."""
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
    return f". The previous one is {previous}: npvae train --resume RUN --previous resumes from it, or rename it"


def _without_beta(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration without beta, which a schedule may have changed during training."""
    return {name: value for name, value in config.items() if name != "beta"}


def _rng_state(rng: Generator) -> dict[str, Any]:
    state = dict(rng.bit_generator.state)
    try:
        json.dumps(state)
    except TypeError as error:
        name = type(rng.bit_generator).__name__
        raise ValueError(f"rng is a {name}, expected a state that can be saved: use np.random.default_rng") from error
    return state
