"""npvae explore: trained models as one web page."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from npvae.cli import runs
from npvae.cli.arguments import place
from npvae.data.sources import load_dataset
from npvae.explore import write_page

EXAMPLES = """\
examples:
  npvae explore runs/mnist-vae-20260101-120000        leaves explore.html in the run's folder
  npvae explore RUN --out lecture.html
  npvae explore runs/beta-1 runs/beta-4 --out both.html     the same image in two models
"""


def add_parsers(subparsers: Any) -> None:
    """Enter the command into the command line."""
    parser = subparsers.add_parser(
        "explore",
        help="show a trained model in one web page: draw, and see q, z, the loss and its gradients",
        description="Write one self-contained HTML page that shows trained models at work. It needs no network.",
        epilog=EXAMPLES,
    )
    parser.set_defaults(run=explore)
    parser.add_argument(
        "folders", type=place, metavar="RUN", nargs="+", help="folder that npvae train has written; several: a switch"
    )
    parser.add_argument("--out", type=place, metavar="FILE", help="the page (default: explore.html in the first RUN)")
    parser.add_argument(
        "--weights",
        choices=("float16", "float32"),
        help="precision of the weights (default: float16 where that changes no logit by more than 0.01)",
    )


def explore(options: Namespace) -> int:
    """Write the page of some runs, on the test images of the first."""
    opened = {folder: runs.open_run(folder) for folder in options.folders}
    short = {folder: Path(folder).resolve().name for folder in opened}
    unique = len(set(short.values())) == len(short)
    models = {short[folder] if unique else folder: model for folder, (model, _) in opened.items()}
    path = Path(options.out) if options.out else Path(options.folders[0]) / "explore.html"
    config = next(iter(opened.values()))[1]
    low = max(model.likelihood.support[0] for model in models.values())
    high = min(model.likelihood.support[1] for model in models.values())
    with runs.moving(options.folders[0]):
        dataset = load_dataset(config["data"], (low, high), config["image_shape"])
    classes = next((run["classes"] for model, run in opened.values() if model.label_dim), dataset.classes)
    dataset = dataset.numbered(classes)
    dtypes = write_page(
        path,
        models,
        dataset.x_test,
        dataset.y_test,
        classes=classes,
        image_shape=config["image_shape"],
        binarize="threshold" if config["training"]["binarize"] == "threshold" else "stochastic",
        weights=options.weights,
    )
    print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB, weights in {' and '.join(dict.fromkeys(dtypes))}")
    return 0
