"""Cells of a notebook as Python: what only IPython understands is taken out, statement by statement."""

import ast
import re

MAGIC = re.compile(
    r"""
    ([ \t\f]*)
    (
        (?: [\w.,\[\] \t]+ =[ \t]* )? [%!] [^\n\\]* (?: \\.? [^\n\\]* )*  # %time, !ls, x = !ls
        | \?[^\n]* | [^\n?#'"]* \?\??[ \t]* (?=\n|\Z)                     # ?np.exp, np.exp??
    )
    """,
    re.DOTALL | re.VERBOSE,
)
"""A statement of IPython, where a statement begins; a backslash continues it on the next line."""
TOKEN = re.compile(
    r"""
    \#[^\n]*
    | "{3} [^"\\]* (?: (?: \\. | "{1,2}(?!") ) [^"\\]* )* (?: "{3} )?
    | '{3} [^'\\]* (?: (?: \\. | '{1,2}(?!') ) [^'\\]* )* (?: '{3} )?
    | " [^"\\\n]* (?: \\. [^"\\\n]* )* "?
    | ' [^'\\\n]* (?: \\. [^'\\\n]* )* '?
    | \\\n
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
    | (?P<end> \n (?: [ \t\f]*\n )* )
    """,
    re.DOTALL | re.VERBOSE,
)
"""What decides where a statement of Python begins: comments, strings, continued lines, brackets, ends of lines."""
SHOWN = 60
"""Characters of a statement that are shown."""


def parse(cell: str) -> tuple[ast.Module, list[tuple[int, str]]]:
    """The tree of a cell, and line and words of each statement of IPython that had to be taken out for it.

    Raises
    ------
    SyntaxError
        Where the rest is not Python either; and whatever else `ast.parse` raises.
    """
    cell = re.sub(r"\r\n?", "\n", cell)
    try:
        return ast.parse(cell), []
    except SyntaxError:
        taken = magics(cell)
        if not taken:
            raise
    python, told = replaced(cell, taken, "")
    try:
        return ast.parse(python), told
    except SyntaxError:  # it may have been all of a block
        return ast.parse(replaced(cell, taken, "pass")[0]), told


def magics(cell: str) -> list[re.Match[str]]:
    """The statements of IPython: lines that begin like one where a statement begins, and not within one of Python."""
    taken = []
    i, depth, begins = 0, 0, True
    while True:
        if begins and (magic := MAGIC.match(cell, i)):
            taken.append(magic)
            i = magic.end()
        if not (token := TOKEN.search(cell, i)):
            return taken
        i = token.end()
        depth = max(0, depth + bool(token["open"]) - bool(token["close"]))
        begins = bool(token["end"]) and depth == 0


def replaced(cell: str, taken: list[re.Match[str]], stand_in: str) -> tuple[str, list[tuple[int, str]]]:
    """The cell with something else for each statement of IPython, and the line and the words of each.

    All other lines keep their numbers.
    """
    pieces, told, i, line = [], [], 0, 1
    for magic in taken:
        line += cell.count("\n", i, magic.start())
        told.append((line, " ".join(magic[2].split())[:SHOWN]))
        lines = magic[2].count("\n")
        pieces += [cell[i : magic.start()], magic[1], stand_in, "\n" * lines]
        i, line = magic.end(), line + lines
    return "".join([*pieces, cell[i:]]), told
