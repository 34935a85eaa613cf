"""Workers that come and go while a run goes on: each takes its part, and none of its rows is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import PATIENCE_S, wait_for
from tests.fleets import assert_whole, fleet

pytestmark = pytest.mark.timeout(300)
LEFT_ALONE = ("--no-analysis",)  # whether this machine was busy is not the question here


def test_a_worker_that_joins_a_running_run_takes_its_part(tmp_path: Path) -> None:
    with fleet(3, tmp_path) as running:
        master = running.soak("30s", *LEFT_ALONE, workers=2)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        late = running.join(2)
        output, _ = master.communicate(timeout=PATIENCE_S)
        words, _ = late.communicate(timeout=PATIENCE_S)
        assert "Traceback" not in words, words
        assert late.returncode == 0, words
        assert_whole(running, output)
        assert len(running.rows_stored()) == 3
        load = running.run_json()["load"]
        assert load["within_s"] >= 0.95 * load["judged_s"], load
        assert master.returncode == 0, output


def test_a_worker_that_joins_just_before_the_end_ends_with_the_run(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("30s", *LEFT_ALONE, workers=1)
        wait_for(lambda: len(running.workers_stored()) == 1, "rows of the first worker")
        late = running.join_just_before_the_end(1, seconds=2.0)
        output, _ = master.communicate(timeout=PATIENCE_S)
        words, _ = late.communicate(timeout=PATIENCE_S)
        assert late.returncode == 0, words
        assert_whole(running, output)


def test_a_worker_that_is_told_to_leave_is_not_lost_and_others_take_its_users(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("30s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        running.workers[0].send_signal(signal.SIGTERM)
        words, _ = running.workers[0].communicate(timeout=PATIENCE_S)
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert running.workers[0].returncode == 0, words
        assert_whole(running, output)
        run = running.run_json()
        assert (run["ended"], [w["lost"] for w in run["workers"]]) == ("run_time", [False, False])
        assert len(running.rows_stored()) == 2


def test_the_last_worker_that_leaves_ends_the_run_with_all_its_rows(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        master = running.soak("5m", *LEFT_ALONE, "--accept-early")
        wait_for(lambda: len(running.workers_stored()) == 1, "rows of the worker")
        running.workers[0].send_signal(signal.SIGTERM)
        words, _ = running.workers[0].communicate(timeout=PATIENCE_S)
        output, _ = master.communicate(timeout=PATIENCE_S)
        assert running.workers[0].returncode == 0, words
        assert_whole(running, output)


def test_a_worker_serves_the_runs_of_a_web_ui_one_after_the_other(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        running.serve(*LEFT_ALONE)
        running.join(0)
        folders: set[Path] = set()
        for _ in range(2):
            wait_for(lambda: '"success": true' in running.post("/swarm", "user_count=4&spawn_rate=4"), "a start")
            (folder,) = wait_for(lambda: running.folders() - folders, "another run folder")
            folders.add(folder)
            running.wait_for_rows(folder)
            running.post("/stop")
            run = running.wait_for_end(folder)
            assert run["problems"] == []
            assert run["accounting"]["balanced"] is True
        assert running.workers[0].poll() is None
