"""Wrong models: the two terms weighted, added and averaged wrongly, paths forgotten, draws that are none.

`change(function, right, wrong)`, and under it: what is wrong -> what is right: the symptom.
"""

from npvae.models import VAE, ConditionalVAE, Model
from npvae.models.importance import log_prior_ratio, log_prior_ratio_backward
from wrong_versions.table import change

# What enters and leaves the two heads.

relu_on_the_log_variance = (
    change(VAE.forward, "z, z_cache", "logvar = np.maximum(logvar, 0)\n    z, z_cache")
    | change(VAE.backward, "dlogvar_z + dlogvar_kl", "(dlogvar_z + dlogvar_kl) * (z_cache[0] > 1)")
    | change(VAE.encode, "return mu, logvar", "return mu, np.maximum(logvar, 0)")
)
"""7. A relu after the head -> none: the log-variance is never negative, no q is narrower than the prior."""

trunk_hears_mu_alone = change(VAE.backward, "dh_mu + dh_logvar", "dh_mu")
"""27. dh = dh_mu -> dh_mu + dh_logvar: `=` where `+=` belongs."""

trunk_hears_the_log_variance_alone = change(VAE.backward, "dh_mu + dh_logvar", "dh_logvar")
"""27. dh = dh_logvar -> dh_mu + dh_logvar: the second `=` overwrites the first."""

encode_returns_the_heads_exchanged = change(VAE.encode, "return mu, logvar", "return logvar, mu")
"""(logvar, mu) -> (mu, logvar)."""

cache_kept_on_the_model = change(
    VAE.forward, "cache = encoder_cache,", "cache = self.cache = encoder_cache,"
) | change(VAE.backward, "kl_cache = cache", "kl_cache = self.cache")
"""self.cache -> a cache that is returned and handed in: a second forward overwrites the first one's."""

# loss = nll + beta kl.

kl_subtracted = change(VAE.forward, "+ self.beta", "- self.beta") | change(VAE.backward, "self.beta", "-self.beta")
"""11. nll - beta kl -> nll + beta kl, gradient likewise: q is driven away from the prior."""

kl_logged_negated = change(VAE.forward, "LossTerms(loss, nll, kl)", "LossTerms(loss, nll, -kl)")
"""11. terms.kl = -kl -> kl: the loss is right, the curve shows a negative divergence."""

kl_divided_by_N_and_D = change(VAE.forward, "self.beta * kl", "self.beta * kl / x.size") | change(
    VAE.backward, "self.beta * dloss", "self.beta * dloss / (len(dloss) * self.input_dim)"
)
"""16. kl / (N D) -> kl, gradient likewise: a hidden beta that depends on the batch size; an autoencoder."""

beta_on_the_reconstruction = change(VAE.forward, "nll + self.beta * kl", "self.beta * nll + kl") | change(
    VAE.backward, "dloss, self.beta * dloss", "self.beta * dloss, dloss"
)
"""beta nll + kl -> nll + beta kl, gradient likewise: beta works the wrong way round."""

beta_forgotten_in_forward = change(VAE.forward, "self.beta * kl", "kl")
"""nll + kl -> nll + beta kl: the loss that is reported is not the one that is minimized."""

beta_forgotten_in_backward = change(VAE.backward, "self.beta * dloss", "dloss")
"""dkl = dloss -> beta dloss: every beta trains like 1."""

beta_twice_in_backward = change(VAE.backward, "self.beta * dloss", "self.beta**2 * dloss")
"""dkl = beta^2 dloss -> beta dloss: multiplied in the loss's gradient and again in the KL's."""

upstream_averaged = change(VAE.backward, "dnll, dkl", "dloss = 0 * dloss + dloss.mean()\n    dnll, dkl")
"""One weight for all examples -> each its own: right for a mean loss, wrong for any weighting. Only N > 1."""

# The mean over the batch.

gradient_summed_over_the_batch = change(Model.terms_and_grad, "1 / N", "1")
"""17. Mean loss with the gradient of the sum -> of the mean: the learning rate depends on N. Only for N > 1."""

another_loss_is_logged = change(Model.loss_and_grad, "terms.loss", "terms.nll")
"""18. Mean of the reconstruction alone, beside the gradient of the whole -> the loss that is optimized."""

gradient_divided_by_N_twice = change(Model.terms_and_grad, "1 / N", "1 / N**2")
"""1 / N in the loss and again in the gradient -> once. Only for N > 1."""

# Draws and pictures.

mu_plus_sigma_decoded = change(VAE.reconstruct, "decode(mu", "decode(mu + np.exp(0.5 * logvar)")
"""6. z = mu + sigma without noise -> mu, or a real draw: always the same way off the mean."""

reconstruction_always_at_mu = change(VAE.reconstruct, "self.decode(z, labels)", "self.decode(mu, labels)")
"""eps ignored -> a draw where there is noise."""

reconstruction_always_drawn = change(VAE.reconstruct, "return self.decode(mu, labels)", "eps = self.draw_eps(len(x))")
"""Noise drawn where none is given -> mu: the picture flickers from call to call."""

samples_from_q = change(VAE.sample, "decode(z", "reconstruct(rng.random((n, self.input_dim)), self.draw_eps(n, rng)")
"""36. z from q(z given some image) -> from the prior: reconstructions shown as samples."""

samples_of_one_z = change(VAE.sample, "self.decode(z, labels)", "self.decode(np.tile(z[0], (n, 1)), labels)")
"""One z for all n -> n of them. Wrong only for n > 1."""

samples_from_a_narrow_prior = change(VAE.sample, "z = ", "z = 0.5**0.5 * ")
"""z from N(0, 1/2) -> N(0, 1): prettier and less varied, and not what the model says."""

noise_uniform = change(Model.draw_eps, "standard_normal(", "random(")
"""U(0, 1) -> N(0, 1): np.random.rand for randn; z only ever goes up from mu."""

noise_alike_for_all_examples = change(Model.draw_eps, "name)", "name)[..., :1, :].repeat(n, axis=-2)")
"""One draw repeated n times -> n draws. Wrong only for n > 1."""

noise_seeded_inside = change(Model.draw_eps, 'validation.generator("rng", rng)', "np.random.default_rng(0)")
"""default_rng(0) in each call -> the generator handed in: every step has the same noise."""

# Importance weights: log p(x) >= log mean of w, log w = log p(x|z) + log p(z) - log q(z|x).

prior_forgotten = change(log_prior_ratio, " - z**2", "") | change(log_prior_ratio_backward, "-dlog_ratio", "0")
"""-log q(z|x) -> log p(z) - log q(z|x), gradient likewise: nothing holds z near the prior."""

ratio_upside_down = change(log_prior_ratio, "0.5 * np.sum", "-0.5 * np.sum") | change(
    log_prior_ratio_backward, "dlog_ratio[..., None]", "-dlog_ratio[..., None]"
)
"""log q - log p -> log p - log q, gradient likewise: q is driven away from the prior."""

density_of_eps_for_that_of_z = change(log_prior_ratio, "logvar + eps**2", "eps**2")
"""eps^2 - z^2 -> logvar + eps^2 - z^2: the density of eps in place of that of z = mu + sigma eps."""

logvar_hears_the_first_draw_alone = change(log_prior_ratio_backward, "np.sum(dlogvar, axis=0)", "dlogvar[0]")
"""dlogvar of one draw -> the sum over all k that one logvar serves. Wrong only for k > 1."""

# The label enters encoder and decoder.

encoder_never_sees_the_label = change(ConditionalVAE.encoder_input, "self.one_hot", "0 * self.one_hot")
"""38. x and zeros -> x and its label: still a bound, generally a looser one."""

decoder_never_sees_the_label = change(ConditionalVAE.decoder_input, "self.one_hot", "0 * self.one_hot")
"""z and zeros -> z and its label: the label that is asked for has no effect on the sample."""

label_of_the_first_example = change(ConditionalVAE.decoder_input, "(labels)", "(np.full_like(labels, labels[0]))")
"""labels[0] for all -> each its own. Wrong only for N > 1."""

gradient_of_the_label_for_that_of_z = change(ConditionalVAE.backward, ": self.latent_dim", "-self.latent_dim :")
"""The last L columns -> the first L: the label's gradient goes into the encoder."""
