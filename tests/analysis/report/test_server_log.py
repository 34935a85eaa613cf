import json
from pathlib import Path

import pandas as pd
import pytest

from analysis.report.server_log import age_s, beside, parse
from analysis.runs.dataset import attempts_table, open_runs
from tests.analysis.run_folders import START_S, attempts, put, write_run

ID = f"ws_staging-_{START_S}_0a1b2c3d"


def line(message: str, after_s: float = 0.0) -> bytes:
    at = pd.Timestamp(START_S + after_s, unit="s", tz="UTC").isoformat()
    return json.dumps({"severity": "INFO", "message": message, "timestamp": at, "labels": {}}).encode()


LIFE = [
    line(f"auth=REDACTED env=staging {START_S}"),
    line("WebSocket authenticated for user: staging-e2e-user-002 at 2026-09-21T14:13:00+00:00", 0.2),
    line(f"Registered connection with isolated manager: {ID}", 0.3),
    line("WebSocket connection fully established for user staging-e2e-user-002 in staging using FACTORY_PATTERN", 0.4),
    line(f"Entering message handling loop for connection: {ID} (user: staging-e2e-user-002)", 0.4),
    line(f"Message routing failed for {ID}, error_count: 3", 2.0),
    line(f"Exiting message handling loop for connection: {ID} | Duration: 179.0s | Messages processed: 4", 179.0),
]


def test_phrases_give_their_keys_and_the_age() -> None:
    log = parse(LIFE)
    assert log.lines == 7
    found = log.events.set_index("marker")
    assert list(found.index) == [
        "authenticated", "registered", "established", "loop entered", "routing failed", "loop left",
    ]  # fmt: skip
    assert found.loc["loop entered", "connection"] == ID
    assert found.loc["loop entered", "user"] == "staging-e2e-user-002"
    assert found.loc["established", "user"] == "staging-e2e-user-002"
    assert found.loc["loop left", "age_s"] == pytest.approx(179.0)
    assert pd.isna(found["age_s"]["authenticated"])


@pytest.mark.parametrize(
    ("message", "marker"),
    [
        ("SSOT AUTHENTICATION FAILED: VALIDATION_FAILED - Token=REDACTED", "authentication failed"),
        ("Resource limit exceeded for user staging-... (20/20 managers)", "quota"),
        ("FACTORY INITIALIZATION FAILED: too many managers", "factory failed"),
        ("proceeding after 5.0s wait", "startup waited"),
        (f"Message size violation for {ID}: size=9000", "oversized message"),
        (f"heartbeat timeout for {ID}", "heartbeat timeout"),
        ("heartbeat timeout", "heartbeat timeout"),
        (f"WebSocket connection state error for {ID}", "state error"),
    ],
)
def test_failures_are_told_apart(message: str, marker: str) -> None:
    assert parse([line(message)]).events["marker"].tolist() == [marker]


def test_lines_that_are_no_records_are_counted() -> None:
    log = parse([b"plain text\n", b"\n", b"[1]", b'{"message": 1, "timestamp": "2026-01-01"}', b"{}", *LIFE])
    assert (log.lines, log.unreadable, len(log.events)) == (11, 4, 6)


def test_age_needs_an_id() -> None:
    assert age_s(None, 5.0) is None
    assert age_s("ws_x", 5.0) is None
    assert age_s(ID, START_S + 5.0) == 5.0


def test_log_joins_by_id_and_by_user_and_time(tmp_path: Path) -> None:
    rows = attempts(200)
    rows.loc[0, "server_connection_id"] = ID
    put(rows, 0, outcome="timeout", cause="silent_peer", kind="exchange")
    lost = rows.index[rows["kind"] == "connect"][:2]
    put(rows, lost, outcome="timeout", cause="silent_peer", duration_s=10.0)
    at = pd.to_datetime([START_S - 1, START_S + 60], unit="s", utc=True)
    rows.loc[lost, "started_at"] = at
    rows.loc[lost, "subject"] = "staging-e2e-user-002"
    table = attempts_table(open_runs([write_run(tmp_path / "run", rows)]))
    found = beside(parse(LIFE), table)
    text = " ".join(found.sentences)
    assert "7 lines were read, 6 carry a known phrase." in text
    assert "1 of 1 connections in the log are in the attempts" in text
    assert "2 connects failed before a welcome; while 1 of them waited" in text
    by_line = {row[0]: row for row in found.rows}
    assert by_line["routing failed"][-1] == "1 of 1"
    assert by_line["loop left"][4] == "179.0"


def test_log_without_any_phrase_says_so(tmp_path: Path) -> None:
    table = attempts_table(open_runs([write_run(tmp_path / "run", attempts(5))]))
    found = beside(parse([line("nothing of interest")]), table)
    assert found.rows == ()
    assert "No line carries a phrase" in found.sentences[1]
