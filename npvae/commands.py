"""What each command does, once its options are understood. Returns the exit status."""

import importlib.util
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae import evaluation, runs, validation
from npvae.data.pixels import binarize, binarize_threshold
from npvae.data.sources import SHIPPED, Dataset, load_dataset
from npvae.likelihoods import Gaussian
from npvae.models import VAE, AutoEncoder, ConditionalVAE, ImportanceWeightedVAE, Model
from npvae.optim import Adam, linear_warmup
from npvae.recipes import RECIPES
from npvae.reproduce import reproduce as run_recipe
from npvae.selfcheck import BAR, gradient_table
from npvae.training import TEST_SEED, DivergenceError, fit
from npvae.types import Array

MODEL_NAMES: dict[str, type[Model]] = {
    "vae": VAE,
    "autoencoder": AutoEncoder,
    "cvae": ConditionalVAE,
    "iwae": ImportanceWeightedVAE,
}
TRAIN_DEFAULTS: dict[str, Any] = {
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
    "out": None,
}
SCHEDULES = {"digits": {"epochs": 100, "batch_size": 32}}
"""Epochs and batch size, where data asks for others than 10 and 128."""


class UsageError(Exception):
    """Options that are fine alone and wrong together."""


def train(options: Namespace) -> int:
    """Train a model and leave everything about it in a folder, a new one or that of a run to go on with."""
    given = {name: value for name, value in vars(options).items() if name != "run"}
    if "resume" in given:
        return _resume(Path(given.pop("resume")), given)
    if "previous" in given:
        raise UsageError("--previous belongs to --resume RUN")
    options = Namespace(**TRAIN_DEFAULTS | given)
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
    """Go on with a run from its newest checkpoint, or the one before, and up to more epochs where asked."""
    previous = given.pop("previous", False)
    if unchangeable := given.keys() - {"epochs"}:
        names = ", ".join("--" + name.replace("_", "-") for name in sorted(unchangeable))
        raise UsageError(
            f"{names} cannot change within a run: with --resume only --epochs and --previous may be given"
        )
    stored, crc32 = runs.read_options(folder)
    try:
        options = Namespace(**TRAIN_DEFAULTS | stored | given)
        _words(_binarization(options))
        dataset = _load(options)
        model = _make_model(options, dataset)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder} cannot be resumed, its config.json is damaged: {error!r}") from error
    if runs.crc32(dataset.x_train) != crc32:
        raise ValueError(f"{options.data} is not what {folder} was trained on: its images have changed since")
    with runs.held(folder):
        if previous:
            runs.go_back(folder)
        runs.write_config(folder, model, dataset, _training(options), vars(options))
        return _train(folder, options, dataset, model)


def _train(folder: Path, options: Namespace, dataset: Dataset, model: Model) -> int:
    """The training itself, from wherever the folder's checkpoint is, and what is written at its end."""
    binarization = _binarization(options)
    x_train = binarize_threshold(dataset.x_train) if binarization == "threshold" else dataset.x_train
    x_test = _held_out(dataset, binarization)
    model.init_output(x_train)
    labels, test_labels = _labels_for(model, dataset)
    print(_introduction(dataset, binarization, model), flush=True)
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
        )
    except DivergenceError as error:
        failure, history = error, error.history
    if history.interrupted:
        print(f"npvae train --resume {folder} goes on with epoch {len(history) + 1}")
    written = runs.write_results(folder, model, history, dataset, options.seed)
    print(f"\nwrote {folder}{os.sep}")
    for name, what in written.items():
        print(f"  {name:24s} {what}")
    print(f"\non {len(x_test)} test images{_words(binarization)}:")
    print(evaluation.evaluate(model, x_test, test_labels, TEST_SEED))
    if failure:
        raise failure
    if model.latent_dim == 2 and importlib.util.find_spec("npvae.explore"):
        print(f"\nnpvae explore {folder} makes a page of it: draw, and watch q, z, the loss and its gradients")
    return 0


def _load(options: Namespace) -> Dataset:
    return load_dataset(options.data, _support(_binarization(options), options.likelihood == "gaussian"))


def _binarization(options: Namespace) -> str:
    return options.binarize or ("none" if options.likelihood == "gaussian" else "stochastic")


def _training(options: Namespace) -> dict[str, Any]:
    """What config.json says for people and for `npvae evaluate`."""
    settings = {name: getattr(options, name) for name in ("epochs", "batch_size", "lr", "seed")}
    return {**settings, "binarize": _binarization(options)}


def sample(options: Namespace) -> int:
    """Draw images from the prior."""
    model, config = runs.open_run(options.folder)
    path = Path(options.out) if options.out else Path(options.folder) / f"samples-seed-{options.seed}.png"
    if path.suffix not in (".png", ".npy"):
        raise UsageError(f"--out is {path}, expected a name that ends in .png or .npy")
    if not isinstance(model, VAE):
        raise UsageError(f"{options.folder} holds an AutoEncoder: it has no distribution to sample from; train a VAE")
    labels = None
    if isinstance(model, ConditionalVAE):
        every = np.arange(options.n) * model.label_dim // options.n  # as many of each, in order
        labels = (
            every if options.label is None else validation.class_labels(options.label, options.n, model.label_dim)
        )
    elif options.label is not None:
        raise UsageError(f"--label belongs to a ConditionalVAE, {options.folder} holds a {type(model).__name__}")
    height, width = config["image_shape"]
    images = model.sample(options.n, options.seed, options.output_noise, labels)
    runs.save_images(images, path, (height, width))
    what = "draws" if options.output_noise else "means"
    print(f"wrote {path}: {options.n} {what} of p(x given z)")
    return 0


def evaluate(options: Namespace) -> int:
    """Evaluate on held-out images, treated as in training."""
    model, config = runs.open_run(options.folder)
    binarization = config["training"]["binarize"]
    gaussian = isinstance(model.likelihood, Gaussian)
    dataset = load_dataset(options.data or config["data"], _support(binarization, gaussian))
    x_test = _held_out(dataset, binarization)
    _, labels = _labels_for(model, dataset)
    print(f"{options.folder} on {len(x_test)} test images{_words(binarization)}:")
    print(evaluation.evaluate(model, x_test, labels, TEST_SEED))
    if options.samples:
        log_p = evaluation.log_likelihood(model, x_test, labels, options.samples, TEST_SEED)
        error = np.std(log_p) / np.sqrt(len(log_p))
        print(f"log p {np.mean(log_p):10.3f} nats per image, +- {error:.2f}, {options.samples} importance samples")
    return 0


def reproduce(options: Namespace) -> int:
    """Run a published experiment and print ours beside theirs."""
    if not 0 < options.scale <= 1:
        raise UsageError(f"--scale is {options.scale:g}, expected a number above 0, at most 1")
    folder = Path(options.out) if options.out else None
    run_recipe(RECIPES[options.recipe], options.arms, options.scale, folder, options.seed)
    return 0


def gradcheck(options: Namespace) -> int:
    """Print the table of gradient errors; 1 where one does not pass."""
    width = 50
    print(f"{'gradient of':{width}}  {'error':>8}")
    passed, redrawn = True, {}
    for row in gradient_table(options.seed):
        print(f"{row.name:{width}}  {row.error:8.1e}  {'pass' if row.passed else 'FAIL'}", flush=True)
        passed = passed and row.passed
        redrawn[row.name.split(":")[0]] = row.redrawn
    print(f"\nerror: largest difference from central differences, relative; pass: under {BAR:g}")
    print(f"points redrawn because a relu switched within a difference: {sum(redrawn.values())}")
    print("every gradient passes" if passed else "some gradients are WRONG")
    return 0 if passed else 1


def _refuse_options_of_others(options: Namespace) -> None:
    """Options that would have no effect are an error: whoever gave them expects one."""
    if options.std is not None and options.likelihood != "gaussian":
        raise UsageError("--std belongs to --likelihood gaussian")
    if options.importance_samples is not None and options.model != "iwae":
        raise UsageError("--importance-samples belongs to --model iwae")
    if (options.beta != 1 or options.beta_warmup) and not MODEL_NAMES[options.model].weighs_kl:
        raise UsageError(f"--beta and --beta-warmup do not go with --model {options.model}: there is no KL to weigh")


def _make_model(options: Namespace, dataset: Dataset) -> Model:
    settings: dict[str, Any] = {}
    if options.model == "iwae":
        settings["importance_samples"] = options.importance_samples or 5
    if options.model == "cvae":
        if dataset.y_train is None:
            raise ValueError(f"{dataset.name} has no labels, --model cvae needs them: choose another model or data")
        settings["label_dim"] = int(dataset.y_train.max()) + 1
        if settings["label_dim"] > len(dataset.y_train):
            raise ValueError(
                f"{dataset.name} has labels up to {dataset.y_train.max()} for {len(dataset.y_train)} images: number "
                "the classes from 0"
            )
    return MODEL_NAMES[options.model](
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
    """Training and test labels, for a model that takes them."""
    return (dataset.y_train, dataset.y_test) if isinstance(model, ConditionalVAE) else (None, None)


def _support(binarization: str, gaussian: bool) -> tuple[float, float]:
    """Where floats have to lie: probabilities, unless grey levels meet a Gaussian."""
    return Gaussian.support if gaussian and binarization == "none" else (0.0, 1.0)


def _held_out(dataset: Dataset, binarization: str) -> Array:
    """Test images as the model is meant to see them; what is random about it is drawn once, from a fixed seed."""
    if binarization == "stochastic":
        return binarize(dataset.x_test, TEST_SEED)
    return binarize_threshold(dataset.x_test) if binarization == "threshold" else dataset.x_test


def _words(binarization: str) -> str:
    return {"stochastic": ", pixels drawn as 0 or 1", "threshold": ", pixels cut at one half", "none": ""}[
        binarization
    ]


def _introduction(dataset: Dataset, binarization: str, model: Model) -> str:
    height, width = dataset.image_shape
    name, likelihood = type(model).__name__, model.likelihood.config["name"]
    sizes = "-".join(map(str, (model.input_dim, *model.hidden_dims, model.latent_dim)))
    return (
        f"data   {dataset.name}: {len(dataset.x_train)} images of {height} x {width} to train on, "
        f"{len(dataset.x_test)} to test on ({dataset.held_out}){_words(binarization)}\n"
        f"model  {name} {sizes}, {model.activation}, {likelihood}, beta {model.beta:g}: "
        f"{model.params.vector.size:,} parameters; npvae {npvae.__version__}"
    )
