"""Registries: likelihoods, activations and models by name, the package's own and anyone's."""

from typing import TypeVar

Entry = TypeVar("Entry")


class Registry(dict[str, Entry]):
    """Entries by name. One that is entered again replaces itself; the names of the package's own cannot be taken.

    Parameters
    ----------
    what : str
        What the entries are, for the error.
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.own: tuple[str, ...] = ()
        """Names that are in it from the beginning, which the command line offers."""

    def close(self) -> None:
        """Make all names that are in it the package's own."""
        self.own = tuple(self)

    def __setitem__(self, name: str, entry: Entry) -> None:
        if name in self.own:
            raise ValueError(f"{name!r} is one of npvae's own {self.what}, expected another name for yours")
        super().__setitem__(name, entry)
