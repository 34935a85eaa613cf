"""Does anything of a fleet grow? `python -m bench.growth [--minutes 30] [--users 300] [--keep FOLDER]`.

A real headless soak: master, two workers, store and stand-in, each a process of its own on this machine. Every few
seconds the resident and the proportional memory of each (the latter where the system tells it), its descriptors and
its threads are read, and the size of the run's folder. What comes out is a table of slopes per hour with their 95 %
interval (`bench.slopes`), the first fifth left out: caches fill and buffers find their size.

Exit status: 0 nothing grows; 1 a slope's lower limit is above its bound, so that days of it would not fit; 3 the soak
did not end as it should.

A heap needs an hour to find its size: what half an hour calls growing may be on its way to where it stays, so look at
the readings (--keep), and ask again with --minutes 120.

The folder must grow, by a soak's rows, and its files do for an hour, until they are joined: both are shown, and have no
bound.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench.slopes import FEWEST, Slope, slope_per_hour

WARM_UP_SHARE: Final = 0.2
EVERY_S: Final = 5.0
WORKERS: Final = 2
# A gigabyte is what a small machine can spare for one process; in a week of 168 hours that is 6 MB an hour.
MEMORY_BOUND: Final = 6.0
# A thousand more open files a day, and a week of it meets the limits of systems.
COUNT_BOUND: Final = 1000 / 24
BOUNDS: Final[Mapping[str, float]] = {
    "rss MB": MEMORY_BOUND,
    "pss MB": MEMORY_BOUND,
    "descriptors": COUNT_BOUND,
    "threads": COUNT_BOUND,
}
# The parts that the processes of a soak are told apart by: a child's role is the module that it runs.
ROLES: Final[Mapping[str, str]] = {
    "standin": "stand-in",
    "attempts.store": "store",
    "scenarios.relay": "relay",
    "scenarios.clients.on_asyncio.child": "asyncio child",
}


class Measured(NamedTuple):
    """One reading: of whom, what, and its value, so many seconds after the start."""

    seconds: float
    part: str
    quantity: str
    value: float


class Line(NamedTuple):
    """One line of the table: what of whom, from where to where, and its slope."""

    part: str
    quantity: str
    first: float
    last: float
    slope: Slope

    @property
    def grows(self) -> bool:
        """Whether even the lower limit of its slope is above its bound."""
        return self.slope.low > BOUNDS.get(self.quantity, float("inf"))


def lines(readings: Iterable[Measured], *, warm_up_share: float = WARM_UP_SHARE) -> list[Line]:
    """One line for each part and quantity that was read often enough after the warm-up, in order of appearance."""
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for one in readings:
        series.setdefault((one.part, one.quantity), []).append((one.seconds, one.value))
    end = max((seconds for points in series.values() for seconds, _ in points), default=0.0)
    table = []
    for (part, quantity), points in series.items():
        steady = [(seconds, value) for seconds, value in points if seconds >= warm_up_share * end]
        if len(steady) < FEWEST:
            continue
        seconds, values = zip(*steady, strict=True)
        table.append(Line(part, quantity, values[0], values[-1], slope_per_hour(seconds, values)))
    return table


def as_text(table: Sequence[Line]) -> str:
    """The table as it is printed."""
    head = f"{'part':<14}{'quantity':<13}{'first':>9}{'last':>9}{'an hour':>10}{'95 % from':>11}{'to':>9}{'bound':>8}"
    rows = [head]
    for line in table:
        bound = BOUNDS.get(line.quantity)
        rows.append(
            f"{line.part:<14}{line.quantity:<13}{line.first:>9.1f}{line.last:>9.1f}{line.slope.per_hour:>+10.1f}"
            f"{line.slope.low:>+11.1f}{line.slope.high:>+9.1f}{'-' if bound is None else f'{bound:.0f}':>8}"
            f"{'  grows' if line.grows else ''}"
        )
    return "\n".join(rows)


def role(command: Sequence[str]) -> str | None:
    """What a child process of a soak is, by its command line; None for what is none of its parts."""
    modules = (module for before, module in pairwise(command) if before == "-m")
    return next((ROLES[module] for module in modules if module in ROLES), None)


def processes(roots: Mapping[str, int]) -> Iterator[tuple[str, psutil.Process]]:
    """The soak's processes with their names: the given ones, and those of their children that play a role."""
    for name, pid in roots.items():
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(pid)
            yield name, root
            for child in root.children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    played = role(child.cmdline())
                    if played is not None:
                        yield played if name == "master" else f"{name}'s {played}", child


def read(name: str, process: psutil.Process, seconds: float) -> Iterator[Measured]:
    """All that is measured of one process."""
    with contextlib.suppress(psutil.Error):
        memory = process.memory_full_info()
        yield Measured(seconds, name, "rss MB", memory.rss / 2**20)
        if hasattr(memory, "pss"):
            yield Measured(seconds, name, "pss MB", memory.pss / 2**20)
        yield Measured(seconds, name, "descriptors", process.num_fds())
        yield Measured(seconds, name, "threads", process.num_threads())


def read_folder(folder: Path, seconds: float) -> Iterator[Measured]:
    """Size and number of the files below a folder; a file may go while they are counted."""
    size = files = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                size += path.stat().st_size
                files += 1
    yield Measured(seconds, "folder", "size MB", size / 2**20)
    yield Measured(seconds, "folder", "files", files)


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def soak(reports: Path, *, users: int, minutes: float, every_s: float, options: Sequence[str]) -> list[Measured]:
    """Run the fleet until it ends by itself, and read it all the while.

    Raises:
        SystemExit: With status 3, if the run's folder holds no record of an end.
    """
    port = str(free_port())
    locust = [sys.executable, "-m", "locust"]
    master = [*locust, "--master", "--headless", "--only-summary", "--no-analysis", "--master-bind-port", port]
    master += ["--master-bind-host", "127.0.0.1", "--expect-workers", str(WORKERS), "--users", str(users)]
    master += ["--spawn-rate", "30", "--run-time", f"{round(minutes * 60)}s"]
    master += ["--reports-dir", str(reports), "--run-id", "growth", *options]
    worker = [*locust, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
    # One secret for stand-in and users, who are not started by one process.
    environment = {**os.environ, "SOAK_JWT_SECRET": os.environ.get("SOAK_JWT_SECRET") or secrets.token_hex(32)}
    started: dict[str, subprocess.Popen[bytes]] = {}
    readings: list[Measured] = []
    try:
        with open(reports / "fleet.log", "wb") as log:
            start = {"env": environment, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            started["master"] = subprocess.Popen(master, **start)  # type: ignore[call-overload]
            for number in range(1, WORKERS + 1):
                outbox = ["--reports-dir", str(reports / f"worker-{number}")]
                started[f"worker {number}"] = subprocess.Popen([*worker, *outbox], **start)  # type: ignore[call-overload]
        begun = time.perf_counter()
        while started["master"].poll() is None:
            seconds = time.perf_counter() - begun
            if seconds < minutes * 60:  # what an end needs is no growth
                for name, process in processes({name: one.pid for name, one in started.items()}):
                    readings += read(name, process, seconds)
                readings += read_folder(reports / "growth", seconds)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started["master"].wait(every_s)
        for one in started.values():
            one.wait(60)
    finally:
        for one in started.values():
            if one.poll() is None:
                one.kill()
                one.wait()
    if not (reports / "growth" / "run.json").is_file():
        print((reports / "fleet.log").read_text(errors="replace")[-2000:], file=sys.stderr)
        raise SystemExit(3)
    return readings


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--every-s", type=float, default=EVERY_S, help="seconds between two readings (5)")
    parser.add_argument("--keep", type=Path, help="a folder for the run and the readings (readings.csv)")
    parser.add_argument("options", nargs="*", help="options for the master, after --")
    told = parser.parse_args(argv)
    if told.minutes * 60 * (1 - WARM_UP_SHARE) < (FEWEST + 2) * told.every_s:
        parser.error(
            f"--minutes is {told.minutes:g}, but after a fifth of it has gone for the warm-up, {FEWEST} readings "
            f"{told.every_s:g} s apart must be left: take more minutes, or a smaller --every-s."
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        readings = soak(folder, users=told.users, minutes=told.minutes, every_s=told.every_s, options=told.options)
        if told.keep:
            with open(told.keep / "readings.csv", "w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([Measured._fields, *readings])
    table = lines(readings)
    print(f"{told.users} users, {told.minutes:g} minutes, a master and {WORKERS} workers, on {os.cpu_count()} cores")
    print(as_text(table))
    return 1 if any(line.grows for line in table) else 0


if __name__ == "__main__":
    sys.exit(main())
