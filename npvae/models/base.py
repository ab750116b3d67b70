"""What all models share: their sizes and parameters, the mean loss, the public door, files.

The mathematics of each model, its forward and its backward, stands in the model's own file.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from npvae import validation
from npvae.data.pixels import to_float
from npvae.files import read_arrays, write_atomically
from npvae.likelihoods import Likelihood, make_likelihood
from npvae.network import ACTIVATIONS, INITIALIZERS, MLP
from npvae.parameters import Parameters, Shapes, dense_shapes, glorot_uniform
from npvae.types import Array, Generator, Rng

FORMAT = 1
M = TypeVar("M", bound="Model")


class LossTerms(NamedTuple):
    """The loss of each example and the two terms it is made of, each (N,), in nats: loss = nll + beta kl."""

    loss: Array
    nll: Array
    kl: Array


class Model:
    """Sizes, parameters and the public door. Subclasses add `heads`, `forward` and `backward`.

    See `npvae.VAE` for the arguments. `arrays`, which only `from_file` gives, are the parameters in place of drawn
    ones: no memory is taken before they fit, whatever sizes a file claims.
    """

    heads: tuple[str, ...]
    """The linear layers at the encoder's end, each (H, L)."""
    weighs_kl = True
    """Whether the loss has a KL term for beta to weigh."""
    label_dim = 0
    """Classes of a model that is told the label; they enter encoder and decoder one-hot."""

    def __init__(
        self,
        input_dim: int = 784,
        latent_dim: int = 20,
        hidden_dims: tuple[int, ...] = (400,),
        likelihood: str | dict[str, Any] | Likelihood = "bernoulli",
        activation: str = "relu",
        beta: float = 1.0,
        dtype: DTypeLike = "float32",
        rng: Rng = 0,
        *,
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        self.input_dim = validation.positive_int("input_dim", input_dim)
        self.latent_dim = validation.positive_int("latent_dim", latent_dim)
        self.hidden_dims = tuple(validation.positive_int("hidden_dims", width) for width in hidden_dims)
        self.likelihood = make_likelihood(likelihood)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation is {activation!r}, expected one of: {', '.join(ACTIVATIONS)}")
        self.activation = activation
        self.beta = validation.finite_number("beta", beta, above=0)
        if beta != 1 and not self.weighs_kl:
            raise ValueError(f"beta is {beta:g}, expected 1: a {type(self).__name__} has no KL term to weigh")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise ValueError(f"dtype is {self.dtype}, expected float32 (training) or float64 (checking)")

        D, L, widths = self.input_dim, self.latent_dim, self.hidden_dims
        self.encoder = MLP("encoder", (D + self.label_dim, *widths), activation)
        self.decoder = MLP("decoder", (L + self.label_dim, *widths[::-1]), activation)
        shapes = self.encoder.param_shapes
        for head in self.heads:
            shapes |= dense_shapes(head, self.encoder.sizes[-1], L)
        shapes |= self.decoder.param_shapes
        shapes |= dense_shapes("output", self.decoder.sizes[-1], D)
        shapes |= self.likelihood.param_shapes
        if arrays is None:
            self.params = Parameters(shapes, self.dtype)
            self._initialize(np.random.default_rng(rng))
        else:
            self.params = self._from_arrays(shapes, arrays)

    def _initialize(self, rng: Generator) -> None:
        """Weights as the activation after them asks, heads and output as linear layers, biases zero."""
        hidden = {f"{layer}.W" for layer in self.encoder.layers + self.decoder.layers}
        for name, array in self.params.items():
            if array.ndim == 2:
                draw = INITIALIZERS[self.activation] if name in hidden else glorot_uniform
                array[...] = draw(array.shape, rng)

    def _from_arrays(self, shapes: Shapes, arrays: Mapping[str, Array]) -> Parameters:
        found = {name: (array.shape, array.dtype.newbyteorder("=")) for name, array in arrays.items()}
        if found != {name: (shape, self.dtype) for name, shape in shapes.items()}:
            raise ValueError("its arrays do not fit its configuration")
        params = Parameters(shapes, self.dtype)
        for name, array in arrays.items():
            params[name] = array
        if not np.all(np.isfinite(params.vector)):
            raise ValueError("it has parameters that are NaN or infinite: train again, with a smaller learning rate")
        return params

    def init_output(self, x: Array) -> None:
        """Start the decoder at what it can say without z, so that training need not find it first.

        The output bias becomes that of the mean image; a learned standard deviation, the spread around it.

        Parameters
        ----------
        x : (N, D) ndarray
            The training set, uint8 grey levels or floats. At most some 10,000 of it are looked at.

        Raises
        ------
        ValueError
            For a wrong shape or dtype, N = 0, pixels out of range, NaN.
        """
        x = validation.dataset("x", x, self.input_dim, self.likelihood.support)
        some = to_float(x[:: max(1, len(x) // 5000)], np.float64)
        self.likelihood.init_output(some, self.params)

    # What a subclass writes out: the loss of each example, and the gradient of any weighting of them.

    def forward(self, x: Array, eps: Array, labels: Array | None = None) -> tuple[LossTerms, Any]:
        """Loss terms of each example, and the cache for `backward`."""
        raise NotImplementedError

    def backward(self, dloss: Array, cache: Any, grads: Parameters) -> None:
        """Write the gradient of sum(dloss * loss) by every parameter into grads."""
        raise NotImplementedError

    # The public door.

    def loss_and_grad(
        self, x: Array, eps: Array, out: Array | None = None, labels: Array | None = None
    ) -> tuple[float, Array]:
        r"""Mean loss of a batch and its gradient by every parameter.

        Parameters
        ----------
        x : (N, D) ndarray
            Floats; in [0, 1] for a Bernoulli likelihood.
        eps : (N, L) ndarray
            Noise from N(0, I), see `draw_eps`.
        out : (P,) ndarray, optional
            Buffer that the gradient is written into, memory of its own.
        labels : (N,) ndarray of int
            Only for a `ConditionalVAE`.

        Returns
        -------
        loss : float
            Nats per example.
        grad : (P,) ndarray
            Laid out like `params.vector`.

        Raises
        ------
        ValueError
            For a wrong shape or dtype, N = 0, pixels out of range, NaN.

        Notes
        -----
        .. math:: \mathrm{loss} = \frac1N \sum_n \left( nll_n + \beta\, kl_n \right)
        """
        terms, grad = self.terms_and_grad(x, eps, out, labels)
        return float(np.mean(terms.loss)), grad

    def terms_and_grad(
        self, x: Array, eps: Array, out: Array | None = None, labels: Array | None = None
    ) -> tuple[LossTerms, Array]:
        """Loss terms of each example, (N,), and the gradient of their mean; see `loss_and_grad`."""
        x, eps, labels = self._checked(x, eps, labels)
        grad = np.empty_like(self.params.vector) if out is None else self._buffer(out, x, eps)
        terms, cache = self.forward(x, eps, labels)
        N = len(terms.loss)
        dloss = np.full(N, 1 / N, self.dtype)  # the mean over the batch: the only division by N there is
        self.backward(dloss, cache, self.params.like(grad))
        return terms, grad

    def loss_terms(self, x: Array, eps: Array, labels: Array | None = None) -> LossTerms:
        """Loss, nll and kl of each example, (N,) nats each; arguments as in `loss_and_grad`."""
        terms, _ = self.forward(*self._checked(x, eps, labels))
        return terms

    def draw_eps(self, n: int, rng: Rng = None) -> Any:
        """Draw the noise for n examples: (n, L), from N(0, I)."""
        n = validation.positive_int("n", n)
        return np.random.default_rng(rng).standard_normal((n, self.latent_dim), dtype=self.dtype.name)

    def _images(self, x: Array) -> Array:
        return validation.images("x", x, self.input_dim, self.likelihood.support, self.dtype)

    def _latents(self, name: str, z: Array, n: int | None = None) -> Array:
        z = validation.latents(name, z, self.latent_dim, self.dtype)
        if n is not None and len(z) != n:
            raise ValueError(f"{name} has {len(z)} rows, expected {n}, one for each row of x")
        return z

    def check_labels(self, labels: Any, n: int) -> Array | None:
        """The labels of n examples as the model takes them (None, unless it is conditional), or a ValueError."""
        if labels is not None:
            raise ValueError(f"labels were given, but a {type(self).__name__} takes none: use a ConditionalVAE")
        return None

    def _noise(self, eps: Array, n: int) -> Any:
        return self._latents("eps", eps, n)

    def _checked(self, x: Array, eps: Array, labels: Array | None) -> tuple[Array, Any, Array | None]:
        x = self._images(x)
        return x, self._noise(eps, len(x)), self.check_labels(labels, len(x))

    def _buffer(self, out: Array, *inputs: Array) -> Array:
        vector = self.params.vector
        validation.target("out", out)
        if out.shape != vector.shape or out.dtype != self.dtype:
            raise ValueError(
                f"out has shape {out.shape} and dtype {out.dtype}, "
                f"expected {vector.shape} and {self.dtype}: use np.empty_like(model.params.vector)"
            )
        if any(np.may_share_memory(out, array) for array in (vector, *inputs)):
            raise ValueError(
                "out is memory of the parameters, x or eps, expected a buffer of its own: "
                "use np.empty_like(model.params.vector)"
            )
        return out

    # Files.

    @property
    def config(self) -> dict[str, Any]:
        """Everything but the parameters: the class and the arguments that make this model again."""
        return {
            "class": type(self).__name__,
            "input_dim": self.input_dim,
            "latent_dim": self.latent_dim,
            "hidden_dims": list(self.hidden_dims),
            "likelihood": self.likelihood.config,
            "activation": self.activation,
            "beta": self.beta,
            "dtype": self.dtype.name,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write configuration and parameters into one .npz file, without pickles, whole or not at all."""
        config = json.dumps({"format": FORMAT, **self.config})
        arrays: dict[str, Any] = {"config": np.array(config), **self.params}
        write_atomically(path, lambda file: np.savez(file, **arrays))

    @classmethod
    def load(cls: type[M], path: str | os.PathLike[str]) -> M:
        """Load a model of this class; errors as in `npvae.load_model`."""
        config, arrays = read_model_file(path)
        if config["class"] != cls.__name__:
            raise ValueError(f"{path} holds a {config['class']}, expected a {cls.__name__}: use load_model")
        return cls.from_file(path, config, arrays)

    @classmethod
    def from_file(cls: type[M], path: str | os.PathLike[str], config: dict[str, Any], arrays: dict[str, Array]) -> M:
        """The model that a file's configuration and arrays describe, or a ValueError."""
        arguments = {key: value for key, value in config.items() if key not in ("class", "format")}
        try:
            return cls(**arguments, arrays=arrays)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a {cls.__name__} of this version: {error}") from error
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error


def read_model_file(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    """The configuration and the arrays of a file written by `Model.save`, or a ValueError."""
    arrays = read_arrays(path)
    try:
        config = json.loads(str(arrays.pop("config")))
        version, _ = config["format"], config["class"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is not a saved model: it has no configuration ({error!r})") from error
    if version != FORMAT:
        raise ValueError(f"{path} has format {version}, expected {FORMAT}: it is from another version of npvae")
    return config, arrays
