"""The way back to a verdict: what a run lost is brought home, and the run is judged by its rows."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import PATIENCE_S, ROOT, wait_for
from tests.system.test_fleet_resume import Interrupted, assert_every_flushed_row_is_stored, interrupted, rows_of

pytestmark = pytest.mark.timeout(300)


def run_module(module: str, *arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


def notes_of(running: Interrupted) -> list[str]:
    notes: list[str] = json.loads((running.folder / "verdict.json").read_text())["data_quality"]
    return notes


def bring_home_and_judge(running: Interrupted, tmp_path: Path) -> tuple[int, dict[str, Any], str]:
    """What docs/fleet.md says to type: the exit status of the analysis, `run.json`, and all that was said."""
    said = ""
    for outbox in sorted(tmp_path.glob("worker-*/.outbox/r1")):
        status, words = run_module("attempts.collect", outbox, running.folder)
        said += words
        assert status == 0, said
    # The store of a master that was killed may still be at work.
    wait_for(lambda: run_module("attempts.store", running.folder)[0] != 2, "a store of ours")
    status, words = run_module("analysis", running.folder)
    return status, running.run_json(), said + words


def end_workers(running: Interrupted) -> None:
    for worker in running.workers:
        worker.terminate()
    for worker in running.workers:
        worker.communicate(timeout=2 * PATIENCE_S)


def test_a_run_whose_master_was_killed_is_judged_when_its_rows_were_brought(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        running.begin("15s").kill()
        killed = running.run_json()
        # All that was known is there: who took part, and how many users each ran.
        assert killed["ended"] == "running" and killed["problems"] == []
        assert sorted(worker["users"] for worker in killed["workers"]) == [6, 6]
        planned = datetime.fromisoformat(killed["planned_end_at"])
        wait_for(lambda: datetime.now(planned.tzinfo) > planned, "the planned end")
        end_workers(running)
        status, run, said = bring_home_and_judge(running, tmp_path)
        assert status in (0, 1), said
        assert (run["ended"], run["problems"]) == ("crash", [])
        assert run["settled"]["complete"] is True
        assert run["accounting"]["balanced"] is True
        assert_every_flushed_row_is_stored(running, run)
        assert any("the process that led the run died" in note for note in notes_of(running)), said
        assert not any("No attempt was started" in note for note in notes_of(running))


def test_rows_of_a_worker_that_was_cut_off_over_the_end_take_its_loss_back(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        master = running.begin("30s")  # so long that even a slow machine cuts it off in time
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert (master.returncode, run["ended"]) == (3, "run_time"), output
        assert [worker["lost"] for worker in run["workers"]].count(True) == 1
        before = run["problems"]
        assert before and {p["worker"] for p in run["problem_kinds"] if p["kind"] == "worker_lost"} <= {
            worker["worker"] for worker in run["workers"] if worker["lost"]
        }
        assert not any("No attempt was started" in problem for problem in run["problems"])
        end_workers(running)
        status, run, said = bring_home_and_judge(running, tmp_path)
        assert (run["problems"], run["settled"]["complete"]) == ([], True), said
        assert not any(worker["lost"] for worker in run["workers"])
        assert run["accounting"]["balanced"] is True
        assert_every_flushed_row_is_stored(running, run)
        assert run["settled"]["taken_back"] == before
        # How much load it made nobody has heard: that is for a person to say.
        assert status == 3 and "the load was not the planned one" in said
        assert run_module("analysis", running.folder, "--allow-less-load")[0] in (0, 1)


@pytest.mark.long
def test_a_worker_that_was_killed_stays_lost_since_nobody_knows_how_many_rows_it_wrote(tmp_path: Path) -> None:
    with interrupted(2, tmp_path) as (running, _):
        master = running.begin("12s")
        running.workers[0].kill()
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        assert (master.returncode, running.run_json()["ended"]) == (3, "run_time"), output
        status, run, said = bring_home_and_judge(running, tmp_path)
        assert status == 3, said
        assert [w["lost"] for w in run["workers"]].count(True) == 1
        assert any("never said how many rows it wrote" in problem for problem in run["problems"])
        assert run["settled"]["complete"] is False
        for rows in rows_of(running.folder).values():
            assert sorted(rows) == list(range(len(rows)))  # all that was flushed


@pytest.mark.long
def test_a_store_that_was_killed_is_run_again_and_nothing_of_its_death_is_left(tmp_path: Path) -> None:
    with interrupted(1, tmp_path) as (running, _):
        master = running.begin("5m", workers=1)
        children = psutil.Process(master.pid).children(recursive=True)
        next(child for child in children if "attempts.store" in child.cmdline()).kill()
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        run = running.run_json()
        assert (master.returncode, run["ended"]) == (3, "crash"), output
        assert f"python -m attempts.store {running.folder}" in output
        assert any(problem["kind"] == "store_died" for problem in run["problem_kinds"])
        _, run, said = bring_home_and_judge(running, tmp_path)
        assert run["settled"]["complete"] is True, said
        assert not any("store" in problem for problem in run["problems"]), run["problems"]
        assert_every_flushed_row_is_stored(running, run)
