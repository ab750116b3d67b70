"""Registries of likelihoods, activations and models by name, both the package's own and those of others."""

from typing import TypeVar

Entry = TypeVar("Entry")


class Registry(dict[str, Entry]):
    """Entries by name. An entry added again replaces the earlier one; the package's own names cannot be taken.

    Parameters
    ----------
    what : str
        What the entries are, in the plural, for the error message.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.own: tuple[str, ...] = ()
        """The package's own names, which the command line offers."""

    def close(self) -> None:
        """Declare all names registered so far the package's own."""
        self.own = tuple(self)

    def __setitem__(self, name: str, entry: Entry) -> None:
        if name in self.own:
            raise ValueError(f"{name!r} is one of npvae's own {self.what}, expected another name for yours")
        super().__setitem__(name, entry)
