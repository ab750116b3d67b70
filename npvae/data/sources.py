"""A data set from a name or a path: the shipped ones, or anyone's IDX, .npy and .npz files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from npvae.data.idx import read_idx
from npvae.data.shipped import load_digits, load_mnist
from npvae.internals import validation
from npvae.internals.files import read_array, read_arrays
from npvae.internals.types import Array

SHIPPED = {"mnist": (load_mnist, 28), "digits": (load_digits, 8)}


@dataclass(frozen=True)
class Dataset:
    """Images to train on and images held out, flattened; labels where there are any."""

    name: str
    x_train: Array
    y_train: Array | None
    x_test: Array
    y_test: Array | None
    image_shape: tuple[int, int]
    held_out: str
    """Where the test images come from, in words."""


def load_dataset(source: str, support: tuple[float, float] = (0.0, 1.0)) -> Dataset:
    """Load a data set by name or from files.

    Parameters
    ----------
    source : str
        "mnist", "digits", or a path: an IDX or .npy file of images, an .npz with x_train and, if it has them,
        x_test, y_train and y_test, or a folder with the four files of an MNIST-like set. Beside an IDX file
        named like MNIST's, its labels and its test half are found by their names. Images are (N, H, W) or
        (N, D), uint8 0..255 or floats. Where there is no test half, the last tenth of the images is held out.
    support : (float, float)
        Interval in which floats have to lie.

    Returns
    -------
    dataset : Dataset

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a damaged file, labels where images belong, another dtype, NaN, values outside of `support`.
    """
    if source in SHIPPED:
        load, side = SHIPPED[source]
        (x_train, y_train), (x_test, y_test) = load()
        return Dataset(source, x_train, y_train, x_test, y_test, (side, side), "the data set's own")
    path = Path(source)
    if path.is_dir():
        path = _train_images_in(path)
    if not path.exists():
        raise FileNotFoundError(f"{source}: no such file, and no data set of that name: there are mnist and digits")
    arrays = _read_npz(path) if path.suffix == ".npz" else _read_with_siblings(path)
    return _dataset(path, arrays, support)


def _train_images_in(folder: Path) -> Path:
    found = sorted(folder.glob("*train-images*"))
    if len(found) != 1:
        raise ValueError(f"{folder} has {len(found)} files named *train-images*, expected 1: name the file itself")
    return found[0]


def _read_npz(path: Path) -> dict[str, Array]:
    arrays = read_arrays(path)
    if "x_train" not in arrays:
        names = ", ".join(arrays) or "nothing"
        raise ValueError(f"{path} holds {names}, expected x_train (and x_test, y_train, y_test)")
    return arrays


def _read_with_siblings(path: Path) -> dict[str, Array]:
    """The images, and what stands beside them by the names MNIST and its relatives use."""
    read = read_array if path.suffix == ".npy" else read_idx
    arrays = {"x_train": read(path)}
    candidates = {
        "y_train": [_labels_of(path)],
        "x_test": [path.with_name(path.name.replace("train", test)) for test in ("t10k", "test")],
        "y_test": [_labels_of(path.with_name(path.name.replace("train", test))) for test in ("t10k", "test")],
    }
    for name, places in candidates.items():
        for place in places:
            if place != path and place.exists() and name not in arrays:
                arrays[name] = read(place)
    return arrays


def _labels_of(images: Path) -> Path:
    return images.with_name(images.name.replace("images-idx3", "labels-idx1").replace("images", "labels"))


def _dataset(path: Path, arrays: Mapping[str, Array], support: tuple[float, float]) -> Dataset:
    x_train, image_shape = _flat_images(path, arrays["x_train"], support)
    y_train = _labels(path, arrays.get("y_train"), len(x_train))
    name = path.name.split(".")[0]
    if "x_test" in arrays:
        x_test, test_shape = _flat_images(path, arrays["x_test"], support)
        if test_shape != image_shape:
            raise ValueError(f"{path}: training images are {image_shape}, its test images {test_shape} pixels")
        y_test = _labels(path, arrays.get("y_test"), len(x_test))
        return Dataset(name, x_train, y_train, x_test, y_test, image_shape, "the data set's own")
    if len(x_train) < 2:
        raise ValueError(f"{path} holds {len(x_train)} image, expected 2 or more: one to train on, one held out")
    cut = len(x_train) - max(1, len(x_train) // 10)
    y_test = None if y_train is None else y_train[cut:]
    y_train = None if y_train is None else y_train[:cut]
    return Dataset(name, x_train[:cut], y_train, x_train[cut:], y_test, image_shape, "the last tenth, held out")


def _flat_images(path: Path, x: Array, support: tuple[float, float]) -> tuple[Array, tuple[int, int]]:
    if x.ndim not in (2, 3) or x.size == 0:
        hint = ": is it a file of labels?" if x.ndim == 1 else ""
        raise ValueError(f"{path} holds an array of shape {x.shape}, expected images, (N, H, W) or (N, D){hint}")
    flat = x.reshape(len(x), -1)
    flat = validation.dataset(str(path), flat, flat.shape[1], support)
    height, width = x.shape[1:] if x.ndim == 3 else _square(flat.shape[1])
    return flat, (height, width)


def _square(pixels: int) -> tuple[int, int]:
    side = round(pixels**0.5)
    return (side, side) if side * side == pixels else (1, pixels)


def _labels(path: Path, y: Array | None, n: int) -> Array | None:
    if y is not None and y.shape != (n,):
        raise ValueError(f"{path}: there are {n} images, but labels of shape {y.shape}")
    if y is not None and y.dtype.kind not in "biuf":
        raise ValueError(f"{path} has labels of dtype {y.dtype}, expected whole numbers: number the classes from 0")
    return y
