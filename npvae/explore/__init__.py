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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from npvae import VAE, binarize_threshold, dense, to_float
from npvae import binarize as draw_pixels
from npvae.files import write_text
from npvae.models import Model
from npvae.types import Array

HERE = Path(__file__).parent
CLASSES = ("VAE", "ConditionalVAE", "ImportanceWeightedVAE", "AutoEncoder")
LIKELIHOODS, ACTIVATIONS = ("bernoulli", "gaussian"), ("relu", "tanh")
"""What page.js has the mathematics of."""
LARGEST_SIDE = 64
SHOWN = 40
"""Test images that can be picked; the codes of all are in the plane."""
NODES = 7
"""Gauss-Hermite nodes a dimension, where an expectation over q is computed."""
DRAWS = 64
"""Draws of eps, where nodes would be too many."""
WITHOUT_Q = (
    "This is an autoencoder: a code is a point. There is no q, hence no sigma, no eps and no KL divergence; and no p(z), "
    "hence no p(x) and nothing to draw a new z from. The circles mean nothing to it."
)
OTHER_BOUND = (
    "This model was trained on a bound of several importance samples. The page shows the terms of the bound of one, for "
    "which its q was not made."
)
LOGIT_ERROR = 0.01
"""What rounding the weights to float16 may change in a logit."""


def write_page(
    path: str | os.PathLike[str],
    models: Mapping[str, Model],
    x: Array,
    labels: Array | None = None,
    *,
    image_shape: tuple[int, int] | None = None,
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
    height, width = image_shape or (math.isqrt(x.shape[-1]),) * 2
    _check(models, x, labels, height, width)
    if binarize not in ("stochastic", "threshold"):
        raise ValueError(f'binarize is {binarize!r}, expected "stochastic" or "threshold"')
    names, classes = np.unique([] if labels is None else np.asarray(labels), return_inverse=True)
    if label_dim := max(model.label_dim for model in models.values()):
        names, classes = np.arange(label_dim), np.asarray(labels)
    chosen = _a_few_of_each(classes, len(x))
    binary = binarize_threshold(x) if binarize == "threshold" else draw_pixels(x, rng=0)
    entries = []
    for name, model in models.items():
        seen = binary if model.likelihood.config["name"] == "bernoulli" else x
        entries.append(_entry(name, model, seen, labels, weights))
    sides = [np.ptp(np.argwhere(image.reshape(height, width) > 0), axis=0).max() + 1 for image in x[:500] if image.any()]
    data = {
        "models": entries,
        "height": height,
        "width": width,
        "ink": int(np.median(sides)) if sides else min(height, width),
        "binarize": binarize,
        "images": [_numbers(image, "float16") for image in x[chosen]],
        "labels": [str(name) for name in names],
        "image_classes": classes[chosen].tolist() if len(names) else [],
        "classes": classes.tolist(),
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


def _a_few_of_each(classes: Array, n: int) -> Array:
    """Which images can be picked: as many of each class as there is room for, class by class."""
    if len(classes) == 0:
        return np.arange(min(n, SHOWN))
    each = max(1, SHOWN // (int(classes.max()) + 1))
    return np.concatenate([np.flatnonzero(classes == y)[:each] for y in np.unique(classes)])[: 2 * SHOWN]


def _entry(name: str, model: Model, x: Array, labels: Array | None, weights: str | None) -> dict[str, Any]:
    """What the page has to know of one model."""
    mu, logvar = _encode(model, x, labels)
    spread = np.mean(mu**2 + np.exp(logvar) - 1 - logvar, axis=0) / 2 if isinstance(model, VAE) else np.var(mu, axis=0)
    some = slice(500)
    fits = _logit_error(model, mu[some], None if labels is None else labels[some]) <= LOGIT_ERROR
    sizes = "-".join(map(str, (model.input_dim, *model.hidden_dims, model.latent_dim)))
    traits = {
        "plain": not isinstance(model, VAE),
        "flat": model.latent_dim == 2 and isinstance(model, VAE),
        "deep": model.latent_dim > 2,
        "conditional": model.label_dim > 0,
    }
    likelihood = model.likelihood.config["name"]
    warnings = (
        (traits["plain"], WITHOUT_Q),
        (likelihood == "gaussian", "Pixels are Gaussian. A density may exceed 1, so nll and the loss may lie below zero."),
        (model.beta != 1, f"Loss and pulls are those of nll + {model.beta:g} KL; the gap is that of nll + KL."),
        (traits["conditional"], "Encoder and decoder are told the label, so all is given it: log p(x) is log p(x given label)."),
        (model.config["class"] == "ImportanceWeightedVAE", OTHER_BOUND),
        (traits["deep"], f"The plane is a slice of {model.latent_dim} dimensions through today's z, along two of them; z_j at a row chooses."),
    )
    dtype = weights or ("float16" if fits else "float32")
    return {
        **model.config,
        "name": name,
        "about": f"{type(model).__name__} {sizes}, {model.activation}, {likelihood}, beta {model.beta:g}.",
        "shown": " ".join(name for name, holds in traits.items() if holds),
        "mind": " ".join(sentence for holds, sentence in warnings if holds),
        "nodes": f"{NODES**model.latent_dim} Gauss-Hermite nodes" if model.latent_dim <= 2 else f"{DRAWS} fixed draws",
        "label_dim": model.label_dim,
        "params": {
            name: {**_numbers(array, dtype), "columns": array.shape[1] if array.ndim == 2 else 0}
            for name, array in model.params.items()
        },
        "dtype": dtype,
        "noise": _noise(model.latent_dim, traits["plain"]),
        "codes": _numbers(mu if model.latent_dim == 2 else mu[:0], "float16"),
        "reach": float(np.max(np.abs(mu))),
        "order": np.argsort(-spread).tolist(),
    }


def _noise(latent_dim: int, is_plain: bool) -> dict[str, Any]:
    """The noise of expectations over q: Gauss-Hermite nodes where they are few, else draws; with their weights."""
    if is_plain:
        return {"eps": [[0] * latent_dim], "weights": [1]}
    if latent_dim > 2:
        eps = np.random.default_rng(0).standard_normal((DRAWS, latent_dim))
        return {"eps": eps.tolist(), "weights": [1 / DRAWS] * DRAWS}
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    products = itertools.product(weights / np.sum(weights), repeat=latent_dim)
    return {"eps": list(itertools.product(nodes.tolist(), repeat=latent_dim)), "weights": [*map(math.prod, products)]}


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
