"""What all models share: their sizes and parameters, the mean loss, and the checks of arguments.

The mathematics of each model, its forward and its backward, is in the model's own file.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from npvae.data.pixels import to_float
from npvae.internals import validation
from npvae.internals.types import Array, Generator, Rng
from npvae.layers import ACTIVATIONS
from npvae.likelihoods import Likelihood, make_likelihood
from npvae.models import files
from npvae.network import MLP
from npvae.parameters import Parameters, Shapes, dense_shapes, glorot_uniform

M = TypeVar("M", bound="Model")


class LossTerms(NamedTuple):
    """The loss of each example and the two terms it is made of, each (N,) in nats: loss = nll + beta kl."""

    loss: Array
    nll: Array
    kl: Array


class Model:
    """The sizes, parameters and public calls of a model. Subclasses add `heads`, `forward`, `backward` and `codes`.

    A subclass with settings of its own sets them as attributes of the same names before `super().__init__`, and adds
    them to `config`; one with further parameters names them in `extra_shapes`, and writes their gradients too.

    See `npvae.VAE` for the arguments. `arrays`, which only a file gives, holds the parameters to use instead of
    random ones: no memory is allocated unless they fit, whatever sizes a file claims. Defining a subclass adds it to
    `MODELS`.
    """

    heads: tuple[str, ...] = ()
    """Names of the linear layers at the end of the encoder, each (H, L)."""
    command: str = ""
    """Name on the command line; only the package's own models have one."""
    weighs_kl = True
    """Whether the loss has a KL term for beta to weight."""
    has_prior = False
    """Whether z has the prior N(0, I) to draw from, so that samples, a bound and a likelihood of x exist."""
    label_dim = 0
    """Number of classes, for a model whose encoder and decoder take the label, one-hot; 0 for all others."""

    def __init_subclass__(cls) -> None:
        files.MODELS[cls.__name__] = cls

    def __init__(
        self,
        input_dim: int = 784,
        latent_dim: int = 20,
        hidden_dims: tuple[int, ...] = (400,),
        likelihood: str | Mapping[str, Any] | Likelihood = "bernoulli",
        activation: str = "relu",
        beta: float = 1.0,
        dtype: DTypeLike = "float32",
        rng: Rng = 0,
        *,
        arrays: Mapping[str, Array] | None = None,
    ) -> None:
        self.input_dim = validation.positive_int("input_dim", input_dim)
        self.latent_dim = validation.positive_int("latent_dim", latent_dim)
        self.hidden_dims = validation.widths("hidden_dims", hidden_dims)
        self.likelihood = make_likelihood(likelihood)
        self.activation = validation.one_of("activation", activation, ACTIVATIONS)
        self.beta = validation.finite_number("beta", beta, above=0)
        if beta != 1 and not self.weighs_kl:
            raise ValueError(f"beta is {beta:g}, expected 1: {type(self).__name__} has no KL term to weight")
        self.dtype = validation.float_type("dtype", dtype)

        D, L, widths = self.input_dim, self.latent_dim, self.hidden_dims
        self.encoder = MLP("encoder", (D + self.label_dim, *widths), activation)
        self.decoder = MLP("decoder", (L + self.label_dim, *widths[::-1]), activation)
        shapes = self.encoder.param_shapes
        for head in self.heads:
            shapes |= dense_shapes(head, self.encoder.sizes[-1], L)
        shapes |= self.decoder.param_shapes
        shapes |= dense_shapes("output", self.decoder.sizes[-1], D)
        shapes |= {**self.extra_shapes, **self.likelihood.param_shapes}
        if arrays is None:
            self.params = Parameters(shapes, self.dtype)
            self._initialize(validation.generator("rng", rng))
        else:
            self.params = self._from_arrays(shapes, arrays)

    @property
    def extra_shapes(self) -> Shapes:
        """Names and shapes of a subclass's further parameters; matrices start like weights, all others at zero."""
        return {}

    def _initialize(self, rng: Generator) -> None:
        """Draw hidden layers' weights as their activation requires, others as for linear layers; biases stay zero."""
        hidden = {f"{layer}.W" for layer in self.encoder.layers + self.decoder.layers}
        for name, array in self.params.items():
            if array.ndim == 2:
                draw = ACTIVATIONS[self.activation].initializer if name in hidden else glorot_uniform
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
        """Set the output bias to its best fit without z, so that training need not find it first.

        On its own, the bias then gives the mean image; a learned standard deviation is set to the spread around it.

        Parameters
        ----------
        x : (N, D) ndarray
            The training set, uint8 grey levels or floats. At most some 10,000 of its images are used.

        Raises
        ------
        ValueError
            For a wrong shape or dtype, N = 0, pixels out of range, or NaN.
        """
        x = validation.dataset("x", x, self.input_dim, self.likelihood.support, training=True)
        some = to_float(x[:: max(1, len(x) // 5000)], np.float64)
        self.likelihood.init_output(some, self.params)

    # What a subclass writes out: the loss of each example, and the gradient of any weighted sum of these losses.

    def forward(self, x: Array, eps: Any) -> tuple[LossTerms, Any]:
        """Return the loss terms of each example, and the cache for `backward`.

        The cache is a tuple that holds those of encoder and decoder as they come, and no other lists: the gradient
        check looks in them for a relu that switched.
        """
        raise NotImplementedError

    def backward(self, dloss: Array, cache: Any, grads: Parameters) -> None:
        """Write the gradient of sum(dloss * loss) with respect to all parameters into grads."""
        raise NotImplementedError

    def codes(self, x: Array, labels: Array | None = None) -> Array:
        """Return the point where the encoder puts each image: (N, D) to (N, L)."""
        raise NotImplementedError

    # Public calls.

    def loss_and_grad(
        self, x: Array, eps: Array, out: Array | None = None, labels: Array | None = None
    ) -> tuple[float, Array]:
        r"""Return the mean loss of a batch and its gradient with respect to every parameter.

        Parameters
        ----------
        x : (N, D) ndarray
            Floats; in [0, 1] for a Bernoulli likelihood.
        eps : (N, L) ndarray
            Noise from N(0, I); see `draw_eps`.
        out : (P,) ndarray, optional
            Buffer that the gradient is written into; it must not share memory with the parameters, x or eps.
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
            For a wrong shape or dtype, N = 0, pixels out of range, NaN, or labels that do not fit.

        Notes
        -----
        .. math:: \mathrm{loss} = \frac1N \sum_n \left( nll_n + \beta\, kl_n \right)
        """
        terms, grad = self.terms_and_grad(x, eps, out, labels)
        return float(np.mean(terms.loss)), grad

    def terms_and_grad(
        self, x: Array, eps: Array, out: Array | None = None, labels: Array | None = None
    ) -> tuple[LossTerms, Array]:
        """Return the loss terms of each example, each (N,), and the mean loss's gradient; see `loss_and_grad`."""
        inputs = self.inputs(x, eps, labels)
        grad = validation.buffer("out", out, self.params.vector, inputs)
        terms, cache = self.forward(*inputs)
        N = len(terms.loss)
        dloss = np.full(N, 1 / N, self.dtype)  # the mean over the batch: the only division by N there is
        self.backward(dloss, cache, self.params.like(grad))
        return terms, grad

    def loss_terms(self, x: Array, eps: Array, labels: Array | None = None) -> LossTerms:
        """Return loss, nll and kl of each example, (N,) each, in nats; arguments as in `loss_and_grad`."""
        terms, _ = self.forward(*self.inputs(x, eps, labels))
        return terms

    def inputs(self, x: Array, eps: Any, labels: Array | None = None) -> tuple[Any, ...]:
        """Return the arguments of `forward`, checked: images and noise, and labels if the model takes them."""
        x = self._images(x)
        labels = self.check_labels(labels, len(x))
        checked = x, self._noise(eps, len(x))
        return checked if labels is None else (*checked, labels)

    def noise_shape(self, n: int) -> tuple[int, ...] | None:
        """Return the shape of the noise for n examples; None if the model takes no noise."""
        return n, self.latent_dim

    def draw_eps(self, n: int, rng: Rng = None) -> Any:
        """Draw the noise for n examples from N(0, I): (n, L)."""
        shape = self.noise_shape(validation.positive_int("n", n))
        return shape and validation.generator("rng", rng).standard_normal(shape, dtype=self.dtype.name)

    def _noise(self, eps: Any, n: int) -> Any:
        shape = self.noise_shape(n)
        if shape is None and eps is not None:
            raise ValueError(f"eps was given, but {type(self).__name__} takes no noise: pass None")
        return shape and validation.noise("eps", eps, shape, self.dtype)

    def _images(self, x: Array) -> Array:
        return validation.images("x", x, self.input_dim, self.likelihood.support, self.dtype)

    def check_labels(self, labels: Any, n: int) -> Array | None:
        """Return the labels of n examples (None unless the model is conditional), or raise a ValueError."""
        if labels is not None:
            raise ValueError(f"labels were given, but {type(self).__name__} takes none: use a ConditionalVAE")
        return None

    # Files.

    @property
    def config(self) -> dict[str, Any]:
        """The arguments that make this model again, except for its parameters, and the name of its class."""
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

    def __repr__(self) -> str:
        sizes = "-".join(map(str, (self.input_dim, *self.hidden_dims, self.latent_dim)))
        beta = f", beta={self.beta:g}" if self.weighs_kl else ""
        count = f"{self.params.vector.size:,} parameters"
        return f"{type(self).__name__}({sizes}, {self.activation}, {self.likelihood.name}{beta}: {count})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write configuration and parameters to one .npz file, atomically and without pickles.

        Raises
        ------
        ValueError
            For a model that could not be loaded again: with parameters that are not finite, or a likelihood or an
            activation that is not in its registry.
        """
        files.save_model(self, path)

    @classmethod
    def load(cls: type[M], path: str | os.PathLike[str]) -> M:
        """Load a model of this class; errors as in `npvae.load_model`."""
        return files.load_model_of(cls, path)
