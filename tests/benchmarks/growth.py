"""How a training step grows with the batch, with the width and with the depth of the network.

    python tests/benchmarks/growth.py

Beside each time the share of it that the step's bare matrix products take. See steps.py for how it is measured.
"""

import argparse
import statistics

from steps import compare, print_table

SERIES = {
    "batch": [f"784-400-20-relu-{N}" for N in (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)],
    "width": [f"784-{H}-20-relu-128" for H in (100, 200, 400, 800, 1600)],
    "depth": [f"784-{'-'.join(['400'] * layers)}-20-relu-128" for layers in (1, 2, 3, 4)],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns (default: 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn (default: 0.5)")
    args = parser.parse_args()
    for series, shapes in SERIES.items():
        rows = [[series, "ms a step", "us an example", "products"]]
        for shape in shapes:
            times, _ = compare(shape, args.rounds, args.seconds, ("npvae", "products"))
            step, products = (statistics.median(times[name]) for name in ("npvae", "products"))
            examples = int(shape.rpartition("-")[2])
            rows.append([shape, f"{step:.3f}", f"{1e3 * step / examples:.1f}", f"{products / step:.0%}"])
        print_table(rows)
        print()


if __name__ == "__main__":
    main()
