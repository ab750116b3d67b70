"""Models on disk: the registry of their classes, and one .npz file per model, without pickles."""

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from npvae.internals.files import read_arrays, write_atomically
from npvae.internals.registry import Registry
from npvae.internals.types import Array

if TYPE_CHECKING:
    from npvae.models.base import Model

FORMAT = 1
M = TypeVar("M", bound="Model")

MODELS: "Registry[type[Model]]" = Registry("models")
"""Every class of models, by name; defining a class adds it."""


def save_model(model: "Model", path: str | os.PathLike[str]) -> None:
    """Write a model; see `Model.save`."""
    try:
        config = json.dumps({"format": FORMAT, **model.config})
        again = _make(type(model), json.loads(config), model.params)
        for kept, made in ((model, again), (model.likelihood, again.likelihood)):
            for name, value in vars(kept).items():
                if isinstance(value, int | float | str | tuple) and vars(made).get(name) != value:
                    raise ValueError(f"{name} is {value!r}, but its config does not say so: add it there")
    except (ValueError, TypeError) as error:
        raise ValueError(f"{model!r} cannot be saved, since it could not be loaded again: {error}") from error
    arrays: dict[str, Any] = {"config": np.array(config), **model.params}
    write_atomically(path, lambda file: np.savez(file, **arrays))


def load_model(path: str | os.PathLike[str]) -> "Model":
    """Load a saved model, whatever its class.

    Parameters
    ----------
    path : path-like
        An .npz file.

    Returns
    -------
    model : Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a folder, a file that is damaged or does not hold a model, a class or a likelihood that is not in its
        registry, or parameters that are NaN or infinite.
    """
    config, arrays = _read(path)
    if config["class"] not in MODELS:
        raise ValueError(
            f"{path} holds a {config['class']}, expected one of: {', '.join(MODELS)}. If the class is your own, "
            "define or import it first"
        )
    return _from_file(MODELS[config["class"]], path, config, arrays)


def load_model_of(kind: type[M], path: str | os.PathLike[str]) -> M:
    """Load a model of this class; see `load_model`."""
    config, arrays = _read(path)
    if config["class"] != kind.__name__:
        raise ValueError(f"{path} holds a {config['class']}, expected a {kind.__name__}: use load_model")
    return _from_file(kind, path, config, arrays)


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the configuration and the arrays in a file, or raise a ValueError."""
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder, expected an .npz file: in the folder of a run it is model.npz")
    arrays = read_arrays(path)
    try:
        config = json.loads(str(arrays.pop("config")))
        version, name = config["format"], config["class"]
        if not isinstance(name, str):
            raise TypeError(f"its class is {name!r}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not a saved model: it has no configuration ({error!r})") from error
    if version != FORMAT:
        raise ValueError(f"{path} has format {version}, expected {FORMAT}: it is from another version of npvae")
    return config, arrays


def _from_file(kind: type[M], path: Any, config: dict[str, Any], arrays: Mapping[str, Array]) -> M:
    try:
        return _make(kind, config, arrays)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a {kind.__name__} of this version: {error}") from error
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def _make(kind: type[M], config: dict[str, Any], arrays: Mapping[str, Array]) -> M:
    """Return the model that a configuration and arrays describe, or raise whatever its class raises."""
    return kind(**{key: value for key, value in config.items() if key not in ("class", "format")}, arrays=arrays)
