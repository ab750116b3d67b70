"""Whole processes and whole passes: import, training on MNIST, an epoch taken apart, the log-likelihood.

    python tests/benchmarks/whole.py
    python tests/benchmarks/whole.py --pytorch-examples CHECKOUT    only `npvae train` beside PyTorch's own VAE script

Times of one machine mean little alone: each stands beside something of the same run, on one thread. The script is
in a checkout of https://github.com/pytorch/examples; this Python needs torch and torchvision for it.
"""

import argparse
import gzip
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import npvae
from npvae.data.pixels import to_float
from npvae.internals.memory import aligned
from npvae.training import minibatches

ROUNDS = 5
ENVIRONMENT = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pytorch-examples", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each beside PyTorch (default: 3)")
    args = parser.parse_args()
    if args.pytorch_examples:
        beside_pytorch(args.pytorch_examples.resolve() / "vae" / "main.py", args.rounds)
        return
    imports()
    training()
    epoch()
    log_likelihood()


def imports():
    """Seconds of `import npvae` beside `import numpy`, each in new processes that take turns."""
    clock = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
    times = {"numpy": [], "npvae": []}
    for _ in range(3 * ROUNDS):
        for name, values in times.items():
            values.append(float(subprocess.check_output([sys.executable, "-c", clock.format(name)])))
    numpy, ours = map(statistics.median, times.values())
    print(f"import npvae: {1e3 * ours:.0f} ms, import numpy: {1e3 * numpy:.0f} ms, ratio {ours / numpy:.2f}")


def training():
    """`npvae train` with its defaults as a whole process, beside a fixed loop of matrix products."""
    a = np.ones((1000, 1000), np.float32)
    for _ in range(10):
        a @ a
    start = time.perf_counter()
    for _ in range(1000):
        a @ a
    print(f"1000 products of 1000 x 1000 matrices: {time.perf_counter() - start:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, "-m", "npvae", "train", "--out", f"{folder}/run"]
        subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"npvae train, MNIST, 10 epochs, whole process: {seconds:.1f} s, {peak:.0f} MB at most")


def beside_pytorch(script, rounds, epochs=3):
    """`npvae train` and PyTorch's script as whole processes, by turns, on the same files: MNIST's grey levels."""
    with tempfile.TemporaryDirectory() as folder:
        raw, place = Path(folder) / "data" / "MNIST" / "raw", Path(folder) / "vae"
        raw.mkdir(parents=True)
        (place / "results").mkdir(parents=True)
        for path in (Path(npvae.__file__).parent / "data" / "mnist").glob("*.gz"):
            (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        ours = [sys.executable, "-m", "npvae", "train", "--binarize", "none", "--epochs", str(epochs), "--out"]
        theirs = [sys.executable, script, "--no-accel", "--epochs", str(epochs)]
        contestants = {
            "npvae": (lambda turn: [*ours, f"{folder}/run-{turn}"], r"(?m)^loss +([\d.]+)"),
            "PyTorch": (lambda turn: theirs, r"Test set loss: ([\d.]+)"),
        }
        print(f"{epochs} epochs of MNIST, one thread: wall s, processor s, MB, test loss")
        for turn in range(rounds):
            for name, (command, pattern) in contestants.items():
                wall, cpu, megabytes, printed = measured(command(turn), place)
                loss = float(re.findall(pattern, printed)[-1])
                print(f"  {name:8} {wall:6.1f} {cpu:6.1f} {megabytes:6.0f} {loss:8.2f}", flush=True)


def measured(command, folder):
    """Wall seconds, processor seconds, megabytes at most, and what a process printed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[1]} failed")
    return time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed


def epoch():
    """What an epoch of MNIST is made of, and whether the time of an example grows with their number."""
    (images, _), _ = npvae.load_mnist()
    rng = np.random.default_rng(0)
    parts = {"gather the batch": 0.0, "binarize it": 0.0, "draw the noise": 0.0, "gradient": 0.0, "Adam": 0.0}
    model, adam = npvae.VAE(), npvae.Adam()
    grad = aligned(model.params.vector)
    for index in minibatches(len(images), 128, rng):
        marks = [time.perf_counter()]
        x = images[index]
        marks.append(time.perf_counter())
        x = to_float(npvae.binarize(x, rng))
        marks.append(time.perf_counter())
        eps = model.draw_eps(len(x), rng)
        marks.append(time.perf_counter())
        model.loss_and_grad(x, eps, out=grad)
        marks.append(time.perf_counter())
        adam.step(model.params.vector, grad)
        marks.append(time.perf_counter())
        parts = {part: so_far + more for (part, so_far), more in zip(parts.items(), np.diff(marks), strict=True)}
    whole = sum(parts.values())
    print(f"an epoch of MNIST: {whole:.2f} s: " + ", ".join(f"{part} {t / whole:.0%}" for part, t in parts.items()))
    times = {n: [] for n in (6000, 20_000, 60_000)}
    for _ in range(ROUNDS):
        for n, values in times.items():
            history = npvae.fit(npvae.VAE(), images[:n], epochs=1, binarize=True, verbose=False)
            values.append(1e6 * history["seconds"][0] / n)
    print("us per example: " + ", ".join(f"{statistics.median(ts):.1f} of {n}" for n, ts in times.items()))


def log_likelihood():
    """Seconds an image with 5000 draws, beside the matrix products that it cannot do without."""
    model, (_, (images, _)) = npvae.VAE(), npvae.load_mnist()
    x = npvae.binarize(images[:10], 0)
    z, h = np.ones((1000, 20), np.float32), np.ones((1000, 400), np.float32)
    layers = [(z, model.params["decoder.0.W"]), (h, model.params["output.W"])]
    ours, floor = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        npvae.log_likelihood(model, x, n_samples=5000, verbose=False)
        ours.append((time.perf_counter() - start) / len(x))
        start = time.perf_counter()
        for _ in range(5):
            for inputs, W in layers:
                inputs @ W
        floor.append(time.perf_counter() - start)
    ours, floor = statistics.median(ours), statistics.median(floor)
    print(f"log_likelihood, 5000 draws: {1e3 * ours:.0f} ms per image, its products {floor / ours:.0%} of that")


if __name__ == "__main__":
    main()
