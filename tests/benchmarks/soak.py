"""An hour of training in one process: does its memory stay as it is?

    python tests/benchmarks/soak.py
    python tests/benchmarks/soak.py --minutes 20

The same model is trained on and on, with a test set and a checkpoint after each epoch, in rounds of 100 epochs: a
history grows with each epoch, by design, and starts anew with each round. In the middle of a round training goes on
from its checkpoint. A line a minute; the exit status is 1 where the memory at the end is not that after the first
minute, give or take 2 %.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import npvae

TOLERANCE = 0.02
EPOCHS = 100
BATCH_SIZE = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long, at least 2 (default: 60)")
    minutes = max(2, parser.parse_args().minutes)
    (x_train, _), (x_test, _) = npvae.load_digits()
    model, optimizer = npvae.VAE(input_dim=64, latent_dim=8, hidden_dims=(128,)), npvae.Adam()
    steps_a_round = EPOCHS * -(-len(x_train) // BATCH_SIZE)
    samples = [(0, resident())]  # (minutes, MB), one a round
    started = time.monotonic()
    while samples[-1][0] < minutes:
        test_loss = train_for_a_round(model, optimizer, x_train, x_test, seed=len(samples))
        samples.append(((time.monotonic() - started) / 60, resident()))
        now, steps = samples[-1][0], (len(samples) - 1) * steps_a_round
        if int(now) > int(samples[-2][0]):
            print(f"{now:5.1f} minutes {steps:12,} steps  {samples[-1][1]:6.2f} MB", flush=True)
    after_a_minute = [mb for now, mb in samples if now >= 1]
    growth = after_a_minute[-1] / after_a_minute[0] - 1
    print(f"test loss {test_loss:.2f}; {max(after_a_minute):.2f} MB at most, {growth:+.2%} since the first minute")
    return int(abs(growth) > TOLERANCE)


def train_for_a_round(model, optimizer, x_train, x_test, seed):
    with tempfile.TemporaryDirectory() as folder:
        for epochs in (EPOCHS // 2, EPOCHS):
            history = npvae.fit(
                model,
                x_train,
                x_test,
                epochs=epochs,
                batch_size=BATCH_SIZE,
                optimizer=optimizer,
                binarize=True,
                rng=seed,
                checkpoint=Path(folder, "checkpoint.npz"),
                verbose=False,
            )
    return history["test_loss"][-1]


def resident():
    """MB of this process in memory now; where the system does not tell, the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except FileNotFoundError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
