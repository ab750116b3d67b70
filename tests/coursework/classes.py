"""Classes for tests: small notebooks and scripts, and the folders and zips that platforms and people make of them."""

import io
import json
import zipfile

from npvae.coursework.collection import Collection, HandIn, collect
from npvae.coursework.collection.choosing import Choice
from npvae.coursework.collection.persons import Person
from npvae.coursework.report import Results
from npvae.coursework.submissions import Submission

ANSWERS = {
    "kl_divergence": "def kl_divergence(mu, rho):\n    return 1",
    "dense_backward": "def dense_backward(dy, cache):\n    return 2",
    "activation": "def activation(a):\n    return 3",
}
SCRIPT = ANSWERS["kl_divergence"]
BLANK = 'def kl_divergence(mu, rho):\n    raise NotImplementedError("exercise 7, kl_divergence: still to be written")'


def notebook(*sources, kind="code"):
    cells = [{"cell_type": kind, "metadata": {}, "source": source} for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def answered(*names, note="", seed="2026"):
    """A notebook of the assignment with some of its answers; all of them where none is named."""
    return notebook(f'VARIANT = "{seed}"', f"# {note}", *(ANSWERS[name] for name in names or ANSWERS))


def different(note):
    """A notebook with an answer of its own."""
    return notebook('VARIANT = "2026"', f"def kl_divergence(mu, rho):\n    return {note!r}")


UNTOUCHED = notebook('VARIANT = "2026"', BLANK)


def zipped(files):
    """The bytes of a zip."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def write(folder, files):
    """Write files, with their folders."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def collected(folder, files, roster=None, **options):
    """What is collected from files in a folder of their own, by student; the roster's text stands beside it."""
    write(folder / "in", files)
    path = None
    if roster is not None:
        path = folder / "class.csv"
        path.write_bytes(roster.encode() if isinstance(roster, str) else roster)
    return {one.submission.student: one for one in collect(folder / "in", path, **options).hand_ins}


def results(graded, assignment, own=(), **more):
    """What came of grading people, as if each had handed in a file under their name."""
    people = (
        HandIn(Person(student), Submission(student, one.file, b""), Choice(), ()) for student, one in graded.items()
    )
    return Results(Collection(tuple(people)), assignment, graded, dict(own), **more)


def chosen(people):
    """The file of each person."""
    return {student: one.submission.file for student, one in people.items()}


def flags(people):
    """What there is to look at, all in one text."""
    return "\n".join(f"{student}: {'; '.join(one.flags)}" for student, one in people.items() if one.flags)
