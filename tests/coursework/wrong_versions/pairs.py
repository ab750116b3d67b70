"""Wrong layers, networks and initial weights, wrong draws of z and divergences, wrong likelihoods.

`change(function, right, wrong)`, and under it: what is wrong -> what is right: the symptom. What is wrong in both
halves of a pair alike escapes a gradient check.
"""

from npvae.internals.validation import within
from npvae.latent import kl_divergence, reparameterize, reparameterize_backward
from npvae.layers import (
    ACTIVATIONS,
    dense,
    dense_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from npvae.likelihoods import Bernoulli, Gaussian, bernoulli_nll, gaussian_nll_backward
from npvae.network import MLP
from npvae.parameters import Parameters, glorot_uniform, he_normal
from wrong_versions.table import change

# Dense: dx = dy W^T, dW = x^T dy, db = sum of dy over the batch.

gradient_buffer_ignored = change(dense_backward, "out or (None, None)", "None, None")
"""New arrays -> the buffers handed in: the model's flat gradient is whatever was in memory."""

gradient_buffer_added_to = change(
    dense_backward,
    "np.matmul(x.T, dy, out=dW_out)",
    "np.add(x.T @ dy, 0 if out is None else dW_out, out=dW_out)",
    "np.sum(dy, axis=0, out=db_out)",
    "np.add(dy.sum(axis=0), 0 if out is None else db_out, out=db_out)",
)
"""out += -> out =: every step carries the gradients of all steps before it."""

dense_without_bias = change(dense, "x @ W + b", "x @ W")
"""x W -> x W + b: the biases never matter, and start at zero, where nobody sees it."""

# Activations.

relu_in_place = change(relu, "np.maximum(a, 0)", "np.maximum(a, 0, out=a)")
"""30. np.maximum(a, 0, out=a) -> a new array: it overwrites what the layer before may still need."""

relu_in_one_buffer = change(
    relu, "maximum(a, 0)", "maximum(a, 0, out=vars(relu).setdefault((a.shape, a.dtype), np.empty_like(a)))"
)
"""One buffer for all calls -> one a call: the next forward of the same shape overwrites this one's cache."""

relu_backward_in_place = change(relu_backward, "dh * (h > 0)", "np.multiply(dh, h > 0, out=dh)")
"""dh *= (h > 0) -> dh * (h > 0): the caller's gradient is overwritten."""

relu_always_passes = change(relu_backward, "h > 0", "h >= 0")
"""h >= 0 -> h > 0: every relu output is 0 or more, so the gradient passes everywhere."""

relu_open_at_zero = change(relu, "return h, h", "return h, a") | change(relu_backward, "h > 0", "h >= 0")
"""a >= 0 -> a > 0: the slope at zero itself is 1; dead units of zero weight never stay dead."""

relu_leaks = change(relu, "np.maximum(a, 0)", "np.maximum(a, 0.01 * a)") | change(
    relu_backward, "(h > 0)", "np.where(h > 0, 1.0, 0.01).astype(h.dtype)"
)
"""max(a, a / 100) -> max(a, 0), gradient likewise: a leaky relu under the name of another."""

relu_capped_at_six = change(relu, "np.maximum(a, 0)", "np.clip(a, 0, 6)") | change(
    relu_backward, "(h > 0)", "((h > 0) & (h < 6))"
)
"""min(max(a, 0), 6) -> max(a, 0), gradient likewise: wrong only for large a."""

relu_backward_times_h = change(relu_backward, "(h > 0)", "h")
"""dh h -> dh (h > 0): the output in place of the slope."""

sigmoid_slope_at_its_input = change(sigmoid, "return h, h", "return h, a")
"""31. a (1 - a) at the pre-activation -> h (1 - h) at the output: the cache holds the wrong one."""

tanh_by_its_definition = change(tanh, "np.tanh(a)", "(np.exp(a) - np.exp(-a)) / (np.exp(a) + np.exp(-a))")
"""(e^a - e^-a) / (e^a + e^-a) -> np.tanh(a): NaN where e^a overflows, beyond 89 in float32."""

sigmoid_slope_without_its_second_factor = change(sigmoid_backward, "dh * h * (1 - h)", "dh * h")
"""dh h -> dh h (1 - h)."""

sigmoid_overflows = change(sigmoid, "np.minimum(a, 0)", "a", "-np.abs(a)", "a")
"""e^a / (1 + e^a) -> a form where no exponent is positive: NaN for large a."""

sigmoid_rounded_to_zero = change(sigmoid, "return", "h = 0.5 * (1 + np.tanh(0.5 * a))\n    return")
"""(1 + tanh(a / 2)) / 2 -> e^a / (1 + e^a) for negative a: exactly 0 from -40 on, and its log infinite."""

# The network, its initial weights, and the views of one flat vector.

activations_forgotten_in_backward = change(MLP.backward, "activation_backward(dh, activation_cache)", "dh")
"""dense, dense, dense on the way back -> each activation's slope between them."""

relu_with_the_slope_of_tanh = {ACTIVATIONS["relu"]: ACTIVATIONS["relu"]._replace(backward=tanh_backward)}
"""(relu, tanh_backward) -> (relu, relu_backward): a line of a table copied and half changed."""

weights_start_at_zero = change(he_normal, "rng.normal(0, math.sqrt(2 / inputs), shape)", "np.zeros(shape)")
"""Zeros -> N(0, 2 / I): all hidden units stay the same unit for ever."""

weights_start_with_the_variance_for_a_deviation = change(he_normal, "math.sqrt(2 / inputs)", "2 / inputs")
"""rng.normal(0, 2 / I) -> its root: the second argument is a standard deviation; the signal dies out."""

weights_start_uniform_with_the_deviation_for_a_limit = change(glorot_uniform, "6 / sum", "2 / sum")
"""U(-s, s), s = sqrt(2 / (I + O)) -> sqrt(6 / (I + O)): a third of the variance."""

views_of_a_copy = change(Parameters.like, "vector=vector", "vector=vector.copy()")
"""Views into a copy -> into the vector itself: the gradient is written where nobody reads it."""

bias_of_another_layer = change(
    Parameters.layer,
    'self._views[f"{name}.b"]',
    'next(b for b in self.values() if b.shape == self[f"{name}.W"].shape[1:])',
)
"""A bias found by its size -> by its name: two layers of one width share the first one's bias."""

# Reparameterization: z = mu + exp(logvar / 2) eps.

noise_drawn_again_in_backward = change(reparameterize_backward, "* eps", "* np.random.normal(size=dz.shape)")
"""2. New eps in backward -> the cached one: the gradient for logvar is noise."""

noise_drawn_inside = change(reparameterize, "return", "eps = np.random.normal(size=eps.shape)\n    return")
"""33. New noise in each evaluation -> the eps handed in: finite differences are differences of noise."""

noise_scaled_in_place = change(reparameterize, "sigma * eps", "np.multiply(sigma, eps, out=eps)")
"""eps *= sigma -> sigma * eps: the caller's noise is changed, and the cache with it."""

# KL = -1/2 sum(1 + logvar - mu^2 - exp(logvar)).

kl_exponential_in_place = change(kl_divergence, "return kl, (mu, var)", "return kl, (mu, np.exp(logvar, out=logvar))")
"""np.exp(logvar, out=logvar) -> a new array: whoever uses logvar next gets the variance."""

# Bernoulli: nll = sum softplus(logits) - x logits.

any_pixel_will_do = change(within, "array.size == 0", "True")
"""23. Grey levels 0..255 taken for probabilities -> refused with a clear error: a Bernoulli loss without a floor."""

bernoulli_in_float64 = change(bernoulli_nll, "x * logits", "x * logits * np.ones(1)")
"""A NumPy float64 among float32 -> Python floats: everything after it is float64 and half as fast."""

logits_changed_in_place = change(bernoulli_nll, "x * logits", "np.multiply(x, logits, out=logits)")
"""logits *= x -> x * logits: the caller's logits, and the cache, are something else afterwards."""

# Gaussian: nll = 1/2 sum log 2 pi + logvar + (x - mean)^2 / sigma^2.

gaussian_dlogvar_averaged = change(gaussian_nll_backward, "precision))", "precision)) * precision.size / dmean.size")
"""mean over what logvar was broadcast over -> sum: wrong only where one logvar serves many pixels."""

gaussian_dlogvar_not_summed = change(gaussian_nll_backward, "_sum_to(dlogvar, np.shape(precision))", "dlogvar")
"""(N, D) for a logvar of shape () or (D,) -> summed to its shape."""

# The likelihoods' classes: mean, draw, start, and what is learned.

learned_deviation_negated = change(Gaussian.nll_backward, "[...] = dlogvar", "[...] = -dlogvar")
"""output.logvar gets -dlogvar -> dlogvar: the deviation runs away from the right one."""

learned_deviation_never_learns = change(Gaussian.nll_backward, "[...] = dlogvar", "[...] = 0")
"""output.logvar gets no gradient -> dlogvar: a parameter that stays where it starts."""

std_taken_for_a_variance = change(Gaussian.logvar, "2 * math.log", "math.log")
"""logvar = log std -> 2 log std: std = 0.1 trains and samples with 0.32."""

pixels_drawn_with_the_variance = change(Gaussian.sample, "0.5 * self.logvar(params)", "self.logvar(params)")
"""output + sigma^2 noise -> sigma noise."""

deviation_starts_at_the_root = change(Gaussian.init_output, "max(spread, SMALLEST_VARIANCE)", "np.sqrt(spread)")
"""output.logvar = log of the deviation -> of the variance."""

bias_starts_at_the_mean = change(Bernoulli.init_output, "np.log(mean / (1 - mean))", "mean")
"""output.b = mean image -> its logit: the bias comes before the sigmoid."""

logits_for_probabilities = change(Bernoulli.mean, "sigmoid(output)[0]", "output")
"""Logits shown as an image -> their sigmoid."""

pixels_drawn_black_for_white = change(Bernoulli.sample, "< self.mean", "> self.mean")
"""1 where the uniform draw is above x_hat -> below."""

one_draw_for_all_pixels = change(Bernoulli.sample, "output.shape", "(len(output), 1)")
"""One uniform number for an image -> one a pixel: every mean is right, and pixels move together."""
