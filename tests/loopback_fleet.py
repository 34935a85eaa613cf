"""A target, a master and two workers as whole processes on this machine; the clock of one may be wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from tests.conftest import ROOT, json_of, locust_command, wait_for
from tests.kit.children import free_port
from tests.kit.faketime import WrongClock

SECRET = "a-secret-of-this-test-that-is-long-enough-for-hs256"
SECRETS = {"SOAK_JWT_SECRET": SECRET, "STANDIN_JWT_SECRET": SECRET}
# The stand-in's tokens may be wrong by so much (`--leeway-s`).
LEEWAY_S = 5.0


class LoopbackFleet:
    """A target, a master and two workers; the first one's clock is wrong, where an offset is given."""

    def __init__(self, folder: Path) -> None:
        self.reports = folder / "reports"
        self.said = folder / "worker-0.txt"
        self.clock = WrongClock(folder / "offset", 0.0)
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def soak(self, offset_s: float | None, run_time: str, *options: str) -> subprocess.Popen[str]:
        """Start all of them; returns the master. None: no clock is wrong."""
        if offset_s is not None:
            self.clock.set(offset_s)
        url = self._target()
        port = str(free_port())
        master = self._start(
            locust_command(
                *("--master", "--headless", "--expect-workers", "2", "--host", url, "--master-bind-port", port),
                *("--users", "12", "--spawn-rate", "12", "--run-time", run_time, "--pace-s", "0.2"),
                *("--reports-dir", str(self.reports), "--only-summary", *options),
            )
        )
        for number, wrong in enumerate(({} if offset_s is None else self.clock.environment, {})):
            outbox = str(self._folder / f"outbox-{number}")
            command = locust_command("--worker", "--master-port", port, "--reports-dir", outbox)
            with (self._folder / f"worker-{number}.txt").open("w") as said:
                self._start(command, wrong, said)
        return master

    def soak_alone(self, offset_s: float, run_time: str) -> subprocess.Popen[str]:
        """Start a soak in one process, whose clock is wrong."""
        self.clock.set(offset_s)
        return self._start(
            locust_command(
                *("--headless", "--host", self._target(), "--users", "4", "--spawn-rate", "4", "--run-time", run_time),
                *("--reports-dir", str(self.reports), "--only-summary", "--pace-s", "0.2"),
            ),
            self.clock.environment,
        )

    def _target(self) -> str:
        target = self._start([sys.executable, "-m", "standin", "--leeway-s", f"{LEEWAY_S:g}"])
        assert target.stdout is not None
        url: str = json.loads(target.stdout.readline())["url"]
        return url

    def _start(
        self, command: list[str], environment: dict[str, str] | None = None, output: Any = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **SECRETS, "SOAK_ALLOWED_HOSTS": "127.0.0.1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def wrong_worker(self) -> dict[str, Any]:
        """Of run.json: the worker whose clock is wrong."""
        pid = self._started[2].pid
        workers: list[dict[str, Any]] = self.run_json()["workers"]
        return next(worker for worker in workers if worker["pid"] == pid)

    @property
    def folder(self) -> Path:
        return wait_for(lambda: next((f.parent for f in self.reports.glob("*/run.json")), None), "a run folder")

    def run_json(self) -> dict[str, Any]:
        return json_of(self.folder / "run.json")

    def rows(self, table: str = "attempts") -> list[dict[str, Any]]:
        files = list((self.folder / table).glob("*.parquet"))
        rows: list[dict[str, Any]] = ds.dataset(files).to_table().to_pylist()
        return rows

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
