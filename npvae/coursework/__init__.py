"""The VAE as coursework: exercises, feedback that names the mistake, handouts for students."""

from npvae.coursework.check import Checker
from npvae.coursework.marks import earned, passes

__all__ = ["Checker", "earned", "passes"]
