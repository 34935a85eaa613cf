"""One soak with two platforms: a master and a Linux worker here, a Windows worker under Wine beside them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windows.errors import BuildError
from windows.places import ROOT, Places
from windows.run import start

# Importing Locust under Wine takes 10 s on an idle machine, and several times that beside a test suite.
WORKERS_WAIT_S = 180
# What storing, analysing and the workers' own end may take after the run's time is over.
END_WAIT_S = 240


@dataclass(frozen=True)
class Ended:
    """A process that has ended (or that was ended because it did not).

    Attributes:
        status: Its exit status; None if it had to be killed.
        output: All that it printed.
    """

    name: str
    status: int | None
    output: str

    def last_words(self) -> str:
        """How it ended, and the end of what it said."""
        how = "had to be killed" if self.status is None else f"ended with status {self.status}"
        return f"{self.name} {how}: ...{self.output.strip()[-800:]}"


@dataclass(frozen=True)
class FleetRun:
    """What a soak of several workers left.

    Attributes:
        folder: The run folder.
        master, workers: The processes.
    """

    folder: Path
    master: Ended
    workers: tuple[Ended, ...]

    def unclean_ends(self) -> list[str]:
        """A sentence for each process that did not end as it should; the master's verdict is its own affair."""
        unclean = [worker for worker in self.workers if worker.status != 0]
        if self.master.status not in (0, 1, 3):
            unclean.append(self.master)
        return [process.last_words() for process in unclean]


class _Process:
    """A started process whose output is read as it comes, so that it never waits for us."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes]) -> None:
        self._name = name
        self._popen = popen
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        while chunk := os.read(self._popen.stdout.fileno(), 1 << 16):
            self._chunks.append(chunk)

    def end_by(self, deadline: float) -> Ended:
        """Wait until `deadline` (monotonic seconds), then kill."""
        status: int | None
        try:
            status = self._popen.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            status = None
            self._popen.kill()
            self._popen.wait()
        # A grandchild may hold the pipe a little longer; what it would say is not waited for.
        self._reader.join(timeout=5.0)
        if not self._reader.is_alive() and self._popen.stdout is not None:
            self._popen.stdout.close()
        return Ended(self._name, status, b"".join(self._chunks).decode(errors="replace"))


def run_fleet(
    places: Places, *, reports: Path, run_time_s: int, users: int, options: Sequence[str] = (), run_id: str = "fleet"
) -> FleetRun:
    """Soak the embedded stand-in with one Linux and one Windows worker at the same time.

    Args:
        places: Where the Windows CPython is.
        reports: Where the run folder goes.
        run_time_s: How long the load goes on.
        users: Of both workers together.
        options: More of wsoak's options, for the master.
        run_id: The name of the run folder.

    Raises:
        BuildError: If the Windows CPython is not there.
    """
    if not places.interpreter.exists():
        raise BuildError(f"there is no {places.interpreter}: run `make windows` first.")
    port = str(_free_port())
    locust = [sys.executable, "-m", "locust"]
    lead = ["--master", "--headless", f"--master-bind-port={port}", "--master-bind-host=127.0.0.1"]
    lead += ["--expect-workers=2", f"--expect-workers-max-wait={WORKERS_WAIT_S}", "--only-summary"]
    load = [f"--users={users}", f"--spawn-rate={users}", f"--run-time={run_time_s}s"]
    ours = [f"--reports-dir={reports}", f"--run-id={run_id}", *options]
    follow = ["--worker", "--master-host=127.0.0.1", f"--master-port={port}"]
    started = time.monotonic()
    master = _Process("master", _start_here([*locust, *lead, *load, *ours]))
    workers = [
        _Process("Windows worker", start(places, ["-u", "-m", "locust", *follow])),
        _Process("Linux worker", _start_here([*locust, *follow])),
    ]
    led = master.end_by(started + WORKERS_WAIT_S + run_time_s + END_WAIT_S)
    # Without a master a worker has nothing left to do.
    followed = tuple(worker.end_by(time.monotonic() + 30.0) for worker in workers)
    return FleetRun(reports / run_id, led, followed)


def _start_here(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
