"""The VAE as coursework: exercises, feedback that names the mistake, handouts for students."""

from npvae.coursework.check import Checker
from npvae.coursework.last_cell import own_vae
from npvae.coursework.marks import earned, passes

__all__ = ["Checker", "earned", "own_vae", "passes"]
