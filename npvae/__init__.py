"""npvae: a variational autoencoder and every gradient of it, by hand, in NumPy."""

from npvae.data import binarize, binarize_threshold, load_digits, load_mnist, read_idx, to_float
from npvae.evaluation import Evaluation, evaluate, log_likelihood
from npvae.gradcheck import KinkError, gradient_error
from npvae.latent import (
    kl_divergence,
    kl_divergence_backward,
    log_mean_exp,
    log_mean_exp_backward,
    log_prior_ratio,
    log_prior_ratio_backward,
    reparameterize,
    reparameterize_backward,
)
from npvae.layers import (
    dense,
    dense_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from npvae.likelihoods import (
    Bernoulli,
    Gaussian,
    bernoulli_nll,
    bernoulli_nll_backward,
    gaussian_nll,
    gaussian_nll_backward,
)
from npvae.models import VAE, AutoEncoder, ConditionalVAE, ImportanceWeightedVAE, LossTerms, load_model
from npvae.optim import SGD, Adagrad, Adam, cosine_decay, linear_warmup
from npvae.training import DivergenceError, History, fit

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "VAE",
    "Adagrad",
    "Adam",
    "AutoEncoder",
    "Bernoulli",
    "ConditionalVAE",
    "DivergenceError",
    "Evaluation",
    "Gaussian",
    "History",
    "ImportanceWeightedVAE",
    "KinkError",
    "LossTerms",
    "bernoulli_nll",
    "bernoulli_nll_backward",
    "binarize",
    "binarize_threshold",
    "cosine_decay",
    "dense",
    "dense_backward",
    "evaluate",
    "fit",
    "gaussian_nll",
    "gaussian_nll_backward",
    "gradient_error",
    "kl_divergence",
    "kl_divergence_backward",
    "linear_warmup",
    "load_digits",
    "load_mnist",
    "load_model",
    "log_likelihood",
    "log_mean_exp",
    "log_mean_exp_backward",
    "log_prior_ratio",
    "log_prior_ratio_backward",
    "read_idx",
    "relu",
    "relu_backward",
    "reparameterize",
    "reparameterize_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
    "to_float",
]
