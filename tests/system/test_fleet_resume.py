"""The master comes back: a run that it led goes on, with the same users, to the end that was planned."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from scenarios.control.limits import VARIABLE
from tests.conftest import PATIENCE_S, ROOT, json_of, locust_command, wait_for
from tests.fleets import SECRET, Fleet
from tests.hosts import Host, hosts
from tests.kit.namespaces import take_address

pytestmark = pytest.mark.timeout(600)
USERS = 12


class Interrupted(Fleet):
    """A fleet whose master does not live as long as its run; the target is on a host of its own."""

    def __init__(self, machines: list[Host], tmp_path: Path) -> None:
        target, *others = machines
        super().__init__(others, tmp_path)
        self._target = target
        self.environment["SOAK_ALLOWED_HOSTS"] = target.address
        self.url = ""

    def target(self) -> str:
        if not self.url:
            target = self.start(self._target, sys.executable, "-m", "standin", "--host", self._target.address)
            assert target.stdout is not None
            self.url = str(json.loads(target.stdout.readline())["url"])
        return self.url

    def master(self, *options: str, host: Host | None = None, run_time: str = "20s") -> subprocess.Popen[str]:
        return self.start(
            host or self.master_host,
            *locust_command("--master", "--headless", "--expect-workers", str(len(self.worker_hosts))),
            *("--host", self.target(), "--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", run_time),
            *("--pace-s", "0.2", "--only-summary", "--reports-dir", str(self.reports), *options),
        )

    def begin(self, run_time: str = "20s", *options: str, workers: int = 2) -> subprocess.Popen[str]:
        """Target, master and workers; returns the master when it has said in run.json who its workers are."""
        master = self.master("--run-id", "r1", *options, run_time=run_time)
        for number in range(len(self.worker_hosts)):
            self.join(number)
        wait_for(lambda: len(self.workers_stored()) == workers, "rows of all workers")
        wait_for(lambda: sum(w["users"] or 0 for w in self.run_json()["workers"]) == USERS, "users in run.json")
        return master


@contextmanager
def interrupted(workers: int, tmp_path: Path, *, spare: int = 0) -> Iterator[tuple[Interrupted, list[Host]]]:
    with hosts(workers + 2 + spare) as machines:
        running = Interrupted(machines[: workers + 2], tmp_path)
        try:
            yield running, machines[workers + 2 :]
        finally:
            running.end()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def rows_of(folder: Path) -> dict[str, list[int]]:
    table = ds.dataset(list((folder / "attempts").glob("*.parquet"))).to_table(["worker", "seq"])
    rows: dict[str, list[int]] = {}
    for worker, seq in zip(table["worker"].to_pylist(), table["seq"].to_pylist(), strict=True):
        rows.setdefault(worker, []).append(seq)
    return rows


def assert_every_flushed_row_is_stored(running: Fleet, run: dict[str, Any]) -> None:
    written = {worker["worker"]: worker["rows_written"] for worker in run["workers"]}
    assert {worker: sorted(rows) for worker, rows in rows_of(running.folder).items()} == {
        worker: list(range(rows)) for worker, rows in written.items()
    }


def users_at_once(folder: Path) -> int:
    """The most users that had a session at one time: each user has at most one hold that covers a moment."""
    columns = ["kind", "worker", "user", "started_at", "duration_s"]
    frame = ds.dataset(list((folder / "attempts").glob("*.parquet"))).to_table(columns).to_pandas()
    holds = frame[frame["kind"] == "hold"]
    starts = holds["started_at"].astype("int64") / 1e6
    moments = sorted([*((at, 1) for at in starts), *((at, -1) for at in starts + holds["duration_s"])])
    most = now = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


@pytest.mark.parametrize(("size", "run_time"), [(0.1, "30s"), pytest.param(1.0, "3m", marks=pytest.mark.long)])
def test_a_master_that_was_killed_is_followed_by_one_that_ends_the_run_as_it_was_planned(
    tmp_path: Path, size: float, run_time: str
) -> None:
    with interrupted(2, tmp_path) as (running, _):
        running.environment[VARIABLE] = str(size)
        first = running.begin(run_time)
        early = running.master("--resume", "r1", "--master-bind-port", "5600", run_time=run_time)
        words, _ = early.communicate(timeout=PATIENCE_S)
        assert (early.returncode, "leads that run and is well" in words) == (2, True), words
        assert running.run_json()["resumed"] == []
        first.kill()
        output, _ = (again := running.master("--resume", "r1", run_time=run_time)).communicate(timeout=4 * PATIENCE_S)
        run = running.run_json()
        assert again.returncode == 0, output
        assert (run["ended"], run["problems"]) == ("run_time", []), output
        assert "Service levels met" in output
        assert run["accounting"]["balanced"] is True
        assert_every_flushed_row_is_stored(running, run)
        assert len(run["workers"]) == 2  # the same ones: nobody was started again
        (resumed,) = run["resumed"]
        assert sorted(resumed["came_back"]) == sorted(worker["worker"] for worker in run["workers"])
        assert resumed["stayed_away"] == [] and 0 < resumed["gap_s"] < 30
        assert users_at_once(running.folder) <= USERS
        ends = (datetime.fromisoformat(run[name]) for name in ("ended_at", "planned_end_at"))
        assert abs((next(ends) - next(ends)).total_seconds()) < 5
        verdict = json.loads((running.folder / "verdict.json").read_text())
        assert any("led on by another master" in note for note in verdict["data_quality"])


@pytest.mark.long
def test_a_master_that_comes_back_after_the_planned_end_brings_the_rows_home_and_judges_them(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        running.begin("12s").kill()
        planned = datetime.fromisoformat(running.run_json()["planned_end_at"])
        wait_for(lambda: datetime.now(planned.tzinfo) > planned, "the planned end")
        output, _ = (again := running.master("--resume", "r1", run_time="12s")).communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert again.returncode in (0, 3), output  # void where load came to an end with the master
        assert (run["ended"], run["problems"]) == ("run_time", []), output
        assert run["accounting"]["balanced"] is True
        assert_every_flushed_row_is_stored(running, run)


@pytest.mark.long
def test_users_of_a_worker_that_stays_away_are_dealt_to_no_other(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        master = running.begin("25s")
        running.workers[0].kill()
        running.workers[0].wait()
        master.kill()
        output, _ = (again := running.master("--resume", "r1", run_time="25s")).communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert again.returncode == 3, output
        assert run["ended"] == "run_time"  # a worker was lost, and the run went on to its end
        (lost,) = [worker for worker in run["workers"] if worker["lost"]]
        assert run["resumed"][0]["stayed_away"] == [lost["worker"]]
        assert f"worker {lost['worker']} (Linux, host {lost['host']}) has not come back; its 6 users" in output
        assert [p["worker"] for p in run["problem_kinds"] if p["kind"] == "worker_lost"] == [lost["worker"]]
        assert users_at_once(running.folder) <= USERS
        # The other one ran its own six all the time, and no more.
        stayed = next(worker for worker in run["workers"] if not worker["lost"])
        frame = (
            ds.dataset(list((running.folder / "attempts").glob("*.parquet"))).to_table(["worker", "user"]).to_pandas()
        )
        assert frame[(frame["worker"] == stayed["worker"]) & (frame["user"] >= 0)]["user"].nunique() <= 8


@pytest.mark.long
def test_a_worker_that_is_heard_again_later_comes_with_its_users_and_its_rows(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        master = running.begin("50s")
        running.worker_hosts[0].plug(connected=False)
        master.kill()
        again = running.master("--resume", "r1", run_time="50s")
        wait_for(lambda: running.run_json()["resumed"] and running.run_json()["resumed"][0]["stayed_away"], "patience")
        wait_for(
            lambda: sum(w["users"] or 0 for w in running.run_json()["workers"]) == USERS, "users, half of them held"
        )
        running.worker_hosts[0].plug(connected=True)
        output, _ = again.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert (run["ended"], run["problems"]) == ("run_time", []), output
        assert run["accounting"]["balanced"] is True
        assert not any(worker["lost"] for worker in run["workers"])
        assert_every_flushed_row_is_stored(running, run)
        assert users_at_once(running.folder) <= USERS
        assert again.returncode in (0, 1), (
            output
        )  # its users ran all the time; what the cut did to them is in the levels


def test_a_frozen_master_finds_on_waking_that_another_one_leads_and_writes_nothing(tmp_path: Path) -> None:
    with interrupted(2, tmp_path, spare=1) as (running, (other,)):
        # How much load a busy machine keeps up meanwhile is not asked here.
        frozen = running.begin("40s", "--allow-less-load")
        frozen.send_signal(signal.SIGSTOP)
        # Its machine is gone from the network, and another one has its address.
        running.master_host.plug(connected=False)
        take_address(other, of=running.master_host)
        again = running.master("--resume", "r1", "--allow-less-load", host=other, run_time="40s")
        wait_for(lambda: running.run_json()["resumed"], "a master in its place")
        wait_for(lambda: len(running.run_json()["resumed"][0]["came_back"]) == 2, "its workers")
        before = {path: path.stat().st_mtime_ns for path in running.folder.rglob("*") if path.name.startswith("leader")}
        frozen.send_signal(signal.SIGCONT)
        words, _ = frozen.communicate(timeout=PATIENCE_S)
        assert frozen.returncode == 3, words
        assert re.search(r"VOID: run r1 is led by process \d+ on host '.*' now, which took it over", words), words
        assert before == {path: path.stat().st_mtime_ns for path in before}
        output, _ = again.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert again.returncode == 0, output
        assert (run["ended"], run["problems"]) == ("run_time", []), output
        assert_every_flushed_row_is_stored(running, run)


@pytest.mark.long
def test_the_embedded_stand_in_is_started_again_where_its_workers_knock(tmp_path: Path) -> None:
    reports, started = tmp_path / "reports", []
    environment = {**os.environ, VARIABLE: "0.1", "SOAK_JWT_SECRET": SECRET}

    def start(*words: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                locust_command(*words),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    port = str(free_port())
    master = (
        *("--master", "--headless", "--expect-workers", "1", "--master-bind-port", port, "--users", "6"),
        *("--spawn-rate", "6", "--run-time", "25s", "--pace-s", "0.2", "--only-summary", "--reports-dir", str(reports)),
    )
    try:
        first = start(*master, "--run-id", "r1")
        start("--worker", "--master-port", port, "--reports-dir", str(tmp_path / "worker"))
        truth = reports / "r1" / "truth.jsonl"
        wait_for(lambda: truth.is_file() and truth.stat().st_size, "sessions that ended")
        wait_for(lambda: json_of(reports / "r1" / "run.json")["workers"], "a worker in run.json")
        first.kill()
        first.wait()
        before = truth.stat().st_size
        again = start(*master, "--resume", "r1")
        output, _ = again.communicate(timeout=2 * PATIENCE_S)
        run = json_of(reports / "r1" / "run.json")
        assert again.returncode in (0, 1), output  # what its sessions suffered meanwhile is the target's
        assert (run["ended"], run["problems"]) == ("run_time", []), output
        assert run["accounting"]["balanced"] is True
        assert truth.stat().st_size > before
        sessions = pq.read_table(reports / "r1" / "truth.parquet").num_rows
        assert sessions >= len(truth.read_text().splitlines()) - 1  # one line may have been cut short
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.mark.parametrize("alone", [("--headless",), ("--master",)])
def test_a_run_is_led_on_by_a_headless_master_only(tmp_path: Path, alone: tuple[str, ...]) -> None:
    words = ("--resume", "r1", "--reports-dir", str(tmp_path), "--web-port", str(free_port()), *alone)
    port = ("--master-bind-port", str(free_port())) if "--master" in alone else ()
    ran = subprocess.run(locust_command(*words, *port), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert ran.returncode == 2
    assert f"python -m attempts.store {tmp_path / 'r1'} stores its rows." in ran.stderr
    assert "Traceback" not in ran.stderr
