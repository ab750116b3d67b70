"""Lists all that can be seen from the root: Python modules, and programs."""

import os


def attack():
    found = [os.path.join(folder, name) for folder, _, names in os.walk("/") for name in names]
    return {
        "modules": [path for path in found if path.endswith(".py") and "/lib/python" in path][-2000:],
        "programs": [path for path in found if "/bin/" in path],
    }
