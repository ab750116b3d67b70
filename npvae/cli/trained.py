"""npvae sample and npvae evaluate: what a trained model draws, and how good it is."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from npvae import evaluation
from npvae.cli import runs
from npvae.cli.arguments import UsageError, add_threads, place, seed, whole
from npvae.cli.binarization import BINARIZATIONS, support_of_data, test_images
from npvae.data.sources import load_dataset
from npvae.training import TEST_SEED

SAMPLE_EXAMPLES = """\
examples:
  npvae sample runs/mnist-vae-20260101-120000
  npvae sample RUN -n 16 --seed 3 --out sixteen.png
  npvae sample RUN --label 3                  threes, from a model trained with --model cvae; letters: --label a
  npvae sample RUN -n 5000 --out images.npy   as an array, (5000, 784) floats
"""
EVALUATE_EXAMPLES = """\
examples:
  npvae evaluate runs/mnist-vae-20260101-120000
  npvae evaluate RUN --samples 100            the bound, and a tighter one
  npvae evaluate RUN --data other.npz         on the test images of other data
"""


def add_parsers(subparsers: Any) -> None:
    """Add the commands to the command line."""
    parser = subparsers.add_parser(
        "sample",
        help="draw new images from a trained model",
        description="Draw z from the prior N(0, I), decode it, and write the images.",
        epilog=SAMPLE_EXAMPLES,
    )
    parser.set_defaults(run=sample)
    parser.add_argument("folder", type=place, metavar="RUN", help="folder that npvae train has written")
    parser.add_argument("-n", type=whole, default=100, help="how many images (default: 100)")
    parser.add_argument("--seed", type=seed, default=0, help="seed for the draws (default: 0)")
    parser.add_argument(
        "--label", metavar="Y", help="class to draw, as the data calls it, for a cvae (default: all, in order)"
    )
    parser.add_argument("--output-noise", action="store_true", help="draw each pixel instead of showing its mean")
    parser.add_argument(
        "--out", type=place, metavar="FILE", help=".png or .npy (default: RUN/samples-seed-<seed>.png)"
    )

    parser = subparsers.add_parser(
        "evaluate",
        help="measure how good a trained model is on its test images",
        description="Print loss, its terms, bound and active units on test images, with z drawn from q(z|x).",
        epilog=EVALUATE_EXAMPLES,
    )
    parser.set_defaults(run=evaluate)
    parser.add_argument("folder", type=place, metavar="RUN", help="folder that npvae train has written")
    parser.add_argument("--data", type=place, help="other data, as in npvae train (default: what it was trained on)")
    parser.add_argument(
        "--samples",
        type=whole,
        metavar="K",
        help="also estimate log p(x), with K importance samples per image; with 5000, as in the literature, MNIST "
        "takes a quarter of an hour or more",
    )
    add_threads(parser, default=1)


def sample(options: Namespace) -> int:
    """Draw images from the prior."""
    model, config = runs.open_run(options.folder)
    shape, classes = config["image_shape"], config["classes"]
    usual = f"samples-seed-{options.seed}{'.png' if shape else '.npy'}"
    path = Path(options.out) if options.out else Path(options.folder) / usual
    if path.suffix not in (".png", ".npy"):
        raise UsageError(f"--out is {path}, expected a name that ends in .png or .npy")
    if path.suffix == ".png" and not shape:
        raise UsageError(f"--out is {path}, expected .npy: the shape of images in {options.folder} is not known")
    if not model.has_prior:
        kind = type(model).__name__
        raise UsageError(f"{options.folder} holds an {kind}: it has no distribution to sample from; train a VAE")
    labels: Any = None
    if options.label is not None:
        if not model.label_dim:
            raise UsageError(
                f"--label belongs to a ConditionalVAE, but {options.folder} holds a {type(model).__name__}"
            )
        if options.label not in classes:
            raise ValueError(f"--label is {options.label!r}, expected one of: {', '.join(classes)}")
        labels = classes.index(options.label)
    elif model.label_dim:
        labels = np.arange(options.n) * model.label_dim // options.n  # equally many of each, in order
    images = model.sample(options.n, options.seed, options.output_noise, labels)
    runs.save_images(images, path, shape, config["value_range"])
    what = "draws" if options.output_noise else "means"
    print(f"wrote {path}: {options.n} {what} of p(x given z)")
    return 0


def evaluate(options: Namespace) -> int:
    """Evaluate a model on held-out images, binarized as in training."""
    model, config = runs.open_run(options.folder)
    binarization = config["training"]["binarize"]
    support = support_of_data(binarization, model.likelihood.support)
    with runs.moving(options.folder):
        dataset = load_dataset(options.data or config["data"], support)
    x_test, labels = test_images(dataset, binarization), None
    if model.label_dim:
        labels = dataset.numbered(config["classes"]).y_test
        if labels is None:
            raise ValueError(
                f"{dataset.name} has no labels to test on, a ConditionalVAE needs them: choose other data"
            )

    def say(text: str) -> None:
        print(runs.worded(text, config["image_shape"]))

    say(f"{options.folder} on {len(x_test)} test images{BINARIZATIONS[binarization]}:")
    say(str(evaluation.evaluate(model, x_test, labels, TEST_SEED, options.threads)))
    if options.samples:
        log_p = evaluation.log_likelihood(model, x_test, labels, options.samples, TEST_SEED, threads=options.threads)
        error = np.std(log_p) / np.sqrt(len(log_p))
        say(f"log p {np.mean(log_p):10.3f} nats per image, +- {error:.2f}, {options.samples} importance samples")
    return 0
