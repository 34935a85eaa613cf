"""Rows a second and peak memory of the reduction: `python -m bench.analysis --millions 1 10 100`.

Each size is written by the simulator into a temporary folder and reduced by a fresh process, whose time
runs from its first import to the small tables, and whose memory is its highest resident set. Beside it
pandas does the smallest part of the same (the cells of G1) on the whole table, as anyone would first write
it, where the table fits into this machine's free memory. `--verdict` runs `python -m analysis` instead, to
the report. What the checksums of the files cost is a line of its own, and a share of the reduction.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as parquet

from analysis.simulation.simulate import simulate_run

MILLION = 1_000_000
# What pandas takes for a row of the 20 columns that it needs, most of them strings, while it groups them.
PANDAS_BYTES_PER_ROW = 700

OURS = """
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_attempts
result = len(reduce(open_attempts(files)).cells)
"""
CHECKSUMS = """
from pathlib import Path
from attempts.checksums import check
checked = check(Path(files[0]).parent, [Path(file) for file in files])
assert checked.is_listed and not checked.changed
result = 0
"""
THEIRS = """
import pandas as pd
keys = ["run_id", "host", "platform", "site", "client", "event_loop", "delay_s", "mitigation", "kind", "operation"]
more = ["outcome", "cause", "retry", "scheduled_at", "budget_s", "loop_lag_s", "http_status", "preface_frames"]
rows = pd.concat([pd.read_parquet(file, columns=[*keys, *more]) for file in files], ignore_index=True)
rows = rows[rows["kind"].isin(["connect", "exchange"]) & (rows["outcome"] != "aborted") & (rows["retry"] == 0)]
rows["minute"] = rows["scheduled_at"].dt.floor("min")
rows["bad"] = rows["outcome"].isin(["timeout", "failed"])
rows["late"] = rows["bad"] & (rows["loop_lag_s"] >= rows["budget_s"] / 2)
result = len(rows.groupby([*keys, "minute"], observed=True, dropna=False)[["bad", "late"]].agg(["size", "sum"]))
"""
MEASURED = """
import json, resource, sys, time
started = time.perf_counter()
files = sys.argv[1:]
{work}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
times = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"seconds": time.perf_counter() - started, "cpu_s": times.ru_utime + times.ru_stime,
                  "peak_bytes": peak, "cells": result}}))
"""


def measured(work: str, files: list[Path]) -> dict[str, Any]:
    """Run a piece of work in a fresh process."""
    command = [sys.executable, "-c", MEASURED.format(work=work), *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def verdict_of(folder: Path) -> dict[str, Any]:
    """`python -m analysis` on the folder, to the report; its memory is sampled."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "analysis", str(folder)], stdout=subprocess.DEVNULL)
    watched, peak, times = psutil.Process(process.pid), 0, None
    while process.poll() is None:
        try:
            peak, times = max(peak, watched.memory_info().rss), watched.cpu_times()
        except psutil.NoSuchProcess:
            break
        time.sleep(0.1)
    spent_s = times.user + times.system if times else float("nan")
    return {"seconds": time.perf_counter() - started, "cpu_s": spent_s, "peak_bytes": peak}


def line(name: str, rows: int, found: dict[str, Any]) -> str:
    seconds, millions = found["seconds"], rows / MILLION
    measures = f"{seconds:7.1f}  {found['cpu_s']:7.1f}  {millions / seconds:8.2f}  {found['peak_bytes'] / 1e9:6.2f}"
    return f"{millions:7.1f}  {name:8}  {measures}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10], help="sizes, in million rows")
    parser.add_argument("--minutes", type=int, default=240, help="length of the simulated run")
    parser.add_argument("--hosts", type=int, default=6, help="hosts of each platform")
    parser.add_argument("--verdict", action="store_true", help="measure `python -m analysis` too")
    parser.add_argument("--folder", type=Path, help="where to write (default: the system's temporary folder)")
    parser.add_argument("--run", type=Path, help="measure this run folder instead of simulating any")
    options = parser.parse_args()
    print("million rows; seconds; CPU seconds; million rows a second; peak GB")
    if options.run:
        compare(options.run, verdict=options.verdict)
        return
    for millions in options.millions:
        with tempfile.TemporaryDirectory(prefix="wsoak-bench-", dir=options.folder) as scratch:
            started = time.perf_counter()
            rows = int(millions * MILLION)
            run = simulate_run("W2", Path(scratch) / "run", rows=rows, minutes=options.minutes, hosts=options.hosts)
            print(f"{millions:7.1f}  written in {time.perf_counter() - started:.1f} s", flush=True)
            compare(run, verdict=options.verdict)


def compare(run: Path, *, verdict: bool) -> None:
    files = sorted((run / "attempts").glob("*.parquet"))
    rows = sum(parquet.read_metadata(file).num_rows for file in files)
    checked, reduced = measured(CHECKSUMS, files), measured(OURS, files)
    print(line("SHA-256", rows, checked), flush=True)
    print(line("reduce", rows, reduced), flush=True)
    share = checked["cpu_s"] / reduced["cpu_s"]
    print(f"{rows / MILLION:7.1f}  checksums take {share:.1%} of the reduction's CPU time", flush=True)
    if rows * PANDAS_BYTES_PER_ROW < psutil.virtual_memory().available:
        print(line("pandas", rows, measured(THEIRS, files)), flush=True)
    else:
        print(f"{rows / MILLION:7.1f}  pandas    does not fit", flush=True)
    if verdict:
        print(line("verdict", rows, verdict_of(run)), flush=True)


if __name__ == "__main__":
    main()
