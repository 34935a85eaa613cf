"""Runs contestants against one server and compares them: side by side where speed is meant, else in turn.

Server and contestants have a core each where the platform can pin processes. A contestant whose speed is
measured shares its core, for the same seconds, with the naive user: what the machine does meanwhile (other
guests of the host, a clock that slows down) meets both alike, and each counts its own CPU time only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

CLIENT_CORE, SERVER_CORE = 0, 1
NAIVE = "naive"
# From a process's start until its users are connected, on a machine that does ten other things.
START_S = 120.0

Result = dict[str, float]


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


class Contestant:
    """One contestant's process: connects, waits for `go`, measures, tells."""

    def __init__(self, name: str, job: str, port: int, seconds: float, users: int) -> None:
        self._name = name
        self._timeout = seconds + START_S
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.contestants", name, job, str(port), str(seconds), str(users)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=partial(pin, CLIENT_CORE),
        )

    def wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{self._name} did not start")

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def result(self) -> Result:
        output, _ = self._process.communicate(timeout=self._timeout)
        found: Result = json.loads(output.splitlines()[0])
        return found

    def __enter__(self) -> Contestant:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def side_by_side(names: Sequence[str], job: str, port: int, seconds: float, users: int) -> list[Result]:
    """The contestants' results for the same seconds on the same core."""
    with ExitStack() as stack:
        running = [stack.enter_context(Contestant(name, job, port, seconds, users)) for name in names]
        for contestant in running:
            contestant.wait_until_ready()
        for contestant in running:
            contestant.go()
        return [contestant.result() for contestant in running]


def pairs(
    names: Sequence[str], job: str, measure: str, *, seconds: float, rounds: int, users: int
) -> dict[str, list[tuple[float, float]]]:
    """For each contestant and round: (its own, the naive user's beside it)."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    with server() as port:
        for number in range(rounds):
            for name in names:
                naive, own = (r[measure] for r in side_by_side((NAIVE, name), job, port, seconds, users))
                found[name].append((own, naive))
                print(f"round {number + 1}: {name}: {own:,.0f} beside {naive:,.0f}", file=sys.stderr)
    return found


def against(
    own: str, other: str, job: str, measure: str, *, seconds: float, rounds: int, users: int
) -> list[tuple[float, float]]:
    """For each round: (one contestant's, the other's beside it), for the same seconds on the same core."""
    found = []
    with server() as port:
        for number in range(rounds):
            # Who starts first is who is scheduled first: they take turns.
            order = (own, other) if number % 2 else (other, own)
            results = dict(zip(order, side_by_side(order, job, port, seconds, users), strict=True))
            found.append((results[own][measure], results[other][measure]))
            print(f"round {number + 1}: {own}: {found[-1][0]:,.0f} beside {found[-1][1]:,.0f}", file=sys.stderr)
    return found


def in_turn(
    names: Sequence[str],
    job: str,
    *,
    seconds: float,
    rounds: int,
    users: int,
    server_options: Sequence[str] = (),
) -> dict[str, list[Result]]:
    """For each contestant its results, a round each; one contestant after the other."""
    found: dict[str, list[Result]] = {name: [] for name in names}
    with server(*server_options) as port:
        for _ in range(rounds):
            for name in names:
                found[name] += side_by_side((name,), job, port, seconds, users)
    return found


def arguments(
    doc: str | None, *, seconds: float, users: int, names: Sequence[str], rounds: int = 5
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--users", type=int, default=users)
    parser.add_argument("names", nargs="*", default=list(names), help="contestants")
    return parser.parse_args()


def table(found: dict[str, list[tuple[float, float]]], unit: str) -> None:
    """Print each contestant beside the naive user: medians, and the rounds' smallest and largest ratio."""
    for name, rounds in found.items():
        own, naive = (statistics.median(side) for side in zip(*rounds, strict=True))
        ratios = sorted(a / b for a, b in rounds)
        spread = f"({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{name:<32} {own:>9,.0f} {unit}, naive {naive:>9,.0f}: {statistics.median(ratios):5.2f} x {spread}")
