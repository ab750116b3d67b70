"""Run the lessons and write what they show into them, export figures, or make pages.

    python notebooks/run.py                     every lesson
    python notebooks/run.py 04 06               the lessons whose names begin so
    python notebooks/run.py --figures slides    only their main figures, as PNG and SVG
    python notebooks/run.py --site pages        notes, lessons, slides: a folder to open

The first two need the extra "notebooks", lesson 13 the extra "torch" too (the first
leaves it out where that is missing), and --site the extra "pages". A rerun on the
same versions and the same machine writes the same bytes. Beside a lesson that has a
lab they write the lab, `07_lab.ipynb`: the lesson, with some cells left to students.
"""

import argparse
import base64
import contextlib
import io
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from npvae.internals.files import write_text

HERE = Path(__file__).parent
TIMEOUT = 900
"""Seconds a cell may take."""
NEEDS = {"13": "torch"}
"""What a lesson needs beyond the extra "notebooks", a module named like its extra."""
KERNEL_ENVIRONMENT = os.environ | {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline"
}
"""A kernel shows figures in the notebook, also where the shell asks for another way."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "lessons",
        nargs="*",
        metavar="NAME",
        help="beginnings of names; all where none is given",
    )
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="DIR",
        help="only export the main figures to DIR",
    )
    parser.add_argument(
        "--site",
        type=Path,
        metavar="DIR",
        help="write notes, lessons, slides and explore page to DIR, to open from disk",
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        help="with --site: the run to explore, instead of two minutes of training",
    )
    args = parser.parse_args()
    if args.site:
        return write_pages(parser, args.site, args.run)
    paths = find(args.lessons)
    if not paths:
        parser.error(
            f"no lesson's name begins with {' or '.join(args.lessons)}, try: 04 06"
        )
    for path in paths:
        needed = NEEDS.get(path.name[:2])
        if needed and not (args.lessons or find_spec(needed)):
            print(f'{path.name}: left out, it needs the extra "{needed}"', flush=True)
            continue
        start = time.perf_counter()
        if args.figures:
            export_figures(path, args.figures)
        else:
            write_outputs(path)
            write_lab(path)
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)
    return 0


def write_pages(parser: argparse.ArgumentParser, folder: Path, run: str | None) -> int:
    """Write the pages, or say what they lack."""
    try:
        sys.path.append(str(Path(__file__).parents[1] / "tests" / "coursework"))
        from pages import write_site

        write_site(folder, run)
    except ModuleNotFoundError as error:
        parser.error(f'{error.name} is missing: pip install ".[pages]"')
    except FileExistsError as error:
        parser.error(str(error))
    print(f"open {folder / 'index.html'}")
    return 0


def find(names: list[str]) -> list[Path]:
    """The lessons whose file names begin with one of the names, or all."""
    return [
        path
        for path in sorted(HERE.glob("[0-9][0-9]_*.ipynb"))
        if path.name.startswith(tuple(names) or "") and path != lab_path(path)
    ]


def code_cells(path: Path) -> list[dict]:
    """The code cells of a notebook, in order, each with its source as one string."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [
        {**cell, "source": "".join(cell["source"])}
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def execute(path: Path):
    """Run a notebook in a kernel of this Python, and return it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources=resources,
        record_timing=False,
        coalesce_streams=True,
    ).execute(env=KERNEL_ENVIRONMENT)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def write_outputs(path: Path) -> None:
    """Run a notebook in a kernel and put its outputs into the file."""
    import nbformat

    notebook = execute(path)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            figure = output.get("data", {})
            if "image/png" in figure:
                figure["image/png"] = with_palette(figure["image/png"])
    write_text(path, nbformat.writes(notebook) + "\n")


def with_palette(png: str) -> str:
    """A figure in base64 with at most 256 colours, where that is shorter."""
    from PIL import Image

    written = io.BytesIO()
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return min(png, base64.b64encode(written.getvalue()).decode(), key=len)


def lab_path(path: Path) -> Path:
    """Where the lab of a lesson stands."""
    return path.with_name(f"{path.name[:2]}_lab.ipynb")


def lab(path: Path) -> str | None:
    """The lab of a lesson, a notebook without outputs, or None where it has none.

    The metadata of a lesson's cell may list, under "npvae" and "lab", the sources of
    the cells that take its place in the lab, with null for its own source.
    """
    notebook = json.loads(path.read_text("utf-8"))
    cells, has_lab = [], False
    for cell in notebook["cells"]:
        own = cell["metadata"].pop("npvae", {})
        has_lab |= "lab" in own
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
        for i, source in enumerate(own.get("lab", [None])):
            other = {"id": f"{cell['id']}-{i}", "metadata": {}, "source": source}
            cells.append(cell | other if source else cell)
    text = json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False)
    return text + "\n" if has_lab else None


def write_lab(path: Path) -> None:
    """Write the lab of a lesson beside it, where it has one."""
    if text := lab(path):
        write_text(lab_path(path), text)


def run_plainly(path: Path, after_cell=lambda cell: None) -> None:
    """Run the code cells in this process, no kernel; after_cell sees each one done."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names: dict = {"__name__": "__main__"}
    for i, cell in enumerate(code_cells(path), 1):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cell["source"], f"{path.name}, code cell {i}", "exec"), names)
        after_cell(cell)
        plt.close("all")


def export_figures(path: Path, folder: Path) -> None:
    """Save the figure of each cell tagged `figure:NAME` as PNG (200 dpi) and SVG."""
    folder.mkdir(parents=True, exist_ok=True)

    def save(cell: dict) -> None:
        import matplotlib.pyplot as plt

        for tag in cell["metadata"].get("tags", []):
            if tag.startswith("figure:"):
                stem = folder / f"{path.name[:2]}_{tag.removeprefix('figure:')}"
                plt.rcParams["svg.hashsalt"] = stem.name
                plt.savefig(stem.with_suffix(".png"), dpi=200)
                plt.savefig(stem.with_suffix(".svg"), metadata={"Date": None})

    run_plainly(path, save)


if __name__ == "__main__":
    sys.exit(main())
