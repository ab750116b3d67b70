# ruff: noqa: F821
"""Writes RAW where its results belong, and is gone."""

import os


def attack():
    data = RAW
    while data:
        data = data[os.write(3, data) :]
    os._exit(0)
