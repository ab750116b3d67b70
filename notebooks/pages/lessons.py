"""The lessons as pages, and the lectures as slides of the cells that the lecturer's page names."""

import base64
import json
import re
from pathlib import Path

from pages.site import ROOT, TEMPLATES, Site
from pages.text import block, to_html

PLAN = "notebooks/README.md"
CELLS = re.compile(r"lesson (\d\d)((?:, In \[\d+\](?: to In \[\d+\])?)+)")
QUESTION = re.compile(r"\*\*(?:One question, f|F)or lesson (\d\d)\.\*\* (\*.+?\*) (.+?)(?:\n\n|$)", re.DOTALL)
FIGURES = {"image/png": "png", "image/svg+xml": "svg"}


def lessons(start: str = "[0-9][0-9]") -> list[str]:
    """The lessons whose names begin so, by their paths in the repository; a lab shows nothing yet."""
    found = sorted((ROOT / "notebooks").glob(f"{start}_*.ipynb"))
    return [path.relative_to(ROOT).as_posix() for path in found if not path.stem.endswith("_lab")]


def cells(path: str) -> list[dict]:
    """The cells of a lesson, each with its source as one string."""
    found = json.loads((ROOT / path).read_text("utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def title(path: str) -> str:
    """The first heading of a lesson."""
    return re.search(r"# (.*)", cells(path)[0]["source"])[1]


def shown(site: Site, path: str, at: str, slide: bool = False) -> list[tuple[int | None, str]]:
    """Number and HTML of each cell of a lesson; on a slide, the code of a figure is folded."""
    found, pages = cells(path), []
    texts = iter(to_html(*(cell["source"] for cell in found if cell["cell_type"] == "markdown")))
    for cell in found:
        if cell["cell_type"] == "markdown":
            pages.append((None, site.localized(next(texts), path, at)))
            continue
        number, code = cell["execution_count"], block(cell["source"])
        results = [result(site, path, number, output) for output in cell["outputs"]]
        drawn = any(each.startswith("<img") for each in results)
        parts = {"number": number, "code": code, "results": results, "drawn": drawn, "slide": slide}
        parts["folded"] = "hide-input" in cell["metadata"].get("tags", []) or (slide and drawn)
        pages.append((number, TEMPLATES.get_template("cell.html").render(parts)))
    return pages


def result(site: Site, path: str, number: int, output: dict) -> str:
    """What a cell printed or returned, as text, or what it drew, which becomes a file."""
    data = output.get("data", {})
    for kind in FIGURES.keys() & data.keys():
        file = site.folder / "figures" / f"{Path(path).stem}-{number}.{FIGURES[kind]}"
        content = "".join(data[kind])
        file.write_bytes(content.encode() if kind == "image/svg+xml" else base64.b64decode(content))
        width = output["metadata"].get(kind, {}).get("width", "")
        return (
            f'<img src="figures/{file.name}" width="{width}" alt="Figure of In [{number}], which the text describes">'
        )
    return "".join(output.get("text") or data.get("text/plain", ""))


def write_lessons(site: Site) -> None:
    """Write every lesson, with links to the one before and the one after."""
    for before, path, after in zip([None, *lessons()], lessons(), [*lessons()[1:], None], strict=False):
        turns = [(turn, site.address(to), title(to)) for turn, to in (("prev", before), ("next", after)) if to]
        at = site.address(path)
        body = "".join(page for _, page in shown(site, path, at))
        site.write(at, "page.html", title=title(path), kind="lesson", body=body, turns=turns)


def write_decks(site: Site) -> dict[str, str]:
    """Write a deck for each lecture of the lecturer's plan; return their titles by address."""
    decks = {}
    for name, lecture in re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^##? |\Z)", (ROOT / PLAN).read_text("utf-8")):
        if CELLS.search(lecture):
            decks[at := f"lecture-{len(decks) + 1}.html"] = name
            site.write(at, "deck.html", title=name, slides=slides(site, lecture, at))
    return decks


def slides(site: Site, lecture: str, at: str) -> list[dict]:
    """The slides of a lecture: for each row of its plan, what it is about, then questions and cells."""
    questions = {lesson: to_html(*asked) for lesson, *asked in QUESTION.findall(lecture)}
    found = []
    for minutes, what, named in re.findall(r"(?m)^\| (\d+ to \d+) \| (.*?) \| (.*?) ?\|$", lecture):
        found.append({"kind": "part", "minutes": minutes, "body": to_html(what)[0]})
        for lesson, numbers in CELLS.findall(named):
            if asked := questions.pop(lesson, None):
                found.append({"kind": "question", "body": asked[0], "expected": asked[1]})
            path, heading, here = lessons(lesson)[0], "", 0.0
            ranges = [(int(a), int(b or a)) for a, b in re.findall(r"In \[(\d+)\](?: to In \[(\d+)\])?", numbers)]
            for number, page in shown(site, path, at, slide=True):
                here = number or int(here) + 0.5  # prose stands between two cells
                for part in re.split(r"(?=<h[12] )", page):
                    begun = re.match(r"<h[12] [^>]*>(.*?)</h[12]>", part)
                    heading, part = (begun[1], part[begun.end() :]) if begun else (heading, part)
                    source = site.address(path) + f"#in-{number}" * bool(number)
                    if part.strip() and any(a <= here <= b for a, b in ranges):
                        found.append({"title": heading, "body": part, "lesson": lesson, "source": source})
    return found
