"""npvae: a variational autoencoder in NumPy, with every gradient derived by hand.

The sections of the lecture notes, and where to find each in the code:

    Variational AutoEncoders: two outputs      VAE.encode                          npvae/models/vae.py
    Why Log-Variance instead of Variance?      reparameterize, kl_divergence       npvae/latent.py
    Reparameterization Trick                   reparameterize                      npvae/latent.py
    Decoder: Bernoulli or Gaussian             Bernoulli, Gaussian                 npvae/likelihoods.py
    Decoder: two sources of randomness         VAE.sample, VAE.draw_output         npvae/models/vae.py
    Loss                                       VAE.forward and VAE.backward        npvae/models/vae.py
    Reconstruction Loss                        bernoulli_nll, gaussian_nll         npvae/likelihoods.py
    KL Divergence                              kl_divergence                       npvae/latent.py
    See Also: autoencoders                     AutoEncoder                         npvae/models/autoencoder.py
    See Also: conditional VAEs                 ConditionalVAE                      npvae/models/conditional.py

Each function `f` has its gradient, `f_backward`, directly under it. The building blocks are in layers.py, network.py
and parameters.py; training and evaluation are in optim.py, training.py, evaluation.py and gradcheck.py. The
importance-weighted bound, in models/importance.py, goes beyond the notes.
"""

from npvae.data import binarize, binarize_threshold, load_digits, load_mnist, read_idx, to_float
from npvae.evaluation import Evaluation, evaluate, log_likelihood
from npvae.gradcheck import KinkError, gradient_error
from npvae.history import History
from npvae.latent import kl_divergence, kl_divergence_backward, reparameterize, reparameterize_backward
from npvae.layers import (
    ACTIVATIONS,
    Activation,
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
    LIKELIHOODS,
    Bernoulli,
    Gaussian,
    Likelihood,
    bernoulli_nll,
    bernoulli_nll_backward,
    gaussian_nll,
    gaussian_nll_backward,
)
from npvae.models import (
    MODELS,
    VAE,
    AutoEncoder,
    ConditionalVAE,
    ImportanceWeightedVAE,
    LossTerms,
    Model,
    load_model,
)
from npvae.models.importance import log_mean_exp, log_mean_exp_backward, log_prior_ratio, log_prior_ratio_backward
from npvae.optim import SGD, Adagrad, Adam, cosine_decay, linear_warmup
from npvae.training import DivergenceError, fit, train_epoch

__version__ = "0.2.0"

__all__ = [
    "ACTIVATIONS",
    "LIKELIHOODS",
    "MODELS",
    "SGD",
    "VAE",
    "Activation",
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
    "Likelihood",
    "LossTerms",
    "Model",
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
    "train_epoch",
]
