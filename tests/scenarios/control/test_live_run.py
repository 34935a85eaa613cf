from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from attempts.settling import WORKER_LOST
from scenarios.control import leadership, live_run
from scenarios.control.child_process import Child
from scenarios.control.live_analysis import LiveAnalysis
from scenarios.control.live_run import LiveRun, account, server_log_arguments
from scenarios.control.new_run import create
from scenarios.options import settings_from
from scenarios.run_file import TargetFacts, WorkerEntry, read_run_file

NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)
TALLY = {"planned": 12, "skipped": 2, "started": 10, "ok": 7, "timeout": 1, "failed": 1, "aborted": 1}


def worker(rows: int | None, *, lost: bool = False) -> WorkerEntry:
    return WorkerEntry(worker="w", host="h", platform="Linux", rows_written=rows, lost=lost)


def test_a_balanced_run_is_said_to_balance() -> None:
    sums = account([TALLY, TALLY], [worker(10), worker(10)], 20)
    assert sums.is_balanced
    assert sums.imbalances == ()


@pytest.mark.parametrize("stored", [19, 21])
def test_a_row_too_few_or_too_many_does_not_balance(stored: int) -> None:
    sums = account([TALLY, TALLY], [worker(10), worker(10)], stored)
    assert not sums.is_balanced
    assert len(sums.imbalances) == 1


def test_a_lost_worker_makes_the_sums_unknown_and_never_balanced() -> None:
    sums = account([TALLY], [worker(10), worker(None, lost=True)], 17)
    assert sums.started is None
    assert not sums.is_balanced


def test_an_outcome_that_vanished_shows() -> None:
    sums = account([{**TALLY, "ok": 6}], [worker(10)], 10)
    assert any("started" in sentence for sentence in sums.imbalances)


class ScriptedStore:
    """A store that has ended, or ends when it is told to, with what it counted."""

    name = "store"

    def __init__(self, counted: dict[str, Any] | None, *, exit_status: int | None = None) -> None:
        self.exit_status = exit_status
        self._counted = counted

    def close_input(self) -> None:
        """What a run does at its end."""

    def finish(self, timeout_s: float) -> tuple[int | None, str]:
        return (0, json.dumps(self._counted)) if self._counted is not None else (-9, "")

    def stop(self) -> int:
        return 0


@pytest.fixture
def run(tmp_path: Path) -> Iterator[LiveRun]:
    begun = create(
        settings_from({"reports_dir": str(tmp_path), "run_id": "r1", "no_analysis": True}),
        target=TargetFacts(url="ws://127.0.0.1:1/ws", standin=True),
        command=["locust"],
        run_time_s=90.0,
        users=12,
        plan={},
        versions={},
        now=NOW,
    )
    yield begun
    begun.abandon()


def ended(run: LiveRun, counted: dict[str, Any] | None, *workers: WorkerEntry, tallies: tuple[Any, ...] = ()) -> int:
    run.store = cast(Child, ScriptedStore(counted))
    return run.finish(ended="run_time", workers=workers, tallies=tallies, now=NOW + timedelta(seconds=90))


def counted(rows: int, **said: Any) -> dict[str, Any]:
    of_worker = {"rows_stored": rows, "rows_written": rows, "tally": TALLY, "is_whole": True} | said
    return {"rows_stored": rows, "workers": {"w": of_worker}, "problems": []}


def test_run_json_says_while_the_run_goes_on_all_that_is_known(run: LiveRun) -> None:
    run.problem("Worker w was lost.", kind=WORKER_LOST, worker="w")
    run.note([worker(None)], now=NOW + timedelta(seconds=9))
    file = read_run_file(run.folder)
    assert (file.ended, file.users, file.updated_at) == ("running", 12, "2026-11-23T15:45:09.000000Z")
    assert [entry.worker for entry in file.workers] == ["w"]
    assert file.problems == ["Worker w was lost."]
    assert [(entry.kind, entry.worker) for entry in file.problem_kinds] == [(WORKER_LOST, "w")]


def test_a_run_has_ended_when_its_sums_are_known_and_not_before(run: LiveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def finish(store: ScriptedStore, timeout_s: float) -> tuple[int, str]:
        file = read_run_file(run.folder)
        seen.append((file.ended, [entry.rows_written for entry in file.workers]))
        return 0, json.dumps(counted(10))

    monkeypatch.setattr(ScriptedStore, "finish", finish)
    assert ended(run, None, worker(10), tallies=(TALLY,)) == 0
    assert seen == [("running", [10])]  # the store knows already how many rows there are to be
    file = read_run_file(run.folder)
    assert (file.ended, file.accounting.balanced) == ("run_time", True)


def test_a_worker_whose_every_row_is_stored_was_not_lost(run: LiveRun, capsys: pytest.CaptureFixture[str]) -> None:
    run.problem("Worker w was lost.", kind=WORKER_LOST, worker="w")
    assert ended(run, counted(10), worker(None, lost=True)) == 0
    file = read_run_file(run.folder)
    assert (file.problems, file.problem_kinds) == ([], [])
    assert [(entry.lost, entry.rows_written) for entry in file.workers] == [(False, 10)]
    assert file.accounting.started == 10 and file.accounting.balanced
    assert "taken back, since every row of it is stored: Worker w was lost." in capsys.readouterr().err


@pytest.mark.parametrize("rows", [8091, 0])
def test_nothing_started_is_said_of_a_run_without_rows_only(run: LiveRun, rows: int) -> None:
    unknown = counted(rows, rows_written=None, tally=None, is_whole=False)
    assert ended(run, unknown, worker(None, lost=True)) == (0 if rows else 3)
    words = "No attempt was started, or nobody knows of one: there is nothing to judge."
    assert read_run_file(run.folder).problems == ([] if rows else [words])


def test_a_store_that_died_leaves_what_the_workers_said_and_the_way_out(run: LiveRun) -> None:
    assert ended(run, None, worker(10), tallies=(TALLY,)) == 3
    file = read_run_file(run.folder)
    assert (file.accounting.started, file.accounting.rows_stored) == (10, None)
    (problem,) = file.problem_kinds
    assert problem.kind == "store_died"
    assert problem.sentence.endswith(f"python -m analysis {run.folder} judges them.")


def test_a_child_that_dies_is_a_crash_and_a_problem_alone_is_none(run: LiveRun) -> None:
    run.problem("Something was wrong.")
    assert run.watch() and not run.has_crashed
    run.store = cast(Child, ScriptedStore(None, exit_status=-9))
    assert not run.watch() and run.has_crashed
    assert run.file.problem_kinds[-1].kind == "store_died"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody replace a file that a process holds")
def test_a_run_that_another_process_leads_is_written_no_more(run: LiveRun) -> None:
    other = leadership.take_over(run.folder)
    before = (run.folder / "run.json").read_bytes()
    assert ended(run, counted(10), worker(10), tallies=(TALLY,)) == 3
    assert (run.folder / "run.json").read_bytes() == before
    assert "is led by another process" in run.last_words
    other.end()


class ScriptedAnalysis(ScriptedStore):
    """An analysis that writes a verdict and ends so."""

    def __init__(self, folder: Path, status: int) -> None:
        super().__init__(None)
        self._folder, self._status = folder, status

    def finish(self, timeout_s: float) -> tuple[int | None, str]:
        (self._folder / "verdict.json").write_text("{}")
        return self._status, "By a process of its own.\n"

    def kill(self) -> None:
        self._status = -9


class ScriptedLive:
    """A live analysis that says this of the verdict."""

    def __init__(self, folder: Path, made: tuple[int, str] | None) -> None:
        self.heard: list[str] = []
        self._folder, self._made = folder, made

    def watch(self) -> None:
        self.heard.append("watch")

    def storing(self) -> None:
        self.heard.append("storing")

    def stop(self) -> None:
        self.heard.append("stop")

    def kill(self) -> None:
        self.heard.append("kill")

    def verdict(self, timeout_s: float) -> tuple[int, str] | None:
        self.heard.append(read_run_file(self._folder).ended)
        if self._made is not None:
            (self._folder / "verdict.json").write_text("{}")
        return self._made


@pytest.mark.parametrize(
    ("made", "status", "words"), [((1, "Live.\n"), 1, "Live.\n"), (None, 0, "By a process of its own.\n")]
)
def test_the_verdict_is_the_live_analysis_own_or_that_of_a_process_that_is_started_then(
    run: LiveRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    made: tuple[int, str] | None,
    status: int,
    words: str,
) -> None:
    monkeypatch.setattr(live_run, "start_child", lambda *_, **__: ScriptedAnalysis(run.folder, 0))
    run.settings = settings_from({"reports_dir": run.settings.reports_dir})
    live = ScriptedLive(run.folder, made)
    run.live = cast(LiveAnalysis, live)
    assert ended(run, counted(10), worker(10), tallies=(TALLY,)) == status
    assert run.last_words == words
    said = capsys.readouterr().err
    assert "wsoak: storing the last of 10 rows ..." in said
    assert ("wsoak: analysing ..." in said) == (made is None)  # the live analysis says it itself
    # It learns of the end before the rows are stored, and is asked when run.json says all that is known.
    assert live.heard == ["watch", "storing", "run_time"]


def test_a_run_that_is_left_is_judged_by_nobody_afterwards(run: LiveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    analysis = ScriptedAnalysis(run.folder, 0)
    monkeypatch.setattr(live_run, "start_child", lambda *_, **__: analysis)
    run.settings = settings_from({"reports_dir": run.settings.reports_dir})
    live = ScriptedLive(run.folder, None)
    run.live = cast(LiveAnalysis, live)
    run.leave_unjudged()
    assert live.heard == ["kill"]
    ended(run, counted(10), worker(10), tallies=(TALLY,))
    run.leave_unjudged()
    assert analysis.finish(1.0)[0] == -9


@pytest.mark.parametrize(
    ("given", "has_otel", "asked"),
    [
        ("", False, []),
        ("9464", False, ["--prometheus", "127.0.0.1:9464", "--every-s", "5"]),
        ("", True, ["--otel", "--every-s", "5"]),
    ],
)
def test_the_store_is_told_of_metrics_where_they_are_asked_for(
    run: LiveRun, monkeypatch: pytest.MonkeyPatch, given: str, has_otel: bool, asked: list[str]
) -> None:
    seen: list[tuple[list[str], str | None]] = []

    def start(name: str, command: list[str], *, environment: dict[str, str], wait_ready: bool) -> Any:
        told = command[command.index("--follow") + 1 :]
        assert not wait_ready  # the run's time goes on already
        seen.append((told, environment.get("OTEL_EXPORTER_OTLP_CLIENT_KEY")))
        return SimpleNamespace(ready={})

    monkeypatch.setattr(live_run, "start_child", start)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "key.pem")
    run.settings = settings_from({"prometheus_port": given})
    run.start_store(has_otel=has_otel)
    run.store = None
    assert seen == [(asked, "key.pem" if has_otel else None)]


@pytest.mark.parametrize(("off", "started"), [("no_analysis", 0), ("no_live_analysis", 0), ("", 1)])
def test_the_live_analysis_is_started_unless_nobody_wants_it(
    run: LiveRun, monkeypatch: pytest.MonkeyPatch, off: str, started: int
) -> None:
    seen: list[list[str]] = []

    def start(arguments: list[str], **_: object) -> LiveAnalysis:
        seen.append(arguments)
        return LiveAnalysis()

    monkeypatch.setattr(LiveAnalysis, "started", start)
    given = {"margin": 0.01, "slo_timeouts": 3, "baseline": "reports/last"}
    run.settings = settings_from(given | ({off: True} if off else {}))
    run.start_live_analysis()
    assert len(seen) == started
    assert all(one[0] == str(run.folder) and {"--margin=0.01", "--baseline=reports/last"} <= {*one} for one in seen)


def test_the_servers_logs_are_passed_to_the_analysis() -> None:
    assert server_log_arguments(settings_from({})) == []
    given = settings_from({"server_log": ["a.log", "b.log.gz"], "server_log_format": ["nginx"]})
    assert server_log_arguments(given) == ["--server-log", "a.log", "b.log.gz", "--server-log-format", "nginx"]
