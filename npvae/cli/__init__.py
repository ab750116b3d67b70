"""The command line: one file of commands per subject, and how errors are reported."""

import contextlib
import importlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence

import npvae
from npvae.cli.arguments import Parser, UsageError
from npvae.internals.foreign import UnreadableError
from npvae.internals.text import printable
from npvae.internals.threads import limited_threads

SUBJECTS = ("train", "trained", "published", "gradients", "coursework", "explore")
"""Modules of this package, each with its commands. One whose part of npvae has been deleted is left out."""
ROOMS = ("npvae.experiments", "npvae.coursework", "npvae.explore")


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
    with _surroundings():
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
        except UnreadableError as error:
            return _fail(error.sentence, 1, error.lines)
        except (ValueError, FloatingPointError, MemoryError) as error:
            return _fail(str(error), 1)
        except KeyboardInterrupt:
            return _fail("interrupted", 130)


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """While a command runs, send figures to files, print a warning on one line and let a terminal show any name."""
    backend, streams = os.environ.get("MPLBACKEND"), [sys.stdout, sys.stderr]
    terminals = [(stream, stream.errors) for stream in streams if isinstance(stream, io.TextIOWrapper)]
    for stream, _ in terminals:
        stream.reconfigure(errors="backslashreplace")
    if "ipykernel" not in sys.modules:  # a notebook's backend may not be installed where its shell runs npvae
        os.environ["MPLBACKEND"] = "agg"
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"npvae: warning: {message}", file=sys.stderr)
        try:
            yield
        finally:
            os.environ.pop("MPLBACKEND", None)
            if backend is not None:
                os.environ["MPLBACKEND"] = backend
            for stream, errors in terminals:
                stream.reconfigure(errors=errors)


def _fail(message: str, status: int, lines: Sequence[str] = ()) -> int:
    print(f"npvae: error: {printable(message)}", file=sys.stderr)
    for line in lines:
        print(f"    {printable(line)}", file=sys.stderr)
    return status
