"""What every lesson needs: the source of a function as it stands in the package, and one style of figure."""

import ast
import inspect
import textwrap
from typing import Any


def show_source(*objects: Any) -> None:
    """Print the source of functions or methods without their docstrings: the mathematics alone.

    Parameters
    ----------
    *objects : function
        Written in Python, in the order in which they shall stand.
    """
    print("\n\n".join(source(item) for item in objects))


def source(item: Any) -> str:
    """Source of a function or method without its docstring."""
    lines = textwrap.dedent(inspect.getsource(item)).splitlines()
    function = ast.parse("\n".join(lines)).body[0]
    if ast.get_docstring(function) is not None:  # type: ignore[arg-type]
        docstring = function.body[0]  # type: ignore[attr-defined]
        del lines[docstring.lineno - 1 : docstring.end_lineno]
    return "\n".join(lines)


def use_lesson_style() -> None:
    """Figures of 80 dots an inch in colours that colour-blind eyes and grey print tell apart."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    from npvae.plots import BLACK, BLUE, GREEN, ORANGE

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
