"""A progress bar, where one is wanted and there is a terminal to show it."""

import sys
from typing import Any


def progress(steps: Any, what: str, verbose: bool, total: int | None = None) -> Any:
    """The steps, behind a progress bar where stderr is a terminal."""
    if not (verbose and sys.stderr.isatty()):
        return steps
    from tqdm import tqdm

    return tqdm(steps, what, total, leave=False)
