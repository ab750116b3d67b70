"""What names say: which array in a file, or which file beside another, holds images or labels of which part."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PARTS = {"train": "train training tr", "test": "test testing te", "val": "val valid validation dev"}
KINDS = {
    "x": "x xs image images img imgs pixel pixels data sample samples feature features input inputs",
    "y": "y ys label labels target targets class classes",
}
FORMATS = "idx ubyte byte int float gz npy npz csv"
"""Words about the format of a file, not about its content."""
FILES = r"[^.][^.]*(\.npy|\.npz|\.csv|\.idx[^.]*)?(\.gz)?"
"""Names that a file of a data set may have."""


class Name(NamedTuple):
    """What a name says: the part and the kind, "" if it says nothing, and the other words, shared by a family."""

    part: str
    kind: str
    family: tuple[str, ...]


def understand(name: str) -> Name:
    """Parse a name such as `t10k-labels.idx1-ubyte.gz`, `x_train` or `testImages`."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name).lower().replace("t10k", "test")
    text = re.sub(r"(?<![a-z])([xy])(?=(train|test|val)(?![a-z]))", r"\1 ", re.sub(r"idx\d", " ", text))
    words = re.findall(r"[^\W\d_]+|\d+", text)
    known = {word: key for table in (PARTS, KINDS) for key in table for word in table[key].split()}
    said = [known[word] for word in words if word in known]
    part = next((key for key in said if key in PARTS), "")
    kind = next((key for key in reversed(said) if key in KINDS), "")
    return Name(part, kind, tuple(word for word in words if word not in known and word not in FORMATS.split()))


def roles(names: Mapping[str, Name], where: object) -> dict[str, str]:
    """Find x_train among the names, and y_train, x_test and y_test, or raise a ValueError if x_train is not one."""
    places = [("train", "x"), ("", "x"), ("train", ""), ("", "")]
    groups = ([name for name in names if names[name][:2] == place] for place in places)
    found = next(filter(None, groups), [])
    if len(found) != 1:
        held = ", ".join(re.split(r"[/\\]", name)[-1] for name in found or names) or "no file that can be read"
        raise ValueError(
            f"{where} holds {held[:300]}, expected images to train on under one name like x_train or train-images: "
            "name the file that you mean or the folder it is in, or save the array as x_train"
        )
    return {"x_train": found[0], **companions(found[0], names)}


def companions(train: str, names: Mapping[str, Name]) -> dict[str, str]:
    """Find what goes with training images by its name: y_train, x_test and y_test."""
    own = names[train]
    is_train = own.part == "train" or not (own.part or any(what.part == "train" for what in names.values()))

    def find(part: str, kind: str) -> list[str]:
        found = [name for name in names if names[name][:2] == (part, kind)]
        return [name for name in found if names[name].family == own.family] or found

    test = next((part for part in ("test", "val") if is_train and find(part, own.kind)), None)
    places = {"y_train": find(own.part, "y")}
    if test:
        places |= {"x_test": find(test, own.kind), "y_test": find(test, "y")}
    return {role: found[0] for role, found in places.items() if len(found) == 1}


def files_in(folder: Path, zipped: bool = False) -> dict[str, Name]:
    """Parse the names in a folder; of a file that is there both gzipped and not, keep the one asked for."""
    inside = (path / path.name if path.is_dir() else path for path in sorted(folder.iterdir()))  # some unpack so
    files = [path for path in inside if path.is_file() and re.fullmatch(FILES, path.name.lower())]
    files.sort(key=lambda path: (path.suffix == ".gz") == zipped)
    distinct = {path.name.lower().removesuffix(".gz").replace(".idx", "-idx"): path for path in files}
    return {str(path): understand(path.name) for path in distinct.values()}


def beside(path: Path) -> dict[str, str]:
    """Find the files that go with a file of images."""
    home = path.parent.parent if path.parent.name == path.name else path.parent
    own = understand(path.name)
    names = {str(path): own, **files_in(home, path.suffix == ".gz")}
    return companions(str(path), {name: names[name] for name in names if names[name].family == own.family})
