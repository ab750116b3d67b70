"""The models, and the reader that finds out which of them a file holds."""

import os

from npvae.models.autoencoder import AutoEncoder
from npvae.models.base import LossTerms, Model, read_model_file
from npvae.models.conditional import ConditionalVAE
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

MODELS: dict[str, type[Model]] = {
    model.__name__: model for model in (VAE, AutoEncoder, ConditionalVAE, ImportanceWeightedVAE)
}


def load_model(path: str | os.PathLike[str]) -> Model:
    """Load a model saved by its `save`, whichever class it is of.

    Parameters
    ----------
    path : path-like
        An .npz file.

    Returns
    -------
    model : Model

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        For a file that is damaged or that no model of this package has written, or with parameters that are NaN or
        infinite.
    """
    config, arrays = read_model_file(path)
    if str(config["class"]) not in MODELS:
        raise ValueError(f"{path} holds a {config['class']}, expected one of: {', '.join(MODELS)}")
    return MODELS[config["class"]].from_file(path, config, arrays)
