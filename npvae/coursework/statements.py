"""Which statements of a submission are kept, and what is left out."""

import ast
from typing import NamedTuple

from npvae.coursework.magics import parse
from npvae.coursework.origin import Origin, origin_of

LARGEST_CODE = 500_000
"""Characters of code that are read: parsing takes some 500 bytes for each. An assignment has less than 100,000."""


class Definition(NamedTuple):
    """A statement of a submission that is kept."""

    function: str
    """The function it defines, if any."""
    blank: bool
    """Whether that only says that it is still to be written."""
    source: str


def definitions(cells: list[str], notes: list[str]) -> tuple[str, Origin]:
    """Imports, functions, classes and plain assignments of all cells; what draws, trains or prints is left out.

    A cell that does not parse is noted and left out. A blank that stands beside an answer of the same name counts for
    nothing. Beside them, what the cells say of the assignment.
    """
    kept: list[Definition] = []
    trees: list[ast.Module] = []
    left = LARGEST_CODE
    for i, cell in enumerate(cells, 1):
        if len(cell) > left:
            notes.append(f"code cell {i} was left out: there are more than {LARGEST_CODE:,} characters of code")
            continue
        left -= len(cell)
        try:
            tree, taken = parse(cell)
            kept += [definition(node) for node in tree.body if defines(node)]
            trees.append(tree)
            notes += [
                f"line {line} of code cell {i}, `{text}`, is not Python and was left out" for line, text in taken
            ]
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            notes.append(f"code cell {i}{line} is no Python and was left out: {str(error)[:100]}")
    answered = {each.function for each in kept if not each.blank}
    code = "\n\n".join(each.source for each in kept if not (each.blank and each.function in answered))
    return code, origin_of(trees)


def definition(node: ast.stmt) -> Definition:
    """What is kept of a statement."""
    if not isinstance(node, ast.FunctionDef):
        return Definition("", False, ast.unparse(node))
    return Definition(node.name, is_blank(node), ast.unparse(node))


def defines(node: ast.stmt) -> bool:
    """Whether a statement defines something and does no work: it calls nothing but NumPy, math and containers."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    calls = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
    return all(
        root(call) in {"np", "numpy", "math", "float", "int", "tuple", "list", "dict", "range", "len"}
        for call in calls
    )


def root(node: ast.expr) -> str:
    """The name that a dotted expression begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def is_blank(node: ast.FunctionDef) -> bool:
    """Whether a function only says that it is still to be written."""
    last = node.body[-1]
    return isinstance(last, ast.Raise) and "NotImplementedError" in ast.dump(last)
