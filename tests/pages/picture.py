"""The README's picture of the explore page, before and after fifty steps.

python tests/pages/picture.py RUN

RUN is the VAE that notebooks/README.md trains for a single lecture.
"""

import io
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from conftest import launched

from npvae.cli.runs import open_run
from npvae.data.sources import load_dataset
from npvae.explore import write_page

FIGURE = Path(__file__).parents[2] / "notebooks" / "figures" / "explore.png"
PICK = 11
"""Which of the page's test images: one whose gap a step can close."""
WIDTH = 660


def main(folder):
    model, config = open_run(folder)
    dataset = load_dataset(config["data"])
    with tempfile.TemporaryDirectory() as place, launched() as browser:
        write_page(Path(place) / "page.html", {"run": model}, dataset.x_test, dataset.y_test)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.goto((Path(place) / "page.html").as_uri())
        page.click(f"#picks button >> nth={PICK}")
        columns = []
        for _ in range(2):
            while page.evaluate("Number.isNaN(state.logPx) || state.steps % 50 || pending < 4"):
                page.wait_for_timeout(200)
            columns.append(np.vstack([shot(page, selector) for selector in (".maps", "#bars")]))
            page.click("#fifty")
            page.wait_for_timeout(500)
    height = min(map(len, columns))
    plt.imsave(FIGURE, np.hstack([column[:height] for column in columns]))


def shot(page, selector):
    """A part of the page, on white of the same width."""
    part = plt.imread(io.BytesIO(page.locator(selector).screenshot()))[..., :3]
    return np.pad(part, [(8, 8), (12, WIDTH - part.shape[1] - 12), (0, 0)], constant_values=1)


if __name__ == "__main__":
    main(sys.argv[1])
