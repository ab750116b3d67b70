"""What an assignment asks: the textbook's questions, which this package answers, or others, which it does not."""

from dataclasses import dataclass, field, fields

TEXTBOOK = "textbook"
FORMS = ("long", "short")


@dataclass(frozen=True)
class Variant:
    """One choice for each exercise that has any. The defaults are the textbook's, which the package answers.

    Two are equal where every exercise asks the same in both. As a string it is the line that a handout carries.
    """

    name: str = field(default=TEXTBOOK, compare=False)
    """Its number, or "textbook"."""
    weights: str = "input first"
    """Layout of a dense layer's W."""
    activation: str = "tanh"
    head: str = "log-variance"
    """What the encoder's second head, rho, stands for."""
    prior_mean: float = 0.0
    prior_sigma: float = 1.0
    """p(z) = N(prior_mean, prior_sigma^2 I)."""
    likelihood: str = "Gaussian"
    optimizer: str = "Adam"
    labels: str = "one-hot last"
    """How a label enters encoder and decoder."""
    form: str = field(default=FORMS[0], compare=False)
    """ "long" for all exercises, "short" for some."""
    package: str = field(default="", compare=False)
    """Version of npvae that it was handed out with; empty where a number was all that it carried."""

    @property
    def title(self) -> str:
        """What people call it."""
        return f"assignment {self.name}, {self.form} form"

    def __str__(self) -> str:
        said = {"variant": self.name, "form": self.form, "npvae": self.package or "0.1"}
        said |= {slot: getattr(self, slot) for slot in SLOTS}
        return ", ".join(f"{key} {value}" for key, value in said.items())


SLOTS = tuple(slot.name for slot in fields(Variant) if slot.compare)
"""What can be chosen."""
