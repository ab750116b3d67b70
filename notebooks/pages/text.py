"""Markdown, docstrings and Python as HTML: formulas as MathML, code in colours."""

import ast
import html
import re
from functools import cache

import pypandoc
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

MARKDOWN, DOCSTRING, SEAM = "gfm+tex_math_dollars", "rst-auto_identifiers", "XSEAMX"


def to_html(*texts: str, kind: str = MARKDOWN) -> list[str]:
    """Convert the texts of one page, Markdown unless another kind is named, in one call of pandoc.

    Raises
    ------
    ValueError
        For a formula that pandoc cannot convert.
    """
    options = ["--mathml", "--wrap=none", "--syntax-highlighting=none", *["--shift-heading-level-by=4"] * (kind == DOCSTRING)]
    page = pypandoc.convert_text(f"\n\n{SEAM}\n\n".join(texts), "html", format=kind, extra_args=options)
    if wrong := re.search(r'<span\s+class="math[^>]*>(.*?)</span>', page, re.DOTALL):
        raise ValueError(f"{wrong[1]} is a formula that pandoc cannot convert: write it in other words")
    page = re.sub(r"<annotation.*?</annotation>|</?semantics>", "", page, flags=re.DOTALL)
    letters = r'(?:<mi mathvariant="normal">\w</mi>){2,}'  # of a word
    page = re.sub(letters, lambda word: f"<mi>{re.sub('<[^>]+>', '', word[0])}</mi>", page)
    page = re.sub(r'<math display="block".*?</math>', r'<span class="formula">\g<0></span>', page, flags=re.DOTALL)
    code = r'<pre(?: class="(\w+)")?><code[^>]*>(.*?)</code></pre>'
    page = re.sub(code, lambda found: block(html.unescape(found[2]), found[1] or "text"), page, flags=re.DOTALL)
    page = re.sub(r'<span class="title-ref">(.*?)</span>', r"<code>\1</code>", page)
    page = page.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>")
    return page.split(f"<p>{SEAM}</p>")


def block(code: str, language: str = "python") -> str:
    """Return code in colours, in a box."""
    lexer, formatter = get_lexer_by_name(language, stripnl=False), HtmlFormatter(nowrap=True)
    return f'<pre class="code">{highlight(code, lexer, formatter).rstrip()}</pre>'


@cache
def definitions(source: str) -> dict[str, int]:
    """The line of each function, class and method of a file, by qualified name."""
    found = {}

    def enter(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                found[prefix + child.name] = child.lineno
                enter(child, f"{prefix}{child.name}.")

    enter(ast.parse(source), "")
    return found


def listing(source: str) -> str:
    """Return a whole file in colours, with an anchor at every definition."""
    lines = block(source).split("\n")
    for name, number in definitions(source).items():
        lines[number - 1] = f'<span id="{name}">{lines[number - 1]}</span>'
    return "\n".join(lines)
