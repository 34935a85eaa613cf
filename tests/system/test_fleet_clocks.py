"""Workers whose wall clock is wrong, or is set in mid-run: every row is on the master's time line, nobody is blamed.

Whole processes on this machine, one of them behind libfaketime: the target and the master go by the true time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from tests.conftest import PATIENCE_S, ROOT, json_of, locust_command, wait_for
from tests.kit.children import free_port
from tests.kit.faketime import WrongClock, library

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not library(), reason="libfaketime is not installed (Debian: faketime)"),
]
SECRET = "a-secret-of-this-test-that-is-long-enough-for-hs256"
SECRETS = {"SOAK_JWT_SECRET": SECRET, "STANDIN_JWT_SECRET": SECRET}
# The stand-in's tokens may be wrong by so much (`--leeway-s`).
LEEWAY_S = 5.0


class LoopbackFleet:
    """A target, a master and two workers; the first one's clock is wrong."""

    def __init__(self, folder: Path) -> None:
        self.reports = folder / "reports"
        self.said = folder / "worker-0.txt"
        self.clock = WrongClock(folder / "offset", 0.0)
        self._folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def soak(self, offset_s: float, run_time: str, *options: str) -> subprocess.Popen[str]:
        """Start all of them; returns the master."""
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
        for number, wrong in enumerate((self.clock.environment, {})):
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
        rows: list[dict[str, Any]] = ds.dataset(self.folder / table, format="parquet").to_table().to_pylist()
        return rows

    def end(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LoopbackFleet]:
    started = LoopbackFleet(tmp_path)
    yield started
    started.end()


def assert_all_is_on_the_masters_time_line(fleet: LoopbackFleet, output: str) -> None:
    run, rows = fleet.run_json(), fleet.rows()
    assert run["problems"] == [], output
    assert run["accounting"]["rows_stored"] == run["accounting"]["rows_written"] == len(rows), output
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    moments = [row[name] for row in rows for name in ("scheduled_at", "started_at")]
    moments += [row["at"] for row in fleet.rows("health")]
    assert min((moment - began).total_seconds() for moment in moments) >= -1.0
    assert max((moment - ended).total_seconds() for moment in moments) <= 1.0
    assert {row["worker"] for row in rows} == {worker["worker"] for worker in run["workers"]}
    # Tokens are the master's in time: nobody is refused, and no token is older than the run or from the future.
    refused = [row for row in rows if row["cause"] == "auth_rejected"]
    assert refused == [], refused[:2]
    ages = [row["token_age_s"] for row in rows if row["kind"] in ("connect", "exchange")]
    assert None not in ages
    assert max(ages) < (ended - began).total_seconds() + 1.0
    for worker in {row["worker"] for row in rows}:
        own = sorted((row for row in rows if row["worker"] == worker), key=lambda row: row["seq"])
        ends = [row["started_at"].timestamp() + row["duration_s"] for row in own if row["kind"] == "exchange"]
        assert all(later - sooner > -1.0 for sooner, later in pairwise(ends))
    verdict = json_of(fleet.folder / "verdict.json")
    assert verdict["claims"]["auth"]["state"] != "confirmed", verdict["claims"]["auth"]


@pytest.mark.parametrize(
    ("offset_s", "words"), [(60.0, "60.0 s ahead of the master's"), (-60.0, "60.0 s behind the master's")]
)
def test_a_worker_whose_clock_is_wrong_by_a_minute_soaks_as_if_it_were_right(
    fleet: LoopbackFleet, offset_s: float, words: str
) -> None:
    # In the arm of the child process, too: its clock is its worker's.
    master = fleet.soak(offset_s, "10s", "--client", "websocket-client,websockets-asyncio")
    output, _ = master.communicate(timeout=PATIENCE_S)
    assert_all_is_on_the_masters_time_line(fleet, output)
    clock = fleet.wrong_worker()["clock"]
    assert clock["offset_s"] == pytest.approx(offset_s, abs=0.5)
    assert 0.0 < clock["uncertainty_s"] < 0.5
    assert clock["steps"] == []
    assert words in fleet.said.read_text()


def test_a_clock_that_is_set_in_mid_run_moves_no_row_and_is_said(fleet: LoopbackFleet) -> None:
    master = fleet.soak(0.0, "14s")
    folder = fleet.folder
    wait_for(lambda: list((folder / "attempts").glob("part-*.parquet")), "rows that are stored")
    # Less than what Locust's own worker takes for the loss of its master.
    fleet.clock.set(50.0)
    output, _ = master.communicate(timeout=PATIENCE_S)
    assert_all_is_on_the_masters_time_line(fleet, output)
    clock = fleet.wrong_worker()["clock"]
    assert clock["offset_s"] == pytest.approx(0.0, abs=0.5)
    assert [step["seconds"] for step in clock["steps"]] == [pytest.approx(50.0, abs=0.1)]
    assert "This machine's clock was set forward by 50.0 s." in fleet.said.read_text()


def test_a_storm_comes_to_all_workers_at_once_whatever_their_clocks_say(fleet: LoopbackFleet) -> None:
    master = fleet.soak(60.0, "14s", "--scenario", "storm", "--storm-at-s", "7", "--storm-jitter-s", "0")
    output, _ = master.communicate(timeout=PATIENCE_S)
    assert_all_is_on_the_masters_time_line(fleet, output)
    began = datetime.fromisoformat(fleet.run_json()["started_at"])
    ended = {
        (row["worker"], round((row["started_at"] - began).total_seconds() + row["duration_s"]))
        for row in fleet.rows()
        if row["kind"] == "hold" and row["outcome"] == "ok"
    }
    assert {second for _, second in ended} <= {6, 7, 8}, ended
    assert len({worker for worker, _ in ended}) == 2


def test_a_run_whose_own_clock_is_ahead_of_the_targets_says_so_and_concludes_nothing(fleet: LoopbackFleet) -> None:
    alone = fleet.soak_alone(60.0, "8s")
    output, _ = alone.communicate(timeout=PATIENCE_S)
    said = "The clock that this run goes by is "
    assert any(line.startswith(f"wsoak: {said}") and "ahead of the target's" in line for line in output.splitlines())
    problems = fleet.run_json()["problems"]
    assert any(problem.startswith(said) and "may be this clock's doing" in problem for problem in problems), output
    assert alone.returncode == 3, output
    low, high = fleet.run_json()["workers"][0]["clock"]["ahead_of_target_s"]
    assert low <= 60.5 and high >= 59.5 and high - low < 3.0


def test_a_run_whose_own_clock_is_behind_the_targets_says_so_and_goes_on(fleet: LoopbackFleet) -> None:
    output, _ = fleet.soak_alone(-60.0, "8s").communicate(timeout=PATIENCE_S)
    assert "s behind the target's (its Date header)" in output
    assert fleet.run_json()["problems"] == [], output
    assert {row["cause"] for row in fleet.rows()} == {None}


@pytest.mark.parametrize("step_s", [70.0, -70.0])
def test_a_run_in_one_process_whose_clock_is_set_keeps_its_time_line_and_its_end(
    fleet: LoopbackFleet, step_s: float
) -> None:
    alone = fleet.soak_alone(0.0, "14s")
    folder = fleet.folder
    wait_for(lambda: list((folder / "attempts").glob("part-*.parquet")), "rows that are stored")
    fleet.clock.set(step_s)
    output, _ = alone.communicate(timeout=PATIENCE_S)
    assert_all_is_on_the_masters_time_line(fleet, output)
    run = fleet.run_json()
    assert run["ended"] == "run_time"
    began, ended = (datetime.fromisoformat(run[name]) for name in ("started_at", "ended_at"))
    assert 13.0 < (ended - began).total_seconds() < 40.0
    assert [step["seconds"] for step in run["workers"][0]["clock"]["steps"]] == [pytest.approx(step_s, abs=0.1)]
    notes = json_of(folder / "verdict.json")["data_quality"]
    assert any("was set in mid-run (1 x" in note for note in notes), notes
