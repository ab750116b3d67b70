"""What the commands share: the parser, types of numbers, and the error for options that do not go together."""

import argparse
import math
import os
from collections.abc import Callable
from typing import Any, NoReturn

from npvae.internals.threads import available_cores


class UsageError(Exception):
    """Options that parse, but have an impossible value or do not go together."""


class Parser(argparse.ArgumentParser):
    """A parser that reports what is wrong in one line, and prints examples as they are written."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def _number(kind: Callable[[str], Any], fits: Callable[[Any], bool], expected: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
        return value

    return parse


whole = _number(int, lambda value: value >= 1, "a whole number, 1 or more")
seed = _number(int, lambda value: value >= 0, "a whole number, 0 or more")
positive = _number(float, lambda value: 0 < value < math.inf, "a finite number above 0")
not_negative = _number(float, lambda value: 0 <= value < math.inf, "a finite number, 0 or more")


def threads(text: str) -> int:
    """Parse a number of threads, or "auto" for as many as there are cores to use."""
    return available_cores() if text == "auto" else int(whole(text))


def std(text: str) -> float | str:
    """Parse a finite float above 0, or "learned"."""
    return text if text == "learned" else float(positive(text))


def shape(text: str) -> tuple[int, ...]:
    """Height and width of an image, 28x20, and 3 behind them for one in colour."""
    sides = tuple(int(whole(side)) for side in text.lower().split("x"))
    if len(sides) != 2 and sides[2:] != (3,):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH, or HEIGHTxWIDTHx3 for colour")
    return sides


place = os.path.expanduser
"""A path; the shell leaves the ~ in --data=~/x as it is."""


def add_threads(parser: argparse.ArgumentParser, **settings: Any) -> None:
    """Let a command say how many threads its matrix products use."""
    what = "threads for the matrix products, or auto for as many as there are cores to use (default: 1)"
    parser.add_argument("--threads", type=threads, metavar="N", help=what, **settings)
