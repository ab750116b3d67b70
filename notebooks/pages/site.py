"""The folder: where a file of the repository stands in it, how its links lead on, and what is still to be written."""

import os
import re
import shutil
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from npvae.internals.files import write_text

from pages.text import block, to_html

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
KINDS = (".md", ".ipynb", ".py", ".png", ".svg")
KEPT_BACK = ("..", "notebooks/coursework/master.ipynb", "npvae/coursework", "tests/coursework")  # holds solutions
NAMES = {"README.md": "readme.html", "notebooks/README.md": "lessons.html"}
TEMPLATES = Environment(loader=FileSystemLoader(HERE), trim_blocks=True, lstrip_blocks=True)


class Site:
    """A folder of pages. Whatever they link to in the repository becomes a page of it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "figures").mkdir(parents=True)
        self.wanted: dict[str, str] = {}  # addresses by path

    def address(self, path: str) -> str | None:
        """Where a file of the repository stands in the folder; None for what is not handed out."""
        path = Path(os.path.normpath(path)).as_posix()
        if path.startswith(KEPT_BACK) or not path.endswith(KINDS) or not (ROOT / path).is_file():
            return None
        page = re.sub(r"(?<!_lab)\.(md|ipynb)$", ".html", path.removeprefix("notebooks/"))
        return self.wanted.setdefault(path, NAMES.get(path, page.replace(".py", ".py.html")))

    def localized(self, page: str, source: str, at: str) -> str:
        """Let the links of a page, made of a file of the repository, lead to pages; what has none keeps its text."""

        def leading(target: str, text: str = "") -> str:
            if re.match(r"[a-z]+:|#", target):
                return target
            file, _, anchor = target.partition("#")
            path = Path(os.path.normpath(Path(source).parent / file)).as_posix()
            if not (address := self.address(path)):
                return ""
            anchor = anchor or line_of(path, re.sub(r"<[^>]+>", "", text))
            return Path(os.path.relpath(address, Path(at).parent)).as_posix() + f"#{anchor}" * bool(anchor)

        def link(found: re.Match) -> str:
            return f'<a href="{to}">{found[2]}</a>' if (to := leading(found[1], found[2])) else found[2]

        page = re.sub(r'<a href="([^"]+)"[^>]*>(.*?)</a>', link, page, flags=re.DOTALL)
        return re.sub(r'(<img[^>]*src=)"([^"]+)"', lambda found: f'{found[1]}"{leading(found[2])}"', page)

    def write(self, at: str, template: str, **parts: object) -> None:
        """Write the page that a template makes of its parts."""
        (self.folder / at).parent.mkdir(parents=True, exist_ok=True)
        page = TEMPLATES.get_template(template).render(parts, at=at, up="../" * at.count("/"))
        write_text(self.folder / at, page)

    def write_file(self, path: str) -> None:
        """Write the page of a text or a program of the repository, or copy a picture."""
        at, file = self.wanted[path], ROOT / path
        if path.endswith(".md"):
            (page,) = to_html(file.read_text("utf-8"))
            title = re.search(r"<h1[^>]*>(.*?)</h1>", page)[1]
            self.write(at, "page.html", title=title, body=self.localized(page, path, at))
        elif path.endswith(".py"):
            self.write(at, "page.html", title=path, kind="source", body=block(file.read_text("utf-8")))
        else:
            shutil.copyfile(file, self.folder / at)


def line_of(path: str, text: str) -> str:
    """Return the anchor of what a link into a program is called after: a function, or the sentence of a test."""
    lines = (ROOT / path).read_text("utf-8").splitlines() if path.endswith(".py") else []
    names = text.rpartition(".")[2], f"test_{text.replace(' ', '_')}", "test_the_gradient_meets_finite_differences"
    for name in names:
        for number, line in enumerate(lines, 1):
            if line.lstrip().startswith((f"def {name}(", f"class {name}(", f"class {name}:")):
                return f"L-{number}"
    return ""
