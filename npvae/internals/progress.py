"""A progress bar, if one is wanted and there is a terminal to show it."""

import sys
from typing import Any


def progress(steps: Any, what: str, verbose: bool, total: int | None = None) -> Any:
    """Return the steps, wrapped in a progress bar if one is wanted and stderr is a terminal."""
    if not (verbose and sys.stderr.isatty()):
        return steps
    from tqdm import tqdm

    return tqdm(steps, what, total, leave=False)
