"""Files of other kinds: what each seems to be, and the lines that turn it into one that can be read."""

import codecs
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

EXPECTED = "expected an IDX, .npy, .npz or CSV file"
SAVE = "np.savez('data.npz', x_train=x)"
PICTURES = (
    "import numpy as np; from pathlib import Path; from PIL import Image",
    "files = np.random.default_rng(0).permutation(sorted(Path({folder!r}).rglob('*{suffix}')))",
    "x, y = [np.array(Image.open(f).convert('L')) for f in files], [f.parent.name for f in files]",
    "np.savez('data.npz', x_train=x, y_train=y)",
)
KINDS = {
    rb"\Z": ("is empty", ["download it again"]),
    rb"(?i)\s*<(!doctype html|html|\?xml)": ("seems to be a web page, not data", ["download the file itself"]),
    rb"version https://git-lfs": ("seems to be a Git LFS pointer, not the file it stands for", ["git lfs pull"]),
    rb"\x80[\2-\5]|[(c].*c(numpy|copy_reg)": (
        "seems to be a pickle, which npvae never reads",
        [
            "import gzip, pickle, numpy as np  # reading a pickle can run any code: only if you trust its source",
            "x, y = pickle.load({opened}, encoding='latin1')  # or (x, y), *_ = ...",
            "np.savez('data.npz', x_train=x, y_train=y)",
        ],
    ),
    rb"\x89PNG|\xff\xd8\xff|GIF8|BM.{4}\0{4}|II\*\0|MM\0\*": ("seems to be a single picture", PICTURES),
    rb"\x89HDF": ("seems to be HDF5", ["import h5py, numpy as np", "x = h5py.File({path!r})['NAME'][:]", SAVE]),
    rb"MATLAB": (
        "seems to be a MATLAB file",
        ["import scipy.io, numpy as np", "x = scipy.io.loadmat({path!r})['NAME']  # (N, H, W)", SAVE],
    ),
    rb"PK": (
        "seems to be a zip archive of other files than arrays",
        ["python -m zipfile -e {path!r} FOLDER", "npvae train --data FOLDER"],
    ),
    rb".{257}ustar": (
        "seems to be a tar archive",
        ["python -m tarfile -e {path!r} FOLDER", "npvae train --data FOLDER"],
    ),
    rb"\x1f\x8b": (
        "is gzipped twice",
        ["import gzip", "content = gzip.decompress({opened}.read())", "open('data', 'wb').write(content)"],
    ),
}
"""What a file seems to be, and what to do, by a pattern of its first bytes."""


class UnreadableError(ValueError):
    """A file of another kind: a sentence that says so, and the lines that turn it into one that can be read."""

    def __init__(self, sentence: str, lines: Iterable[str]) -> None:
        self.sentence, self.lines = f"{sentence}:", tuple(lines)
        super().__init__("\n    ".join((self.sentence, *self.lines)))


def refuse_other_than_tables(path: Path, head: bytes) -> None:
    """Raise a ValueError that says what a file seems to be, unless its first bytes, unpacked, may be those of CSV."""
    for pattern, (seems, lines) in KINDS.items():
        if re.match(pattern, head, re.DOTALL):
            raise _unreadable(path, seems, lines)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        text = "\0"
    if re.search(r"[\0-\b\x0e-\x1f]", text):
        raise ValueError(f"{path} begins with the bytes {head[:4].hex(' ')}, {EXPECTED}, text in UTF-8")
    first = text.lstrip().partition("\n")[0]
    separator = next((mark for mark in ";\t" if mark in first), None)
    if separator or ("," not in first and len(first.split()) > 1):
        if not separator and re.search(r"[^-+.\deE\s]", first):
            raise ValueError(f"{path} is text that begins {first[:40]!r}, {EXPECTED}")
        options = f", delimiter={separator!r}" if separator else ""
        options += "" if re.match(r"[-+.\d]", first) else ", skiprows=1"
        load = f"x = np.loadtxt({{path!r}}, np.float32{options})  # then x[:, 1:] leaves out labels in front"
        raise _unreadable(path, "seems to be text in columns without commas", ["import numpy as np", load, SAVE])


def refuse_pictures(folder: Path) -> dict[str, Any]:
    """Raise an UnreadableError if a folder, or one in it, holds pictures; otherwise return nothing."""
    for place in (folder, *filter(Path.is_dir, sorted(folder.iterdir()))):
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff"):
                raise _unreadable(path, "and others with it seem to be pictures", PICTURES, folder)
    return {}


def _unreadable(path: Path, seems: str, lines: Iterable[str], folder: Path | None = None) -> UnreadableError:
    opened = f"gzip.open({str(path)!r})" if path.suffix == ".gz" else f"open({str(path)!r}, 'rb')"
    known = {"path": str(path), "opened": opened, "folder": str(folder or path.parent), "suffix": path.suffix}
    return UnreadableError(f"{path} {seems}, {EXPECTED}", [line.format(**known) for line in lines])
