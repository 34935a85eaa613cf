from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from attempts.locks import only_process, store_lock
from scenarios.control import leadership
from scenarios.control.checks import check_metrics
from scenarios.control.limits import Limits
from scenarios.control.live_run import LiveRun
from scenarios.control.new_run import create
from scenarios.control.resumption import differences, refuse_differences, reopened, run_to_resume
from scenarios.errors import ConfigError
from scenarios.options import Settings, settings_from
from scenarios.run_file import RunFile, SettledEntry, TargetFacts, WorkerEntry, read_run_file

held = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows lets nobody replace or remove a file that a process holds: it says so"
)

NOW = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)
LATER = NOW + timedelta(seconds=41)
URL = "wss://staging.example.com/ws"
LIMITS = Limits().scaled(0.01)


def settings(tmp_path: Path, **more: Any) -> Settings:
    return settings_from({"reports_dir": str(tmp_path), "pace_s": 0.2, **more})


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., LiveRun]]:
    begun: list[LiveRun] = []

    def make(*, standin: bool = False, run_time_s: float | None = 90.0) -> LiveRun:
        run = create(
            settings(tmp_path, run_id="r1"),
            target=TargetFacts(url=URL, standin=standin),
            command=["locust"],
            run_time_s=run_time_s,
            users=12,
            plan={},
            versions={},
            now=NOW,
        )
        begun.append(run)
        return run

    yield make
    for run in begun:
        run.abandon()


def resumed(
    tmp_path: Path,
    *,
    sleep: Callable[[float], object] = lambda _: None,
    check: Callable[[], object] = lambda: None,
) -> LiveRun:
    asked = settings(tmp_path, resume="r1")
    return reopened(run_to_resume(asked), asked, limits=LIMITS, now=lambda: LATER, sleep=sleep, check=check)


def found(file: RunFile, now: Settings, **more: Any) -> list[str]:
    given: dict[str, Any] = {"host": URL, "users": 12, "run_time_s": 90.0}
    return differences(file, now, **(given | more))


def test_the_same_command_differs_in_nothing(begin: Callable[..., LiveRun], tmp_path: Path) -> None:
    file = begin().file
    assert found(file, settings(tmp_path, resume="r1")) == []
    # These are of the machine, or of what is done when the load is over.
    assert found(file, settings(tmp_path, resume="r1", site="elsewhere", no_analysis=True)) == []


@pytest.mark.parametrize(
    ("options", "given", "words"),
    [
        ({"pace_s": 0.5}, {}, "--pace-s is 0.5, and the run has 0.2"),
        ({"scenario": "churn=1"}, {}, "--scenario is {'churn': 1.0}, and the run has {"),
        ({"seed": 2}, {}, "--seed is 2, and the run has 1"),
        ({"header": ["X-Room: 7"]}, {}, "--header is not the run's"),
        ({}, {"users": 13}, "--users is 13, and the run has 12"),
        ({}, {"run_time_s": None}, "--run-time is none, and the run has 90 seconds"),
        ({}, {"host": None}, f"--host is the embedded stand-in, and the run has {URL}"),
    ],
)
def test_a_difference_names_the_option_and_where_it_is_no_free_text_both_values(
    begin: Callable[..., LiveRun], tmp_path: Path, options: dict[str, Any], given: dict[str, Any], words: str
) -> None:
    (difference,) = found(begin().file, settings(tmp_path, **options), **given)
    assert difference.startswith(words)


def test_free_text_is_in_run_json_as_a_hash_only(begin: Callable[..., LiveRun]) -> None:
    told = begin().file.settings["options"]
    assert told["pace_s"] == "0.2"
    assert all(len(told[name]) == 12 for name in ("header", "token_form", "token_source", "opening", "jwt_issuer"))


def test_the_refusal_names_the_first_difference_and_how_many_more_there_are(begin: Callable[..., LiveRun]) -> None:
    file = begin().file
    refuse_differences(file, [])
    with pytest.raises(ConfigError, match=r"^--pace-s is 0.5 \(1 more options differ\): a run is led on with what"):
        refuse_differences(file, ["--pace-s is 0.5", "--users is 3"])


@held
def test_a_run_that_was_killed_is_opened_again_with_its_end_and_all_that_was_known(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    run = begin()
    run.problem("Something was wrong.")
    run.note([WorkerEntry(worker="w", host="h", platform="Linux", users=12)], now=NOW + timedelta(seconds=9))
    assert run.lead is not None
    run.lead._file.close()  # what the end of a process does to its lock
    (tmp_path / "r1" / "spool" / "END").touch()  # for a store that was killed as well
    again = resumed(tmp_path)
    assert again.planned_end == NOW + timedelta(seconds=90)
    assert again.file.problems == ["Something was wrong."]
    assert [worker.users for worker in again.file.workers] == [12]
    (entry,) = read_run_file(tmp_path / "r1").resumed
    assert (entry.at, entry.gap_s) == ("2026-11-23T15:45:41.000000Z", 32.0)
    assert not (tmp_path / "r1" / "spool" / "END").exists()
    again.abandon()


def test_a_master_that_writes_is_not_followed(begin: Callable[..., LiveRun], tmp_path: Path) -> None:
    run = begin()
    before = (tmp_path / "r1" / "leader.lock").read_bytes()
    with pytest.raises(ConfigError, match=r"process \d+ on host '.*' leads that run and is well"):
        resumed(tmp_path, sleep=lambda _: run.note([], now=NOW + timedelta(seconds=3)))
    assert run.is_mine
    assert (tmp_path / "r1" / "leader.lock").read_bytes() == before


@held
def test_a_frozen_master_is_followed_and_writes_nothing_any_more(
    begin: Callable[..., LiveRun], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frozen = begin()
    again = resumed(tmp_path)
    assert not frozen.is_mine and again.is_mine
    after = (tmp_path / "r1" / "run.json").read_bytes()
    frozen.note([WorkerEntry(worker="w", host="h", platform="Linux")], now=LATER)
    frozen.abandon()
    assert (tmp_path / "r1" / "run.json").read_bytes() == after
    assert again.is_mine
    again.abandon()


def test_a_frozen_master_that_serves_the_target_must_be_ended_first(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    run = begin(standin=True)
    with pytest.raises(ConfigError, match="the embedded stand-in lives no longer than it: end it first"):
        resumed(tmp_path)
    assert run.is_mine


@held
def test_the_store_of_the_last_master_is_told_to_end_and_waited_for(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    run = begin()
    assert run.lead is not None
    run.lead._file.close()
    end = tmp_path / "r1" / "spool" / "END"
    told = []
    with only_process(store_lock(tmp_path / "r1")):
        at_work = store_lock(tmp_path / "r1")
        kept = at_work.with_suffix(".kept")

        def ends(_: float) -> None:
            told.append(end.exists())
            at_work.replace(kept)  # its process is gone

        again = resumed(tmp_path, sleep=ends)
        kept.replace(at_work)
    assert told == [True]
    assert not end.exists()
    again.abandon()


def test_a_port_for_metrics_that_is_taken_is_refused_when_the_last_store_has_gone_and_the_run_stays_as_it_was(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    pytest.importorskip("prometheus_client")  # who has it not is told that first
    run = begin()
    assert run.lead is not None
    run.lead._file.close()
    before = (tmp_path / "r1" / "run.json").read_bytes()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        def check() -> None:
            check_metrics(settings(tmp_path, prometheus_port=port))

        with pytest.raises(ConfigError, match=f"--prometheus-port 127.0.0.1:{port} cannot be listened on"):
            resumed(tmp_path, check=check)
    assert (tmp_path / "r1" / "run.json").read_bytes() == before
    again = resumed(tmp_path, check=check)
    assert again.is_mine
    again.abandon()


def test_a_count_by_hand_after_its_masters_death_is_no_end_of_a_run(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    run = begin()
    run.file.ended, run.file.settled = "crash", SettledEntry(complete=False, left=True)
    run.write()
    assert run_to_resume(settings(tmp_path, resume="r1")).ended == "crash"
    run.file.settled = None
    run.write()
    with pytest.raises(ConfigError, match=r"that run has ended \(crash\)"):
        run_to_resume(settings(tmp_path, resume="r1"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "run.json").unlink(), "is no run's folder: give the name of a folder in"),
        (lambda folder: (folder / "run.json").write_text("{"), "cannot be read"),
        (
            lambda folder: (folder / "run.json").write_text(
                (folder / "run.json").read_text().replace('"ended": "running"', '"ended": "run_time"')
            ),
            r"that run has ended \(run_time\): python -m analysis",
        ),
    ],
)
def test_what_cannot_be_led_on_is_refused_in_a_sentence(
    begin: Callable[..., LiveRun], tmp_path: Path, change: Callable[[Path], object], words: str
) -> None:
    begin()
    change(tmp_path / "r1")
    with pytest.raises(ConfigError, match=words):
        run_to_resume(settings(tmp_path, resume="r1"))


def test_a_run_is_led_on_under_its_own_name_and_with_certificates_that_live(
    begin: Callable[..., LiveRun], tmp_path: Path
) -> None:
    begin(standin=True)
    run_to_resume(settings(tmp_path, resume="r1", run_id="r1"))
    with pytest.raises(ConfigError, match=r"--run-id 'r2' begins another: leave one of them out"):
        run_to_resume(settings(tmp_path, resume="r1", run_id="r2"))
    with pytest.raises(ConfigError, match=r"spoke TLS \(--standin-tls\) with certificates that ended with it"):
        run_to_resume(settings(tmp_path, resume="r1", standin_tls=True))


def test_who_leads_a_run_is_told_as_far_as_it_can_be(begin: Callable[..., LiveRun], tmp_path: Path) -> None:
    begin()
    assert leadership.leader_words(tmp_path / "r1").startswith("process ")
    (tmp_path / "r1" / "leader.lock").write_text("nothing of use")
    assert leadership.leader_words(tmp_path / "r1") == "another process"
