"""Which statements are run for an exercise: all that its functions need, and nothing that trains, draws or prints."""

import ast
import json

import pytest

from npvae.coursework.submissions import MOST_NOTES, Submission, read


def read_back(*cells):
    notebook = {"cells": [{"cell_type": "code", "metadata": {}, "source": cell} for cell in cells]}
    return read(Submission("ada", "a.ipynb", json.dumps(notebook).encode()))


def text(contents):
    return "\n\n".join(each.source for each in contents.code.statements)


def kept(contents, *functions):
    return "\n\n".join(each.source for each in contents.code.needed(functions))


def run(call, *cells):
    """What the call of a function gives where nothing but what is kept for it has been executed."""
    scope = {}
    exec(kept(read_back(*cells), call.partition("(")[0]), scope)
    return eval(call, scope)


@pytest.mark.parametrize(
    "binds",
    [
        "from math import log\nLOG2 = log(2)",
        "LOG2 = max(0.6, 0.69)",
        "from functools import partial\nLOG2 = partial(max, 0.6)(0.69)",
        "from collections import namedtuple\nPair = namedtuple('Pair', 'one two')\nLOG2 = Pair(1, 0.69).two",
        "class Constants:\n    def __init__(self):\n        self.log2 = 0.69\nLOG2 = Constants().log2",
        "half = lambda: 0.345\nLOG2 = 2 * half()",
        "try:\n    from no_such_module import LOG2\nexcept ImportError:\n    LOG2 = 0.69",
        "if True:\n    LOG2 = 0.69\nelse:\n    LOG2 = 0",
        "for LOG2 in (0.6, 0.69):\n    pass",
        "ONE, (LOG2, TWO) = 1, (0.69, 2)",
        "LOG2 = 0\nLOG2 += 0.69",
        "LOG2: float = 0.69",
        "import math as m\nLOG2 = m.log(2)",
        "from math import *\nLOG2 = log(2)",
        "table = {}\nfor i in range(3):\n    table[i] = 0.23 * i\nLOG2 = table[0] + table[1] + table[2]",
        "listed = []\nlisted.append(0.69)\nLOG2 = listed[0]",
        "class Empty: pass\nEmpty.value = 0.69\nLOG2 = Empty.value",
        "import contextlib\nwith contextlib.suppress(ZeroDivisionError):\n    LOG2 = 0.69",
        "if (LOG2 := 0.69) > 1:\n    pass",
        "def made():\n    def log2():\n        return NUMBER\n    return log2\nNUMBER = 0.69\nLOG2 = made()()",
    ],
)
def test_what_a_function_reads_is_kept_however_it_is_made(binds):
    assert run("f(1)", binds, "def f(x):\n    return x * LOG2") == pytest.approx(0.69, abs=0.01)


def test_a_function_may_be_a_lambda_that_calls_a_helper_and_be_defined_in_an_if_or_be_decorated():
    assert run("f(2)", "def helper(a):\n    return 3 * a", "f = lambda a: helper(a)") == 6
    assert run("f(2)", "if True:\n    def f(a):\n        return a") == 2
    assert (
        run(
            "f(2)",
            "import functools\ndef twice(g):\n    return lambda a: g(g(a))\n@twice\ndef f(a):\n    return a + 1",
        )
        == 4
    )


def test_what_no_function_reads_is_not_run():
    contents = read_back(
        "import numpy as np, torch\nfrom npvae import VAE\nnp.random.seed(0)",
        "SIZE = 3\nhistory = fit(model)\ncheck('f', f)\nx = input()",
        "def f(x):\n    cache = np.exp(x)\n    return cache\n\ndef train():\n    return history\n\nprint(f(2))",
        "cache = train()\nplt.plot(cache)\nwhile True:\n    pass",
    )
    assert kept(contents, "f") == ("import numpy as np, torch\n\ndef f(x):\n    cache = np.exp(x)\n    return cache")


@pytest.mark.parametrize(
    "line", ["np.exp?", "np.exp??", "?np.exp", "files = !ls *.py", "t = %timeit -o f(1)", "%time f(2)"]
)
def test_a_statement_of_ipython_does_not_cost_its_cell(line):
    contents = read_back(f"def f(x):\n    return x\n{line}\nTWO = 2")
    assert text(contents) == "def f(x):\n    return x\n\nTWO = 2"
    assert contents.notes == (f"line 3 of code cell 1, `{line}`, is not Python and was left out",)


def test_what_was_left_out_is_named_where_a_function_needs_it_and_only_there():
    contents = read_back(
        "files = !ls\ndef f():\n    return files", "def g(: return 1", "def h():\n    return max(1, 2)"
    )
    assert contents.code.missed(["f"]) == ["line 1 of code cell 1 was left out, and files stands there"]
    assert contents.code.missed(["g"]) == ["code cell 2 was left out, and g stands there"]
    assert contents.code.missed(["h"]) == []


@pytest.mark.parametrize(
    "source",
    [
        "one = 5 \\\n% 4",
        "one = (5  # it's one (\n% 4)",
        "one = [\n5\n% 4,\n    1\n!= 2]",
        'text = """\n!ls\n%time\n?help\n"""',
        "text = '''\\'''\n!ls'''",
        'text = f"""\n!{one}\n% {one!r}"""',
        "text = 'a\\\n! b'",
        "def f(a, b):\n    if (\n        a\n        != b\n    ):\n        return 1",
        "def f(a, b):\n    if a \\\n    != b:\n        return 1",
    ],
)
@pytest.mark.parametrize("magic", ["", "%timeit f('x\n", "!ls (\\\n  it's\n", "%%time\n", "?np.exp\n"])
def test_no_line_of_a_statement_of_python_is_cut_whatever_it_begins_with(source, magic):
    assert text(read_back(magic + source)) == ast.unparse(ast.parse(source))


def test_a_statement_of_ipython_is_left_out_and_named_by_its_line():
    contents = read_back("import math", "%%time\ndef f(x):\n    %timeit g(x)\n    return x\n\n!pip install \\\n  a")
    assert text(contents) == "import math\n\ndef f(x):\n    return x"
    assert contents.notes == (
        "line 1 of code cell 2, `%%time`, is not Python and was left out",
        "line 3 of code cell 2, `%timeit g(x)`, is not Python and was left out",
        "line 6 of code cell 2, `!pip install \\ a`, is not Python and was left out",
    )


def test_a_block_that_holds_nothing_but_a_statement_of_ipython_stays_a_block():
    contents = read_back("try:\n    import x\nexcept ImportError:\n    !pip install x\ndef f(): return 1")
    assert kept(contents, "f") == "def f():\n    return 1"


def test_what_is_left_out_of_a_file_is_not_told_without_end():
    notes = read_back("%time\n" * 1000).notes
    assert len(notes) == MOST_NOTES + 1
    assert notes[-1] == f"and {1000 - MOST_NOTES} more like these"


def test_a_cell_that_is_not_python_costs_only_itself():
    contents = read_back("def f(x):\n    return x", "def g(x:\n  oops", "def h(x):\n    return x")
    assert text(contents) == "def f(x):\n    return x\n\ndef h(x):\n    return x"
    assert contents.notes == (
        "code cell 2, line 1 is not Python and was left out: '(' was never closed (<unknown>, line 1)",
    )


def test_a_blank_that_was_left_beside_the_answer_does_not_hide_it():
    answer = "def f(x):\n    return 42"
    blank = "def f(x):\n    raise NotImplementedError('exercise 1: still to be written')"
    assert text(read_back(answer, blank)) == text(read_back(blank, answer)) == answer
    assert text(read_back(blank)) == blank


def test_of_two_answers_the_last_counts_as_in_a_notebook():
    assert run("f()", "def f():\n    return 1", "def f():\n    return 2") == 2
