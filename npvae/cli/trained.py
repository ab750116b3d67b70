"""npvae sample and npvae evaluate: what a trained model draws, and how good it is."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from npvae import evaluation
from npvae.cli import runs
from npvae.cli.arguments import UsageError, add_threads, seed, whole
from npvae.cli.binarization import BINARIZATIONS, support_of_data, test_images
from npvae.data.sources import load_dataset
from npvae.internals import validation
from npvae.training import TEST_SEED

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


def add_parsers(subparsers: Any) -> None:
    """Add the commands to the command line."""
    parser = subparsers.add_parser(
        "sample",
        help="draw new images from a trained model",
        description="Draw z from the prior N(0, I), decode it, and write the images.",
        epilog=SAMPLE_EXAMPLES,
    )
    parser.set_defaults(run=sample)
    parser.add_argument("folder", metavar="RUN", help="folder that npvae train has written")
    parser.add_argument("-n", type=whole, default=100, help="how many images (default: 100)")
    parser.add_argument("--seed", type=seed, default=0, help="seed for the draws (default: 0)")
    parser.add_argument("--label", type=seed, metavar="Y", help="class to draw, for a cvae (default: all, in order)")
    parser.add_argument("--output-noise", action="store_true", help="draw each pixel instead of showing its mean")
    parser.add_argument("--out", metavar="FILE", help=".png or .npy (default: RUN/samples-seed-<seed>.png)")

    parser = subparsers.add_parser(
        "evaluate",
        help="measure how good a trained model is on its test images",
        description="Print loss, its terms, bound and active units on test images, with z drawn from q(z|x).",
        epilog=EVALUATE_EXAMPLES,
    )
    parser.set_defaults(run=evaluate)
    parser.add_argument("folder", metavar="RUN", help="folder that npvae train has written")
    parser.add_argument("--data", help="other data, as in npvae train (default: what it was trained on)")
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
    path = Path(options.out) if options.out else Path(options.folder) / f"samples-seed-{options.seed}.png"
    if path.suffix not in (".png", ".npy"):
        raise UsageError(f"--out is {path}, expected a name that ends in .png or .npy")
    if not model.has_prior:
        kind = type(model).__name__
        raise UsageError(f"{options.folder} holds an {kind}: it has no distribution to sample from; train a VAE")
    labels = None
    if model.label_dim:
        every = np.arange(options.n) * model.label_dim // options.n  # equally many of each, in order
        labels = (
            every if options.label is None else validation.class_labels(options.label, options.n, model.label_dim)
        )
    elif options.label is not None:
        raise UsageError(f"--label belongs to a ConditionalVAE, but {options.folder} holds a {type(model).__name__}")
    height, width = config["image_shape"]
    images = model.sample(options.n, options.seed, options.output_noise, labels)
    runs.save_images(images, path, (height, width))
    what = "draws" if options.output_noise else "means"
    print(f"wrote {path}: {options.n} {what} of p(x given z)")
    return 0


def evaluate(options: Namespace) -> int:
    """Evaluate a model on held-out images, binarized as in training."""
    model, config = runs.open_run(options.folder)
    binarization = config["training"]["binarize"]
    support = support_of_data(binarization, model.likelihood.support)
    dataset = load_dataset(options.data or config["data"], support)
    x_test = test_images(dataset, binarization)
    labels = dataset.y_test if model.label_dim else None
    print(f"{options.folder} on {len(x_test)} test images{BINARIZATIONS[binarization]}:")
    print(evaluation.evaluate(model, x_test, labels, TEST_SEED, options.threads))
    if options.samples:
        log_p = evaluation.log_likelihood(model, x_test, labels, options.samples, TEST_SEED, threads=options.threads)
        error = np.std(log_p) / np.sqrt(len(log_p))
        print(f"log p {np.mean(log_p):10.3f} nats per image, +- {error:.2f}, {options.samples} importance samples")
    return 0
