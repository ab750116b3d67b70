"""Wrong versions of what stands in this package, each of which its tests must reject."""

from itertools import chain

from wrong_versions import judging, models, of_exercises, pairs, training
from wrong_versions.table import rows

WRONG_VERSIONS = {}
"""All of them by name."""
for version in chain(*map(rows, (pairs, models, training, judging)), of_exercises.versions()):
    if version.name in WRONG_VERSIONS:
        raise ValueError(f"two wrong versions are called {version.name}, expected a name of its own for each")
    WRONG_VERSIONS[version.name] = version
