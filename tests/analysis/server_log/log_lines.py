"""Lines and rows for the tests of the server's log, by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from analysis.server_log.event import Event, Stage
from analysis.server_log.waits import Connect, Wait, Who

START_S = 1_790_000_040.0
WHO = Who("Linux", "websocket-client", 0.0, "")


def name(second: int = 0, tail: str = "0a1b2c3d", user: str = "soak-use") -> str:
    """A connection id as the staging server makes them."""
    return f"ws_{user}_{int(START_S) + second}_{tail}"


def record(message: str, after_s: float = 0.0, **more: object) -> bytes:
    """A JSON line."""
    at = datetime.fromtimestamp(START_S + after_s, UTC).isoformat()
    return json.dumps({"severity": "INFO", "message": message, "timestamp": at, "labels": {}, **more}).encode()


def life(connection: str, subject: str, after_s: float, *, port: int = 40_000, ready: bool = True) -> list[bytes]:
    """What the server writes of a session's beginning."""
    lines = [
        record(f'127.0.0.1:{port} - "WebSocket /ws" [accepted]', after_s),
        record(f"[OK] SSOT AUTHENTICATION SUCCESS: user={subject[:8]}..., client_id={connection}", after_s + 0.05),
        record(
            f"Created isolated WebSocket manager for user {subject[:8]}... "
            f"(isolation_key: {subject}:{connection}, manager_id: 1)",
            after_s + 0.05,
        ),
        record(f"WebSocket authenticated for user: {subject} at 2026-09-21T14:13:00+00:00", after_s + 0.05),
        record(f"Registered connection with isolated manager: {connection}", after_s + 0.05),
    ]
    if ready:
        lines.append(
            record(f"Entering message handling loop for connection: {connection} (user: {subject})", after_s + 0.2)
        )
    return lines


def event(after_s: float, stage: Stage, **more: Any) -> Event:
    """An event so long after the start."""
    return Event(START_S + after_s, stage, **more)


def connect(after_s: float, **more: Any) -> Connect:
    """A connect that became ready 0.25 s later, or whatever else is said of it."""
    from_s = START_S + after_s
    whole = Connect(
        worker="w0",
        connection=0,
        subject="soak-user-0001",
        named=None,
        trace=None,
        port=None,
        from_s=from_s,
        asked_s=from_s + 0.01,
        answered_s=from_s + 0.02,
        until_s=from_s + 0.25,
        outcome="ok",
        cause=None,
        lost_at=None,
        rtt_s=0.01,
        who=WHO,
    )
    return whole._replace(**more)


def wait(at_s: float, lasted_s: float = 2.0, **more: Any) -> Wait:
    """An exchange that ran out, or whatever else is said of it."""
    whole = Wait(
        worker="w0",
        connection=0,
        kind="exchange",
        subject="soak-user-0001",
        operation="ping",
        from_s=START_S + at_s,
        until_s=START_S + at_s + lasted_s,
        before_s=None,
        before_failed=False,
        after_s=None,
        is_alone=True,
        outcome="timeout",
        cause="silent_peer",
        lost_at=None,
        rtt_s=0.01,
        who=WHO,
    )
    return whole._replace(**more)
