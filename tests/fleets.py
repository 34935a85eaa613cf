"""Fleets as their users start them: a master that also hosts the target, and workers on hosts of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from attempts.spool.frames import read_segment
from scenarios.control.limits import VARIABLE
from tests.conftest import ROOT, json_of, locust_command, wait_for
from tests.hosts import Host, hosts

SECRET = "a-secret-of-this-test-that-is-long-enough-for-hs256"


class Fleet:
    """A master that also hosts the target, and its workers, each on a host of its own."""

    def __init__(self, machines: list[Host], tmp_path: Path) -> None:
        self.master_host, *self.worker_hosts = machines
        self.reports = tmp_path / "reports"
        self._tmp_path = tmp_path
        self._started: list[subprocess.Popen[str]] = []
        self.workers: list[subprocess.Popen[str]] = []
        # A tenth of all limits: what takes a minute in a fleet takes six seconds here.
        self.environment: dict[str, str] = {VARIABLE: "0.1"}

    def start(self, host: Host, *command: str) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "SOAK_JWT_SECRET": SECRET,
            "STANDIN_JWT_SECRET": SECRET,
            "SOAK_ALLOWED_HOSTS": self.master_host.address,
            **self.environment,
        }
        process = subprocess.Popen(
            host.command(*command),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def target(self) -> str:
        """Start the target; returns where it is."""
        target = self.start(self.master_host, sys.executable, "-m", "standin", "--host", self.master_host.address)
        assert target.stdout is not None
        return str(json.loads(target.stdout.readline())["url"])

    def serve(self, *options: str) -> subprocess.Popen[str]:
        """Start target and a master with its web UI."""
        words = ("--master", "--host", self.target(), "--reports-dir", str(self.reports), "--pace-s", "0.2", *options)
        return self.start(self.master_host, *locust_command(*words))

    def post(self, path: str, form: str = "-") -> str:
        """What the web UI answers to a form. Empty: it does not (yet)."""
        code = (
            "import sys, urllib.request as r;"
            "print(r.urlopen('http://127.0.0.1:8089' + sys.argv[1], sys.argv[2].encode(), timeout=60).read().decode())"
        )
        command = self.master_host.command(sys.executable, "-c", code, path, form)
        return subprocess.run(command, capture_output=True, text=True).stdout

    def folders(self) -> set[Path]:
        """The folders of all runs."""
        return {file.parent for file in self.reports.glob("*/run.json")}

    def wait_for_rows(self, folder: Path) -> None:
        """Until some rows of a run are stored."""
        wait_for(lambda: list(folder.glob("attempts/*.parquet")), "stored rows")

    def wait_for_end(self, folder: Path) -> dict[str, Any]:
        """What a run says of itself when it has ended."""
        wait_for(lambda: json_of(folder / "run.json")["accounting"]["balanced"] is not None, "the run's end")
        return json_of(folder / "run.json")

    def soak(self, run_time: str, *options: str, workers: int | None = None) -> subprocess.Popen[str]:
        """Start target, master and so many workers (all); returns the master."""
        url = self.target()
        count = len(self.worker_hosts) if workers is None else workers
        master = self.start(
            self.master_host,
            *locust_command("--master", "--headless", "--expect-workers", str(count), "--host", url),
            *("--users", "12", "--spawn-rate", "12", "--run-time", run_time, "--pace-s", "0.2"),
            *("--reports-dir", str(self.reports), "--only-summary", *options),
        )
        for number in range(count):
            self.join(number)
        return master

    def join(self, number: int, *options: str) -> subprocess.Popen[str]:
        """Start a worker on its host."""
        words = ("--worker", "--master-host", self.master_host.address, "--reports-dir", str(self.outbox(number)))
        self.workers.append(self.start(self.worker_hosts[number], *locust_command(*words, *options)))
        return self.workers[-1]

    def join_just_before_the_end(self, number: int, *, seconds: float) -> subprocess.Popen[str]:
        """Start a worker now, which has nothing left to do but connect so many seconds before the planned end."""
        late = self.join(number)
        assert late.stdout is not None
        assert "Starting Locust" in late.stdout.readline()
        late.send_signal(signal.SIGSTOP)
        end = datetime.fromisoformat(self.run_json()["planned_end_at"])
        wait_for(lambda: datetime.now(UTC) >= end - timedelta(seconds=seconds), "the end")
        late.send_signal(signal.SIGCONT)
        return late

    def outbox(self, number: int) -> Path:
        """The reports folder of a worker."""
        return self._tmp_path / f"worker-{number}"

    def has_ended_load(self, number: int) -> bool:
        """Whether a worker writes no rows any more: it has said so in its last segment."""
        sealed = [path for path in self.segments(number) if path.suffix == ".spool"]
        return any(read_segment(path.read_bytes()).rows_written is not None for path in sealed)

    def segments(self, number: int) -> list[Path]:
        """What a worker has not shipped."""
        return [path for path in self.outbox(number).glob(".outbox/*/*/*") if path.suffix in (".spool", ".open")]

    @property
    def folder(self) -> Path:
        return wait_for(lambda: next((f.parent for f in self.reports.glob("*/run.json")), None), "a run folder")

    def run_json(self) -> dict[str, Any]:
        return json_of(self.folder / "run.json")

    def verdict(self) -> dict[str, Any]:
        return json_of(self.folder / "verdict.json")

    def rows_stored(self) -> Counter[str]:
        """How many rows are stored, by worker."""
        files = list((self.folder / "attempts").glob("*.parquet"))
        return Counter(ds.dataset(files).to_table(["worker"])["worker"].to_pylist()) if files else Counter()

    def workers_stored(self) -> set[str]:
        return set(self.rows_stored())

    def rows_written(self) -> Counter[str]:
        """How many rows each worker says that it has flushed."""
        return Counter({worker["worker"]: worker["rows_written"] for worker in self.run_json()["workers"]})

    def collect(self, number: int) -> None:
        """Bring home what a worker has left, as its user would."""
        for module, *arguments in (
            ("attempts.collect", self.outbox(number) / ".outbox", self.folder),
            ("attempts.store", self.folder),
        ):
            subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, capture_output=True)

    def flushed_by(self, number: int) -> Counter[str]:
        """How many rows a worker has flushed that are still on its disk, by worker."""
        rows: Counter[str] = Counter()
        for path in self.segments(number):
            segment = read_segment(path.read_bytes())
            assert segment.worker is not None
            rows[segment.worker.worker] += len(segment.attempts)
        return rows

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@contextmanager
def fleet(count: int, tmp_path: Path) -> Iterator[Fleet]:
    with hosts(count + 1) as machines:
        started = Fleet(machines, tmp_path)
        try:
            yield started
        finally:
            started.end()


def assert_whole(running: Fleet, output: str) -> None:
    """Every row that a worker has flushed is stored, once, and nothing is wrong with the run."""
    run = running.run_json()
    assert run["problems"] == [], output
    assert run["accounting"]["balanced"] is True, output
    assert running.rows_stored() == running.rows_written(), output
    for number in range(len(running.worker_hosts)):
        assert running.segments(number) == []
