"""Wrong numbers about a model that is right, and wrong gradient checkers, which let everything pass, or nothing.

`change(function, right, wrong)`, and under it: what is wrong -> what is right: the symptom.
"""

import numpy as np
from numpy.linalg import norm

from npvae.evaluation import evaluate, log_likelihood, mean_terms, sums
from npvae.gradcheck import STEP, gradient_errors, model_errors, numeric_gradient, relative_error
from wrong_versions.table import change

# Evaluation.

bound_at_mu = change(mean_terms, "model.draw_eps", "0 * model.draw_eps")
"""35. z = mu on the test set -> z drawn from q: no bound on anything, and too good."""

likelihood_averaged_in_log_space = change(log_likelihood, "log_mean_exp(log_w)[0]", "np.mean(log_w, axis=0)")
"""37. mean of log w -> log of mean of w: the ordinary bound again, whatever the number of draws."""

likelihood_summed_over_draws = change(log_likelihood, "log_sum - math.log(k)", "log_sum")
"""log sum w -> log mean w: it rises with the number of draws, above log p(x)."""

mean_of_batch_means = change(
    mean_terms, "sums(terms)", "sums(terms) / len(batch)", "total / len(x)", "total / len(slices(len(x), BATCH))"
)
"""The mean of each batch's mean -> of all examples: the short last batch weighs too much."""

means_where_sums_belong = change(sums, "np.sum", "np.mean")
"""Means of a batch added up -> sums: the curve is lower by the batch size."""

bound_with_beta_in_it = change(evaluate, "elbo=elbo", "elbo=-terms.loss")
"""elbo = -loss -> -(nll + kl): with beta other than 1 it is no bound on log p(x)."""

bound_negated = change(evaluate, "elbo=elbo", "elbo=-elbo")
"""elbo = nll + kl -> -(nll + kl)."""

bits_that_are_nats = change(evaluate, "(model.input_dim * math.log(2))", "model.input_dim")
"""-elbo / D -> -elbo / (D log 2)."""

active_where_the_mean_is_not_zero = change(
    evaluate, "np.var(codes(model, x, labels), axis=0)", "np.mean(codes(model, x, labels) ** 2, axis=0)"
)
"""mean over x of mu^2 > 0.01 -> variance over x of mu: a constant mean tells nothing about x."""

# The gradient checker.

new_noise_for_every_evaluation = change(model_errors, "(*inputs)", "(x, model.draw_eps(len(x)), *inputs[2:])")
"""33. eps drawn in each forward -> once, outside: right gradients are refused."""

relative_error_without_a_floor = change(relative_error, " + FLOOR * np.max(np.abs(numeric), initial=0)", "")
"""34. |a - n| / |n| -> with a floor: where n is nearly 0 rounding errors look like wrong gradients."""

differences_in_float32 = change(numeric_gradient, "above - below", "np.float32(above) - np.float32(below)")
"""34. float32 -> float64: 1e-5 is lost in the rounding of the loss."""

kinks_ignored = change(gradient_errors, "raise KinkError", "pass")
"""34. Any point -> not one where a relu switches: at a kink a right gradient is half a slope off."""

one_sided_differences = change(numeric_gradient, "value - STEP", "value", "(2 * STEP)", "STEP")
"""(f(v + h) - f(v)) / h -> central: its error is of the order h, and hides small mistakes."""

entries_not_put_back = change(numeric_gradient, "arg[index] = value\n", "pass\n")
"""Moved entries left where they are -> put back: the point drifts while it is looked at."""


def errors_at_arguments_that_move(forward, backward, args, *more):
    errors = gradient_errors(forward, backward, args, *more)
    for arg in args:
        arg += STEP
    return errors


arguments_changed = {gradient_errors: errors_at_arguments_that_move}
"""The caller's arrays moved and not put back -> copies."""

upstream_of_ones = change(gradient_errors, "dout = ", "dout = 1 + 0 * ")
"""dout = 1 -> random: what cancels in a plain sum is never seen, such as a softmax."""

difference_without_its_absolute_value = change(relative_error, "np.abs(analytic - numeric)", "analytic - numeric")
"""max(a - n) -> max|a - n|: a gradient that is too small passes."""

cosine_for_an_error = {relative_error: lambda a, n: 1 - (np.sum(a * n) + 1e-300) / (norm(a) * norm(n) + 1e-300)}
"""1 - cosine of the angle -> the difference: a factor of two passes, and so does a tenth of a percent."""

mean_error = {relative_error: lambda a, n: np.mean(np.abs(a - n)) / (np.max(np.abs(n)) + 1e-300)}
"""Mean over entries -> largest: one wrong entry in a large matrix is diluted."""

nan_passes = change(relative_error, "nan=np.inf", "nan=0")
"""nanmax -> NaN counts as infinitely wrong: what cannot be compared is accepted."""

first_array_alone = change(gradient_errors, "relative_error(", "(arg is args[0]) * relative_error(")
"""Only the first gradient -> all: a wrong dlogvar hides behind a right dmu."""
