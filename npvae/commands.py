"""What each command does, once its options are understood. Returns the exit status."""

import os
from argparse import Namespace
from pathlib import Path

import npvae
from npvae import evaluation, runs
from npvae.data.pixels import binarize, binarize_threshold
from npvae.data.sources import Dataset, load_dataset
from npvae.likelihoods import Gaussian
from npvae.models import VAE
from npvae.optim import Adam
from npvae.selfcheck import BAR, gradient_table
from npvae.training import TEST_SEED, DivergenceError, fit
from npvae.types import Array

DEFAULTS = {"digits": {"epochs": 100, "batch_size": 32}}


class UsageError(Exception):
    """Options that are fine alone and wrong together."""


def train(options: Namespace) -> int:
    """Train a VAE and leave everything about it in a folder."""
    gaussian = options.likelihood == "gaussian"
    if options.std is not None and not gaussian:
        raise UsageError("--std belongs to --likelihood gaussian")
    likelihood = Gaussian(options.std or "learned") if gaussian else "bernoulli"
    binarization = options.binarize or ("none" if gaussian else "stochastic")
    dataset = load_dataset(options.data, _support(binarization, gaussian))
    x_train = binarize_threshold(dataset.x_train) if binarization == "threshold" else dataset.x_train
    x_test = _held_out(dataset, binarization)
    defaults = {"epochs": 10, "batch_size": 128} | DEFAULTS.get(options.data, {})
    epochs = options.epochs or defaults["epochs"]
    batch_size = options.batch_size or defaults["batch_size"]
    model = VAE(
        input_dim=x_train.shape[1],
        latent_dim=options.latent_dim,
        hidden_dims=tuple(options.hidden_dims),
        likelihood=likelihood,
        activation=options.activation,
        beta=options.beta,
        rng=options.seed,
    )
    model.init_output(x_train)

    folder = runs.new_folder(options.out, dataset.name, "vae")
    settings = {"epochs": epochs, "batch_size": batch_size, "lr": options.lr, "seed": options.seed}
    runs.write_config(folder, model, options.data, dataset.image_shape, {**settings, "binarize": binarization})
    print(_introduction(dataset, binarization, model), flush=True)
    failure = None
    try:
        history = fit(
            model,
            x_train,
            x_test,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=Adam(options.lr),
            binarize=binarization == "stochastic",
            rng=options.seed,
        )
    except DivergenceError as error:
        failure, history = error, error.history
    written = runs.write_results(folder, model, history, dataset, options.seed)
    print(f"\nwrote {folder}{os.sep}")
    for name, what in written.items():
        print(f"  {name:20s} {what}")
    print(f"\non {len(x_test)} test images{_words(binarization)}:")
    print(evaluation.evaluate(model, x_test, TEST_SEED))
    if failure:
        raise failure
    return 0


def sample(options: Namespace) -> int:
    """Draw images from the prior."""
    model, config = runs.open_run(options.folder)
    path = Path(options.out) if options.out else Path(options.folder) / f"samples-seed-{options.seed}.png"
    if path.suffix not in (".png", ".npy"):
        raise UsageError(f"--out is {path}, expected a name that ends in .png or .npy")
    height, width = config["image_shape"]
    images = model.sample(options.n, options.seed, options.output_noise)
    runs.save_images(images, path, (height, width))
    print(f"wrote {path}: {options.n} {'draws of p(x given z)' if options.output_noise else 'means of p(x given z)'}")
    return 0


def evaluate(options: Namespace) -> int:
    """Evaluate on held-out images, treated as in training."""
    model, config = runs.open_run(options.folder)
    binarization = config["training"]["binarize"]
    gaussian = isinstance(model.likelihood, Gaussian)
    dataset = load_dataset(options.data or config["data"], _support(binarization, gaussian))
    x_test = _held_out(dataset, binarization)
    print(f"{options.folder} on {len(x_test)} test images{_words(binarization)}:")
    print(evaluation.evaluate(model, x_test, TEST_SEED))
    return 0


def gradcheck(options: Namespace) -> int:
    """Print the table of gradient errors; 1 where one does not pass."""
    width = 40
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


def _introduction(dataset: Dataset, binarization: str, model: VAE) -> str:
    height, width = dataset.image_shape
    sizes = "-".join(map(str, (model.input_dim, *model.hidden_dims, model.latent_dim)))
    return (
        f"data   {dataset.name}: {len(dataset.x_train)} images of {height} x {width} to train on, "
        f"{len(dataset.x_test)} to test on ({dataset.held_out}){_words(binarization)}\n"
        f"model  VAE {sizes}, {model.activation}, {model.likelihood.config['name']}, beta {model.beta:g}: "
        f"{model.params.vector.size:,} parameters; npvae {npvae.__version__}"
    )
