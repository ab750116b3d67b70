"""The command line: one file of commands per subject, and how errors are reported."""

import importlib
import os
import sys
import warnings
from collections.abc import Sequence

import npvae
from npvae.cli.arguments import Parser, UsageError
from npvae.internals.threads import limited_threads

SUBJECTS = ("train", "trained", "published", "gradients", "coursework")
"""Modules of this package, each with its commands. One whose part of npvae has been deleted is left out."""
ROOMS = ("npvae.experiments", "npvae.coursework")


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(prog="npvae", description=npvae.__doc__.partition("\n")[0])
    parser.add_argument("--version", action="version", version=f"npvae {npvae.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for subject in SUBJECTS:
        try:
            importlib.import_module(f"npvae.cli.{subject}").add_parsers(subparsers)
        except ModuleNotFoundError as error:
            if error.name not in ROOMS:
                raise
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("MPLBACKEND", "agg")  # figures go to files: no display is needed
    warnings.showwarning = lambda message, *_, **__: print(f"npvae: warning: {message}", file=sys.stderr)
    arguments = make_parser().parse_args(argv)
    try:
        with limited_threads(getattr(arguments, "threads", 1)):
            return int(arguments.run(arguments))
    except UsageError as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of our output has gone
        return 1
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    except (ValueError, FloatingPointError, MemoryError) as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)


def _fail(message: str, status: int) -> int:
    line = "".join(
        c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(message.split())
    )  # names from files may contain anything
    print(f"npvae: error: {line}", file=sys.stderr)
    return status
