"""Somebody who handed in something, or who is in the roster and did not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from npvae.coursework.collection.found import Found

Attempt = tuple[float, ...]
"""A file's place among those of one person: the later has the larger. By the platform first, then by names."""


@dataclass(eq=False)
class Person:
    """Somebody, and the files that are theirs."""

    name: str
    number: str = ""
    """The platform's, or the login."""
    platform: str = ""
    """What told the files apart: a platform, "folder" or "file"."""
    places: list[str] = field(default_factory=list)
    """What may name the person in a roster, the most telling first."""
    files: dict[Found, Attempt] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    """What a human should look at."""
    student: str = ""
    """What the roster calls them."""
    row: Mapping[str, str] = field(default_factory=dict)
    """Of the roster, by the titles of its columns."""
