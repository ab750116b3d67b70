"""The companion beside the code, the lessons, the lectures and an explore page, as one folder of static pages."""

import shutil
import tempfile
from pathlib import Path

from npvae.cli import main

from pages.lessons import PLAN, lessons, title, write_decks, write_lessons
from pages.notes import NOTES, write_notes
from pages.site import HERE, Site

TRAINING = ["train", "--latent-dim", "2", "--hidden-dims", "500", "250", "--epochs", "6", "--out"]


def write_site(folder: Path, run: str | None = None) -> None:
    """Write the pages to a new folder, all or none; without a run to explore, a model is trained in two minutes."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        site, explored = Site(Path(place) / "site"), run or str(Path(place) / "run")
        failed = run is None and main([*TRAINING, explored])
        if failed or main(["explore", explored, "--out", str(site.folder / "explore.html")]):
            raise RuntimeError("there is no model to explore: the reason stands above")
        write_notes(site)
        write_lessons(site)
        named = {site.address(path): title(path) for path in lessons()}
        site.write("index.html", "index.html", title="npvae", lessons=named, decks=write_decks(site))
        for path in ("README.md", PLAN, "notebooks/coursework/README.md"):
            site.address(path)
        written = {NOTES, *lessons()}
        while missing := site.wanted.keys() - written:
            for path in sorted(missing):
                site.write_file(path)
            written |= missing
        for name in ("style.css", "page.js"):
            shutil.copyfile(HERE / name, site.folder / name)
        site.folder.rename(folder)
