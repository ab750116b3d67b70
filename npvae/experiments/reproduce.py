"""Running a recipe, resumably: train each arm, measure it as published, and put our numbers beside theirs."""

import json
import math
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae.data import binarize, load_mnist
from npvae.evaluation import evaluate, log_likelihood
from npvae.experiments.recipes import Arm, Recipe
from npvae.history import History
from npvae.internals.files import write_text
from npvae.internals.threads import count_of
from npvae.internals.types import Array
from npvae.models import Model
from npvae.training import TEST_SEED, fit

NLL_SAMPLES = 5000
BLOCK = 250
"""Number of test images measured between two saves."""


def make_model(arm: Arm, recipe: Recipe, x_train: Array, seed: int) -> Model:
    """Return an arm's model before training."""
    model = arm.model(784, rng=seed, **arm.settings)
    if arm.initialize:
        arm.initialize(model, np.random.default_rng(seed))
    if recipe.output_bias:
        model.init_output(x_train)
    return model


def run_arm(
    recipe: Recipe, arm: Arm, scale: float, folder: Path, seed: int, threads: int, verbose: bool
) -> tuple[Model, History]:
    """Train one arm, resuming an earlier run if there is one."""
    (x_train, _), (x_test, _) = load_mnist()
    model = make_model(arm, recipe, x_train, seed)
    history = fit(
        model,
        x_train,
        x_test,
        epochs=arm.scaled_epochs(scale),
        batch_size=arm.batch_size,
        optimizer=arm.optimizer(),
        binarize=recipe.binarize,
        draws=arm.draws,
        lr_schedule=arm.lr_schedule(),
        rng=seed,
        checkpoint=folder / f"{arm.name}.checkpoint.npz",
        threads=threads,
        verbose=verbose,
    )
    model.save(folder / f"{arm.name}.npz")
    history.to_csv(folder / f"{arm.name}.csv")
    return model, history


def measure(
    recipe: Recipe, arm: Arm, model: Model, epochs: int, folder: Path, threads: int, verbose: bool
) -> dict[str, Any]:
    """Measure the published quantity on the whole test set, and what else a reader may ask."""
    _, (x_test, _) = load_mnist()
    x = binarize(x_test, TEST_SEED) if recipe.binarize else x_test
    result = evaluate(model, x, rng=TEST_SEED, threads=threads)
    measured = {"test loss": result.loss, "active units": result.active_units}
    if recipe.measure != "nll":
        return measured
    path = folder / f"{arm.name}.{epochs}-epochs.log_likelihood.json"
    done: list[list[float]] = json.loads(path.read_text("utf-8")) if path.exists() else []
    for block in range(len(done), math.ceil(len(x) / BLOCK)):
        part = x[block * BLOCK : (block + 1) * BLOCK]
        log_p = log_likelihood(model, part, n_samples=NLL_SAMPLES, rng=block, verbose=False, threads=threads)
        done.append(log_p.tolist())
        write_text(path, json.dumps(done))
        if verbose:
            count = sum(map(len, done))
            print(f"  {count:5d} of {len(x)} test images: nll {-np.mean(np.concatenate(done)):.3f} nats", flush=True)
    log_p = np.concatenate(done)
    return measured | {
        "nll": -float(np.mean(log_p)),
        "standard error": float(np.std(log_p, ddof=1) / len(log_p) ** 0.5),
    }


def reproduce(
    recipe: Recipe,
    arms: list[str] | None = None,
    scale: float = 1.0,
    folder: Path | None = None,
    seed: int = 0,
    threads: int = 1,
    say: Callable[[str], Any] = print,
) -> dict[str, dict[str, Any]]:
    """Run a recipe, or some of its arms, and write results.json and the curves into its folder.

    Parameters
    ----------
    recipe : Recipe
    arms : list of str, optional
        Names of arms; all by default.
    scale : float
        Share of the published schedule to run, above 0 and up to 1: its first epochs. A larger share continues
        the same run.
    folder : Path, optional
        Where checkpoints and results are kept; a run that finds its checkpoints there resumes from them.
        Default: runs/<recipe>-seed-<seed>.
    seed, threads : int
    say : callable
        Called with each line of the report.

    Returns
    -------
    results : dict
        What was measured, by arm.

    Raises
    ------
    ValueError
        For an unknown arm.
    """
    folder = folder or Path("runs") / f"{recipe.name}-seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    known = {arm.name: arm for arm in recipe.arms}
    if unknown := set(arms or ()) - set(known):
        raise ValueError(f"{recipe.name} has no arm {', '.join(unknown)}, expected some of: {', '.join(known)}")
    say(f"{recipe.name}: {recipe.source}; seed {seed}, {count_of(threads)}")
    say("MNIST, " + ("pixels drawn as 0 or 1 anew in each epoch" if recipe.binarize else "grey levels"))
    if scale != 1:
        say(f"SHORTENED to {scale:g} of the published schedule: the numbers are not those of the full one")
    results = {}
    for name in arms or known:
        arm = known[name]
        say(f"\n{name}: {arm.scaled_epochs(scale)} epochs, published {arm.epochs}")
        model, history = run_arm(recipe, arm, scale, folder, seed, threads, verbose=True)
        if history.interrupted:
            say(f"stopped: run the same command again to resume from {folder}")
            break
        results[name] = measure(recipe, arm, model, len(history), folder, threads, verbose=True) | {
            "seed": seed,
            "versions": {"npvae": npvae.__version__, "NumPy": np.__version__, "Python": platform.python_version()},
            "epochs": len(history),
            "training seconds": float(np.sum(history["seconds"])),
            "published": arm.published,
        }
        write_text(folder / "results.json", json.dumps(results, indent=2) + "\n")
    if recipe.measure != "loss" and results:
        _draw_curves(recipe, folder, list(results))
        say(f"\nwrote {folder / 'curves.png'}")
    for line in _table(recipe, results):
        say(line)
    return results


def _table(recipe: Recipe, results: dict[str, dict[str, Any]]) -> list[str]:
    """Return a table of our numbers beside theirs."""
    key = "nll" if recipe.measure == "nll" else "test loss"
    lines = ["", f"{'':12s} {'epochs':>6s} {key + ', ours':>19s} {'published':>16s} {'active units':>13s}"]
    for name, result in results.items():
        error = f" +- {result['standard error']:.2f}" if "standard error" in result else ""
        ours = f"{result[key]:.2f}{error} nats"
        lines.append(
            f"{name:12s} {result['epochs']:6d} {ours:>19s} {result['published']:>16s} {result['active units']:13d}"
        )
    return lines


def _draw_curves(recipe: Recipe, folder: Path, names: list[str]) -> None:
    from npvae.plots import plot_bounds, plot_stages, save_figure

    histories = {name.replace("Nz-", "$N_z$ = "): History.from_csv(folder / f"{name}.csv") for name in names}
    stages = recipe.arms[0].lr_stages
    drawn = plot_stages(histories, stages) if stages else plot_bounds(histories, examples=60_000)
    save_figure(drawn, folder / "curves.png")
