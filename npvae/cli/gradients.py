"""npvae gradcheck: a table that checks every pair, and every parameter of small models."""

import functools
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, NamedTuple

from npvae.cli.arguments import seed
from npvae.gradcheck import BAR, D, L, all_pairs, model_errors, pair_error, redraw, spread_biases
from npvae.internals import validation
from npvae.internals.types import Generator, Rng
from npvae.layers import ACTIVATIONS
from npvae.likelihoods import LIKELIHOODS
from npvae.models import MODELS, VAE, Model

EXAMPLES = """\
examples:
  npvae gradcheck
  npvae gradcheck --seed 7                    at other points, with other noise
"""
N, HIDDEN = 4, (8, 6)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    error: float
    redrawn: int

    @property
    def passed(self) -> bool:
        """Whether the error is below the bar."""
        return self.error < BAR


def add_parsers(subparsers: Any) -> None:
    """Add the command to the command line."""
    gradcheck = subparsers.add_parser(
        "gradcheck",
        help="check every gradient against finite differences",
        description="Check every function, and every parameter of small models, against finite differences.",
        epilog=EXAMPLES,
    )
    gradcheck.set_defaults(run=print_table)
    gradcheck.add_argument("--seed", type=seed, default=0, help="seed for everything random (default: 0)")


def print_table(options: Namespace) -> int:
    """Print the table of gradient errors; return 1 if any does not pass."""
    width = 50
    print(f"{'gradient of':{width}}  {'error':>8}")
    passed, redrawn = True, {}
    for row in gradient_table(options.seed):
        print(f"{row.name:{width}}  {row.error:8.1e}  {'pass' if row.passed else 'FAIL'}", flush=True)
        passed = passed and row.passed
        redrawn[row.name.split(":")[0]] = row.redrawn
    print(f"\nerror: largest relative difference from central differences; pass: below {BAR:g}")
    print(f"points redrawn because a relu switched within a finite difference: {sum(redrawn.values())}")
    print("every gradient passes" if passed else "some gradients are WRONG")
    return 0 if passed else 1


def gradient_table(rng: Rng = 0) -> Iterator[Row]:
    """Check everything, row by row: each pair, a VAE with each likelihood, the other models with the first of them.

    Parameters
    ----------
    rng : numpy.random.Generator, int or None
        Draws the points, the noise and the upstream gradients.

    Yields
    ------
    row : Row
    """
    rng = validation.generator("rng", rng)
    for name, pair in all_pairs().items():
        error, redrawn = redraw(functools.partial(pair_error, pair), rng)
        yield Row(name, error, redrawn)
    for activation in ACTIVATIONS:
        for likelihood in LIKELIHOODS:
            yield from _model_rows(VAE, activation, likelihood, rng)
        for name in MODELS.own:
            if MODELS[name] is not VAE:
                yield from _model_rows(MODELS[name], activation, next(iter(LIKELIHOODS)), rng)


def _model_rows(kind: type[Model], activation: str, likelihood: str, rng: Generator) -> Iterator[Row]:
    beta = 1.5 if kind.weighs_kl else 1.0
    settings = {"name": likelihood, **LIKELIHOODS[likelihood].checked_with}

    def check(rng: Generator) -> dict[str, float]:
        model = kind(D, L, HIDDEN, settings, activation, beta, dtype="float64", rng=rng)
        spread_biases(model, rng)
        labels = rng.integers(0, model.label_dim, N) if model.label_dim else None
        return model_errors(model, rng.random((N, D)), model.draw_eps(N, rng), rng, labels)

    errors, redrawn = redraw(check, rng)
    for parameter, error in errors.items():
        yield Row(f"{kind.__name__} {activation} {likelihood}: {parameter}", error, redrawn)
