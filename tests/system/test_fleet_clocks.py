"""Workers whose wall clock is wrong, or is set in mid-run: every row is on the master's time line, nobody is blamed.

Whole processes on this machine, one of them behind libfaketime: the target and the master go by the true time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, json_of, wait_for
from tests.kit.faketime import library
from tests.loopback_fleet import LoopbackFleet

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not library(), reason="libfaketime is not installed (Debian: faketime)"),
]


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
    ("offset_s", "words"),
    [
        # The storm below has a worker that is ahead, too.
        pytest.param(60.0, "60.0 s ahead of the master's", marks=pytest.mark.long),
        (-60.0, "60.0 s behind the master's"),
    ],
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


@pytest.mark.parametrize(("step_s", "words"), [(70.0, "set forward by 70.0 s."), (-70.0, "set back by 70.0 s.")])
def test_a_clock_that_is_set_in_mid_run_moves_no_row_and_is_said(
    fleet: LoopbackFleet, step_s: float, words: str
) -> None:
    master = fleet.soak(0.0, "14s")
    folder = fleet.folder
    wait_for(lambda: list((folder / "attempts").glob("part-*.parquet")), "rows that are stored")
    # Locust's own worker would take 60 s by its wall clock for the loss of its master.
    fleet.clock.set(step_s)
    output, _ = master.communicate(timeout=PATIENCE_S)
    assert_all_is_on_the_masters_time_line(fleet, output)
    clock = fleet.wrong_worker()["clock"]
    assert clock["offset_s"] == pytest.approx(0.0, abs=0.5)
    assert [step["seconds"] for step in clock["steps"]] == [pytest.approx(step_s, abs=0.1)]
    assert f"This machine's clock was {words}" in fleet.said.read_text()


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


@pytest.mark.long
def test_a_run_whose_own_clock_is_behind_the_targets_says_so_and_goes_on(fleet: LoopbackFleet) -> None:
    output, _ = fleet.soak_alone(-60.0, "8s").communicate(timeout=PATIENCE_S)
    assert "s behind the target's (its Date header)" in output
    assert fleet.run_json()["problems"] == [], output
    assert {row["cause"] for row in fleet.rows()} == {None}


@pytest.mark.long
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
