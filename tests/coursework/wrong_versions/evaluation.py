"""Wrong numbers about a model that is right."""

import copy
import dataclasses
from typing import Any

import numpy as np

from npvae.evaluation import evaluate, log_likelihood, log_weights, mean_terms
from npvae.internals.types import Array, Rng
from wrong_versions.table import replaces

EVALUATE, MEAN_TERMS = "npvae.evaluation.evaluate", "npvae.evaluation.mean_terms"


@replaces(MEAN_TERMS, number=35)
def bound_at_mu(model: Any, x: Array, labels: Any = None, rng: Rng = 0) -> Any:
    """z = mu on the test set -> z drawn from q: no bound on anything, and too good."""
    still = copy.copy(model)
    still.draw_eps = lambda n, rng: np.zeros((n, model.latent_dim), model.dtype)
    return mean_terms(still, x, labels, rng)


@replaces("npvae.evaluation.log_likelihood", number=37)
def likelihood_averaged_in_log_space(
    model: Any, x: Array, labels: Any = None, n_samples: int = 5000, rng: Rng = 0, verbose: bool = True
) -> Array:
    """mean of log w -> log of mean of w: the ordinary bound again, whatever the number of draws."""
    mu, logvar = model.encode(x, labels)
    eps = np.random.default_rng(rng).standard_normal((n_samples, *mu.shape))
    return np.mean(log_weights(model, x, mu, logvar, eps, labels), axis=0)


@replaces("npvae.evaluation.log_likelihood")
def likelihood_summed_over_draws(model: Any, x: Array, *args: Any, **settings: Any) -> Array:
    """log sum w -> log mean w: it rises with the number of draws, above log p(x)."""
    return log_likelihood(model, x, *args, **settings) + float(np.log(settings.get("n_samples", 5000)))


@replaces(MEAN_TERMS)
def mean_of_batch_means(model: Any, x: Array, labels: Any = None, rng: Rng = 0) -> Any:
    """The mean of each batch's mean -> of all examples: the short last batch weighs too much."""
    rng, starts = np.random.default_rng(rng), range(0, len(x), 500)
    parts = [(x[i : i + 500], None if labels is None else labels[i : i + 500]) for i in starts]
    means = [mean_terms(model, *part, rng) for part in parts]
    return type(means[0])(*np.mean([dataclasses.astuple(mean) for mean in means], axis=0).tolist())


@replaces("npvae.evaluation.sums")
def means_where_sums_belong(terms: Any) -> Array:
    """Means of a batch added up -> sums: the curve is lower by the batch size."""
    return np.array([np.mean(term, dtype=np.float64) for term in terms])


@replaces(EVALUATE)
def bound_with_beta_in_it(model: Any, x: Array, *args: Any, **settings: Any) -> Any:
    """elbo = -loss -> -(nll + kl): with beta other than 1 it is no bound on log p(x)."""
    right = evaluate(model, x, *args, **settings)
    return dataclasses.replace(right, elbo=-right.loss)


@replaces(EVALUATE)
def bound_negated(model: Any, x: Array, *args: Any, **settings: Any) -> Any:
    """elbo = nll + kl -> -(nll + kl)."""
    right = evaluate(model, x, *args, **settings)
    return dataclasses.replace(right, elbo=-right.elbo)


@replaces(EVALUATE)
def bits_that_are_nats(model: Any, x: Array, *args: Any, **settings: Any) -> Any:
    """-elbo / D -> -elbo / (D log 2)."""
    right = evaluate(model, x, *args, **settings)
    return dataclasses.replace(right, bits_per_pixel=-right.elbo / model.input_dim)


@replaces(EVALUATE)
def active_where_the_mean_is_not_zero(model: Any, x: Array, *args: Any, **settings: Any) -> Any:
    """mean over x of mu^2 > 0.01 -> variance over x of mu: a constant mean tells nothing about x."""
    right = evaluate(model, x, *args, **settings)
    mu, _ = model.encode(x / 255 if x.dtype == np.uint8 else x)
    return dataclasses.replace(right, active_units=int(np.sum(np.mean(mu**2, axis=0) > 0.01)))
