"""The words of a text, however programs and people write them."""

import re
import unicodedata
from collections.abc import Sequence

SPELLED_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ł": "l"}
)
LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})
SHORTEST_NUMBER = 4
"""Digits of a number that is looked for among other words: a group or a version has fewer."""
DAY = re.compile(r"(19|20)\d\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01]))?")
"""A year, or a day of one."""


def normal(text: str) -> str:
    """In one form of Unicode, without case."""
    return unicodedata.normalize("NFKC", text).casefold()


def plain(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", normal(text).translate(LETTERS))
    return "".join(letter for letter in decomposed if letter.isalnum())


def words(text: str) -> list[str]:
    """The words of a text; numbers without the zeros in front that spreadsheets drop."""
    found = (plain(word) for word in re.findall(r"[^\W_]+", normal(text)))
    return [word.lstrip("0") or "0" if word.isdigit() else word for word in found if word]


def spellings(names: Sequence[str]) -> list[str]:
    """Names as they are written, and with their umlauts as two letters."""
    return [*names, *(normal(name).translate(SPELLED_OUT) for name in names)]


def is_common(window: Sequence[str]) -> bool:
    """Whether words may stand in any file's name: a short number, a year, a day."""
    alone = len(window) == 1 and window[0].isdigit()
    return alone and (len(window[0]) < SHORTEST_NUMBER or DAY.fullmatch(window[0]) is not None)
