"""The answers to the questions in words, wherever below its question a student has put one."""

import re
from collections.abc import Iterable

from npvae.coursework.exercises import EXERCISES, WRITTEN
from npvae.coursework.notebook import WRITE_HERE

AROUND = ("Questions in words", "Your own variational autoencoder")
"""Headings above the first question and below the last."""
EXERCISE = rf"\d+\. (?:{'|'.join(re.escape(exercise.title) for exercise in EXERCISES.values())}) \("
BEGINS = re.compile(
    rf"(?m)^[ \t\"']*(?:\*\*|## )((?:{'|'.join(WRITTEN)})(?=\.\*\*)|{'|'.join(AROUND)}|{EXERCISE})(?:\.\*\*[ \t]*)?"
)
"""Where a question begins, or something else that is handed out; a script of Colab's has its text in quotes."""
PLACEHOLDERS = (
    re.escape(WRITE_HERE),
    r"^(?:YOUR ANSWER HERE|_Type your answer here, replacing this text\._)$",  # nbgrader's, Otter's
    r"^(?:# )?(?:begin|end) (?:question|solution|tests)$(?:\n\w+: .*)*",  # Otter's marks
    r'^"""$',  # where Colab's export of a text ends
)
"""What is handed out in the place of an answer, and around it."""
HANDED_OUT = re.compile("|".join(PLACEHOLDERS), re.IGNORECASE | re.MULTILINE)
COMMENT = re.compile(r"(?m)^#(?:[ \t]*%%[ \t]*(?:\[\w+\])?)? ?")


def answers_in_words(cells: Iterable[tuple[str, str]]) -> tuple[dict[str, str], str]:
    """The answer to each question, and what else is written around the questions and may be meant as one.

    All that stands between a question and the next, or the next heading that is handed out, is its answer, in cells
    of any kind. It begins with the question's own text: what of that is the student's, only the whole class tells.

    Parameters
    ----------
    cells : iterable of pairs of str
        Kind and source of each.
    """
    texts: dict[str, list[str]] = {"": []}
    here = ""
    for kind, source in cells:
        above, *parts = BEGINS.split(uncommented(source) if kind == "code" else source)
        if here in WRITTEN or kind != "code":
            texts[here].append(above)
        for here, text in zip(parts[::2], parts[1::2], strict=True):
            texts.setdefault(here, []).extend([text] if here in WRITTEN else [])
    typed = {name: joined(parts) for name, parts in texts.items()}
    answers = {question: typed[question] for question in WRITTEN if typed.get(question)}
    return answers, joined(typed.get(heading, "") for heading in AROUND)


def uncommented(code: str) -> str:
    """Code with its comments as text, and without the marks of cells."""
    return COMMENT.sub("", code)


def joined(texts: Iterable[str]) -> str:
    """Texts as they were typed, one below the other, without what was handed out in their place."""
    typed = (HANDED_OUT.sub("", text).rstrip().lstrip("\n") for text in texts)
    return "\n\n".join(filter(None, typed))
