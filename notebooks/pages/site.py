"""The folder: where a file of the repository stands in it, how its links lead on, and what is still to be written."""

import os
import re
import shutil
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from npvae.internals.files import write_text
from pages.text import definitions, listing, to_html

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
KINDS = (".md", ".ipynb", ".py", ".png", ".svg")
KEPT_BACK = ("..", "notebooks/coursework/master.ipynb", "npvae/coursework", "tests/coursework")
"""What holds solutions is not handed out with the pages."""
NAMES = {"README.md": "readme.html", "README.html": "lessons.html", "coursework/README.html": "coursework.html"}
GRADIENT_TEST = "test_the_gradient_meets_finite_differences"
TEMPLATES = Environment(loader=FileSystemLoader(HERE), trim_blocks=True, lstrip_blocks=True)


class Site:
    """A folder of pages. Whatever they link to in the repository becomes a page of it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wanted: dict[str, str] = {}
        """Address of each file of the repository that is linked to, by its path."""

    def address(self, path: str) -> str | None:
        """Where a file of the repository stands in the folder; None for what is not handed out."""
        path = Path(os.path.normpath(path)).as_posix()
        if path.startswith(KEPT_BACK) or not path.endswith(KINDS) or not (ROOT / path).is_file():
            return None
        page = re.sub(r"\.(md|ipynb)$", ".html", path.removeprefix("notebooks/")).replace(".py", ".py.html")
        page = NAMES.get(path, NAMES.get(page, page))
        return self.wanted.setdefault(path, page)

    def localized(self, page: str, source: str, at: str) -> str:
        """Let the links of a page, made of a file of the repository, lead to pages; what has none keeps its text."""

        def leading(target: str, text: str = "") -> str:
            file, _, anchor = target.partition("#")
            path = Path(os.path.normpath(Path(source).parent / file)).as_posix()
            if re.match(r"[a-z]+:|#", target) or not (address := self.address(path)):
                return target if re.match(r"[a-z]+:|#", target) else ""
            anchor = anchor or named(path, re.sub(r"<[^>]+>", "", text))
            return relative(address, at) + f"#{anchor}" * bool(anchor)

        def link(found: re.Match) -> str:
            target = leading(found[1], found[2])
            return f'<a href="{target}">{found[2]}</a>' if target else found[2]

        page = re.sub(r'<a href="([^"]+)"[^>]*>(.*?)</a>', link, page, flags=re.DOTALL)
        return re.sub(r'(<img[^>]*src=)"([^"]+)"', lambda found: f'{found[1]}"{leading(found[2])}"', page)

    def write(self, at: str, template: str, **parts: object) -> None:
        """Write the page that a template makes of its parts."""
        page = TEMPLATES.get_template(template).render(at=at, up="../" * at.count("/"), **parts)
        (self.folder / at).parent.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / at, page)

    def write_file(self, path: str) -> None:
        """Write the page of a text or a program of the repository, or copy a picture."""
        at, file = self.wanted[path], ROOT / path
        if path.endswith(".md"):
            (page,) = to_html(file.read_text("utf-8"))
            title = re.search(r"<h1[^>]*>(.*?)</h1>", page)[1]
            self.write(at, "page.html", title=title, body=self.localized(page, path, at))
        elif path.endswith(".py"):
            self.write(at, "page.html", title=path, kind="source", body=listing(file.read_text("utf-8")))
        else:
            (self.folder / at).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, self.folder / at)


def relative(address: str, at: str) -> str:
    """Return the link from one page to another."""
    return Path(os.path.relpath(address, Path(at).parent)).as_posix()


def named(path: str, text: str) -> str:
    """Return the anchor of what a link into a program is called after: a function, or the sentence of a test."""
    if not path.endswith(".py"):
        return ""
    found = definitions((ROOT / path).read_text("utf-8"))
    return next((name for name in (text, f"test_{text.replace(' ', '_')}", GRADIENT_TEST) if name in found), "")
