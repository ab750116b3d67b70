"""The companion with the code beside it: each function, its gradient, a number to redo, and what guards both."""

import configparser
import contextlib
import inspect
import io
import re
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import npvae
import numpy as np
from npvae.cli.gradients import gradient_table
from npvae.coursework.exercises import EXERCISES
from npvae.gradcheck import all_pairs
from npvae.lessons import source
from wrong_versions import WRONG_VERSIONS

from pages.lessons import lessons
from pages.site import HERE, ROOT, Site, line_of
from pages.text import DOCSTRING, block, to_html

NOTES, README, TABLE = "notebooks/notes.md", "README.md", "## From the lecture notes to the code\n"
PANELS = configparser.ConfigParser(interpolation=None)
PANELS.read(HERE / "panels.ini", "utf-8")


def write_notes(site: Site) -> None:
    """Write the companion; what a mark in it names stands beside the text that follows the mark."""
    at, rows, sections, beside = site.address(NOTES), table(site), [], []
    companion = (ROOT / NOTES).read_text("utf-8") + "\n" + (HERE / "stands_on.md").read_text("utf-8")
    text = site.localized(to_html(companion)[0], NOTES, at)
    for part in re.split(r"(?=<h[1-3] |<!-- code: )|(?<=</h[1-3]>)|(?<= -->)", text):
        if part.startswith("<h"):
            name = re.sub(r"<[^>]+>| \(.*", "", part)
            sections.append({"heading": part, "said": [row for row in rows if row["of"] == name], "rows": []})
        elif mark := re.fullmatch(r"<!-- code: (.*?) -->", part):
            beside = [panel(site, name, rows) for name in mark[1].split(", ")]
        elif part.strip():
            sections[-1]["rows"].append((part, beside))
            beside = []
    site.write(at, "notes.html", title="The notes beside the code", kind="notes", sections=sections)


def table(site: Site) -> list[dict[str, Any]]:
    """The rows of the README's table from the lecture notes to the code, with what a panel takes from them."""
    text = (ROOT / README).read_text("utf-8").partition(TABLE)[2].partition("\n## ")[0]
    page, rows, section = site.localized(to_html(text)[0], README, site.address(NOTES)), [], ""
    lesson = re.compile(r'<a href="(\d\d_[^"]+)">\d\d</a>(?:,?\s+In\s\[\d+\])*')
    page = lesson.sub(lambda at: re.sub(r"In\s\[(\d+)\]", rf'<a href="{at[1]}#in-\1">\g<0></a>', at[0]), page)
    for row in re.findall(r"<tr>\s*(<td.*?)</tr>", page, re.DOTALL):
        said, _, _, code, tests = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        section = re.findall("<strong>(.*?)</strong>", said)[:1] or section
        names, *taught = re.split(r"<br>\s*(?=<a [^>]*>\d\d<)", code)
        guards = re.findall("<a .*?</a>", tests.partition("gradient:")[0])
        said = re.sub(r"<strong>.*</strong>|<br>", " ", said).strip()
        rows.append({"of": section[0], "said": said, "row": row, "names": names, "taught": taught, "guards": guards})
    return rows


def panel(site: Site, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What stands beside the text under a name of panels.ini."""
    spec, about = PANELS[name], [row for row in rows if f"<code>{name}</code>" in row["names"]]
    listed = {key: spec.get(key, "").strip().splitlines() for key in ("guard", "wrong", "lesson")}
    shows = spec.get("shows", f"{name} {name}_backward").split()
    functions = {each: attrgetter(each)(npvae) for each in shows}
    code = "\n\n".join(source(function) for function in functions.values())
    if only := spec.get("lines"):
        code = "\n".join(line.strip() for line in code.splitlines() if only in line)
    documented = [inspect.getdoc(attrgetter(each)(npvae)) for each in spec.get("doc", " ".join(shows)).split()]
    taught = [f'<a href="{site.address(lessons(each)[0])}">{each}</a>' for each in listed["lesson"]]
    return {
        **spec,
        "name": name,
        "links": {each: in_the_package(site, function) for each, function in functions.items()},
        "code": block(code),
        "worked": worked(name, spec["at"]) if "at" in spec else "",
        "example": block(spec.get("example", "").strip()),
        "printed": printed(spec.get("example", "")),
        "error": errors().get(spec.get("errors", name)),
        "guards": [link for row in about for link in row["guards"]] + [test(site, each) for each in listed["guard"]],
        "documented": zip(shows, to_html(*documented, kind=DOCSTRING), strict=False),
        "rejected": [(mistake(a), test(site, b)) for a, b in (line.rsplit(": ", 1) for line in listed["wrong"])],
        "taught": [link for row in about for link in row["taught"]] + taught,
        "exercise": EXERCISES[spec["exercise"]].title if "exercise" in spec else "",
    }


def mistake(name: str) -> str:
    """What is wrong, and what comes of it, in one line: of the tests' wrong versions the first that begins so."""
    return next(version.what for key, version in WRONG_VERSIONS.items() if re.match(name, key))


def in_the_package(site: Site, function: Any) -> str:
    """The address of the line at which a function begins."""
    path = Path(inspect.getsourcefile(function)).relative_to(Path(npvae.__file__).parents[1]).as_posix()
    return f"{site.address(path)}#L-{inspect.getsourcelines(function)[1]}"


def test(site: Site, sentence: str) -> str:
    """A link to the test that a sentence is the name of; none for the gradient check."""
    name = f"def test_{sentence.replace(' ', '_')}("
    files = (path for path in (ROOT / "tests/mathematics").glob("*.py") if name in path.read_text("utf-8"))
    paths = (path.relative_to(ROOT).as_posix() for path in files)
    return "".join(f'<a href="{site.address(path)}#{line_of(path, sentence)}">{sentence}</a>' for path in paths)


@cache
def errors() -> dict[str, float]:
    """The largest error in the rows of the gradient table, by the word they begin with."""
    return {re.match(r"\w+", row.name)[0]: row.error for row in sorted(gradient_table(), key=attrgetter("error"))}


def printed(example: str) -> str:
    """What an example prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(example.strip(), {"np": np, "npvae": npvae})
    return out.getvalue()


def worked(name: str, at: str) -> str:
    """A pair at a point, forward, then backward from an upstream gradient of 1."""
    pair = next(pair for pair in all_pairs().values() if pair.forward.__name__ == name)
    point = {name: np.array(value, float, ndmin=2) for name, value in eval(f"dict({at})").items()}
    out, cache = pair.forward(**point)
    dout, one = next(iter(inspect.signature(pair.backward).parameters)), np.ones_like(out)
    found = pair.backward(one, cache)
    found = found if isinstance(found, tuple) else (found,)
    gradients = {f"d{[*point][i]}": gradient for i, gradient in zip(pair.wrt, found, strict=True)}
    steps = point, {dout[1:]: out}, {dout: one}, gradients
    steps = [", ".join(f"{name} = {number(value)}" for name, value in step.items()) for step in steps]
    return "{} → {}; {} → {}".format(*steps)


def number(value: Any) -> str:
    """A number as one writes it down; several in brackets."""
    return f"{value.item():.4g}" if np.size(value) == 1 else f"[{', '.join(map(number, value))}]"
