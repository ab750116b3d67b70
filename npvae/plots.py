"""Figures. Each function returns a matplotlib Figure, to be shown or saved; none is wider than 8 inches."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from npvae.data.pixels import to_float
from npvae.internals.files import write_atomically
from npvae.internals.types import Array, Rng

if TYPE_CHECKING:
    from npvae.history import History
    from npvae.models import VAE

DPI = 100
SLACK = 0.25
"""How far the means of a Gaussian model may leave [0, 1] and still be drawn on that scale."""
Shape = tuple[int, ...]
Limits = tuple[float, float]
# Okabe and Ito's colours can be told apart by colour-blind readers; in greyscale print, line styles help.
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"


class ShownOnce(Figure):
    """A figure that a notebook shows once, although it is both open and the value of a cell's last line."""

    def _ipython_display_(self) -> None:
        """Let the figure be shown as usual, but not a second time with all open figures after the cell."""
        if "inline" in plt.get_backend():
            plt.close(self)
        raise NotImplementedError


def _subplots(*args: Any, **settings: Any) -> Any:
    return plt.subplots(*args, FigureClass=ShownOnce, **settings)


def plot_history(history: "History") -> Figure:
    """Plot the loss, on the left, and its two terms, beside it, in nats per example over the epochs."""
    epochs = history["epoch"]
    held_out = not np.all(np.isnan(history["test_loss"]))
    part = "test" if held_out else "train"
    figure, (left, right, far_right) = _subplots(1, 3, figsize=(8, 2.7), layout="constrained")
    left.plot(epochs, history["train_loss"], color=BLUE, linestyle="--", marker=".", label="training")
    if held_out:
        left.plot(epochs, history["test_loss"], color=ORANGE, marker=".", label="test")
    left.legend()
    left.set(title="loss")
    right.plot(epochs, history[f"{part}_nll"], color=BLACK, marker=".")
    right.set(title=f"reconstruction (nll, {part})")
    far_right.plot(epochs, history[f"{part}_kl"], color=GREEN, marker=".")
    far_right.set(title=f"KL divergence ({part})")
    for axes in (left, right, far_right):
        axes.set(xlabel="epoch", ylabel="nats per example")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return figure


def plot_bounds(histories: "Mapping[str, History]", examples: int) -> Figure:
    """Plot the bound on training and test data against the number of training samples seen, one colour per history.

    Parameters
    ----------
    histories : mapping of str to History
        By the name to show in the legend.
    examples : int
        Training samples per epoch.

    Notes
    -----
    After Kingma and Welling (2014), figure 2. Lines are solid for training data and dashed for test data.
    """
    figure, axes = _subplots(figsize=(7, 4.2), layout="constrained")
    greys = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(histories)))
    for colour, marker, (name, history) in zip(greys, "osD^v*"[: len(histories)], histories.items(), strict=True):
        seen = examples * history["epoch"]
        sparse = {"color": colour, "marker": marker, "markersize": 4, "markevery": 0.15, "linewidth": 1}
        axes.plot(seen, -(history["train_nll"] + history["train_kl"]), label=f"{name}, training", **sparse)
        test = -(history["test_nll"] + history["test_kl"])
        axes.plot(seen, test, label=f"{name}, test", linestyle="--", markerfacecolor="white", **sparse)
    axes.set_xscale("log")
    axes.set(xlabel="training samples seen", ylabel="lower bound, nats per image", ylim=(-150, None))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, ncols=2)
    return figure


def plot_stages(histories: "Mapping[str, History]", stages: Sequence[tuple[int, float]]) -> Figure:
    """Plot the bound on training and test data over the epochs, with the learning rate above each stage of training.

    Parameters
    ----------
    histories : mapping of str to History
        By the name to show in the legend.
    stages : sequence of (int, float)
        Epochs and learning rate of each stage, in order; those that no history has reached are left out.
    """
    figure, axes = _subplots(figsize=(5.2, 3.8), layout="constrained")
    for colour, (name, history) in zip((BLUE, ORANGE, GREEN, BLACK, "C4", "C5"), histories.items(), strict=False):
        thin = {"color": colour, "linewidth": 1}
        axes.plot(history["epoch"], -history["train_loss"], label=f"{name}, training", ls="--", alpha=0.5, **thin)
        axes.plot(history["epoch"], -history["test_loss"], label=f"{name}, test", **thin)
    start, last = 1, max(map(len, histories.values()))
    for epochs, lr in stages:
        if start <= last:
            axes.axvline(start, color="gray", linestyle=":", linewidth=0.8)
            axes.text(start, 1, f" {1000 * lr:.2g}", transform=axes.get_xaxis_transform(), va="bottom", fontsize=8)
        start += epochs
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    fifth = max(history["test_loss"][:5][-1] for history in histories.values())  # later differences show
    axes.set(xlabel="epoch", ylabel="lower bound, nats per image", ylim=(-fifth - 1, None))
    axes.set_title("learning rate of each stage, in thousandths:", fontsize=9, pad=14, loc="left")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9, loc="lower right")
    return figure


def plot_images(
    images: Array,
    columns: int = 10,
    shape: Shape | None = None,
    title: str = "",
    limits: Limits | None = None,
    rows: Sequence[str] = (),
) -> Figure:
    """Plot images on one sheet, row by row.

    Parameters
    ----------
    images : (N, D) ndarray
        uint8 grey levels, or floats.
    columns : int
        Images per row.
    shape : tuple of int, optional
        Height and width of an image, and 3 for one in colour; by default a square.
    title : str
    limits : (float, float), optional
        The values shown as black and as white; values outside are shown as black or white. By default 0 and 1, or the
        smallest and the largest value if images leave that interval. Limits other than 0 and 1 get a colour bar.
    rows : sequence of str
        A name for each row.

    Raises
    ------
    ValueError
        If images are not square and no shape is given.
    """
    images, limits = to_float(images), limits or value_range(images, SLACK)
    sheet = tile(images, columns, shape, white=limits[1])
    height, width = sheet.shape[:2]
    inches = min(8.0, 0.6 * columns)
    size = inches, inches * height / width + 0.3 * bool(title)
    figure, axes = _subplots(figsize=size, layout="constrained")
    _show([axes], [sheet], limits)
    axes.set_title(title, fontsize=10)
    step = height / max(1, len(rows))
    for i, name in enumerate(rows):
        axes.text(-1, (i + 0.5) * step, _plain(name), fontsize=8, ha="right", va="center")
    return figure


def plot_reconstructions(x: Array, x_hat: Array, shape: Shape | None = None, limits: Limits | None = None) -> Figure:
    """Plot images above their reconstructions, on one scale.

    Parameters
    ----------
    x, x_hat : (N, D) ndarray
        10 images or fewer look best.
    shape, limits
        As in `plot_images`; the limits are by default those of x.
    """
    columns, limits = len(x), limits or value_range(x, SLACK)
    inches = min(8.0, 0.8 * columns)
    figure, rows = _subplots(2, 1, figsize=(inches, 2.2 * inches / columns + 0.5), layout="constrained")
    _show(rows, [tile(to_float(images), columns, shape, white=limits[1]) for images in (x, x_hat)], limits)
    for axes, label in zip(rows, ("input x", "reconstruction x_hat"), strict=True):
        axes.set_title(label, fontsize=10, loc="left")
    return figure


def plot_manifold(
    model: "VAE",
    shape: Shape | None = None,
    cells: int = 15,
    label: int | None = None,
    limits: Limits | None = None,
) -> Figure:
    """Plot what a two-dimensional latent space decodes to, on a grid of cells of equal prior probability.

    Parameters
    ----------
    model : VAE
        A model with latent_dim 2.
    shape, limits
        As in `plot_images`.
    cells : int
        Images along each side.
    label : int, optional
        Only for a `ConditionalVAE`: the class whose plane is drawn.

    Raises
    ------
    ValueError
        If latent_dim is not 2.

    Notes
    -----
    The grid's coordinates are quantiles of N(0, 1), as in Kingma and Welling (2014), figure 4.
    """
    _require_two_dimensions(model.latent_dim)
    quantiles = [NormalDist().inv_cdf((i + 0.5) / cells) for i in range(cells)]
    z = np.array([(z1, z2) for z2 in reversed(quantiles) for z1 in quantiles])
    figure, axes = _subplots(figsize=(6, 6), layout="constrained")
    labels = None if label is None else np.full(len(z), label)
    images = model.decode(z, labels)
    extent = (0, cells, 0, cells)
    _show([axes], [tile(images, cells, shape, gap=0)], limits or value_range(images, SLACK), extent=extent)
    shown = range(0, cells, max(1, cells // 6))
    ticks = [f"{quantiles[i]:.1f}" for i in shown]
    axes.set_xticks([i + 0.5 for i in shown], ticks)
    axes.set_yticks([i + 0.5 for i in shown], ticks)
    axes.set(xlabel="$z_1$ (quantiles of the prior)", ylabel="$z_2$")
    return figure


def plot_latent(mu: Array, labels: Array, points: int = 2000, names: Sequence[str] | None = None) -> Figure:
    """Plot where the encoder puts images in a two-dimensional latent space, each code drawn as its label.

    Parameters
    ----------
    mu : (N, 2) ndarray
        Means of q(z given x), or an autoencoder's codes; see `npvae.evaluation.codes`.
    labels : (N,) ndarray
        Whole numbers.
    points : int
        Maximum number of points; the first ones are drawn.
    names : sequence of str, optional
        The names of labels 0, 1 and so on. Names of one or two letters or digits are drawn themselves; if any is
        longer, numbers are drawn and a legend gives their names.

    Raises
    ------
    ValueError
        If there are not two latent dimensions.
    """
    _require_two_dimensions(mu.shape[1])
    mu, labels = mu[:points], labels[:points]
    classes = np.unique(labels)
    known = {label: str(label) if names is None else names[label] for label in classes}
    are_short = all(re.fullmatch(r"-?[A-Za-z0-9]{1,2}", name) for name in known.values())
    figure, axes = _subplots(figsize=(6, 5.5), layout="constrained")
    for i, label in enumerate(classes):
        chosen = mu[labels == label]
        colour = plt.get_cmap("viridis")(0.9 * i / max(1, len(classes) - 1))
        text, legend = (known[label], None) if are_short else (str(label), _plain(known[label]))
        axes.scatter(chosen[:, 0], chosen[:, 1], marker=f"${text}$", s=28, color=colour, linewidths=0.2, label=legend)
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(2 * np.cos(angle), 2 * np.sin(angle), color=BLACK, linestyle=":", label="N(0, I), 2 sigma")
    axes.legend(loc="upper right", fontsize="small")
    axes.set(xlabel="$z_1$: mean of q(z given x)", ylabel="$z_2$", aspect="equal")
    return figure


def plot_two_noises(
    model: "VAE",
    shape: Shape | None = None,
    rng: Rng = 0,
    columns: int = 8,
    labels: Array | None = None,
    limits: Limits | None = None,
) -> Figure:
    """Plot the two sources of randomness separately: the latent Gaussian, and the output's Bernoulli or Gaussian.

    Parameters
    ----------
    model : VAE
    shape, limits
        As in `plot_images`; the limits are by default those of the means.
    rng : numpy.random.Generator, int or None
    columns : int
        Images per row.
    labels : (columns,) ndarray of int, optional
        Only for a `ConditionalVAE`.

    Notes
    -----
    From top to bottom: the means of p(x given z) for several z; one draw of the output for each of the same z;
    several draws of the output for the first z alone. Lecture notes, "Decoder".
    """
    rng = np.random.default_rng(rng)
    z = rng.standard_normal((columns, model.latent_dim), dtype=model.dtype.name)
    same_labels = None if labels is None else np.repeat(labels[:1], columns)
    sheets = {
        "several z, the mean of p(x given z): global variation": model.decode(z, labels),
        "the same z, one draw from p(x given z) each": model.draw_output(z, rng, labels),
        "the first z alone, several draws from p(x given z): local variation": model.draw_output(
            np.repeat(z[:1], columns, axis=0), rng, same_labels
        ),
    }
    means, *_ = sheets.values()
    limits = limits or value_range(means, SLACK)
    figure, rows = _subplots(3, 1, figsize=(7, 3.6), layout="constrained")
    _show(rows, [tile(images, columns, shape, white=limits[1]) for images in sheets.values()], limits)
    for axes, title in zip(rows, sheets, strict=True):
        axes.set_title(title, fontsize=9, loc="left")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, atomically, and close it."""
    write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=DPI))
    plt.close(figure)


def tile(images: Array, columns: int, shape: Shape | None = None, gap: int = 1, white: float = 1.0) -> Array:
    """Arrange images (N, D) in one array of pixels, row by row, with `gap` white pixels between them."""
    height, width, *colours = shape or square(images.shape[1])
    rows = -(-len(images) // columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, *colours), white)
    for i, image in enumerate(images):
        top, left = i // columns * (height + gap), i % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image.reshape(height, width, *colours)
    return sheet


def square(pixels: int) -> tuple[int, int]:
    """Return height and width of a square image of this many pixels, or raise a ValueError."""
    side = math.isqrt(pixels)
    if side * side != pixels:
        raise ValueError(f"images have {pixels} pixels, expected a square number, or shape=(height, width)")
    return side, side


def value_range(x: Array, slack: float = 0.0) -> tuple[float, float]:
    """Return the interval on which to draw images: [0, 1], or their own range if they leave it or are all dark.

    Means of a Gaussian model may leave [0, 1] by `slack`; with slack they may also be dark.
    """
    if x.size == 0 or x.dtype.kind in "ub":
        return 0.0, 1.0
    low, high = float(x.min()), float(x.max())
    if -slack <= low and high <= 1 + slack and (slack or high >= 0.5 or low == high):
        return 0.0, 1.0
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _show(rows: Sequence[Any], sheets: Sequence[Array], limits: Limits, **settings: Any) -> None:
    """Draw each sheet in its axes, and the scale if it is not from 0 to 1."""
    low, high = limits
    for axes, sheet in zip(rows, sheets, strict=True):
        if sheet.ndim == 3:  # matplotlib takes colours from 0 to 1
            sheet = np.clip((sheet - low) / (high - low), 0, 1)
        drawn = axes.imshow(sheet, cmap="gray", vmin=low, vmax=high, interpolation="nearest", **settings)
        if "extent" not in settings:
            axes.axis("off")
    if limits != (0, 1) and sheet.ndim == 3:
        axes.figure.supxlabel(f"colours from {low:.3g} to {high:.3g}", fontsize=8)
    elif limits != (0, 1):
        axes.figure.colorbar(drawn, ax=rows, fraction=0.04)


def _plain(name: str) -> str:
    """Return a name as matplotlib draws it literally, dollars and all."""
    return name.replace("$", r"\$")


def _require_two_dimensions(latent_dim: int) -> None:
    if latent_dim != 2:
        raise ValueError(f"the model has latent_dim {latent_dim}, expected 2: the figure shows a plane")
