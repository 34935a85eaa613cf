"""What a process saves that reduces again: `python -m bench.again [rows]`.

Pairs of reductions of one simulated run in one process: with the queries built and compiled anew, and with those of the
reduction before. Printed are the medians in seconds of CPU, and the median of the pairs' ratios.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from analysis.reduction.overview import describe
from analysis.reduction.queries import forget
from analysis.reduction.reduce import reduce
from analysis.runs.dataset import attempts_table, open_runs
from analysis.simulation.simulate import simulate_run

ROUNDS = 7


def reduced(folder: Path) -> float:
    """Seconds of CPU that a reduction takes."""
    attempts = attempts_table(open_runs([folder]))
    began = time.process_time()
    reduce(attempts)
    describe(attempts)
    return time.process_time() - began


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there) / "run"
        simulate_run("W2", folder, rows=rows, seed=1)
        reduced(folder)
        pairs = []
        for _ in range(ROUNDS):
            forget()
            pairs.append((reduced(folder), reduced(folder)))
    anew, again = (median(times) for times in zip(*pairs, strict=True))
    ratio = median(second / first for first, second in pairs)
    print(f"{rows:,} rows: {anew:.2f} s of CPU with queries anew, {again:.2f} s with known ones (ratio {ratio:.2f})")


if __name__ == "__main__":
    main()
