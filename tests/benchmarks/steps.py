"""A training step of npvae beside PyTorch's and JAX's, on the same weights, batches and noise.

    python tests/benchmarks/steps.py
    python tests/benchmarks/steps.py --rounds 9 --shapes 784-400-20-relu-128

Each contestant is a process of its own with one thread. They take turns, so that whatever else the machine
does falls on all of them, and each works while the others sleep: in one process, or side by side, their thread
pools disturb each other. Those that are not installed are named. `pip install torch jax` adds them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from contestants import CONTESTANTS

import npvae

SHAPES = ("784-400-20-relu-128", "784-500-20-tanh-100", "784-200-200-50-tanh-20", "784-200-200-50-tanh-100")
BATCHES = 16
THREADS = "1"
ENVIRONMENT = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), THREADS)
LOSS_TOLERANCE = 1e-3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contestant (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn (default: 0.5)")
    parser.add_argument("--shapes", nargs="+", default=SHAPES, metavar="D-H-L-activation-N")
    args = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores, {THREADS} thread each; Python {platform.python_version()}")
    print(f"median ms a step over {args.rounds} turns of {args.seconds:g} s; in brackets npvae's share of it\n")
    rows, versions = [], {}
    for shape in args.shapes:
        times, versions = compare(shape, args.rounds, args.seconds)
        medians = {name: statistics.median(values) for name, values in times.items()}
        rows.append([shape, *(cell(medians, name) for name in CONTESTANTS)])
        print_row(rows[-1]) if len(rows) > 1 else print_table([["shape", *CONTESTANTS], *rows])
    print()
    for name, version in versions.items():
        print(f"{name}: {version}")


def compare(shape, rounds, seconds, names=tuple(CONTESTANTS)):
    """ms of each turn of each contestant, and what each runs on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.npz"
        write_problem(path, shape)
        workers, versions, losses = {}, {}, {}
        for name in names:  # one after the other: each warms up alone
            worker = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("contestants.py"), name, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=ENVIRONMENT,
            )
            versions[name], losses[name] = json.loads(worker.stdout.readline())
            if losses[name] is not None:
                workers[name] = worker
        check_losses(losses)
        times = {name: [] for name in workers}
        for turn in range(rounds):
            order = list(workers)
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                time.sleep(0.1)  # until the threads of the one before are asleep
                print(seconds, file=workers[name].stdin, flush=True)
                times[name].append(float(workers[name].stdout.readline()))
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    return times, versions


def write_problem(path, shape):
    """Binarized MNIST, npvae's initial weights, and noise."""
    *sizes, activation, n = shape.split("-")
    D, *hidden_dims, L = map(int, sizes)
    N = int(n)
    model = npvae.VAE(D, L, tuple(hidden_dims), activation=activation)
    (images, _), _ = npvae.load_mnist()
    batches = min(BATCHES, len(images) // N)
    x = npvae.binarize(images[: batches * N], 0).reshape(batches, N, D)
    eps = np.random.default_rng(1).standard_normal((batches, N, L), dtype=np.float32)
    settings = json.dumps({"hidden_dims": hidden_dims, "activation": activation})
    np.savez(path, x=x, eps=eps, settings=settings, **model.params)


def check_losses(losses):
    """All do the same work, or there is nothing to compare."""
    for name, values in losses.items():
        if values and values[0] is not None:
            worst = np.max(np.abs(np.divide(values, losses["npvae"]) - 1))
            if not worst < LOSS_TOLERANCE:
                sys.exit(f"{name} has other losses than npvae, by up to {worst:.1e}: they do not do the same work")


def cell(medians, name):
    if name not in medians:
        return "absent"
    share = "" if name == "npvae" else f" ({medians['npvae'] / medians[name]:.2f})"
    if name.endswith("products"):
        share = f" ({medians[name] / medians['npvae']:.0%} of npvae)"
    return f"{medians[name]:.3f}{share}"


def print_table(rows):
    print_row(rows[0])
    print_row(["---"] * len(rows[0]))
    for row in rows[1:]:
        print_row(row)


def print_row(row):
    print("| " + " | ".join(row) + " |", flush=True)


def processor():
    """The processor's own name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(": ")[2] for line in info.read_text().splitlines() if "model name" in line]
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
