"""Which statements of a submission are run for an exercise: those that bind a name which its functions read."""

import ast
import builtins
import re
import symtable
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from npvae.coursework.magics import parse
from npvae.coursework.origin import Origin, origin_of

LARGEST_CODE = 500_000
"""Characters of code that are read: parsing takes some 500 bytes for each. An assignment has less than 100,000."""
MOST = 5_000
"""Statements that are read. An assignment has less than a thousand."""
ANY = "*"
"""Stands for the names that `from module import *` binds."""


class Statement(NamedTuple):
    """A statement outside all functions."""

    where: str
    source: str
    binds: tuple[str, ...]
    """Names that it binds, and those of objects that it changes, as by table[i] = 1 or table.append(1)."""
    reads: tuple[str, ...]
    """Names outside all functions that it reads, at once or when the function that it defines is called."""
    blank: bool
    """Whether it is a function that only says that it is still to be written."""


class Code(NamedTuple):
    """The code of a submission."""

    statements: tuple[Statement, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """Where something was left out, and its text."""

    def needed(self, functions: Sequence[str]) -> list[Statement]:
        """What binds a name that one of the functions reads, or that this reads in turn; in the order of the file."""
        wanted, kept = {ANY, *functions}, set[Statement]()
        while found := {each for each in self.statements if wanted.intersection(each.binds)} - kept:
            kept |= found
            wanted.update(*(each.reads for each in found))
        return [each for each in self.statements if each in kept]

    def missed(self, functions: Sequence[str]) -> list[str]:
        """What was left out and holds a name that is needed and bound nowhere else."""
        needed = self.needed(functions)
        bound = {name for each in needed for name in each.binds}
        read = {*functions, *(name for each in needed for name in each.reads)}
        return [
            f"{where} was left out, and {name} stands there"
            for name in sorted(read - bound - set(dir(builtins)))
            for where, text in self.left_out
            if re.search(rf"\b{name}\b", text)
        ]


def code_of(cells: list[str], notes: list[str]) -> tuple[Code, Origin]:
    """The statements of all cells, and what the cells say of the assignment.

    A cell that does not parse is noted and left out. A blank that stands beside an answer of the same name counts for
    nothing.
    """
    statements: list[Statement] = []
    left_out: list[tuple[str, str]] = []
    trees: list[ast.Module] = []
    imported: set[str] = set()
    left = LARGEST_CODE
    for i, cell in enumerate(cells, 1):
        try:
            if len(cell) > left:
                raise ValueError(f"there are more than {LARGEST_CODE:,} characters of code")
            left -= len(cell)
            tree, taken = parse(cell)
            if len(statements) + len(tree.body) > MOST:
                raise ValueError(f"there are more than {MOST:,} statements")
            statements += [statement(node, f"line {node.lineno} of code cell {i}", imported) for node in tree.body]
            trees.append(tree)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            at = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            wrong = " is not Python and" if isinstance(error, SyntaxError) else ""
            notes.append(f"code cell {i}{at}{wrong} was left out: {str(error)[:100]}")
            left_out.append((f"code cell {i}", cell))
            continue
        for line, text in taken:
            where = f"line {line} of code cell {i}"
            notes.append(f"{where}, `{text}`, is not Python and was left out")
            left_out.append((where, text))
    answered = {name for each in statements if not each.blank for name in each.binds}
    kept = tuple(each for each in statements if not (each.blank and answered.issuperset(each.binds)))
    return Code(kept, tuple(left_out)), origin_of(trees)


def statement(node: ast.stmt, where: str, imported: set[str]) -> Statement:
    """A statement with the names that it binds and reads, as Python itself takes them.

    What it imports is added to `imported`: np.seterr() changes no object that a function needs.
    """
    source = ast.unparse(node)
    outside = symtable.symtable(source, where, "exec")
    imported |= {symbol.get_name() for symbol in outside.get_symbols() if symbol.is_imported()}
    binds = {symbol.get_name() for symbol in outside.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    binds |= set(changed(node)) - imported
    symbols = [symbol for table in tables(outside) for symbol in table.get_symbols()]
    reads = {symbol.get_name() for symbol in symbols if symbol.is_global() and symbol.is_referenced()}
    if isinstance(node, ast.ImportFrom) and (node.module == "__future__" or node.names[0].name == "*"):
        binds |= {ANY}
    return Statement(where, source, tuple(sorted(binds)), tuple(sorted(reads)), is_blank(node))


def tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    """The table, and those of all functions and classes in it."""
    yield table
    for child in table.get_children():
        yield from tables(child)


def changed(node: ast.AST) -> Iterator[str]:
    """Names of the objects that a statement changes when it is executed; what a function in it would is not."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
            return
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            yield root(node)
        case ast.Expr(value=ast.Call(func=ast.Attribute() as called)):
            yield root(called)
    for child in ast.iter_child_nodes(node):
        yield from changed(child)


def root(node: ast.expr) -> str:
    """The name that a dotted or indexed expression begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def is_blank(node: ast.stmt) -> bool:
    """Whether a function only says that it is still to be written."""
    match node:
        case ast.FunctionDef(body=[*_, ast.Raise() as last]):
            return "NotImplementedError" in ast.dump(last)
    return False
