"""Runs contestants one after the other against one server, several rounds, and compares their medians.

Server and contestants have a core each where the platform can pin processes, and every round runs all
of them: what the machine does beside it meets all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

CLIENT_CORE, SERVER_CORE = 0, 1


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > core:
        os.sched_setaffinity(0, {core})


@contextmanager
def server(*options: str) -> Iterator[int]:
    """The port of a bench server that lives as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.server", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=partial(pin, SERVER_CORE),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def run_contestant(name: str, job: str, port: int, seconds: float, users: int) -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, "-m", "bench.contestants", name, job, str(port), str(seconds), str(users)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=seconds + 120,
        preexec_fn=partial(pin, CLIENT_CORE),
    ).stdout
    result: dict[str, float] = json.loads(output.splitlines()[0])
    return result


def medians(
    names: Sequence[str],
    job: str,
    measure: str,
    *,
    seconds: float,
    rounds: int,
    users: int,
    server_options: Sequence[str] = (),
) -> dict[str, float]:
    """The median over the rounds of one measure, for each contestant."""
    seen: dict[str, list[float]] = {name: [] for name in names}
    with server(*server_options) as port:
        for number in range(rounds):
            for name in names:
                value = run_contestant(name, job, port, seconds, users)[measure]
                seen[name].append(value)
                print(f"round {number + 1}: {name}: {value:,.0f}", file=sys.stderr)
    return {name: statistics.median(values) for name, values in seen.items()}


def arguments(doc: str | None, *, seconds: float, users: int, names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, default=users)
    parser.add_argument("names", nargs="*", default=list(names), help="contestants; naive is always one")
    return parser.parse_args()


def table(found: dict[str, float], unit: str) -> None:
    """Print each contestant beside the naive one."""
    for name, value in found.items():
        print(f"{name:<34} {value:>12,.0f} {unit:<14} {value / found['naive']:>6.2f} x naive")
