"""npvae reproduce: run a published experiment."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from npvae.cli.arguments import UsageError, add_threads, positive, seed
from npvae.experiments.recipes import RECIPES
from npvae.experiments.reproduce import reproduce as run_recipe

EXAMPLES = """\
examples:
  npvae reproduce pytorch-example             a minute or two
  npvae reproduce burda2016 --arms vae-1 iwae-5 --scale 0.05     an hour
  npvae reproduce kingma2014 --scale 0.1
"""


def add_parsers(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "reproduce",
        help="run a published experiment and print our numbers beside theirs",
        description="Run an experiment on MNIST as published. If interrupted, it continues when run again.",
        epilog=EXAMPLES,
    )
    parser.set_defaults(run=reproduce)
    parser.add_argument("recipe", metavar="NAME", choices=tuple(RECIPES), help=", ".join(RECIPES))
    parser.add_argument("--arms", nargs="+", metavar="ARM", help="some of its runs (default: all)")
    parser.add_argument(
        "--scale", type=positive, default=1.0, help="share of the schedule to run; a larger one continues the run"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed for everything random (default: 0)")
    add_threads(parser, default=1)
    parser.add_argument("--out", metavar="DIR", help="folder (default: runs/<name>-seed-<seed>)")


def reproduce(options: Namespace) -> int:
    """Run a published experiment and print our numbers beside theirs."""
    if not 0 < options.scale <= 1:
        raise UsageError(f"--scale is {options.scale:g}, expected a number above 0, at most 1")
    folder = Path(options.out) if options.out else None
    run_recipe(RECIPES[options.recipe], options.arms, options.scale, folder, options.seed, options.threads)
    return 0
