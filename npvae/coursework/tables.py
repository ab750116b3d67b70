"""Tables as spreadsheets write them; tables and pages to write, whatever names and answers hold."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from npvae.internals.text import printable, visible

FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]\s*\S")
"""How a cell begins that a spreadsheet takes for a formula, also with the wide signs of East Asian keyboards. A sign
alone is none."""


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Titles, and for each line with anything in it its number and its cells by title; commas, semicolons or tabs.

    Raises
    ------
    ValueError, csv.Error
        For what is not a table, or has a line with more cells than titles: which of them is which is not known.
    """
    data = path.read_bytes()
    if data.startswith(b"PK"):
        raise ValueError("it is an Excel workbook, or a zip: save it as CSV")
    text = decoded(data)
    first, _, rest = text.lstrip("\r\n").partition("\n")
    separator = max(",;\t", key=first.count)
    if match := re.fullmatch(r"sep=([,;\t])\r?", first):  # as Excel says it
        separator, text = match[1], rest
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = ((reader.line_num + bool(match), [cell.strip() for cell in line]) for line in reader)
    filled = [(number, cells) for number, cells in lines if any(cells)] or [(1, [])]
    titles = filled[0][1]
    for number, cells in filled[1:]:
        if any(cells[len(titles) :]):
            what = f"line {number} has {len(cells)} cells, but there are {len(titles)} titles"
            raise ValueError(f"{what}: put a cell with {separator!r} in it between quotes")
    padded = ((number, [*cells, *[""] * len(titles)]) for number, cells in filled[1:])
    return titles, [(number, dict(zip(titles, cells, strict=False))) for number, cells in padded]


def decoded(data: bytes) -> str:
    """Text in UTF-8 or UTF-16 by its mark, else in UTF-8 where it is that, else as Excel writes it on Windows."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV in which no cell is a formula, and none ends at another program's separator."""
    return "".join(",".join(map(cell, row)) + "\n" for row in (header, *rows))


def cell(value: Any) -> str:
    """One cell; text that would be a formula begins with an apostrophe."""
    if not isinstance(value, str):
        return str(value)
    text = printable(value)
    text = f"'{text}" if FORMULA.match(text) else text
    return '"' + text.replace('"', '""') + '"' if re.search('[,;"]', text) else text


def in_line(text: str) -> str:
    """Text within a line of Markdown, as it stands: no HTML, no link and no end of a table's cell."""
    return re.sub(r"([\\`\[\]|])", r"\\\1", printable(text).replace("&", "&amp;").replace("<", "&lt;"))


def quoted(text: str) -> str:
    """Text of several lines in Markdown, as it stands: no section and no end of the quotation."""
    text = visible(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(in_line(str(value)) for value in row)} |" for row in rows]
    return "\n".join(lines)
