"""npvae train: start a run, or resume one."""

import argparse
import importlib.util
import os
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae import evaluation
from npvae.cli import runs
from npvae.cli.arguments import UsageError, add_threads, not_negative, place, positive, seed, shape, std, whole
from npvae.cli.binarization import BINARIZATIONS, support_of_data, test_images
from npvae.data.pixels import binarize_threshold
from npvae.data.sources import SHIPPED, Dataset, load_dataset
from npvae.internals import validation
from npvae.internals.threads import count_of
from npvae.internals.types import Array
from npvae.layers import ACTIVATIONS
from npvae.likelihoods import LIKELIHOODS
from npvae.models import MODELS, Model
from npvae.optim import Adam, linear_warmup
from npvae.training import TEST_SEED, DivergenceError, fit

EXAMPLES = """\
examples:
  npvae train                                 784-400-20 on MNIST, 10 epochs: a minute or two
  npvae train --data digits                   8 x 8 digits: a few seconds
  npvae train --latent-dim 2                  also draws the latent plane
  npvae train --hidden-dims 500 200 --activation tanh
  npvae train --hidden-dims                   no hidden layer: a linear VAE
  npvae train --likelihood gaussian           grey pixels, standard deviation learned
  npvae train --likelihood gaussian --std 0.3
  npvae train --beta 4 --epochs 20 --seed 1
  npvae train --model cvae                    given the label; then npvae sample RUN --label 3
  npvae train --model iwae --importance-samples 5
  npvae train --data fashion/train-images-idx3-ubyte.gz --out runs/fashion
  npvae train --data letters.npz --model cvae    then npvae sample RUN --label a
  npvae train --data flat.npy --image-shape 28x20
  npvae train --data wine.csv --likelihood gaussian    any table of numbers
  npvae train --resume runs/fashion           resumes where it stopped: same result, bit for bit
  npvae train --resume RUN --epochs 20        extends it to 20 epochs
"""
COMMANDS = {MODELS[name].command: MODELS[name] for name in MODELS.own}
"""The package's models, by name on the command line."""
DEFAULTS: dict[str, Any] = {
    "data": "mnist",
    "image_shape": None,
    "limit": None,
    "model": "vae",
    "likelihood": "bernoulli",
    "std": None,
    "binarize": None,
    "latent_dim": 20,
    "hidden_dims": [400],
    "activation": "relu",
    "beta": 1.0,
    "beta_warmup": None,
    "importance_samples": None,
    "epochs": None,
    "batch_size": None,
    "lr": 1e-3,
    "seed": 0,
    "threads": 1,
    "out": None,
}
INTERRUPTED = 130
"""Exit status after Ctrl-C, as in a shell."""
SCHEDULES = {"digits": {"epochs": 100, "batch_size": 32}}
"""Epochs and batch size, for data that needs others than 10 and 128."""


def add_parsers(subparsers: Any) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "train",
        help="train a model; with no options, a VAE on MNIST",
        description="Train a VAE or a related model. Writes model, history and figures to a new folder.",
        epilog=EXAMPLES,
        argument_default=argparse.SUPPRESS,  # options that were not given are absent: see DEFAULTS
    )
    parser.set_defaults(run=train)
    add = parser.add_argument
    add(
        "--data",
        type=place,
        help="mnist, digits, or a path: an IDX, .npy or CSV file, gzipped or not, an .npz with x_train (or images), "
        "or a folder with one of them; labels and test images are found by their names in an .npz (y_train, x_test, "
        "y_test) or beside the file (x_test.npy, t10k-images-idx3-ubyte.gz), else the last tenth is held out. Images "
        "are (N, H, W), in colour (N, H, W, 3), or rows (N, D): uint8 from 0 to 255, floats from 0 to 1, or with "
        "--likelihood gaussian floats of the order of 1. In a CSV file a column named label holds the classes "
        "(default: mnist)",
    )
    add("--image-shape", type=shape, metavar="HxW", help="of rows that are images but not square, 28x20 or 32x20x3")
    add("--limit", type=whole, metavar="N", help="train on the first N training images only")
    add(
        "--model",
        choices=tuple(COMMANDS),
        help="plain, variational, conditional on the label, or importance-weighted (default: vae)",
    )
    add(
        "--likelihood",
        choices=LIKELIHOODS.own,
        help="distribution that the decoder's output parameterizes (default: bernoulli)",
    )
    add("--std", type=std, help='standard deviation of a gaussian pixel, or "learned" (default: learned)')
    add(
        "--binarize",
        choices=tuple(BINARIZATIONS),
        help="draw pixels as 0 or 1 anew in each epoch, threshold them at 0.5, or leave them grey "
        "(default: stochastic for bernoulli, else none)",
    )
    add("--latent-dim", type=whole, metavar="L", help="dimensions of the latent space (default: 20)")
    add(
        "--hidden-dims",
        type=whole,
        nargs="*",
        metavar="H",
        help="widths of the encoder's hidden layers; the decoder has them in reverse (default: 400)",
    )
    add("--activation", choices=ACTIVATIONS.own, help="activation of the hidden layers (default: relu)")
    add("--beta", type=not_negative, help="weight of the KL term (default: 1)")
    add("--beta-warmup", type=whole, metavar="E", help="let beta rise in equal steps over the first E epochs")
    add("--importance-samples", type=whole, metavar="K", help="draws of z per image for --model iwae (default: 5)")
    add("--epochs", type=whole, help="passes over the data (default: 10; 100 for digits)")
    add("--batch-size", type=whole, metavar="N", help="images per step (default: 128; 32 for digits)")
    add("--lr", type=positive, help="Adam's learning rate (default: 0.001)")
    add("--seed", type=seed, help="seed for weights, order, binarization and noise (default: 0)")
    add_threads(parser)
    add("--out", type=place, metavar="DIR", help="folder to make, new or empty (default: runs/<data>-<model>-<time>)")
    add(
        "--resume",
        type=place,
        metavar="RUN",
        help="resume a run that was stopped, as if it never had been; --data tells where its data has moved to",
    )
    add("--previous", action="store_true", help="with --resume: go back to the checkpoint before the newest")


def train(options: Namespace) -> int:
    """Train a model and write everything about it to a folder: a new one, or that of the run to resume."""
    given = {name: value for name, value in vars(options).items() if name != "run"}
    if "resume" in given:
        return _resume(Path(given.pop("resume")), given)
    if "previous" in given:
        raise UsageError("--previous belongs to --resume RUN")
    options = Namespace(**DEFAULTS | given)
    _refuse_options_of_others(options)
    schedule = {"epochs": 10, "batch_size": 128} | SCHEDULES.get(options.data, {})
    options.epochs = options.epochs or schedule["epochs"]
    options.batch_size = options.batch_size or schedule["batch_size"]
    dataset = _load(options)
    options.data = _full_name(options.data)
    if options.model == "cvae":
        _check_classes(dataset)
    model = _make_model(options, dataset)
    folder = runs.new_folder(options.out, dataset.name, options.model)
    with runs.held(folder):
        runs.write_config(folder, model, dataset, _training(options), vars(options))
        return _train(folder, options, dataset, model)


def _resume(folder: Path, given: dict[str, Any]) -> int:
    """Resume a run from its newest checkpoint, or the one before, and train for more epochs if asked to."""
    previous = given.pop("previous", False)
    if unchangeable := given.keys() - {"epochs", "data"}:
        names = ", ".join("--" + name.replace("_", "-") for name in sorted(unchangeable))
        raise UsageError(
            f"{names} cannot change within a run: with --resume only --epochs, --previous and --data may be given"
        )
    config = runs.read_config(folder)
    try:
        options = Namespace(**DEFAULTS | config["options"] | given)
        with runs.moving(folder):
            dataset = _load(options)
        options.data = _full_name(options.data)
        if options.model == "cvae":
            classes = validation.positive_int("label_dim", config["model"]["label_dim"])
            dataset = dataset.numbered(runs.class_names(config, min(classes, len(dataset.x_train))))
        model = _make_model(options, dataset)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} cannot be resumed, since its config.json is damaged: {error!r}") from error
    if runs.crc32(dataset.x_train) != config["crc32"]:
        raise ValueError(f"{options.data} is not what {folder} was trained on: its images have changed since")
    with runs.held(folder):
        if previous:
            runs.go_back(folder)
        runs.write_config(folder, model, dataset, _training(options), vars(options))
        return _train(folder, options, dataset, model)


def _train(folder: Path, options: Namespace, dataset: Dataset, model: Model) -> int:
    """Train, from the folder's checkpoint if there is one, and write and print the results."""
    binarization = _binarization(options)
    x_train = binarize_threshold(dataset.x_train) if binarization == "threshold" else dataset.x_train
    x_test = test_images(dataset, binarization)
    model.init_output(x_train)
    labels, test_labels = _labels_for(model, dataset)
    print(_introduction(dataset, binarization, model), flush=True)
    if not (folder / runs.CHECKPOINT).exists():  # else fit says how many threads the checkpoint has
        print(f"run    seed {options.seed}, {count_of(options.threads)}", flush=True)
    failure = None
    try:
        history = fit(
            model,
            x_train,
            x_test,
            labels=labels,
            test_labels=test_labels,
            epochs=options.epochs,
            batch_size=options.batch_size,
            optimizer=Adam(options.lr),
            binarize=binarization == "stochastic",
            beta_schedule=linear_warmup(options.beta, options.beta_warmup) if options.beta_warmup else None,
            rng=options.seed,
            checkpoint=folder / runs.CHECKPOINT,
            threads=options.threads,
        )
    except DivergenceError as error:
        failure, history = error, error.history
    if history.interrupted:
        print(f"npvae train --resume {folder} continues with epoch {len(history) + 1}")
    written = runs.write_results(folder, model, history, dataset, options.seed)
    print(f"\nwrote {folder}{os.sep}")
    for name, what in written.items():
        print(f"  {name:24s} {what}")
    found = evaluation.evaluate(model, x_test, test_labels, TEST_SEED, options.threads)
    text = f"\non {len(x_test)} test images{BINARIZATIONS[binarization]}:\n{found}"
    print(runs.worded(text, dataset.image_shape))
    if failure:
        raise failure
    if model.latent_dim == 2 and dataset.image_shape and importlib.util.find_spec("npvae.explore"):
        print(f"\nnpvae explore {folder} makes a page of it: draw, and watch q, z, the loss and its gradients")
    return INTERRUPTED if history.interrupted else 0


def _load(options: Namespace) -> Dataset:
    support = support_of_data(_binarization(options), LIKELIHOODS[options.likelihood].support)
    dataset = load_dataset(options.data, support, runs.checked_shape(options.image_shape))
    if options.limit is None:
        return dataset
    part = slice(validation.positive_int("limit", options.limit))
    return replace(dataset, x_train=dataset.x_train[part], y_train=evaluation.rows_of(dataset.y_train, part))


def _full_name(data: str) -> str:
    return data if data in SHIPPED else str(Path(data).resolve())


def _check_classes(dataset: Dataset) -> None:
    """Raise a ValueError unless each example has a class that can be learned."""
    name, y_train, y_test = dataset.name, dataset.y_train, dataset.y_test
    if y_train is None or y_test is None:
        part = "to train on" if y_train is None else "to test on"
        why = f" ({dataset.unlabelled})" if dataset.unlabelled else ""
        raise ValueError(f"{name} has no labels {part}{why}, which --model cvae needs: choose another model or data")
    counts = np.bincount(y_train, minlength=len(dataset.classes))
    if not np.all(counts):
        raise ValueError(
            f"{name} has the class {dataset.classes[int(np.argmin(counts))]!r} only in the examples to test on "
            f"({dataset.held_out}): shuffle the data, or leave that class out"
        )
    if 2 * len(counts) > sum(counts):
        raise ValueError(
            f"{name} has {len(counts)} classes for {sum(counts)} examples, expected two or more of each: choose "
            "labels that are classes, or another model"
        )


def _binarization(options: Namespace) -> str:
    """Return what was asked for; by default, pixels are drawn as 0 or 1 for a likelihood with support [0, 1]."""
    choice = options.binarize or ("stochastic" if LIKELIHOODS[options.likelihood].support == (0, 1) else "none")
    return validation.one_of("binarize", choice, BINARIZATIONS)


def _training(options: Namespace) -> dict[str, Any]:
    """Return what config.json says for people and for `npvae evaluate`."""
    settings = {name: getattr(options, name) for name in ("epochs", "batch_size", "lr", "seed")}
    return {**settings, "binarize": _binarization(options)}


def _refuse_options_of_others(options: Namespace) -> None:
    """Raise an error for options that would have no effect: whoever gave them expects one."""
    if options.std is not None and options.likelihood != "gaussian":
        raise UsageError("--std belongs to --likelihood gaussian")
    if options.importance_samples is not None and options.model != "iwae":
        raise UsageError("--importance-samples belongs to --model iwae")
    if (options.beta != 1 or options.beta_warmup) and not COMMANDS[options.model].weighs_kl:
        raise UsageError(f"--beta and --beta-warmup do not go with --model {options.model}: no KL term to weight")


def _make_model(options: Namespace, dataset: Dataset) -> Model:
    settings: dict[str, Any] = {}
    likelihood = {"name": options.likelihood}
    if options.likelihood == "gaussian":
        likelihood["std"] = options.std or "learned"
    if options.model == "iwae":
        settings["importance_samples"] = options.importance_samples or 5
    if options.model == "cvae":
        settings["label_dim"] = len(dataset.classes)
    return COMMANDS[options.model](
        input_dim=dataset.x_train.shape[1],
        latent_dim=options.latent_dim,
        hidden_dims=tuple(options.hidden_dims),
        likelihood=likelihood,
        activation=options.activation,
        beta=options.beta,
        rng=options.seed,
        **settings,
    )


def _labels_for(model: Model, dataset: Dataset) -> tuple[Array | None, Array | None]:
    """Return training and test labels, if the model takes them."""
    return (dataset.y_train, dataset.y_test) if model.label_dim else (None, None)


def _introduction(dataset: Dataset, binarization: str, model: Model) -> str:
    what, classes, shape = runs.things(dataset.image_shape), dataset.classes, dataset.image_shape
    size = " x ".join(map(str, shape)) if shape else f"{dataset.x_train.shape[1]} values"
    lines = [
        f"data   {dataset.name}: {len(dataset.x_train)} {what} of {size} to train on, "
        f"{len(dataset.x_test)} to test on ({dataset.held_out}){runs.worded(BINARIZATIONS[binarization], shape)}"
    ]
    if classes:
        lines.append(
            f"labels {len(classes)} classes: {', '.join(classes[:30])}{', ...' if len(classes) > 30 else ''}"
        )
    elif dataset.unlabelled:
        lines.append(f"labels none that can be used: {dataset.unlabelled}")
    if not shape:
        lines.append("shape  not known, so that no images are drawn: --image-shape HEIGHTxWIDTH gives one")
    return "\n".join([*lines, f"model  {model}; npvae {npvae.__version__}"])
