"""Master and workers on several real hosts (network namespaces): every row comes home, or the run says no."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from tests.conftest import PATIENCE_S, ROOT, crashing_protocol, json_of, locust_command, wait_for
from tests.hosts import Host, hosts

pytestmark = pytest.mark.timeout(300)
SECRET = "a-secret-of-this-test-that-is-long-enough-for-hs256"


class Fleet:
    """A master that also hosts the target, and its workers, each on a host of its own."""

    def __init__(self, machines: list[Host], tmp_path: Path) -> None:
        self.master_host, *self.worker_hosts = machines
        self.reports = tmp_path / "reports"
        self._tmp_path = tmp_path
        self._started: list[subprocess.Popen[str]] = []
        self.workers: list[subprocess.Popen[str]] = []
        self.environment: dict[str, str] = {}

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

    def soak(self, run_time: str, *options: str) -> subprocess.Popen[str]:
        """Start target, master and workers; returns the master."""
        address = self.master_host.address
        target = self.start(self.master_host, sys.executable, "-m", "standin", "--host", address)
        assert target.stdout is not None
        url = json.loads(target.stdout.readline())["url"]
        count = len(self.worker_hosts)
        master = self.start(
            self.master_host,
            *locust_command("--master", "--headless", "--expect-workers", str(count), "--host", url),
            *("--users", "12", "--spawn-rate", "12", "--run-time", run_time, "--pace-s", "0.2"),
            *("--reports-dir", str(self.reports), "--only-summary", *options),
        )
        for number, host in enumerate(self.worker_hosts):
            outbox = self._tmp_path / f"worker-{number}"
            self.workers.append(
                self.start(host, *locust_command("--worker", "--master-host", address, "--reports-dir", str(outbox)))
            )
        return master

    @property
    def folder(self) -> Path:
        return wait_for(lambda: next((f.parent for f in self.reports.glob("*/run.json")), None), "a run folder")

    def run_json(self) -> dict[str, Any]:
        return json_of(self.folder / "run.json")

    def workers_stored(self) -> set[str]:
        files = list((self.folder / "attempts").glob("*.parquet"))
        return set(ds.dataset(files).to_table(["worker"])["worker"].to_pylist()) if files else set()

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


def test_rows_of_all_hosts_come_home(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("8s")
        output, _ = master.communicate(timeout=PATIENCE_S)
        run = running.run_json()
        assert run["problems"] == [], output
        assert run["accounting"]["balanced"] is True, output
        assert len(running.workers_stored()) == 2
        assert all(abs(w["clock_offset_s"]) < 0.5 for w in run["workers"])  # one machine's clock
        assert not list(tmp_path.glob("worker-*/.outbox/*/*/*"))  # nothing left behind
        # Void only for what a machine that is busy with other tests does to a loop.
        generator = json_of(running.folder / "verdict.json")["generator"]
        assert (master.returncode == 3) == (generator["state"] == "impaired"), output


def test_rows_survive_a_cable_that_was_pulled_for_a_while(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("20s")
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        outbox = tmp_path / "worker-0" / ".outbox"
        wait_for(lambda: len(list(outbox.glob("*/*/*.spool"))) >= 1, "segments that cannot be shipped")
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert run["accounting"]["balanced"] is True, output
        assert not list(outbox.glob("*/*/*.spool"))


def test_a_worker_that_cannot_take_part_ends_the_run_and_says_why(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        master = running.soak("5m", "--client", "websockets-proactor")
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert master.returncode == 3, output
        assert any("given up: --client websockets-proactor needs Windows" in p for p in running.run_json()["problems"])


def test_a_protocol_class_that_raises_on_a_worker_ends_the_run_and_is_said(tmp_path: Path) -> None:
    protocol = crashing_protocol(tmp_path)
    with fleet(1, tmp_path) as running:
        running.environment = protocol.environment
        master = running.soak("5m", *protocol.options)
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert master.returncode == 3, output
        assert f"A worker has given up: {protocol.sentence}" in running.run_json()["problems"], output


def test_a_worker_that_was_killed_makes_the_run_void_and_its_rows_can_be_brought(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("15s")
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        # The second process of the pair: `ip netns exec` has become the worker itself.
        running.workers[0].kill()
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert master.returncode == 3, output
        assert any("was lost" in p for p in run["problems"]), run["problems"]
        assert sum(w["lost"] for w in run["workers"]) == 1
        # A lost worker has told what it runs on before it was lost.
        assert all(w["fingerprint"]["python"] == w["versions"]["python"] for w in run["workers"])
        leftovers = next((tmp_path / "worker-0" / ".outbox").glob("*/*"))
        before = ds.dataset(list((running.folder / "attempts").glob("*.parquet"))).count_rows()
        for module, *arguments in (
            ("attempts.collect", leftovers, running.folder),
            ("attempts.store", running.folder),
        ):
            subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, capture_output=True)
        after = ds.dataset(list((running.folder / "attempts").glob("*.parquet"))).count_rows()
        assert after > before
