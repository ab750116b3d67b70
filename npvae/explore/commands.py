"""The command `npvae explore`."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from npvae.data.sources import load_dataset
from npvae.explore import write_page
from npvae.likelihoods import Gaussian
from npvae.runs import open_run

EXAMPLES = """\
examples:
  npvae explore runs/mnist-vae-20260101-120000        leaves explore.html in the run's folder
  npvae explore RUN --out lecture.html
  npvae explore runs/beta-1 runs/beta-4 --out both.html     the same image in two models
"""


def add_parser(subparsers: Any) -> None:
    """Enter the command into the command line."""
    explore = subparsers.add_parser(
        "explore",
        help="a trained model in one web page: draw, and see q, z, the loss and its gradients",
        description="Write one self-contained HTML page that shows trained models at work. It needs no network.",
        epilog=EXAMPLES,
    )
    explore.set_defaults(run=explore_runs)
    explore.add_argument(
        "folders", metavar="RUN", nargs="+", help="folder that npvae train has made; several: a switch"
    )
    explore.add_argument("--out", metavar="FILE", help="the page (default: explore.html in the first RUN)")
    explore.add_argument(
        "--weights",
        choices=("float16", "float32"),
        help="of what precision (default: float16 where that changes no logit by more than 0.01)",
    )


def explore_runs(options: Namespace) -> int:
    """Write the page of some runs, on the test images of the first."""
    runs = {folder: open_run(folder) for folder in options.folders}
    short = {folder: Path(folder).resolve().name for folder in runs}
    unique = len(set(short.values())) == len(short)
    models = {short[folder] if unique else folder: model for folder, (model, _) in runs.items()}
    path = Path(options.out) if options.out else Path(options.folders[0]) / "explore.html"
    config = next(iter(runs.values()))[1]
    grey = all(isinstance(model.likelihood, Gaussian) for model in models.values())
    dataset = load_dataset(config["data"], Gaussian.support if grey else (0.0, 1.0))
    dtypes = write_page(
        path,
        models,
        dataset.x_test,
        dataset.y_test,
        image_shape=dataset.image_shape,
        binarize="threshold" if config["training"]["binarize"] == "threshold" else "stochastic",
        weights=options.weights,
    )
    print(f"wrote {path}: {path.stat().st_size / 1e6:.1f} MB, weights in {' and '.join(dict.fromkeys(dtypes))}")
    return 0
