"""Wrong versions of what stands in this package, each of which its tests must reject."""

from wrong_versions import (
    checking,
    evaluation,
    latent,
    layers,
    likelihoods,
    model,
    of_exercises,
    optim,
    relatives,
    training,
)
from wrong_versions.of_exercises import PACKAGE
from wrong_versions.table import WRONG_VERSIONS, WrongVersion

__all__ = [
    "PACKAGE",
    "WRONG_VERSIONS",
    "WrongVersion",
    "checking",
    "evaluation",
    "latent",
    "layers",
    "likelihoods",
    "model",
    "of_exercises",
    "optim",
    "relatives",
    "training",
]
