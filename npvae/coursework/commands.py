"""The coursework on the command line."""

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from npvae.coursework.check import FEEDBACK
from npvae.coursework.handout import write_handout
from npvae.coursework.variants import variant

HANDOUT_EXAMPLES = """\
examples:
  npvae handout coursework-2026 --variant 2026        what students get
  npvae handout lecturer --variant 2026 --solutions   the same with solutions and tests, for you, nbgrader or Otter
  npvae handout lab --variant 7 --short               50 points in place of 100
  npvae handout exam --variant 3 --feedback none      check says nothing
"""


def add_parsers(subparsers: Any) -> None:
    """Enter the coursework's commands into the command line."""
    handout = subparsers.add_parser(
        "handout",
        help="write an assignment for students",
        description="Write an assignment: notebook, the same as a script, README. Needs a clone of the repository.",
        epilog=HANDOUT_EXAMPLES,
    )
    handout.set_defaults(run=write)
    handout.add_argument("folder", metavar="DIR", type=Path, help="folder to write to; nothing in it is replaced")
    handout.add_argument(
        "--variant",
        type=known_variant,
        default="0",
        metavar="SEED",
        help='a whole number: each asks other questions; "textbook": its answers are in the package (default: 0)',
    )
    handout.add_argument("--feedback", choices=FEEDBACK, default="hint", help="what check tells (default: hint)")
    handout.add_argument("--short", action="store_true", help="the 50-point version")
    handout.add_argument(
        "--solutions", action="store_true", help="keep solutions, graded tests and the marking guide"
    )
    handout.add_argument("--master", type=Path, metavar="FILE", help="another master notebook")


def known_variant(text: str) -> str:
    """The name of an assignment that exists."""
    try:
        return variant(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def write(options: Namespace) -> int:
    """Write a handout and say what it asks."""
    paths = write_handout(
        options.folder,
        options.variant,
        master=options.master,
        feedback=options.feedback,
        short=options.short,
        solutions=options.solutions,
    )
    chosen = variant(options.variant)
    print(
        f"assignment {chosen.name}: weights {chosen.weights}, {chosen.activation}, {chosen.head} head, "
        f"prior N({chosen.prior_mean:g}, {chosen.prior_sigma:g}^2 I), {chosen.likelihood}, {chosen.optimizer}, "
        f"labels {chosen.labels}"
    )
    for path in paths:
        print(path)
    return 0
