"""The companion beside the code, the lessons, the lectures and an explore page, as one folder of static pages."""

import shutil
import tempfile
from pathlib import Path

from npvae.cli import main
from pages.lessons import PLAN, lessons, title, write_decks, write_lessons
from pages.notes import NOTES, write_notes
from pages.site import HERE, Site

TRAINING = "train --latent-dim 2 --hidden-dims 500 250 --epochs 6 --out".split()


def write_site(folder: Path, run: str | None = None) -> None:
    """Write the pages to a folder, all of them or none.

    Parameters
    ----------
    folder : Path
        New, or empty.
    run : str, optional
        The run whose model the explore page shows; without it, one is trained in some two minutes.

    Raises
    ------
    FileExistsError
        If the folder holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        site, trained = Site(Path(place) / "site"), Path(place) / "run"
        site.folder.mkdir()
        if (run is None and main([*TRAINING, str(trained)])) or main(
            ["explore", run or str(trained), "--out", str(site.folder / "explore.html")]
        ):
            raise RuntimeError("the explore page could not be made: the reason stands above")
        write_notes(site)
        write_lessons(site)
        named = {site.address(path): title(path) for path in lessons()}
        site.address(PLAN), site.address("notebooks/coursework/README.md")
        site.write("index.html", "index.html", title="npvae", lessons=named, decks=write_decks(site))
        written = {NOTES, *lessons()}
        while missing := site.wanted.keys() - written:
            for path in missing:
                site.write_file(path)
            written |= missing
        for name in ("style.css", "page.js"):
            shutil.copyfile(HERE / name, site.folder / name)
        if folder.exists():
            folder.rmdir()
        site.folder.rename(folder)
