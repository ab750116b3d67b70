"""Reader for one file of any kind, told by its content, whatever its name is."""

from pathlib import Path
from typing import NamedTuple, TypeAlias

from npvae.data.idx import read_idx
from npvae.data.labels import Labels
from npvae.data.names import roles, understand
from npvae.data.tables import read_table
from npvae.internals.files import array_names, read_array, read_arrays, read_whole, unpacked
from npvae.internals.foreign import refuse_other_than_tables
from npvae.internals.types import Array

Found: TypeAlias = Array | Labels | Exception
"""Labels as they are in a file, or why they cannot be read: few models need them."""


class Contents(NamedTuple):
    """What a file holds, by role: x_train and perhaps x_test; y_train and y_test, if there are any."""

    images: dict[str, Array]
    labels: dict[str, Found]
    is_table: bool = False


def read_file(path: Path) -> Contents:
    """Read an IDX, .npy or CSV file, gzipped or not, or an .npz file, or raise a ValueError that says what it is."""
    with unpacked(path) as (file, size):
        head = file.read(1024)
        if head.startswith(b"\x93NUMPY"):
            return Contents({"x_train": read_array(path)}, {})
        if head.startswith(b"\0\0"):
            return Contents({"x_train": read_idx(path)}, {})
        if head.startswith(b"PK") and (names := array_names(path)):
            found = roles({name: understand(name) for name in names}, path)
            images = {role: read_arrays(path, [name])[name] for role, name in found.items() if role[0] == "x"}
            return Contents(
                images, {role: read_labels_of(path, name) for role, name in found.items() if role[0] == "y"}
            )
        refuse_other_than_tables(path, head)
        file.seek(0)
        x, labels = read_table(path, read_whole(file, size))
    return Contents({"x_train": x}, {"y_train": labels} if labels else {}, is_table=True)


def read_labels_of(path: Path, name: str = "") -> Found:
    """Read the labels in a file of their own, or those with a name in an .npz file, or return why that fails."""
    try:
        if name:
            return read_arrays(path, [name])[name]
        contents = read_file(path)
        return contents.labels.get("y_train", contents.images["x_train"])
    except (ValueError, OSError) as error:
        return error
