"""Cuts, freezes and deaths in a fleet: load ends when it was planned to, and every row that was flushed comes home."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from scenarios.control.limits import VARIABLE, Limits
from tests.conftest import PATIENCE_S, wait_for
from tests.fleets import Fleet, assert_whole, fleet

pytestmark = pytest.mark.timeout(400)
LEFT_ALONE = ("--no-analysis",)  # whether this machine was busy is not the question here
TENTH = Limits().scaled(0.1)
SIZES = (0.1, pytest.param(1.0, marks=[pytest.mark.long, pytest.mark.timeout(1500)]))


def share_of_load(running: Fleet) -> float:
    load = running.run_json()["load"]
    return float(load["within_s"]) / float(load["judged_s"])


def freeze(process: subprocess.Popen[str], seconds: float) -> None:
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)  # what is tested is that so much time passes
    process.send_signal(signal.SIGCONT)


def test_a_cut_in_the_middle_costs_no_row_and_no_load(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("40s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        time.sleep(TENTH.idle_s + TENTH.silent_s)  # longer than Locust's limit, as scaled
        assert running.segments(0)
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        words, _ = running.workers[0].communicate(timeout=PATIENCE_S)
        assert "is heard again" in output
        assert running.workers[0].returncode == 0, words
        assert_whole(running, output)
        assert share_of_load(running) >= 0.95
        assert master.returncode == 0, output


@pytest.mark.long
def test_a_cut_of_all_workers_in_the_middle_does_not_end_the_run(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        master = running.soak("40s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 1, "rows of the worker")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        time.sleep(TENTH.idle_s + TENTH.silent_s)
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        assert_whole(running, output)
        assert running.run_json()["ended"] == "run_time"


def test_in_a_cut_over_the_end_the_worker_stops_by_itself_and_ships_afterwards(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("20s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        wait_for(lambda: running.has_ended_load(0), "the end of its load")
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        words, _ = running.workers[0].communicate(timeout=PATIENCE_S)
        assert "The planned end of the run has come" in words
        assert running.workers[0].returncode == 0, words
        assert_whole(running, output)


@pytest.mark.parametrize("size", SIZES)
def test_rows_that_stay_behind_a_cut_are_named_with_the_way_to_bring_them(tmp_path: Path, size: float) -> None:
    limits = Limits().scaled(size)
    with fleet(2, tmp_path) as running:
        running.environment[VARIABLE] = str(size)
        master = running.soak("20s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        running.worker_hosts[0].plug(connected=False)
        output, _ = master.communicate(timeout=limits.drain_s + 2 * PATIENCE_S)
        words, _ = running.workers[0].communicate(timeout=limits.alone_s + 2 * PATIENCE_S)
        assert master.returncode == 3, output
        assert running.workers[0].returncode == 3, words
        assert f"python -m attempts.collect {running.segments(0)[0].parent}" in words
        before, left = running.rows_stored(), running.flushed_by(0)
        assert left
        running.collect(0)
        assert running.rows_stored() == before + left


def test_when_the_master_was_killed_load_ends_at_the_planned_end_and_the_rows_are_named(tmp_path: Path) -> None:
    with fleet(1, tmp_path) as running:
        master = running.soak("20s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 1, "rows of the worker")
        master.kill()
        words, _ = running.workers[0].communicate(timeout=2 * PATIENCE_S)
        assert "The planned end of the run has come" in words
        assert running.workers[0].returncode == 3, words
        assert "python -m attempts.collect" in words
        before, left = running.rows_stored(), running.flushed_by(0)
        running.collect(0)
        assert sum(running.rows_stored().values()) >= sum((before + left).values())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("silences", "is_kept"), [(0.4, True), (3.0, False)])
def test_a_freeze_costs_no_row_and_a_long_one_is_less_load(
    tmp_path: Path, silences: float, is_kept: bool, size: float
) -> None:
    with fleet(2, tmp_path) as running:
        running.environment[VARIABLE] = str(size)
        master = running.soak("45s" if size < 1 else "5m", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        freeze(running.workers[0], silences * Limits().scaled(size).silent_s)
        output, _ = master.communicate(timeout=300 + 2 * PATIENCE_S)
        assert_whole(running, output)
        assert (share_of_load(running) >= 0.9) is is_kept
        if not is_kept:
            assert master.returncode == 3, output
            assert "the load was not the planned one" in output


@pytest.mark.long
def test_a_master_that_froze_for_a_while_loses_no_row_and_no_load(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("40s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        freeze(master, TENTH.idle_s + TENTH.silent_s)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        for worker in running.workers:
            words, _ = worker.communicate(timeout=PATIENCE_S)
            assert worker.returncode == 0, words
        assert_whole(running, output)
        assert share_of_load(running) >= 0.95


@pytest.mark.long
def test_a_worker_that_sleeps_over_the_planned_end_stops_at_once_when_it_wakes(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("15s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        running.workers[0].send_signal(signal.SIGSTOP)
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        assert master.returncode == 3, output
        assert any("was lost" in problem for problem in running.run_json()["problems"])
        running.workers[0].send_signal(signal.SIGCONT)
        words, _ = running.workers[0].communicate(timeout=2 * PATIENCE_S)
        assert running.workers[0].returncode == 3, words
        assert "python -m attempts.collect" in words
        before, left = running.rows_stored(), running.flushed_by(0)
        running.collect(0)
        assert running.rows_stored() == before + left


def test_an_outbox_at_its_limit_ends_the_load_of_its_worker_and_says_how_to_give_more(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        master = running.soak("5m", *LEFT_ALONE, workers=1)
        running.join(1, "--outbox-gb", "0.00001")
        output, _ = master.communicate(timeout=2 * PATIENCE_S)
        words, _ = running.workers[1].communicate(timeout=PATIENCE_S)
        assert master.returncode == 3, output
        assert any("the limit of --outbox-gb 1e-05" in problem for problem in running.run_json()["problems"])
        assert "This worker stops its users" in words
        assert running.rows_stored() == running.rows_written()


@pytest.mark.long
def test_in_true_size_a_cut_longer_than_locust_waits_costs_no_row_and_no_load(tmp_path: Path) -> None:
    with fleet(2, tmp_path) as running:
        running.environment[VARIABLE] = "1"
        master = running.soak("150s", *LEFT_ALONE)
        wait_for(lambda: len(running.workers_stored()) == 2, "rows of both workers")
        cut = running.worker_hosts[0]
        cut.plug(connected=False)
        time.sleep(75)  # Locust ends a worker that has not heard its master for 60 s
        cut.plug(connected=True)
        output, _ = master.communicate(timeout=3 * PATIENCE_S)
        assert_whole(running, output)
        assert share_of_load(running) >= 0.95
        assert master.returncode == 0, output
