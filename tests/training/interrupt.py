"""Kill a training run at random moments, resume it each time, and compare with one that was never interrupted.

    python tests/training/interrupt.py
    python tests/training/interrupt.py --times 5 --seed 1

A trial ends well where the parameters are the same bit for bit and the history is the same but for its seconds.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import npvae

TRAIN = [sys.executable, "-m", "npvae", "train"]
EPOCHS = 40
OPTIONS = ["--data", "digits", "--hidden-dims", "200", "--latent-dim", "5", "--epochs", str(EPOCHS)]
LINES = 2 + EPOCHS
"""What a run prints before it writes its results: what it is, and a line an epoch."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="trials (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as place:
        run(*OPTIONS, "--out", f"{place}/whole")
        expected = result(f"{place}/whole")
        same = 0
        for trial in range(args.times):
            lines = moments.randint(0, LINES)
            delay = moments.uniform(0, 1 if lines in (0, LINES) else 0.1)  # starting and ending take longer
            how = interrupted(f"{place}/{trial}", lines, delay)
            as_if_never = result(f"{place}/{trial}") == expected
            same += as_if_never
            print(f"killed {how}: {'same' if as_if_never else 'DIFFERENT'}", flush=True)
    print(f"{same} of {args.times} the same as the run that was never interrupted")
    return 0 if same == args.times else 1


def interrupted(folder, lines, delay):
    """Start a run, kill it so long after so many lines, bring it to its end; says when it was killed."""
    process = subprocess.Popen([*TRAIN, *OPTIONS, "--out", folder], stdout=subprocess.PIPE, text=True)
    for _ in range(lines):
        process.stdout.readline()
    time.sleep(delay)
    ended = process.poll() is not None
    process.kill()
    process.communicate()
    how = (
        f"{1e3 * delay:4.0f} ms after "
        + (f"epoch {lines - 2:2d}" if lines > 2 else "the start")
        + ", it had ended" * ended
    )
    if Path(folder, "config.json").exists():
        run("--resume", folder)
    else:  # killed before there was anything to resume
        if os.path.exists(folder):
            os.rename(folder, f"{folder}.unborn")
        run(*OPTIONS, "--out", folder)
        how += ", nothing written yet"
    return how


def run(*options):
    subprocess.run([*TRAIN, *options], check=True, stdout=subprocess.DEVNULL)


def result(folder):
    """All that a run ends with, but for how long it took."""
    history = npvae.History.from_csv(f"{folder}/history.csv")
    rows = [{**row, "seconds": 0} for row in history.rows]
    with np.load(f"{folder}/model.npz") as arrays:
        parameters = {name: arrays[name].tobytes() for name in arrays.files}
    return rows, parameters


if __name__ == "__main__":
    sys.exit(main())
