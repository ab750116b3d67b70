"""Text from elsewhere, made fit to be shown."""


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number and what there are so many of: "1 student", "2 students"."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def printable(text: str) -> str:
    """Return the text on one line, without what a terminal would obey or UTF-8 cannot write."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    """Return the text in its lines, without what a terminal would obey or UTF-8 cannot write."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c == "\n" or c.isprintable() else " " if c.isspace() else ascii(c)[1:-1] for c in text)
