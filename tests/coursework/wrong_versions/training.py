"""Wrong optimizers and schedules, wrong loops over the data, and wrong data in them.

`change(function, right, wrong)`, and under it: what is wrong -> what is right: the symptom.
"""

from npvae.data.pixels import draw_binary, to_float
from npvae.optim import SGD, Adagrad, Adam, Optimizer, cosine_decay, linear_warmup
from npvae.training import fit, minibatches
from wrong_versions.table import change

# The rule of one chunk. In Adam's, a m is m_hat, and b^2 v is v_hat.

adam_without_bias_correction = change(Adam.update, " / (1 - beta1**self.t)", "", " / (1 - beta2**self.t)", "")
"""32. m, v -> m / (1 - beta1^t), v / (1 - beta2^t): the first steps are three times too large."""

adam_counts_epochs = change(Adam.update, "beta1**self.t", "beta1", "beta2**self.t", "beta2")
"""32. t stands at 1 through the whole first epoch -> t counts steps: corrected far too much, for long."""

adam_corrects_one_step_late = change(Adam.update, "1**self.t", "1**(self.t + 1)", "2**self.t", "2**(self.t + 1)")
"""1 - beta^(t + 1) -> 1 - beta^t: t is increased before and after."""

adam_exchanges_its_moments = change(
    Adam.update, "p -= change", "p -= self.lr * b**2 * v / (np.sqrt(np.abs(a * m)) + self.adam_eps)"
)
"""v / sqrt(m) -> m / sqrt(v), absolute values against the NaN: the sign of the gradient is lost."""

adam_exchanges_its_betas = change(Adam.update, "beta1, beta2 = self.betas", "beta2, beta1 = self.betas")
"""beta2 for m, beta1 for v -> the other way round: slow to turn, quick to shrink."""

adam_eps_inside_the_root = change(
    Adam.update, "p -= change", "p -= self.lr * a * m / np.sqrt(b**2 * v + self.adam_eps)"
)
"""sqrt(v + eps) -> sqrt(v) + eps: small gradients move far less."""

adam_without_the_root = change(Adam.update, "p -= change", "p -= self.lr * a * m / (b**2 * v + self.adam_eps)")
"""m / v -> m / sqrt(v): the step grows as the gradient shrinks."""

sgd_climbs = change(SGD.update, "p -= self.lr * v", "p += self.lr * v")
"""p += lr v -> p -= lr v: the loss rises."""

momentum_dampened = change(SGD.update, "v += g", "v += (1 - self.momentum) * g")
"""v = momentum v + (1 - momentum) g -> momentum v + g: slower by 1 / (1 - momentum)."""

momentum_forgotten = change(SGD.update, "p -= self.lr * v", "p -= self.lr * g")
"""v = g -> momentum v + g."""

step_on_a_copy = change(SGD.update, "p -= self.lr * v", "p = p - self.lr * v")
"""p = p - lr v -> p -= lr v: a new array gets the step, the parameters stay."""

adagrad_forgets = change(Adagrad.update, "s += g * g", "s[...] = g * g")
"""s = g^2 -> s + g^2: every step has the size lr, it never slows down."""

adagrad_without_the_root = change(Adagrad.update, "np.sqrt(s)", "s")
"""g / s -> g / sqrt(s)."""

# The step around the rule.

decay_with_the_wrong_sign = change(Optimizer.step, "g + self.weight_decay * p", "g - self.weight_decay * p")
"""grad - decay p -> grad + decay p: the weights are blown up."""

decay_forgotten = change(Optimizer.step, "g + self.weight_decay * p", "g")
"""grad -> grad + decay p."""

gradient_changed_by_the_step = change(Optimizer.step, "g = g + self.weight_decay * p", "g += self.weight_decay * p")
"""grad += decay p -> a new array: the caller's gradient is changed."""

one_chunk_moves = change(Optimizer.step, "range(0, params.size, CHUNK)", "[0]")
"""Only the first chunk of the vector -> all of it: a small model never notices."""

cosine_from_epoch_zero = change(cosine_decay, "(epoch - 1)", "epoch")
"""epoch / epochs -> (epoch - 1) / epochs: the last epoch has the rate 0 and teaches nothing."""

warmup_never_stops = change(linear_warmup, "min(1.0, epoch / epochs)", "epoch / epochs")
"""end epoch / epochs -> at most end: beta goes on rising."""

# The loop over the data.

remainder_dropped = change(minibatches, "range(0, n, batch_size)", "range(0, n - batch_size + 1, batch_size)")
"""Full batches only -> a shorter one at the end: some examples are left out of each epoch."""

always_in_the_same_order = change(minibatches, "rng.permutation(n)", "np.arange(n)")
"""np.arange -> a permutation: data sorted by class are met class by class."""

drawn_with_replacement = change(minibatches, "rng.permutation(n)", "rng.integers(0, n, n)")
"""rng.integers -> a permutation: a third of the data is not met in an epoch."""

beta_schedule_ignored = change(fit, "beta(epoch)", "model.beta")
"""beta stays -> follows its schedule: the warm-up that was asked for never happens."""

labels_not_shuffled_along = change(fit, "rng, labels", "rng, labels if labels is None else np.roll(labels, 1)")
"""Images in a new order, labels in the old -> the same order for both: the label tells nothing."""

held_out_loss_of_the_training_set = change(fit, "(model, x_test", "(model, x_train[: len(x_test)]")
"""Test loss of the training set -> of the test set: nothing is held out, and overfitting never shows."""

# The data.

grey_levels_by_256 = change(to_float, "x, 255", "x, 256")
"""x / 256 -> x / 255: white is never 1."""

grey_levels_in_uint8 = change(to_float, "np.divide(x, 255, dtype=dtype)", "(x // 255).astype(dtype)")
"""x // 255 -> x / 255: integer division, every pixel that is not white is black."""

binarized_by_a_threshold = change(draw_binary, "rng.random(x.shape)", "0.5")
"""x > 1/2 -> a draw with probability x: the mean image is another."""

binarized_with_256_levels = change(draw_binary, "rng.integers(0, 255", "rng.integers(0, 256")
"""A draw from 0..255 < x -> from 0..254: white is drawn black once in 256."""

binarized_with_one_draw = change(draw_binary, "rng.random(x.shape)", "rng.random()")
"""One uniform number for all -> one a pixel: every mean is right, and the image is a threshold."""
