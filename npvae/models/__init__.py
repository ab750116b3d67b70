"""The models, their registry, and how they are saved and loaded."""

from npvae.models.autoencoder import AutoEncoder
from npvae.models.base import LossTerms, Model
from npvae.models.conditional import ConditionalVAE
from npvae.models.files import MODELS, load_model
from npvae.models.importance import ImportanceWeightedVAE
from npvae.models.vae import VAE

__all__ = [
    "MODELS",
    "VAE",
    "AutoEncoder",
    "ConditionalVAE",
    "ImportanceWeightedVAE",
    "LossTerms",
    "Model",
    "load_model",
]

MODELS.close()
