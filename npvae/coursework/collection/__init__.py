"""What a class handed in: every file found, given to its person, and the one to be graded chosen; nothing is run."""

from npvae.coursework.collection.collect import Collection, HandIn, collect

__all__ = ["Collection", "HandIn", "collect"]
