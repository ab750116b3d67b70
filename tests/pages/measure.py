"""The explore page's numbers on a run's own test images against NumPy's, its frame times and its size.

    python tests/pages/measure.py RUN [IMAGES]

Takes some ten seconds an image: the quadrature in NumPy starts from a grid four times as fine as the page's.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from conftest import launched
from quadrature import Quadrature, by_nodes, expected_terms, in_float64

import npvae
from npvae.cli.runs import open_run
from npvae.data.sources import load_dataset
from npvae.explore import write_page

FRAMES = {
    "a frame while drawing": "() => { state.isDrawing = true; compute(0); state.isDrawing = false; }",
    "a frame while walking": "() => compute(1, state.model.rough)",
    "a frame while z moves": "() => compute(2)",
    "a frame at rest": "() => compute(1)",
    "decoding the grid": "async () => { await decode_grid(state.model, 0); }",
    "log p(x)": "async () => { await npvae.logPx(state.x); }",
}


def main(folder, count):
    model, config = open_run(folder)
    dataset = load_dataset(config["data"])
    binary = model.likelihood.config["name"] == "bernoulli"
    x = npvae.binarize(dataset.x_test, 0) if binary else npvae.to_float(dataset.x_test)
    exact = in_float64(model)
    with tempfile.TemporaryDirectory() as place, launched() as browser:
        path = Path(place) / "page.html"
        for weights in ("float16", "float32"):
            write_page(path, {"run": model}, dataset.x_test, dataset.y_test, weights=weights)
            print(f"{path.stat().st_size / 1e6:.1f} MB with weights in {weights}")
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(path.as_uri())
        page.wait_for_timeout(1000)
        times(page)
        reference, errors = Quadrature(exact, page.evaluate("REACH")), []
        for one in x[:count].astype(float):
            errors.append(compare(page, exact, one, reference))
            print(*(f"{error:9.5f}" for error in errors[-1]), flush=True)
    found = np.array(errors)
    for column, what in enumerate(("log p(x)", "E_q[nll] against 32 x 32 nodes")):
        print(f"{what}: largest difference {np.max(np.abs(found[:, column])):.4f} nats over {count} images")
    print(f"gap: from {np.min(found[:, 2]):.3f}, median {np.median(found[:, 2]):.3f}")


def compare(page, exact, x, reference):
    q = page.evaluate("x => npvae.encode(x)", x.tolist())
    terms = page.evaluate("q => npvae.loss(...q)", [x.tolist(), q["mu"], q["logvar"]])
    found = page.evaluate("x => npvae.logPx(x)", x.tolist())
    nll, _, _ = expected_terms(exact, x, np.array(q["mu"]), np.array(q["logvar"]), *by_nodes(32))
    return found - reference.log_px(x), terms["nll"] - nll, terms["nll"] + terms["kl"] + found


def times(page):
    """Milliseconds of the page's own thread, which a busy machine does not stretch."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    for what, script in FRAMES.items():
        repeat = f"async n => {{ for (let i = 0; i < n; i++) await ({script})(); }}"
        page.evaluate(repeat, 3)
        start = busy()
        page.evaluate(repeat, 10)
        print(f"{(busy() - start) / 10:7.1f} ms: {what}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 64)
