"""Tables and text for spreadsheets and pages, whatever names and answers hold."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from npvae.internals.text import printable, visible

FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet takes for a formula, also with the wide signs of East Asian keyboards."""


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


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    """A table in Markdown, by lines."""
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    return [*lines, *(f"| {' | '.join(in_line(str(value)) for value in row)} |" for row in rows)]
