"""Checkpoints: all that training needs to go on as if it had never stopped, in one .npz file without pickles."""

import json
import os
from typing import Any

import numpy as np

from npvae.files import read_arrays, write_atomically
from npvae.models import Model
from npvae.optim import Optimizer
from npvae.types import Generator

FORMAT = 1


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Model,
    optimizer: Optimizer,
    rng: Generator,
    rows: list[dict[str, float]],
) -> None:
    """Write the state after an epoch, whole or not at all.

    Raises
    ------
    ValueError
        Where rng's state is not made of whole numbers (those of `np.random.default_rng` are).
    """
    header = {
        "format": FORMAT,
        "model": model.config,
        "optimizer": type(optimizer).__name__,
        "steps": optimizer.t,
        "rng": _rng_state(rng),
        "rows": rows,
    }
    arrays: dict[str, Any] = {"header": np.array(json.dumps(header)), "params": model.params.vector}
    arrays |= {f"optimizer.{name}": vector for name, vector in optimizer.state.items()}
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_checkpoint(
    path: str | os.PathLike[str], model: Model, optimizer: Optimizer, rng: Generator
) -> list[dict[str, float]]:
    """Put model, optimizer and rng into the state of a checkpoint; returns the rows of its history.

    Raises
    ------
    ValueError
        For a file that is damaged, of another format, or of another model, optimizer or generator. Nothing has
        been changed then.
    """
    arrays = read_arrays(path)
    try:
        header = json.loads(str(arrays.pop("header")))
        params = arrays.pop("params")
        found = header["format"], _without_beta(header["model"]), header["optimizer"], header["rng"]["bit_generator"]
        steps, rows = int(header["steps"]), header["rows"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a checkpoint, or it is damaged: {error!r}") from error
    expected = FORMAT, _without_beta(model.config), type(optimizer).__name__, _rng_state(rng)["bit_generator"]
    for what, ours, theirs in zip(("format", "model", "optimizer", "generator"), expected, found, strict=True):
        if json.loads(json.dumps(ours)) != theirs:
            raise ValueError(f"{path} was written with the {what} {theirs}, expected {ours}: use another file")
    state = {name: arrays.get(f"optimizer.{name}") for name in optimizer.moments}
    for vector in (params, *state.values()):
        if vector is None or vector.shape != model.params.vector.shape or vector.dtype != model.dtype:
            raise ValueError(f"{path} is damaged: its arrays do not fit its model")
    rng.bit_generator.state = header["rng"]
    model.params.vector = params
    model.beta = header["model"]["beta"]
    optimizer.t, optimizer.state = steps, state  # type: ignore[assignment]
    return list(rows)


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
