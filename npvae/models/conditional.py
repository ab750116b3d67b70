"""The conditional variational autoencoder: the label enters encoder and decoder."""

from typing import Any

import numpy as np

from npvae import validation
from npvae.models.vae import VAE
from npvae.types import Array


class ConditionalVAE(VAE):
    r"""Variational autoencoder of images of a known class.

    Parameters
    ----------
    *args, **kwargs
        As for `VAE`.
    label_dim : int
        Number of classes C. Labels are whole numbers from 0 to C - 1, handed to every call as `labels`.

    Notes
    -----
    .. math::
        \log p(x | y) \ge \mathbb{E}_{q(z|x,y)}[\log p(x | z, y)] - D_{KL}(q(z|x, y) \,\|\, p(z))

    The label, one-hot, is appended to x and to z; everything else is the VAE's. Lecture notes, "See Also"; Sohn,
    Lee and Yan (2015), with a prior that does not depend on y; Kingma et al. (2014), "M2", for labelled data.
    """

    def __init__(self, *args: Any, label_dim: int = 10, **kwargs: Any) -> None:
        self.label_dim = validation.positive_int("label_dim", label_dim)
        super().__init__(*args, **kwargs)

    def one_hot(self, labels: Array) -> Array:
        """(N,) whole numbers to (N, C): 1 in the label's column, 0 elsewhere."""
        return np.eye(self.label_dim, dtype=self.dtype)[labels]

    def encoder_input(self, x: Array, labels: Array | None) -> Array:
        """What enters the encoder: each image, and its label behind it."""
        return np.concatenate([x, self.one_hot(labels)], axis=1)  # type: ignore[arg-type]

    def decoder_input(self, z: Array, labels: Array | None) -> Array:
        """What enters the decoder: each latent draw, and its label behind it."""
        return np.concatenate([z, self.one_hot(labels)], axis=1)  # type: ignore[arg-type]

    def decoder_input_backward(self, dinput: Array) -> Array:
        """Gradient of `decoder_input` by z: the label's columns are data and get none."""
        return dinput[:, : self.latent_dim]

    def check_labels(self, labels: Any, n: int) -> Array:
        """The labels of n examples, (n,) whole numbers from 0 to below label_dim, or a ValueError."""
        if labels is None:
            raise ValueError("labels are missing, a ConditionalVAE needs one for each example: pass labels=")
        return validation.class_labels(labels, n, self.label_dim)

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model again."""
        return {**super().config, "label_dim": self.label_dim}
