"""Markdown, docstrings and Python as HTML: formulas as MathML, code in colours."""

import html
import re

import pypandoc
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

MARKDOWN, DOCSTRING, SEAM = "gfm+tex_math_dollars", "rst-auto_identifiers", "XSEAMX"


def to_html(*texts: str, kind: str = MARKDOWN) -> list[str]:
    """Convert the texts of one page, in one call of pandoc; a ValueError names a formula that it cannot convert."""
    options = ["--mathml", "--wrap=none", "--syntax-highlighting=none"]
    options.append(f"--shift-heading-level-by={4 * (kind == DOCSTRING)}")
    page = pypandoc.convert_text(f"\n\n{SEAM}\n\n".join(texts), "html", format=kind, extra_args=options)
    if wrong := re.search(r'<span\s+class="math[^>]*>(.*?)</span>', page, re.DOTALL):
        raise ValueError(f"{wrong[1]} is a formula that pandoc cannot convert: write it in other words")
    page = re.sub(r"<annotation.*?</annotation>|</?semantics>", "", page, flags=re.DOTALL)
    name = r"(?<!sup>)(?<!sub>)(?<!under>)(<mrow><mi[^>]*>\w+</mi><mo>&#8289;</mo></mrow>)"  # of a function
    page = re.sub(rf"{name}(?!(?:<mrow>)?<mo[^>]*>[(\[])", r'\1<mspace width="0.17em"></mspace>', page)
    word = r'(?:<mi mathvariant="normal">\w</mi>){2,}'  # letter by letter
    page = re.sub(word, lambda found: f"<mi>{re.sub('<[^>]+>', '', found[0])}</mi>", page)
    page = re.sub(r'<math display="block".*?</math>', r'<span class="formula">\g<0></span>', page, flags=re.DOTALL)
    page = re.sub(r'<span class="title-ref">(.*?)</span>', r"<code>\1</code>", page)
    page = page.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>")
    code = re.compile(r'<pre(?: class="(\w+)")?><code[^>]*>(.*?)</code></pre>', re.DOTALL)
    page = code.sub(lambda found: block(html.unescape(found[2]), found[1] or "text"), page)
    return page.split(f"<p>{SEAM}</p>")


def block(code: str, language: str = "python") -> str:
    """Return code in colours, in a box."""
    lexer = get_lexer_by_name(language, stripnl=False)
    return f'<pre class="code">{highlight(code, lexer, HtmlFormatter(nowrap=True)).rstrip()}</pre>'
