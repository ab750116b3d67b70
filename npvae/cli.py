"""The command line: what can be typed, what it means, and how errors are told. The work is in commands.py."""

import argparse
import importlib.util
import math
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import npvae
from npvae import commands
from npvae.coursework.commands import add_parsers
from npvae.recipes import RECIPES

TRAIN_EXAMPLES = """\
examples:
  npvae train                                 784-400-20 on MNIST, 10 epochs: about half a minute
  npvae train --data digits                   8 x 8 digits: a few seconds
  npvae train --latent-dim 2                  draws the latent plane as well
  npvae train --hidden-dims 500 200 --activation tanh
  npvae train --hidden-dims                   no hidden layer: a linear VAE
  npvae train --likelihood gaussian           grey pixels, standard deviation learned
  npvae train --likelihood gaussian --std 0.3
  npvae train --beta 4 --epochs 20 --seed 1
  npvae train --model cvae                    told the label: then npvae sample RUN --label 3
  npvae train --model iwae --importance-samples 5
  npvae train --data fashion/train-images-idx3-ubyte.gz --out runs/fashion
  npvae train --resume runs/fashion           goes on where it was stopped: same end, bit for bit
  npvae train --resume RUN --epochs 20        goes on beyond its end
"""
SAMPLE_EXAMPLES = """\
examples:
  npvae sample runs/mnist-vae-20260101-120000
  npvae sample RUN -n 16 --seed 3 --out sixteen.png
  npvae sample RUN --label 3                  threes, from a model trained with --model cvae
  npvae sample RUN -n 5000 --out images.npy   as an array, (5000, 784) floats
"""
EVALUATE_EXAMPLES = """\
examples:
  npvae evaluate runs/mnist-vae-20260101-120000
  npvae evaluate RUN --samples 100            the bound, and a tighter one
  npvae evaluate RUN --data other.npz         on the test images of other data
"""
REPRODUCE_EXAMPLES = """\
examples:
  npvae reproduce pytorch-example             half a minute
  npvae reproduce burda2016 --arms vae-1 iwae-5 --scale 0.05     an hour
  npvae reproduce kingma2014 --scale 0.1
"""
GRADCHECK_EXAMPLES = """\
examples:
  npvae gradcheck
  npvae gradcheck --seed 7                    at other points, with other noise
"""


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and keeps examples as they are written."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
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


def std(text: str) -> float | str:
    """A finite float above 0, or "learned"."""
    return text if text == "learned" else float(positive(text))


def make_parser() -> Parser:
    """The whole command line."""
    parser = Parser(prog="npvae", description=npvae.__doc__)
    parser.add_argument("--version", action="version", version=f"npvae {npvae.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    train = subparsers.add_parser(
        "train",
        help="train a model; with no options, a VAE on MNIST",
        description="Train a VAE or a relative. Leaves the model, its history and its figures in a new folder.",
        epilog=TRAIN_EXAMPLES,
        argument_default=argparse.SUPPRESS,  # commands.TRAIN_DEFAULTS: what was given is told from what was not
    )
    train.set_defaults(run=commands.train)
    add = train.add_argument
    add(
        "--data",
        help="mnist, digits, or a path: an IDX or .npy file of images, an .npz with x_train, or a folder of IDX "
        "files; beside an IDX file its labels and test images are found by their usual names (default: mnist)",
    )
    add(
        "--model",
        choices=tuple(commands.MODEL_NAMES),
        help="variational, plain, conditional on the label, or importance-weighted (default: vae)",
    )
    add(
        "--likelihood",
        choices=("bernoulli", "gaussian"),
        help="what the decoder's output parametrises (default: bernoulli)",
    )
    add("--std", type=std, help='standard deviation of a gaussian pixel, or "learned" (default: learned)')
    add(
        "--binarize",
        choices=("stochastic", "threshold", "none"),
        help="draw pixels as 0 or 1 anew in each epoch, cut them at one half, or leave them grey "
        "(default: stochastic for bernoulli, none for gaussian)",
    )
    add("--latent-dim", type=whole, metavar="L", help="dimensions of the latent space (default: 20)")
    add(
        "--hidden-dims",
        type=whole,
        nargs="*",
        metavar="H",
        help="widths of the encoder's hidden layers; the decoder has them in reverse (default: 400)",
    )
    add("--activation", choices=("relu", "tanh"), help="of the hidden layers (default: relu)")
    add("--beta", type=not_negative, help="weight of the KL term (default: 1)")
    add("--beta-warmup", type=whole, metavar="E", help="let beta rise in equal steps over the first E epochs")
    add("--importance-samples", type=whole, metavar="K", help="draws of z for --model iwae (default: 5)")
    add("--epochs", type=whole, help="passes over the data (default: 10; 100 for digits)")
    add("--batch-size", type=whole, metavar="N", help="images a step (default: 128; 32 for digits)")
    add("--lr", type=positive, help="Adam's learning rate (default: 0.001)")
    add("--seed", type=seed, help="of weights, order, binarization and noise (default: 0)")
    add("--out", metavar="DIR", help="folder to make, new or empty (default: runs/<data>-<model>-<time>)")
    add("--resume", metavar="RUN", help="go on with a run that was stopped, as if it never had been")
    add("--previous", action="store_true", help="with --resume: go back to the checkpoint before the newest")

    sample = subparsers.add_parser(
        "sample",
        help="draw new images from a trained model",
        description="Draw z from the prior N(0, I), decode it, and write the images.",
        epilog=SAMPLE_EXAMPLES,
    )
    sample.set_defaults(run=commands.sample)
    sample.add_argument("folder", metavar="RUN", help="folder that npvae train has made")
    sample.add_argument("-n", type=whole, default=100, help="how many images (default: 100)")
    sample.add_argument("--seed", type=seed, default=0, help="of the draw (default: 0)")
    sample.add_argument("--label", type=seed, metavar="Y", help="class to draw, for a cvae (default: all, in order)")
    sample.add_argument("--output-noise", action="store_true", help="draw each pixel, in place of its mean")
    sample.add_argument("--out", metavar="FILE", help=".png or .npy (default: RUN/samples-seed-<seed>.png)")

    evaluate = subparsers.add_parser(
        "evaluate",
        help="how good a trained model is on its test images",
        description="Loss, its two terms, the bound and the active units on test images, z drawn from q(z|x).",
        epilog=EVALUATE_EXAMPLES,
    )
    evaluate.set_defaults(run=commands.evaluate)
    evaluate.add_argument("folder", metavar="RUN", help="folder that npvae train has made")
    evaluate.add_argument("--data", help="other data, as in npvae train (default: what it was trained on)")

    evaluate.add_argument(
        "--samples",
        type=whole,
        metavar="K",
        help="estimate log p(x) as well, with K importance samples an image: with 5000 as in the literature, MNIST "
        "takes a quarter of an hour or more",
    )

    reproduce = subparsers.add_parser(
        "reproduce",
        help="run a published experiment and print ours beside theirs",
        description="Run a published experiment on MNIST as published. Interrupted, the same command goes on.",
        epilog=REPRODUCE_EXAMPLES,
    )
    reproduce.set_defaults(run=commands.reproduce)
    reproduce.add_argument("recipe", metavar="NAME", choices=tuple(RECIPES), help=", ".join(RECIPES))
    reproduce.add_argument("--arms", nargs="+", metavar="ARM", help="some of its runs (default: all)")
    reproduce.add_argument(
        "--scale", type=positive, default=1.0, help="first share of the schedule; a larger one goes on"
    )
    reproduce.add_argument("--seed", type=seed, default=0, help="of everything random (default: 0)")
    reproduce.add_argument("--out", metavar="DIR", help="folder (default: runs/<name>-seed-<seed>)")

    gradcheck = subparsers.add_parser(
        "gradcheck",
        help="check every gradient against finite differences",
        description="Check every function, and every parameter of small models, against finite differences.",
        epilog=GRADCHECK_EXAMPLES,
    )
    gradcheck.set_defaults(run=commands.gradcheck)
    gradcheck.add_argument("--seed", type=seed, default=0, help="of points, noise, upstream gradients (default: 0)")
    add_parsers(subparsers)
    if importlib.util.find_spec("npvae.explore"):  # an outer room: the rest works without it
        importlib.import_module("npvae.explore.commands").add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    os.environ.setdefault("MPLBACKEND", "agg")  # figures go to files: no screen is needed
    warnings.showwarning = lambda message, *_, **__: print(f"npvae: warning: {message}", file=sys.stderr)
    arguments = make_parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except commands.UsageError as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our output has left
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
    )  # files may name things
    print(f"npvae: error: {line}", file=sys.stderr)
    return status
