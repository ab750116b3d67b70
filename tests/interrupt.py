"""Kill a training run at random moments, resume it each time, and compare with one that was never interrupted.

    python tests/interrupt.py
    python tests/interrupt.py --times 5 --seed 1

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
OPTIONS = ["--data", "digits", "--hidden-dims", "200", "--latent-dim", "5", "--epochs", "40"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="trials (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    args = parser.parse_args()
    moments = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as place:
        start = time.perf_counter()
        run(*OPTIONS, "--out", f"{place}/whole")
        seconds = time.perf_counter() - start
        expected = result(f"{place}/whole")
        same = 0
        for trial in range(args.times):
            after = moments.uniform(0, seconds)
            epochs = interrupted(f"{place}/{trial}", after)
            as_if_never = result(f"{place}/{trial}") == expected
            same += as_if_never
            verdict = "same" if as_if_never else "DIFFERENT"
            print(f"killed after {after:5.2f} of {seconds:.2f} s, {epochs:>9}: {verdict}", flush=True)
    print(f"{same} of {args.times} the same as the run that was never interrupted")
    return 0 if same == args.times else 1


def interrupted(folder, after):
    """Start a run, kill it, and bring it to its end; what it had done when it was killed."""
    process = subprocess.Popen([*TRAIN, *OPTIONS, "--out", folder], stdout=subprocess.PIPE, text=True)
    try:
        out, _ = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    if not Path(folder, "config.json").exists():  # killed before there was anything to resume
        if os.path.exists(folder):
            os.rename(folder, f"{folder}.unborn")
        run(*OPTIONS, "--out", folder)
        return "not begun"
    run("--resume", folder)
    return f"{out.count('epoch ')} epochs"


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
