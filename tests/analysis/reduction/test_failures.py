from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.reduction.explain import contract_columns
from analysis.reduction.failures import (
    MOST_SHOWN,
    Failure,
    answer,
    as_json,
    commonest,
    commonest_of,
    counted,
    dominant,
    ended_of,
    found,
    usual_cause,
)
from analysis.reduction.frames import frame_of
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import attempts, put, write_run

FOUND = Failure(
    kind="connect",
    phase="upgrade",
    cause="http_status",
    outcome="failed",
    status=404,
    code=None,
    reason="Not Found",
    count=240,
    share=1.0,
    first_at=1_767_603_600,
    last_at=1_767_603_690,
)


def one(**given: object) -> dict[str, object]:
    return as_json([FOUND])[0] | given


def failures_of(tmp_path: Path, rows: pd.DataFrame) -> list[Failure]:
    table = contract_columns(attempts_table(open_runs([write_run(tmp_path / "run", rows)])))
    return commonest(found(frame_of(commonest_of(table)), frame_of(ended_of(table))))


def refused(rows: pd.DataFrame, count: int, **given: object) -> pd.DataFrame:
    connects = rows.index[rows["kind"] == "connect"][:count]
    words = {"outcome": "failed", "phase": "upgrade", "cause": "http_status", "http_status": 404, "detail": "Not Found"}
    put(rows, connects, **words | given)
    return rows


def test_equal_failures_are_counted_together_with_their_share_of_their_kind(tmp_path: Path) -> None:
    rows = refused(attempts(1000), 30)
    connects = int((rows["kind"] == "connect").sum())
    found = failures_of(tmp_path, rows)
    assert [(f.phase, f.cause, f.status, f.code, f.reason, f.count) for f in found] == [
        ("upgrade", "http_status", 404, None, "Not Found", 30)
    ]
    assert found[0].share == pytest.approx(30 / connects)
    assert found[0].first_at <= found[0].last_at


def test_numbers_within_a_reason_do_not_make_two_of_one(tmp_path: Path) -> None:
    rows = attempts(1000)
    connects = rows.index[rows["kind"] == "connect"][:20]
    rows.loc[connects, ["outcome", "cause", "phase"]] = ["failed", "server_error", "welcome"]
    rows.loc[connects, "detail"] = [f"QUOTA: user {number} has {number + 20} sockets" for number in range(20)]
    assert [f.count for f in failures_of(tmp_path, rows)] == [20]


def test_probes_the_runs_end_and_refusals_that_were_asked_for_are_no_failures(tmp_path: Path) -> None:
    rows = attempts(1000)
    rows.loc[rows.index[:50], ["kind", "outcome", "cause"]] = ["probe", "timeout", "silent_peer"]
    rows.loc[rows.index[50:100], "outcome"] = "aborted"
    rows.loc[rows.index[100:150], ["kind", "scenario", "outcome", "cause"]] = [
        *("connect", "auth_probe", "failed", "auth_rejected")
    ]
    assert failures_of(tmp_path, rows) == []


def test_a_run_without_rows_has_no_failures(tmp_path: Path) -> None:
    assert failures_of(tmp_path, attempts(5).iloc[:0]) == []


def test_control_characters_and_tokens_of_other_writers_reach_nobody(tmp_path: Path) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"
    rows = refused(attempts(1000), 5, detail=f"\x1b[31mbad\r\n token {token}")
    reason = failures_of(tmp_path, rows)[0].reason
    assert reason == "[31mbad token <redacted>"


def test_the_verdict_holds_the_commonest_only() -> None:
    assert len(as_json([FOUND] * 50)) == MOST_SHOWN
    assert as_json([FOUND])[0]["first_at"] == "2026-01-05T09:00:00Z"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "HTTP 404 Not Found at the upgrade"),
        ({"status": 502, "reason": None}, "HTTP 502 Bad Gateway at the upgrade"),
        ({"status": 799, "reason": None}, "HTTP 799 at the upgrade"),
        (
            {"status": None, "code": 4401, "phase": "hold", "reason": "Unauthorized"},
            "close 4401 'Unauthorized' on an open",
        ),
        (
            {"status": None, "code": 1006, "cause": "server_closed", "phase": "hold", "reason": None},
            "without a close frame",
        ),
        (
            {"status": None, "cause": "tls", "phase": "tls", "reason": "certificate has expired"},
            "TLS failed at the TLS",
        ),
        (
            {"status": None, "cause": "silent_peer", "outcome": "timeout", "phase": "tcp"},
            "no answer at the TCP connect",
        ),
    ],
)
def test_a_failure_is_said_in_the_targets_words(given: dict[str, object], words: str) -> None:
    assert words in answer(one(**given))


def test_a_failure_is_counted_with_its_share() -> None:
    assert counted(one()) == "240 x HTTP 404 Not Found at the upgrade (100 % of connects)"
    assert counted(one(count=3, share=0.0123)).endswith("(1.2 % of connects)")


def test_one_way_of_nearly_all_connects_is_the_first_sentence_with_what_usually_causes_it() -> None:
    assert dominant([one()]) == (
        "All 240 connects failed the same way: HTTP 404 Not Found at the upgrade "
        "(usually a wrong path, or a proxy that does not pass the Upgrade headers on)."
    )
    assert dominant([one(count=216, share=0.9)]).startswith("216 of 240 connects failed the same way")


def test_ways_that_differ_in_their_reason_only_are_one_way() -> None:
    halves = [one(count=120, share=0.5, reason=reason) for reason in ("Not Found", "No such page")]
    assert dominant(halves).startswith("All 240 connects failed the same way")


def test_a_fifth_of_the_connects_or_an_anecdote_is_no_first_sentence() -> None:
    assert dominant([one(count=48, share=0.2)]) == dominant([one(count=3)]) == dominant([]) == ""


def test_sessions_that_all_end_one_way_are_said_where_connects_went_well() -> None:
    closed = one(kind="hold", phase="hold", status=None, code=4401, cause="auth_rejected", reason="Unauthorized")
    assert dominant([closed]).startswith("All 240 sessions failed the same way: close 4401 'Unauthorized'")
    assert "no token came, or it is refused" in dominant([closed])


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 405, 407, 426, 429, 500, 502, 503, 504])
def test_every_status_of_a_refused_upgrade_has_its_usual_cause(status: int) -> None:
    cause = "auth_rejected" if status in (401, 407) else "http_status"
    assert usual_cause(one(status=status, cause=cause))


@pytest.mark.parametrize("phase", ["tcp", "tls", "upgrade", "welcome"])
def test_silence_in_each_phase_of_a_connect_has_its_usual_cause(phase: str) -> None:
    assert usual_cause(one(status=None, outcome="timeout", cause="silent_peer", phase=phase))
