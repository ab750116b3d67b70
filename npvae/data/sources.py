"""A data set from a name or a path: one of the shipped ones, or images and tables of any origin."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npvae.data.formats import Contents, read_file, read_labels_of
from npvae.data.images import Shape, flatten
from npvae.data.labels import Labels, in_order, read_labels, renumber
from npvae.data.names import beside, files_in, roles
from npvae.data.shipped import load_digits, load_mnist
from npvae.internals import validation
from npvae.internals.foreign import refuse_pictures
from npvae.internals.types import Array

SHIPPED = {"mnist": load_mnist, "digits": load_digits}


@dataclass(frozen=True)
class Dataset:
    """Examples to train on and held-out examples, one per row, with their labels if there are any."""

    name: str
    x_train: Array
    x_test: Array
    y_train: Array | None
    """Indices into `classes`."""
    y_test: Array | None
    classes: tuple[str, ...]
    unlabelled: str
    """Why the labels that were found cannot be used."""
    image_shape: Shape | None
    """None if the examples are not images, or it is not known."""
    held_out: str
    """Where the test examples come from, in words."""

    def numbered(self, classes: tuple[str, ...]) -> "Dataset":
        """Return the same with labels as indices into other classes, or raise a ValueError if one is missing."""
        found = [y if y is None else renumber(Labels(self.classes, y), classes) for y in (self.y_train, self.y_test)]
        return replace(self, y_train=found[0], y_test=found[1], classes=classes)


def load_dataset(source: str, support: tuple[float, float] = (0.0, 1.0), shape: Shape | None = None) -> Dataset:
    """Load "mnist" or "digits", or a data set from a path, for a likelihood with this support.

    The path is that of an IDX, .npy, .npz or CSV file, or of a folder with such a file of training images. Labels and
    test images are found by their names, in the .npz file or beside the file; if there are no test images, the last
    tenth is held out. Arrays have a form that `npvae.data.images.flatten` takes; `shape` is the shape of an image.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a damaged file, another kind of file or form of array, NaN, values outside `support`, or whole numbers too
        small to be grey levels. Labels that cannot be read raise nothing: `Dataset.unlabelled` says why.
    """
    if source in SHIPPED:
        (x_train, y_train), (x_test, y_test) = SHIPPED[source]()
        contents = Contents({"x_train": x_train, "x_test": x_test}, {"y_train": y_train, "y_test": y_test})
        return _dataset(Path(source), contents, support, shape)
    path = Path(source)
    if (path / path.name).is_file():
        path = path / path.name
    elif path.is_dir():
        files = files_in(path) or refuse_pictures(path)
        path = Path(roles(files, path)["x_train"])
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file, and no data set of that name: there are mnist and digits")
    contents = read_file(path)
    if "x_test" not in contents.images:
        _add(contents, beside(path))
    return _dataset(path, contents, support, shape)


def _add(contents: Contents, files: dict[str, str]) -> None:
    """Add the contents of other files."""
    for role, file in files.items():
        if role == "x_test":
            test = read_file(Path(file))
            contents.images[role] = test.images["x_train"]
            if "y_train" in test.labels:
                contents.labels["y_test"] = test.labels["y_train"]
        elif role not in contents.labels:
            contents.labels[role] = read_labels_of(Path(file))


def _dataset(where: Path, contents: Contents, support: tuple[float, float], shape: Shape | None) -> Dataset:
    def examples(role: str) -> tuple[Array, Shape | None]:
        x, found = flatten(where, contents.images[role], contents.is_table)
        return validation.dataset(str(where), x, x.shape[1], support, training=role == "x_train"), found

    x_train, found = examples("x_train")
    y_train, unlabelled = _labels(contents, "y_train", len(x_train))
    if "x_test" in contents.images:
        held_out, (x_test, _) = "the data set's own", examples("x_test")
        if x_test.shape[1] != x_train.shape[1]:
            values = f"{x_test.shape[1]} values, expected {x_train.shape[1]}"
            raise ValueError(f"{where}: test examples have {values}, as those to train on have")
        y_test, _ = _labels(contents, "y_test", len(x_test))
    elif len(x_train) < 2:
        raise ValueError(f"{where} holds 1 example, expected 2 or more: one to train on, one held out")
    else:
        held_out, cut = "the last tenth, held out", len(x_train) - max(1, len(x_train) // 10)
        x_train, x_test = x_train[:cut], x_train[cut:]
        y_test = y_train and y_train._replace(codes=y_train.codes[cut:])
        y_train = y_train and y_train._replace(codes=y_train.codes[:cut])
    names = dict.fromkeys(name for y in (y_train, y_test) if y for name in y.names)
    classes, _ = in_order(names, np.arange(0))
    codes = [y and renumber(y, classes) for y in (y_train, y_test)]
    if shape and math.prod(shape) != x_train.shape[1]:
        raise ValueError(
            f"image_shape is {shape}, expected {x_train.shape[1]} pixels, as many as an example has values"
        )
    name = where.name.split(".")[0]
    return Dataset(name, x_train, x_test, codes[0], codes[1], classes, unlabelled, shape or found, held_out)


def _labels(contents: Contents, role: str, n: int) -> tuple[Labels | None, str]:
    """Return the labels of n examples, or why those that were found cannot be used."""
    found = contents.labels.get(role)
    try:
        if found is None:
            return None, ""
        if isinstance(found, Exception):
            raise found
        labels = found if isinstance(found, Labels) else read_labels(found)
        if len(labels.codes) != n:
            raise ValueError(f"there are {len(labels.codes)} labels, expected {n}, one for each example")
        return labels, ""
    except (ValueError, OSError) as error:
        return None, str(error)
