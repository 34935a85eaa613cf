"""Does a worker's memory stay where it is? `python -m bench.steady [--minutes 10] [--users 300]`.

A real headless soak on the embedded stand-in; then the worker's resident memory, second by second from
its own health rows, after the first two minutes: the slope (Theil-Sen, which a single garbage collection
does not move) and the growth from the median of the first to that of the last 30 seconds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from scipy import stats

WARM_UP_S = 120
EDGE_S = 30


def soak(reports: Path, *, users: int, minutes: float) -> Path:
    command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "--no-analysis"]
    command += ["--users", str(users), "--spawn-rate", "30", "--run-time", f"{round(minutes * 60)}s"]
    command += ["--reports-dir", str(reports), "--run-id", "steady"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return reports / "steady"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--users", type=int, default=300)
    options = parser.parse_args()
    if options.minutes * 60 < WARM_UP_S + 2 * EDGE_S:
        parser.error(f"--minutes is {options.minutes:g}, but the first {WARM_UP_S} s do not count: use 3 or more.")
    with tempfile.TemporaryDirectory() as reports:
        folder = soak(Path(reports), users=options.users, minutes=options.minutes)
        health = pd.concat(pd.read_parquet(f) for f in (folder / "health").glob("*.parquet")).sort_values("at")
        rows = sum(len(pd.read_parquet(f, columns=["seq"])) for f in (folder / "attempts").glob("*.parquet"))
    seconds = (health["at"] - health["at"].min()).dt.total_seconds()
    steady = health[seconds >= WARM_UP_S]
    minutes = seconds[seconds >= WARM_UP_S] / 60
    megabytes = steady["rss_bytes"] / 2**20
    slope, _, low, high = stats.theilslopes(megabytes, minutes)
    growth = megabytes.tail(EDGE_S).median() - megabytes.head(EDGE_S).median()
    print(f"{options.users} users, {options.minutes:g} minutes, {rows:,} attempts, one worker")
    print(f"resident after minute 2: {megabytes.head(EDGE_S).median():.1f} MB")
    print(f"growth from then to the end: {growth:+.2f} MB (aim: below 1 MB)")
    print(f"slope: {slope * 1024:+.1f} KB a minute (95 %: {low * 1024:+.1f} to {high * 1024:+.1f})")
    lag_ms = steady["loop_lag_s"].quantile(0.99) * 1e3
    print(f"cpu: median {steady['cpu'].median():.2f} cores; loop lag: p99 {lag_ms:.0f} ms")


if __name__ == "__main__":
    main()
