# ruff: noqa: E402, F401, I001
"""What stands above an error and below it is defined all the same."""

early = 1

raise ZeroDivisionError("half way")

import no_such_module
import sys

sys.exit(3)


def attack():
    return {"early": early}
