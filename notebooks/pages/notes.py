"""The companion with the code beside it: each function, its gradient, a number to redo, and what guards both."""

import ast
import configparser
import contextlib
import inspect
import io
import re
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

import npvae
from npvae.cli.gradients import gradient_table
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.mistakes import MISTAKES
from npvae.gradcheck import all_pairs
from npvae.lessons import source
from pages.lessons import first_cell
from pages.site import HERE, ROOT, Site
from pages.text import DOCSTRING, block, definitions, to_html

NOTES, README, TABLE = "notebooks/notes.md", "README.md", "## From the lecture notes to the code\n"
MARK = re.compile(r"<!-- code: (.*?) -->")
PANELS = configparser.ConfigParser(interpolation=None)
PANELS.optionxform = str
PANELS.read(HERE / "panels.ini", "utf-8")


def write_notes(site: Site) -> None:
    """Write the companion; what a mark in it names stands beside the text that follows the mark."""
    at, rows, sections, beside = site.address(NOTES), table(site), [], []
    companion = (ROOT / NOTES).read_text("utf-8") + "\n" + (HERE / "stands_on.md").read_text("utf-8")
    text = site.localized(to_html(companion)[0], NOTES, at)
    for part in re.split(r"(?=<h[1-3] |<!-- code: )|(?<=</h[1-3]>)|(?<= -->)", text):
        if part.startswith("<h"):
            name = re.sub(r"<[^>]+>| \(.*", "", part)
            sections.append({"heading": part, "said": [row for row in rows if row["section"] == name], "rows": []})
        elif mark := MARK.fullmatch(part):
            beside = [panel(site, name, rows) for name in mark[1].split(", ")]
        elif part.strip():
            sections[-1]["rows"].append((part, beside))
            beside = []
    site.write(at, "notes.html", title="The notes beside the code", kind="notes", sections=sections)


def table(site: Site) -> list[dict[str, Any]]:
    """The README's table from the lecture notes to the code: each row with its section, its links one by one."""
    text = (ROOT / README).read_text("utf-8").partition(TABLE)[2].partition("\n## ")[0]
    page, rows, section = site.localized(to_html(text)[0], README, site.address(NOTES)), [], ""
    lesson = re.compile(r'<a href="([^"#]+)">\d\d</a>(?:,?\s+In \[\d+\])+')
    for row in re.findall(r"<tr>\s*(<td.*?)</tr>", page, re.DOTALL):
        said, equation, gradient, code, tests = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        if begun := re.match(r"<strong>(.*?)</strong>(?:<br />)?\s*", said):
            section, said = begun[1], said[begun.end() :]
        names, *lessons = re.split(r"<br />\s*(?=<a [^>]*>\d\d<)", code)
        cells = [lesson.sub(lambda at: re.sub(r"In \[(\d+)\]", rf'<a href="{at[1]}#in-\1">\g<0></a>', at[0]), each) for each in lessons]
        value, slope = tests.split("gradient:")
        rows.append({"section": section, "said": said, "equation": equation, "gradient": gradient, "names": names,
                     "lessons": cells, "tests": value.strip().removesuffix("<br />").split("<br />"), "slope": slope})
    return rows


def panel(site: Site, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What stands beside the text under a name of panels.ini."""
    spec, about = PANELS[name], [row for row in rows if f"<code>{name}</code>" in row["names"]]
    shows = spec.get("shows", f"{name} {name}_backward").split()
    functions = [attrgetter(each)(npvae) for each in shows]
    documented = [inspect.getdoc(attrgetter(each)(npvae)) for each in spec.get("doc", " ".join(shows)).split()]
    code = [source(function).splitlines() for function in functions]
    if only := spec.get("lines"):
        code = [[f"{line.strip()}  # {name}" for line in lines if only in line] for name, lines in zip(shows, code, strict=True)]
    wrong = [line.split(": ") for line in spec.get("wrong", "").strip().splitlines()]
    return {
        "name": name,
        "links": {each: in_the_package(site, function) for each, function in zip(shows, functions, strict=True)},
        "code": block(("\n" if only else "\n\n\n").join("\n".join(lines) for lines in code)),
        "worked": worked(name, spec["at"]) if "at" in spec else "",
        "example": (block(spec["example"].strip()), printed(spec["example"])) if "example" in spec else None,
        "error": errors().get(spec.get("errors", name)),
        "guards": [link for row in about for link in row["tests"]] + [test(site, each) for each in spec.get("guard", "").strip().splitlines()],
        "documented": zip(shows, to_html(*documented, kind=DOCSTRING), strict=False),
        "wrong": [(mistake(each), "" if check == "gradient" else test(site, check)) for each, check in wrong],
        "lessons": [link for row in about for link in row["lessons"]]
        + [first_cell(site, each, name.rpartition(".")[2]) for each in spec.get("lesson", "").split()],
        "exercise": (([*EXERCISES].index(spec["exercise"]) + 1, EXERCISES[spec["exercise"]].title) if "exercise" in spec else None),
        "part": spec.get("part"),
        "unmarked": spec.get("unmarked", ""),
    }


def mistake(name: str) -> str:
    """What is wrong, what is right, and what comes of it, in one line."""
    return MISTAKES[name].what


def in_the_package(site: Site, function: Any) -> str:
    """The address of the line at which a function begins."""
    path = Path(inspect.getsourcefile(function)).relative_to(ROOT)
    return f"{site.address(path.as_posix())}#{function.__qualname__}"


def test(site: Site, sentence: str) -> str:
    """A link to the test that a sentence is the name of."""
    name = f"test_{sentence.replace(' ', '_')}"
    (path,) = (path for path in (ROOT / "tests/mathematics").glob("*.py") if name in definitions(path.read_text("utf-8")))
    return f'<a href="{site.address(path.relative_to(ROOT).as_posix())}#{name}">{sentence}</a>'


@cache
def errors() -> dict[str, float]:
    """The largest error in the rows of the gradient table, by the word they begin with."""
    found: dict[str, float] = {}
    for row in gradient_table():
        word = re.match(r"\w+", row.name)[0]
        found[word] = max(row.error, found.get(word, 0.0))
    return found


def printed(example: str) -> str:
    """What an example prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(example.strip(), {"np": np, "npvae": npvae})
    return out.getvalue()


def worked(name: str, at: str) -> str:
    """A pair at a point, forward, then backward from an upstream gradient of 1."""
    pair = next(pair for pair in all_pairs().values() if pair.forward.__name__ == name)
    point = {word.arg: ast.literal_eval(word.value) for word in ast.parse(f"f({at})", mode="eval").body.keywords}
    point = {name: np.array([[value]] if np.isscalar(value) else value, float) for name, value in point.items()}
    out, cache = pair.forward(**point)
    dout, one = next(iter(inspect.signature(pair.backward).parameters)), np.ones_like(out)
    gradients = pair.backward(one, cache)
    gradients = dict(zip((f"d{[*point][i]}" for i in pair.wrt), gradients if isinstance(gradients, tuple) else [gradients], strict=True))
    steps = point, {dout[1:]: out}, {dout: one}, gradients
    return "{} → {}; {} → {}".format(*(", ".join(f"{key} = {number(value)}" for key, value in step.items()) for step in steps))


def number(value: Any) -> str:
    """A number as one writes it down; several in brackets."""
    return f"{value.item():.4g}" if np.size(value) == 1 else f"[{', '.join(map(number, value))}]"
