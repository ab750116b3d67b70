"""Coverage-guided fuzzing of everything that reads files, on Linux.

    pip install atheris
    python tests/fuzz/fuzz.py idx --runs 1000000 --seconds 1200

The readers: idx, npy, npz (data sets and saved models), table (data sets that are text or of no known kind), csv
(histories and rosters), notebook (a submission, as the grader reads it in its own process), submissions (a zip of
them), run (the configuration of a run).

A finding is an error that is not documented, more than a gigabyte of memory beyond what Python and NumPy take, or
more than ten seconds on one input. It ends the run with an error, and its input is left in the folder that the last
lines name: give it as `--replay FILE`, mend the reader, and add it to FOUND in readers.py.
"""

import argparse
import io
import os
import random
import resource
import sys
import tempfile
import warnings
from pathlib import Path

import atheris
import numpy as np

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
WATCHED = ["ast", "csv", "gzip", "json", "zipfile", "npvae", "readers"]
for module in WATCHED:
    sys.modules.pop(module, None)  # imported once more, so that its branches are seen
with atheris.instrument_imports(include=WATCHED):
    import gzip
    import zipfile

    import readers
for function in ("_read_array_header", "descr_to_dtype", "_filter_header"):
    atheris.instrument_func(np.lib.format.read_array_header_1_0.__globals__[function])

SECONDS_FOR_ONE = 10
MEGABYTES = 1024
WORDS = {
    "idx": r"\x08\x03 \x0e\x01 \x1f\x8b",
    "npy": "'descr' 'fortran_order' 'shape' '<f4' '|u1' '|O' '<U9' '|V9' (2,) True [(",
    "npz": '"class" "VAE" "ConditionalVAE" "label_dim" "ImportanceWeightedVAE" "importance_samples" "hidden_dims" '
    '"float64" "gaussian" "std" "learned" "beta" "format" 1e999 NaN null PK',
    "notebook": '"cells" "worksheets" "cell_type" "source" "input" "code" "markdown" %% **W1.** def class lambda '
    "NotImplementedError import {x!r:{y}} async await match case except* yield @ := -> ** "
    r"\\ud800 \\n \\\\ ''\\'",
    "csv": "epoch student nan inf 1e999",
    "submissions": "PK .py .ipynb _assignsubmission_ _LATE_ attempt (1)",
    "table": 'label class species pixel0 , " nan inf 1e999 -1 0.5 \\x1f\\x8b <html ustar ; \\x09',
    "run": '"classes" "value_range" "data" "image_shape" "training" "binarize" "none" 1e999 NaN null',
}
"""What the fuzzer would take long to guess, by reader."""


def mutate_members(data, largest, seed):
    """Change what lies in a zip and pack it again with a right checksum, or change the zip itself."""
    draw = random.Random(seed)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(member.filename, archive.read(member)) for member in archive.infolist()]
    except Exception:
        members = []
    if not members or draw.random() < 0.4:
        return atheris.Mutate(data, largest)
    i = draw.randrange(len(members))
    name, content = members[i]
    action = draw.random()
    if action < 0.05:
        members.append(draw.choice(members))
    elif action < 0.1:
        del members[i]
    elif action < 0.2:
        members[i] = (atheris.Mutate(name.encode(), 64).decode("utf-8", "replace") or "x", content)
    elif name == "config.npy" and action < 0.6:
        members[i] = name, mutate_text_of(content)
    else:
        members[i] = name, atheris.Mutate(content, 2 * len(content) + 64)
    return readers.zip_file(members, draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))[:largest]


def mutate_text_of(content):
    """The same for the text in an array."""
    try:
        text = str(np.load(io.BytesIO(content)))
    except Exception:
        return atheris.Mutate(content, 4096)
    text = atheris.Mutate(text.encode("utf-8", "replace"), 1024).decode("utf-8", "replace")
    return readers.saved(np.save, np.array(text))


def mutate_unzipped(data, largest, seed):
    """Change what lies in a gzip and pack it again, or change the gzip itself."""
    if data[:2] != b"\x1f\x8b" or seed % 3 == 0:
        return atheris.Mutate(data, largest)
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(data)).read(largest)
    except Exception:
        return atheris.Mutate(data, largest)
    return gzip.compress(atheris.Mutate(content, largest), 1, mtime=0)[:largest]


MUTATORS = {"npz": mutate_members, "submissions": mutate_members, "idx": mutate_unzipped, "table": mutate_unzipped}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=readers.READERS)
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="one input, and nothing else")
    options = parser.parse_args()
    reader = readers.READERS[options.reader]
    warnings.simplefilter("ignore")
    if options.replay:
        return reader(options.replay.read_bytes())

    work = Path(tempfile.mkdtemp(prefix=f"npvae-fuzz-{options.reader}-"))
    (work / "corpus").mkdir()
    words = (word.replace('"', '\\"') for word in WORDS[options.reader].split())
    (work / "words").write_text("".join(f'"{word}"\n' for word in words))
    print(f"findings and corpus: {work}", flush=True)
    arguments = [
        sys.argv[0],
        str(work / "corpus"),
        str(readers.CORPUS / options.reader),
        f"-artifact_prefix={work}/finding-",
        f"-dict={work / 'words'}",
        f"-runs={options.runs}",
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-timeout={SECONDS_FOR_ONE}",
        f"-rss_limit_mb={2 * MEGABYTES}",
        "-max_len=4096",
        "-print_final_stats=1",
    ]
    settings = {"custom_mutator": MUTATORS[options.reader]} if options.reader in MUTATORS else {}
    atheris.Setup(arguments, reader, **settings)
    with open("/proc/self/statm") as statm:
        taken = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEGABYTES * 2**20, resource.RLIM_INFINITY))
    return atheris.Fuzz()


if __name__ == "__main__":
    main()
