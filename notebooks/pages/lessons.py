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


def lessons(start: str = "") -> list[str]:
    """The lessons whose names begin so, by their paths in the repository."""
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]*.ipynb"))
            if path.name.startswith(start)]


def cells(path: str) -> list[dict]:
    """The cells of a lesson, each with its source as one string."""
    found = json.loads((ROOT / path).read_text("utf-8"))["cells"]
    return [{**cell, "source": "".join(cell["source"])} for cell in found]


def title(path: str) -> str:
    """The first heading of a lesson."""
    return re.search(r"# (.*)", cells(path)[0]["source"])[1]


def shown(site: Site, path: str, at: str, slide: bool = False) -> list[tuple[int | None, str]]:
    """Number and HTML of each cell of a lesson; on a slide, the code of a figure is folded."""
    found = cells(path)
    texts = iter(to_html(*(cell["source"] for cell in found if cell["cell_type"] == "markdown")))
    pages = []
    for cell in found:
        if cell["cell_type"] == "markdown":
            pages.append((None, site.localized(next(texts), path, at)))
            continue
        number, tags = cell["execution_count"], cell["metadata"].get("tags", [])
        results = [result(site, path, number, output) for output in cell["outputs"]]
        draws = "hide-input" in tags or (slide and any("<img" in each for each in results))
        page = TEMPLATES.get_template("cell.html")
        pages.append((number, page.render(number=number, code=block(cell["source"]), results=results, draws=draws)))
    return pages


def result(site: Site, path: str, number: int, output: dict) -> str:
    """What a cell printed, returned or drew; a figure becomes a file."""
    data = output.get("data", {})
    for kind in FIGURES.keys() & data.keys():
        name = f"figures/{Path(path).name[:2]}-{number}.{FIGURES[kind]}"
        content = "".join(data[kind])
        figure = base64.b64decode(content) if kind == "image/png" else content.encode()
        (site.folder / "figures").mkdir(exist_ok=True)
        (site.folder / name).write_bytes(figure)
        width = output["metadata"].get(kind, {}).get("width")
        return f'<img src="{name}" alt="Figure of In [{number}]; the text describes it"{f" width={width}" * bool(width)}>'
    return "".join(output.get("text") or data.get("text/plain", ""))


def write_lessons(site: Site) -> None:
    """Write every lesson, with links to the one before and the one after."""
    paths = lessons()
    for i, path in enumerate(paths):
        at = site.address(path)
        neighbours = {"prev": paths[max(i - 1, 0) : i], "next": paths[i + 1 : i + 2]}
        turns = {turn: (site.address(other), title(other)) for turn, found in neighbours.items() for other in found}
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
            if lesson in questions:
                question, expected = questions.pop(lesson)
                found.append({"kind": "question", "title": "A question", "body": question, "expected": expected})
            (path,) = lessons(lesson)
            pages, heading = shown(site, path, at, slide=True), ""
            order = [number for number, _ in pages]
            ranges = re.findall(r"In \[(\d+)\](?: to In \[(\d+)\])?", numbers)
            wanted = {i for a, b in ranges for i in range(order.index(int(a)), order.index(int(b or a)) + 1)}
            for i, (number, page) in enumerate(pages):
                for part in re.split(r"(?=<h[12] )", page):
                    begun = re.match(r"<h[12] [^>]*>(.*?)</h[12]>", part)
                    heading, part = (begun[1], part[begun.end() :]) if begun else (heading, part)
                    if i in wanted and part.strip():
                        source = site.address(path) + f"#in-{number}" * bool(number)
                        found.append({"kind": "cell", "title": heading, "body": part, "lesson": lesson, "source": source})
    return found


def first_cell(site: Site, start: str, name: str) -> str:
    """A link to the first cell of a lesson that names a function."""
    (path,) = lessons(start)
    numbers = [cell["execution_count"] for cell in cells(path) if cell["cell_type"] == "code" and name in cell["source"]]
    cell = f'#in-{numbers[0]}' if numbers else ""
    return f'<a href="{site.address(path)}{cell}">{start}</a>'
