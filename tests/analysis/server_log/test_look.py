import json
from pathlib import Path

import pandas as pd

from analysis.runs.dataset import attempts_table, open_runs
from analysis.server_log.account import as_json
from analysis.server_log.look import look
from analysis.server_log.read import open_logs
from tests.analysis.run_folders import START_S as RUN_S
from tests.analysis.run_folders import attempts, put, write_run
from tests.analysis.server_log.log_lines import START_S, life, name, record

SECRET = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LXNlY3JldA.c2lnbmF0dXJl"
USERS = 30


def run_with_log(tmp_path: Path) -> tuple[Path, list[bytes]]:
    """Each user connects and asks twice; the second request of the last five is taken up and not served in time."""
    rows = attempts(3 * USERS)
    lines: list[bytes] = []
    base_s = RUN_S - START_S
    for user in range(USERS):
        subject, connection = f"soak-user-{user:04}", name(int(base_s) + 4 * user, f"{user:08x}")
        places = [3 * user, 3 * user + 1, 3 * user + 2]
        put(rows, places, worker="w0", subject=subject, connection=user, server_connection_id=connection, delay_s=0.0)
        for place, after_s in zip(places, (0.0, 0.6, 1.4), strict=True):
            rows.loc[place, "started_at"] = pd.Timestamp(RUN_S + 4 * user + after_s, unit="s", tz="UTC").round("us")
        put(
            rows,
            places[:1],
            kind="connect",
            phase="welcome",
            duration_s=0.25,
            tcp_s=0.01,
            upgrade_s=0.01,
            welcome_s=0.22,
        )
        put(rows, places[1:], kind="exchange", operation="chat", phase="exchange", duration_s=0.05)
        lines += life(connection, subject, base_s + 4 * user + 0.02, port=1)
        for after_s in (0.6, 1.4):
            asked = base_s + 4 * user + after_s + 0.01
            lines.append(record(f"Routing message type 'chat' from {subject}: {SECRET}", asked))
            if after_s == 0.6 or user < USERS - 5:
                lines.append(record(f"Message routing successful for user {subject}", asked + 0.02))
        if user >= USERS - 5:
            put(rows, places[2:], outcome="timeout", cause="silent_peer", duration_s=2.0, budget_s=2.0)
    return write_run(tmp_path / "run", rows), lines


def test_a_log_is_looked_at_twice_where_waits_on_sessions_failed(tmp_path: Path) -> None:
    folder, lines = run_with_log(tmp_path)
    log = tmp_path / "server.log"
    log.write_bytes(b"\n".join([*lines, b"<script>", b"\xff\xfe"]))
    steps: list[int] = []
    found = look(open_logs([log]), attempts_table(open_runs([folder])), steps.append)
    assert sum(steps) == 2 * log.stat().st_size
    assert (found.counts.lines, found.counts.unreadable) == (len(lines) + 2, 2)
    assert found.joined_by == {"connection": USERS}
    assert (found.requests.found, found.requests.n) == (found.replies.found, found.replies.n) == (50, 50)
    assert (found.rungs, found.says) == ({"request_seen": 5}, {"was_slow": 5})
    assert SECRET not in json.dumps(as_json(found))


def test_the_same_log_as_an_export_of_google_cloud_logging_says_the_same(tmp_path: Path) -> None:
    folder, lines = run_with_log(tmp_path)
    log = tmp_path / "downloaded-logs.json"
    entries = [json.loads(line) for line in lines]
    log.write_text(
        json.dumps([{**entry, "jsonPayload": {"message": entry.pop("message")}} for entry in entries], indent=2)
    )
    found = look(open_logs([log]), attempts_table(open_runs([folder])))
    assert found.counts.formats == {"downloaded-logs.json": "gcp"}
    assert (found.rungs, found.says) == ({"request_seen": 5}, {"was_slow": 5})
