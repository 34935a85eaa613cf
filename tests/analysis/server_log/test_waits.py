from pathlib import Path

import pandas as pd
import pytest

from analysis.runs.dataset import attempts_table, open_runs
from analysis.server_log.waits import Waits, waits_of, with_left
from tests.analysis.run_folders import START_S, attempts, put, write_run
from tests.analysis.server_log.log_lines import wait


def waits(tmp_path: Path, rows: pd.DataFrame) -> Waits:
    return waits_of(attempts_table(open_runs([write_run(tmp_path / "run", rows)])))


def at(rows: pd.DataFrame, which: int, after_s: float, **values: object) -> None:
    rows.loc[which, "started_at"] = pd.Timestamp(START_S + after_s, unit="s", tz="UTC")
    put(rows, which, worker="w", subject="u-1", **values)


def test_a_connects_phases_give_the_moments_between_which_it_was_accepted(tmp_path: Path) -> None:
    rows = attempts(3)
    phases = {"dns_s": 0.1, "tcp_s": 0.2, "tls_s": None, "upgrade_s": 0.3}
    at(rows, 0, 0.0, kind="connect", phase="welcome", duration_s=1.0, welcome_s=0.25, loop_lag_s=0.0, **phases)
    lost = {"outcome": "timeout", "cause": "silent_peer", "duration_s": 3.0, "welcome_s": None, "loop_lag_s": 0.5}
    at(rows, 1, 10.0, kind="connect", phase="welcome", **lost, **phases)
    at(rows, 2, 20.0, kind="connect", **{**phases, **lost, "phase": "tcp", "tcp_s": None, "upgrade_s": None})
    ready, late, never = sorted(waits(tmp_path, rows).connects, key=lambda one: one.from_s)
    assert ready.asked_s == pytest.approx(START_S + 0.3)
    assert ready.answered_s == pytest.approx(START_S + 0.75)
    # What its loop was late by may lie between the phases.
    assert late.answered_s == pytest.approx(START_S + 10.0 + 0.6 + 0.5 + 0.1)
    assert (never.asked_s, never.answered_s) == (None, None)
    assert never.until_s == pytest.approx(START_S + 23.0)


def test_a_wait_knows_its_users_exchanges_before_and_after_it(tmp_path: Path) -> None:
    rows = attempts(4)
    for place, (after_s, lasted_s) in enumerate([(0.0, 1.0), (2.0, 3.0), (6.0, 1.0)]):
        at(rows, place, after_s, kind="exchange", operation="ping", connection=7, outcome="ok", duration_s=lasted_s)
    put(rows, 1, outcome="timeout", cause="silent_peer", duration_s=3.0)
    put(rows, 3, kind="connect")
    found = waits(tmp_path, rows)
    (failed,) = found.failed
    assert (failed.operation, failed.connection, failed.is_alone, failed.before_failed) == ("ping", 7, True, False)
    assert failed.before_s == pytest.approx(START_S + 1.0)
    assert failed.after_s == pytest.approx(START_S + 6.0)
    assert found.operations == {"ping"}
    assert found.good == ()


def test_a_wait_knows_its_users_other_connections_on_which_one_had_failed() -> None:
    first, second = wait(0.0, connection=1), wait(3.0, connection=1)
    third, other = wait(6.0, connection=2), wait(7.0, connection=3, subject="other")
    much_later = wait(1_000.0, connection=4)
    found = with_left([much_later, third, other, second, first])
    assert [one.left for one in found if one.connection in (1, 3, 4)] == [()] * 4
    assert [one.left for one in found if one.connection == 2] == [(("w0", 1, second.until_s),)]


def test_exchanges_of_one_user_that_overlap_are_not_alone(tmp_path: Path) -> None:
    rows = attempts(2)
    at(rows, 0, 0.0, kind="exchange", outcome="ok", duration_s=2.5, connection=1)
    at(rows, 1, 2.0, kind="exchange", outcome="timeout", cause="silent_peer", duration_s=3.0, connection=2)
    (failed,) = waits(tmp_path, rows).failed
    assert not failed.is_alone


def test_the_exchanges_of_a_good_session_are_one(tmp_path: Path) -> None:
    rows = attempts(4)
    for place in range(3):
        at(rows, place, 2.0 * place, kind="exchange", operation="ping", connection=7, outcome="ok", duration_s=1.0)
    at(
        rows,
        3,
        9.0,
        kind="hold",
        operation="hold",
        connection=7,
        outcome="failed",
        cause="server_closed",
        duration_s=1.0,
    )
    found = waits(tmp_path, rows)
    (session,) = found.good
    assert (session.kind, session.n) == ("exchanges", 3)
    assert session.from_s == pytest.approx(START_S)
    assert session.until_s == pytest.approx(START_S + 5.0)
    assert [(wait.kind, wait.cause) for wait in found.failed] == [("hold", "server_closed")]
    assert found.attempts == 4


def test_a_trace_id_is_read(tmp_path: Path) -> None:
    rows = attempts(5)
    put(rows, slice(None), kind="connect")
    rows["trace_id"] = [f"trace-{seq}" for seq in range(5)]
    assert {connect.trace for connect in waits(tmp_path, rows).connects} == {f"trace-{seq}" for seq in range(5)}


def test_a_record_from_before_there_were_trace_ids_is_read(tmp_path: Path) -> None:
    rows = attempts(5)
    put(rows, slice(None), kind="connect")
    assert "trace_id" not in rows or rows.pop("trace_id") is not None
    assert {connect.trace for connect in waits(tmp_path, rows).connects} == {None}


def test_a_refusal_that_was_asked_for_is_no_failure(tmp_path: Path) -> None:
    rows = attempts(2)
    put(rows, slice(None), kind="connect", outcome="failed", cause="auth_rejected")
    put(rows, 0, scenario="auth_probe")
    put(rows, 1, scenario="steady")
    assert sorted(connect.has_failed for connect in waits(tmp_path, rows).connects) == [False, True]
