"""A trained model as one web page, which computes q, z, nll, KL and their gradients as the reader draws.

The page is page.html, page.css and page.js, put together here with the weights, some images and their codes. It asks
the network for nothing, and opens from disk.
"""

import base64
import copy
import html
import inspect
import itertools
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from npvae import VAE, binarize_threshold, dense, to_float
from npvae import binarize as draw_pixels
from npvae.internals.files import write_text
from npvae.internals.types import Array
from npvae.models import Model

HERE = Path(__file__).parent
CLASSES = ("VAE", "ConditionalVAE", "ImportanceWeightedVAE", "AutoEncoder")
LIKELIHOODS, ACTIVATIONS = ("bernoulli", "gaussian"), ("relu", "tanh")
"""What page.js has the mathematics of."""
LARGEST_SIDE = 64
SHOWN = 40
"""Test images that can be picked; the codes of all are in the plane."""
NODES, ROUGH_NODES = 15, 6
"""Gauss-Hermite nodes a dimension for an expectation over q, at rest and while something moves."""
LIGHTEST = 1e-8
"""Nodes of less weight are left out."""
DRAWS = 64
"""Draws of eps, where nodes would be too many."""
LOGIT_ERROR = 0.01
"""What rounding the weights to float16 may change in a logit."""


def write_page(
    path: str | os.PathLike[str],
    models: Mapping[str, Model],
    x: Array,
    labels: Array | None = None,
    *,
    classes: Sequence[str] | None = None,
    image_shape: tuple[int, ...] | None = None,
    binarize: str = "stochastic",
    weights: str | None = None,
) -> list[str]:
    """Write a page that shows trained models at work.

    Parameters
    ----------
    path : path-like
        The HTML file. One that stands there is replaced.
    models : mapping of str to Model
        By the names to choose them by. All of the same images.
    x : (N, D) ndarray
        Test images: uint8 grey levels, or floats. For Bernoulli pixels they are made 0 or 1.
    labels : (N,) ndarray, optional
        One label per image. A `ConditionalVAE` needs whole numbers from 0.
    classes : sequence of str, optional
        What the labels 0, 1, ... are called. Without it labels are shown as they are.
    image_shape : (int, int), optional
        Height and width; a square where nothing is said.
    binarize : "stochastic" or "threshold"
        How grey levels become the 0 or 1 of a Bernoulli pixel: drawn, or cut at one half.
    weights : "float16" or "float32", optional
        Without it each model has float16 where that changes no logit by more than 0.01, else float32.

    Returns
    -------
    dtypes : list of str
        Of the weights of each model.

    Raises
    ------
    ValueError
        For models that the page cannot show, and images or labels that do not fit them.
    """
    x = to_float(x)
    height, width, *colours = image_shape or (math.isqrt(x.shape[-1]),) * 2
    if colours:
        raise ValueError(f"image_shape is {image_shape}, expected height and width: the page shows no colour")
    if binarize not in ("stochastic", "threshold"):
        raise ValueError(f'binarize is {binarize!r}, expected "stochastic" or "threshold"')
    _check(models, x, labels, height, width)
    names, indices = np.unique([] if labels is None else np.asarray(labels), return_inverse=True)
    if label_dim := max(model.label_dim for model in models.values()):
        names, indices = np.arange(label_dim), np.asarray(labels)
    if classes and labels is not None:
        names, indices = np.asarray(classes), np.asarray(labels)
    chosen = _a_few_of_each(indices, len(x))
    binary = binarize_threshold(x) if binarize == "threshold" else draw_pixels(x, rng=0)
    entries = []
    for name, model in models.items():
        seen = binary if model.likelihood.config["name"] == "bernoulli" else x
        entries.append(_entry(name, model, seen, labels, weights, len(models) > 1))
    drawn = [np.argwhere(image.reshape(height, width) > 0) for image in x[:500] if np.any(image > 0)]
    data = {
        "models": entries,
        "height": height,
        "width": width,
        "ink": int(np.median([np.max(np.ptp(pixels, axis=0)) + 1 for pixels in drawn]))
        if drawn
        else min(height, width),
        "binarize": binarize,
        "images": [_numbers(image, "float16") for image in x[chosen]],
        "labels": [str(name) for name in names],
        "image_classes": indices[chosen].tolist() if len(names) else [],
        "classes": indices.tolist(),
    }
    parts = {
        "STYLE": (HERE / "page.css").read_text("utf-8"),
        "CODE": html.escape(_lines_that_add()),
        "DATA": json.dumps(data).replace("<", "\\u003c"),  # a name may hold </script>
        "SCRIPT": (HERE / "page.js").read_text("utf-8"),
    }
    page = (HERE / "page.html").read_text("utf-8")
    write_text(path, re.sub("<!-- ([A-Z]+) -->", lambda match: parts[match[1]], page))
    return [entry["dtype"] for entry in entries]


def _check(models: Mapping[str, Model], x: Array, labels: Array | None, height: int, width: int) -> None:
    if not models:
        raise ValueError("models is empty, expected one or more")
    if x.ndim != 2 or len(x) == 0 or x.shape[1] != height * width:
        raise ValueError(
            f"x has shape {x.shape}, expected (N, {height * width}): grey images of {height} x {width}; pass "
            "image_shape where they are not square (the page shows no colour)"
        )
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(f"images are {height} x {width}, expected at most {LARGEST_SIDE} x {LARGEST_SIDE}")
    if labels is not None and np.shape(labels) != (len(x),):
        raise ValueError(f"labels have shape {np.shape(labels)}, expected ({len(x)},), one for each row of x")
    for name, model in models.items():
        known = {"class": CLASSES, "activation": ACTIVATIONS, "likelihood": LIKELIHOODS}
        for what, choices in known.items():
            found = model.config[what]
            found = found["name"] if what == "likelihood" else found
            if found not in choices:
                raise ValueError(f"the {what} of {name} is {found}, the page knows only: {', '.join(choices)}")
        if model.input_dim != x.shape[1]:
            raise ValueError(f"{name} has {model.input_dim} pixels, expected {x.shape[1]}, those of x")
        if model.label_dim:
            model.check_labels(labels, len(x))


def _a_few_of_each(indices: Array, n: int) -> Array:
    """Which images can be picked: as many of each class as there is room for, class by class."""
    if len(indices) == 0:
        return np.arange(min(n, SHOWN))
    each = max(1, SHOWN // (int(indices.max()) + 1))
    return np.concatenate([np.flatnonzero(indices == y)[:each] for y in np.unique(indices)])[: 2 * SHOWN]


def _entry(
    name: str, model: Model, x: Array, labels: Array | None, weights: str | None, is_one_of_several: bool
) -> dict[str, Any]:
    """What the page has to know of one model."""
    config, is_plain = model.config, not isinstance(model, VAE)
    likelihood = config["likelihood"]["name"]
    mu, logvar = _encode(model, x, labels)
    spread = np.var(mu, axis=0) if is_plain else np.mean(mu**2 + np.exp(logvar) - logvar, axis=0)
    fits = _logit_error(model, mu[:500], None if labels is None else labels[:500]) <= LOGIT_ERROR
    dtype = weights or ("float16" if fits else "float32")
    nodes, kind = _noise(model, NODES), "fixed draws" if model.latent_dim > 2 else "Gauss-Hermite nodes"
    sizes = "-".join(map(str, (model.input_dim, *model.hidden_dims, model.latent_dim)))
    shown = {
        likelihood: True,
        "plain": is_plain,
        "flat": model.latent_dim == 2 and not is_plain,
        "deep": model.latent_dim > 2,
        "conditional": model.label_dim > 0,
        "importance": config["class"] == "ImportanceWeightedVAE",
        "weighed": model.beta != 1,
        "several": is_one_of_several,
    }
    params = {
        name: {**_numbers(array, dtype), "columns": array.shape[1] if array.ndim == 2 else 0}
        for name, array in model.params.items()
    }
    return {
        **config,
        "name": name,
        "about": f"{config['class']} {sizes}, {likelihood}, {model.activation}, beta {model.beta:g}.",
        "shown": " ".join(word for word, holds in shown.items() if holds),
        "counted": f"{len(nodes['eps'])} {kind}",
        "label_dim": model.label_dim,
        "dtype": dtype,
        "params": params,
        "nodes": nodes,
        "rough": _noise(model, ROUGH_NODES),
        "codes": _numbers(mu if model.latent_dim == 2 else mu[:0], "float16"),
        "reach": float(np.max(np.abs(mu))),
        "order": np.argsort(-spread).tolist(),
    }


def _noise(model: Model, nodes: int) -> dict[str, Any]:
    """The noise of expectations over q, and its weights: Gauss-Hermite nodes where they are few, else draws."""
    if not isinstance(model, VAE):
        eps, weights = np.zeros((1, model.latent_dim)), np.ones(1)
    elif model.latent_dim > 2:
        eps = np.random.default_rng(0).standard_normal((DRAWS, model.latent_dim))
        weights = np.full(DRAWS, 1 / DRAWS)
    else:
        points, one_by_one = np.polynomial.hermite_e.hermegauss(nodes)
        eps = np.array([*itertools.product(points, repeat=model.latent_dim)])
        weights = np.array([*map(math.prod, itertools.product(one_by_one, repeat=model.latent_dim))])
        weights /= np.sum(weights)
        eps, weights = eps[weights > LIGHTEST], weights[weights > LIGHTEST]
    return {"eps": eps.tolist(), "weights": (weights / np.sum(weights)).tolist()}


def _encode(model: Any, x: Array, labels: Array | None) -> tuple[Array, Array]:
    heads = model.encode(x, labels) if model.label_dim else model.encode(x)
    return heads if isinstance(model, VAE) else (heads, np.zeros_like(heads))


def _logit_error(model: Any, z: Array, labels: Array | None) -> float:
    """The largest change of a logit where the weights are rounded to float16."""
    rounded = copy.deepcopy(model)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded.params.vector = model.params.vector.astype(np.float16)
        outputs = []
        for each in (model, rounded):
            entering = each.decoder_input(z, labels) if isinstance(each, VAE) else z
            g, _ = each.decoder.forward(entering, each.params)
            outputs.append(dense(g, *each.params.layer("output"))[0])
        error = np.max(np.abs(outputs[0] - outputs[1]))
    return float(error) if np.isfinite(error) else math.inf


def _lines_that_add() -> str:
    """The lines of `VAE.backward` where what comes through z and through the KL divergence meet."""
    lines = inspect.getsource(VAE.backward).splitlines()
    return "\n".join(line.strip() for line in lines if "dmu_" in line)


def _numbers(values: Array, dtype: str) -> dict[str, str]:
    """Numbers as the page reads them: little-endian, in base64."""
    raw = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<")).tobytes()
    return {"dtype": dtype, "base64": base64.b64encode(raw).decode()}
