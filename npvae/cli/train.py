"""npvae train: start a run, or resume one."""

import argparse
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import npvae
from npvae import evaluation
from npvae.cli import runs
from npvae.cli.arguments import UsageError, add_threads, not_negative, positive, seed, std, whole
from npvae.cli.binarization import BINARIZATIONS, support_of_data, test_images
from npvae.data.pixels import binarize_threshold
from npvae.data.sources import SHIPPED, Dataset, load_dataset
from npvae.internals import validation
from npvae.internals.threads import count_of
from npvae.internals.types import Array
from npvae.likelihoods import LIKELIHOODS, Gaussian
from npvae.models import MODELS, Model
from npvae.network import ACTIVATIONS
from npvae.optim import Adam, linear_warmup
from npvae.training import TEST_SEED, DivergenceError, fit

EXAMPLES = """\
examples:
  npvae train                                 784-400-20 on MNIST, 10 epochs: about half a minute
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
  npvae train --resume runs/fashion           resumes where it stopped: same result, bit for bit
  npvae train --resume RUN --epochs 20        extends it to 20 epochs
"""
COMMANDS = {MODELS[name].command: MODELS[name] for name in MODELS.own}
"""The package's models, by name on the command line."""
DEFAULTS: dict[str, Any] = {
    "data": "mnist",
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
        help="mnist, digits, or a path: an IDX or .npy file of images, an .npz with x_train, or a folder of IDX "
        "files; labels and test images beside an IDX file are found by their usual names (default: mnist)",
    )
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
    add("--activation", choices=ACTIVATIONS.own, help="activation of the hidden layers (default: relu)")
    add("--beta", type=not_negative, help="weight of the KL term (default: 1)")
    add("--beta-warmup", type=whole, metavar="E", help="let beta rise in equal steps over the first E epochs")
    add("--importance-samples", type=whole, metavar="K", help="draws of z per image for --model iwae (default: 5)")
    add("--epochs", type=whole, help="passes over the data (default: 10; 100 for digits)")
    add("--batch-size", type=whole, metavar="N", help="images per step (default: 128; 32 for digits)")
    add("--lr", type=positive, help="Adam's learning rate (default: 0.001)")
    add("--seed", type=seed, help="seed for weights, order, binarization and noise (default: 0)")
    add_threads(parser)
    add("--out", metavar="DIR", help="folder to make, new or empty (default: runs/<data>-<model>-<time>)")
    add("--resume", metavar="RUN", help="resume a run that was stopped, as if it never had been")
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
    options.data = options.data if options.data in SHIPPED else str(Path(options.data).resolve())
    model = _make_model(options, dataset)
    folder = runs.new_folder(options.out, dataset.name, options.model)
    with runs.held(folder):
        runs.write_config(folder, model, dataset, _training(options), vars(options))
        return _train(folder, options, dataset, model)


def _resume(folder: Path, given: dict[str, Any]) -> int:
    """Resume a run from its newest checkpoint, or the one before, and train for more epochs if asked to."""
    previous = given.pop("previous", False)
    if unchangeable := given.keys() - {"epochs"}:
        names = ", ".join("--" + name.replace("_", "-") for name in sorted(unchangeable))
        raise UsageError(
            f"{names} cannot change within a run: with --resume only --epochs and --previous may be given"
        )
    stored, crc32 = runs.read_options(folder)
    try:
        options = Namespace(**DEFAULTS | stored | given)
        dataset = _load(options)
        model = _make_model(options, dataset)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} cannot be resumed, since its config.json is damaged: {error!r}") from error
    if runs.crc32(dataset.x_train) != crc32:
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
    print(f"\non {len(x_test)} test images{BINARIZATIONS[binarization]}:")
    print(evaluation.evaluate(model, x_test, test_labels, TEST_SEED, options.threads))
    if failure:
        raise failure
    return 0


def _load(options: Namespace) -> Dataset:
    support = LIKELIHOODS[options.likelihood].support
    return load_dataset(options.data, support_of_data(_binarization(options), support))


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
    if options.model == "iwae":
        settings["importance_samples"] = options.importance_samples or 5
    if options.model == "cvae":
        if dataset.y_train is None:
            raise ValueError(f"{dataset.name} has no labels, which --model cvae needs: choose another model or data")
        settings["label_dim"] = int(dataset.y_train.max()) + 1
        if settings["label_dim"] > len(dataset.y_train):
            raise ValueError(
                f"{dataset.name} has labels up to {dataset.y_train.max()} for {len(dataset.y_train)} images: number "
                "the classes from 0"
            )
    return COMMANDS[options.model](
        input_dim=dataset.x_train.shape[1],
        latent_dim=options.latent_dim,
        hidden_dims=tuple(options.hidden_dims),
        likelihood=Gaussian(options.std or "learned") if options.likelihood == "gaussian" else "bernoulli",
        activation=options.activation,
        beta=options.beta,
        rng=options.seed,
        **settings,
    )


def _labels_for(model: Model, dataset: Dataset) -> tuple[Array | None, Array | None]:
    """Return training and test labels, if the model takes them."""
    return (dataset.y_train, dataset.y_test) if model.label_dim else (None, None)


def _introduction(dataset: Dataset, binarization: str, model: Model) -> str:
    height, width = dataset.image_shape
    return (
        f"data   {dataset.name}: {len(dataset.x_train)} images of {height} x {width} to train on, "
        f"{len(dataset.x_test)} to test on ({dataset.held_out}){BINARIZATIONS[binarization]}\n"
        f"model  {model}; npvae {npvae.__version__}"
    )
