"""Helpers for the lessons: showing sources, judging what a student wrote, one style of figure, one thread."""

import ast
import importlib
import inspect
import itertools
import re
import textwrap
from typing import Any

import numpy as np

from npvae.gradcheck import BAR, relative_error
from npvae.internals.types import Array


def show_source(*functions: Any) -> None:
    """Print the source of functions or methods without docstrings and annotations, which leaves the mathematics.

    Parameters
    ----------
    *functions : function
        Functions written in Python, in the order in which to print them.
    """
    print("\n\n".join(source(function) for function in functions))


def source(function: Any) -> str:
    """Return the source of a function or method without its docstring and annotations."""
    text = textwrap.dedent(inspect.getsource(function)).rstrip().encode()
    tree: Any = ast.parse(text).body[0]
    starts = [0, *itertools.accumulate(len(line) for line in text.splitlines(keepends=True))]

    def begin(node: Any) -> int:
        return int(starts[node.lineno - 1] + node.col_offset)

    def end(node: Any) -> int:
        return int(starts[node.end_lineno - 1] + node.end_col_offset)

    cuts = []
    for node in ast.walk(tree.args):
        if isinstance(node, ast.arg) and node.annotation:
            cuts.append((begin(node) + len(node.arg), end(node.annotation)))
    if tree.returns:
        cuts.append((text.rindex(b")", 0, begin(tree.returns)) + 1, end(tree.returns)))
    if ast.get_docstring(tree) is not None:
        cuts.append((starts[tree.body[0].lineno - 1], starts[tree.body[0].end_lineno]))
    for first, last in sorted(cuts, reverse=True):
        rest = text[last:]
        text = text[:first] + (b"=" + rest[3:] if rest.startswith(b" = ") else rest)
    return re.sub(r"  # type: ignore.*", "", text.decode())


def compare(name: str, yours: Any, expected: Array) -> bool:
    """Print in one sentence whether a student's value is the expected one, and return whether it is.

    Parameters
    ----------
    name : str
        What the value is called in the sentence.
    yours : ndarray or ``...``
        The student's value; ``...`` stands for one that is still to be written.
    expected : ndarray
        What it should be, to within the accuracy of a finite difference.
    """
    if yours is ...:
        print(f"{name}: still to be written")
    elif np.shape(yours) != expected.shape:
        print(f"{name}: your value has shape {np.shape(yours)}, the expected value {expected.shape}")
    elif relative_error(yours, expected) < BAR:
        print(f"{name}: right")
        return True
    else:
        worst = np.unravel_index(np.argmax(np.abs(yours - expected)), expected.shape)
        at = ", ".join(map(str, worst))
        print(f"{name}: at [{at}] your value is {yours[worst]:.5g}, the expected value {expected[worst]:.5g}")
    return False


def scatter_digits(axes: Any, z: Array, labels: Array) -> None:
    """Draw each code as its label, so that ten classes can be told apart in grey as well as in colour.

    Parameters
    ----------
    axes : matplotlib Axes
    z : (N, 2) ndarray
        Codes.
    labels : (N,) ndarray of int
        From 0 to 9.
    """
    from matplotlib import colormaps

    for digit in range(10):
        z1, z2 = z[labels == digit].T
        colour = colormaps["viridis"](digit / 11)
        axes.scatter(z1, z2, marker=f"${digit}$", s=28, color=colour, linewidths=0.2)


def start_lesson() -> None:
    """Set one style for all figures, and one thread, so that the numbers do not depend on the number of cores.

    Figures have 80 dots per inch, in a notebook twice as many at the same size, and lines that can be told apart by
    colour-blind readers and in greyscale print.
    """
    import matplotlib.pyplot as plt
    from cycler import cycler
    from threadpoolctl import threadpool_limits

    from npvae.plots import BLACK, BLUE, GREEN, ORANGE

    threadpool_limits(1, user_api="blas")
    lines = cycler(color=[BLUE, ORANGE, GREEN, BLACK]) + cycler(linestyle=["-", "--", ":", "-."])
    plt.rcParams.update(
        {
            "figure.dpi": 80,
            "figure.figsize": (6, 3),
            "figure.constrained_layout.use": True,
            "axes.prop_cycle": lines,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "image.cmap": "gray",
        }
    )
    if "inline" in plt.get_backend():
        importlib.import_module("matplotlib_inline.backend_inline").set_matplotlib_formats("retina")
