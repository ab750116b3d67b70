"""A training run on disk: a folder with the model, its configuration, its history and its figures."""

import contextlib
import json
import math
import sys
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

import npvae
from npvae.checkpoints import previous_of
from npvae.data.images import Shape
from npvae.data.pixels import to_float
from npvae.data.sources import Dataset
from npvae.evaluation import codes
from npvae.history import History
from npvae.internals import validation
from npvae.internals.files import remove_strays, write_atomically, write_text
from npvae.internals.types import Array
from npvae.models import Model, load_model

CHECKPOINT, LOCK = "checkpoint.npz", ".lock"
MOST_ROWS = 50
"""Maximum number of rows on a sheet of samples with one row per label."""


def new_folder(out: str | None, data: str, model: str) -> Path:
    """Make the folder of a run; an existing one must be empty.

    Parameters
    ----------
    out : str or None
        The folder; None makes runs/<data>-<model>-<time>.

    Raises
    ------
    FileExistsError
        If `out` exists and is not empty.
    """
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise FileExistsError(f"{folder} is not empty: an earlier run is never overwritten; choose another --out")
        return folder
    name = f"{data}-{model}-{time.strftime('%Y%m%d-%H%M%S')}"
    for attempt in range(1, 1000):
        folder = Path("runs") / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            if not folder.is_dir():
                raise
    raise FileExistsError(f"runs/{name} and 998 more exist: choose another folder with --out")


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes from training in this folder. However this one ends, the system releases the lock.

    Raises
    ------
    FileExistsError
        If another process is training in it.
    """
    with open(folder / LOCK, "a") as file:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:
            raise FileExistsError(f"{folder} is in use: another npvae train is writing into it") from error
        except OSError:
            pass  # a network drive may not support locks
        remove_strays(folder)
        yield


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_config(folder: Path, model: Model, dataset: Dataset, training: Mapping[str, Any], options: Any) -> None:
    """Write config.json: all that is needed to repeat the run, or to resume it."""
    from npvae import plots

    config = {
        "npvae": npvae.__version__,
        "numpy": np.__version__,
        "data": options["data"],
        "image_shape": dataset.image_shape,
        "value_range": plots.value_range(dataset.x_train),
        "classes": dataset.classes if model.label_dim else None,
        "model": model.config,
        "training": training,
        "options": options,
        "crc32": crc32(dataset.x_train),
    }
    write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a run, its options and the checksum of its training images included.

    Raises
    ------
    FileNotFoundError
        If the folder is not that of a run.
    ValueError
        If its configuration is damaged, or is from before runs could be resumed.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} cannot be resumed: there is no config.json in it; start the run again")
    try:
        config = json.loads(path.read_text("utf-8"))
        return {**config, "options": dict(config["options"]), "crc32": int(config["crc32"])}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path} is damaged or says too little to resume: {error!r}; start the run again") from error


def class_names(config: Mapping[str, Any], label_dim: int) -> tuple[str, ...]:
    """Return what the classes of a run are called: in an older run, which has no names, their numbers.

    Raises
    ------
    ValueError
        If there are more or fewer names than the model has classes.
    """
    names = config.get("classes")
    if names is None:
        return tuple(map(str, range(label_dim)))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or len(names) != label_dim:
        raise ValueError(f"classes are {names!r}, expected {label_dim} names")
    return tuple(names)


@contextlib.contextmanager
def moving(folder: object) -> Iterator[None]:
    """Say, if the data of a run is no longer where it was, how to give its new place."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}; if the data of {folder} has moved, give its new place with --data NEW"
        ) from error


def crc32(x: Array) -> int:
    """Return the checksum of a data set."""
    return zlib.crc32(np.ascontiguousarray(x).data)


def go_back(folder: Path) -> None:
    """Replace the newest checkpoint with the previous one; the newest is kept as checkpoint.damaged.npz.

    Raises
    ------
    FileNotFoundError
        If there is no previous one.
    """
    newest = folder / CHECKPOINT
    previous = previous_of(newest)
    if not previous.exists():
        raise FileNotFoundError(f"{previous} does not exist: there is no checkpoint before the newest to go back to")
    if newest.exists():
        newest.replace(newest.with_suffix(".damaged.npz"))
    write_atomically(newest, lambda file: file.write(previous.read_bytes()))


def open_run(folder: str) -> tuple[Any, dict[str, Any]]:
    """Return the model and the configuration of a run.

    Raises
    ------
    FileNotFoundError
        If the folder is not that of a run.
    ValueError
        If its files are damaged.
    """
    place = Path(folder)
    if not (place / "model.npz").is_file():
        raise FileNotFoundError(f"{folder} is not the folder of a run: there is no model.npz in it")
    try:
        config = json.loads((place / "config.json").read_text("utf-8"))
        config["image_shape"] = shape = checked_shape(config["image_shape"])
        low, high = config["value_range"] = tuple(map(float, config.get("value_range", (0, 1))))
        if not -math.inf < low < high < math.inf:
            raise ValueError(f"value_range is {low} to {high}, expected a range")
        data, binarize = config["data"], config["training"]["binarize"]
        if not isinstance(data, str) or binarize not in ("stochastic", "threshold", "none"):
            raise ValueError(f"data is {data!r} and binarize {binarize!r}, expected what npvae train writes")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{place / 'config.json'} is damaged: {error!r}") from error
    model = load_model(place / "model.npz")
    if shape and math.prod(shape) != model.input_dim:
        sides = " x ".join(map(str, shape))
        raise ValueError(f"{folder} is damaged: it has images of {sides} and a model of {model.input_dim} pixels")
    try:
        config["classes"] = class_names(config, model.label_dim)
    except ValueError as error:
        raise ValueError(f"{place / 'config.json'} is damaged: {error}") from error
    return model, config


def checked_shape(sides: Any) -> Shape | None:
    """Return the shape of images in a configuration, with 3 behind it for colour, or raise a ValueError."""
    if sides is None:
        return None
    height, width, *colours = (validation.positive_int("image_shape", side) for side in sides)
    if colours not in ([], [3]):
        raise ValueError(f"image_shape is {sides}, expected height, width and perhaps 3 for colour")
    return None if height == 1 else (height, width, *colours)  # an older run wrote one row if the shape was unknown


def write_results(folder: Path, model: Any, history: History, dataset: Dataset, seed: int) -> dict[str, str]:
    """Write model, history and figures; return what each file holds."""
    model.save(folder / "model.npz")
    written = {"model.npz": "the trained model, for npvae.load_model"}
    written["config.json"] = "how it was made"
    history.to_csv(folder / "history.csv")
    written["history.csv"] = "losses of each epoch, in nats per example"
    written[CHECKPOINT] = "the state that npvae train --resume starts from"
    written[previous_of(CHECKPOINT).name] = "the checkpoint before that"
    return written | _write_figures(folder, model, history, dataset, seed)


def _write_figures(folder: Path, model: Any, history: History, dataset: Dataset, seed: int) -> dict[str, str]:
    from npvae import plots

    conditional = model.label_dim > 0
    figures = {}
    if len(history):
        figures["curves.png"] = plots.plot_history(history), "the loss and its two terms over the epochs"
    if dataset.image_shape:
        limits = plots.value_range(dataset.x_train)
        figures |= _image_figures(model, dataset, seed, dataset.image_shape, limits)
    if model.latent_dim == 2 and dataset.y_test is not None:
        mu = codes(model, dataset.x_test, dataset.y_test if conditional else None)
        figures["latent.png"] = (
            plots.plot_latent(mu, dataset.y_test, names=dataset.classes),
            f"where test {things(dataset.image_shape)} lie in the latent plane, by label",
        )
    for name, (figure, _) in figures.items():
        plots.save_figure(figure, folder / name)
    return {name: what for name, (_, what) in figures.items()}


def _image_figures(
    model: Any, dataset: Dataset, seed: int, shape: Shape, limits: tuple[float, float]
) -> dict[str, tuple[Any, str]]:
    from npvae import plots

    conditional = model.label_dim > 0
    x = to_float(dataset.x_test[:10], model.dtype)
    known: Any = {"labels": dataset.y_test[:10]} if conditional and dataset.y_test is not None else {}
    figures = {
        "reconstructions.png": (
            plots.plot_reconstructions(x, model.reconstruct(x, **known), shape, limits),
            "test images above their reconstructions",
        )
    }
    if model.has_prior:
        some = np.arange(8) % model.label_dim if conditional else None
        figures["samples.png"] = sample_sheet(model, seed, shape, limits, dataset.classes)
        figures["noises.png"] = (
            plots.plot_two_noises(model, shape, seed, labels=some, limits=limits),
            "the two sources of randomness, separately",
        )
        if model.latent_dim == 2 and not conditional:
            figures["manifold.png"] = (
                plots.plot_manifold(model, shape, limits=limits),
                "what the latent plane decodes to",
            )
    return figures


def sample_sheet(
    model: Any, seed: int, shape: Shape, limits: tuple[float, float], classes: Sequence[str]
) -> tuple[Any, str]:
    """Return a figure of samples from the prior, by label if the model takes one, and what it shows."""
    from npvae import plots

    if not model.label_dim:
        return plots.plot_images(model.sample(100, seed), 10, shape, limits=limits), "100 samples from the prior"
    names = classes[:MOST_ROWS]
    images = model.sample(10 * len(names), seed, labels=np.repeat(np.arange(len(names)), 10))
    what = "samples, one row per label" + (f", the first {MOST_ROWS}" if len(classes) > MOST_ROWS else "")
    return plots.plot_images(images, 10, shape, limits=limits, rows=names), what


def save_images(images: Array, path: Path, shape: Shape | None, limits: tuple[float, float]) -> None:
    """Write images as a picture, or as an array where the path ends in .npy."""
    if path.suffix == ".npy":
        return write_atomically(path, lambda file: np.save(file, images))
    from npvae import plots

    plots.save_figure(plots.plot_images(images, 10, shape, limits=limits), path)


def things(shape: Shape | None) -> str:
    """Return the word for the rows of a data set."""
    return "images" if shape else "examples"


def worded(text: str, shape: Shape | None) -> str:
    """Return a text about images, reworded if the rows of the data set are not images."""
    return text if shape else text.replace("image", "example").replace("pixel", "value")
