"""Every fault of the stand-in, and the rows that it must become in every client."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import jwt

from attempts.schema import Attempt
from scenarios.clients import Services, run_connection
from scenarios.plan import Budgets, ConnectionPlan, Setting, Target, Token
from tests.scenarios.kit.events import OK_ROWS, Row

SECRET = "a secret for the bench that is longer than 32 bytes"
ROOT = Path(__file__).parents[3]

# The stand-in's welcome takes 0.2 to 0.3 s; a busy machine takes ten times as long.
BUDGETS = Budgets(connect_s=4.0, exchange_s=2.0, sequence_s=4.0, close_s=4.0, peer_check_s=0.5)
PING = {"operations": {"ping": 1.0}, "churn_exchanges": 1}
TWO_PINGS = {"operations": {"ping": 1.0}, "churn_exchanges": 2}
HOLD: dict[str, Setting] = {"hold_s": 20.0, "heartbeat_s": 60.0}

CONNECTED = Row("connect", "ok", "welcome")
CLOSED = (
    Row("hold", "ok", "hold", closed_by="client"),
    Row("close", "ok", "close", close_code=1000, closed_by="client"),
)
UNANSWERED = Row("exchange", "timeout", "exchange", "silent_peer")


def _connect(outcome: str, phase: str, cause: str, **columns: Any) -> tuple[Row, ...]:
    return (Row("connect", outcome, phase, cause, **columns),)


class Fault(NamedTuple):
    """One fault.

    Attributes:
        spec: As on the stand-in's command line.
        rows: The distinct rows of the last connection.
        connections: How many are made, one after the other.
    """

    spec: str
    rows: tuple[Row, ...]
    scenario: str = "churn"
    settings: dict[str, Any] = PING
    connections: int = 1


FAULTS: tuple[Fault, ...] = (
    Fault("none", OK_ROWS),
    Fault("preface:extra=3", OK_ROWS),
    Fault("slow_welcome:delay=60", _connect("timeout", "welcome", "silent_peer")),
    Fault("silent_upgrade", _connect("timeout", "upgrade", "silent_peer")),
    Fault("stalled_reply:delay=60", (CONNECTED, UNANSWERED, *CLOSED)),
    Fault("zombie:after=1", (CONNECTED, Row("exchange", "ok", "exchange"), UNANSWERED, *CLOSED), settings=TWO_PINGS),
    Fault(
        "mute",
        (CONNECTED, Row("exchange", "ok", "exchange"), UNANSWERED, *CLOSED),
        "mute",
        {"pace_s": 0.5, "hold_s": 8.0},
    ),
    Fault("drop_type:types=ping", (CONNECTED, UNANSWERED, *CLOSED)),
    Fault("cold_start:for=60,delay=20", _connect("timeout", "welcome", "silent_peer")),
    Fault(
        "quota:limit=1",
        _connect("failed", "welcome", "server_error", close_code=1011, closed_by="server"),
        connections=2,
    ),
    Fault(
        "bad_instance:of=1,phase=exchange,effect=silent",
        (CONNECTED, UNANSWERED, *CLOSED),
    ),
    Fault("auth_gate", _connect("failed", "welcome", "auth_rejected", close_code=1008, closed_by="server")),
    Fault("refuse_503", _connect("failed", "upgrade", "http_status", http_status=503, closed_by="server")),
    Fault("reset:phase=upgrade", _connect("failed", "upgrade", "reset", errno=errno.ECONNRESET, closed_by="network")),
    Fault("reset:phase=welcome", _connect("failed", "welcome", "reset", errno=errno.ECONNRESET, closed_by="network")),
    Fault(
        "reset:phase=exchange",
        (
            CONNECTED,
            Row("exchange", "failed", "exchange", "reset", errno=errno.ECONNRESET, closed_by="network"),
            Row("hold", "failed", "hold", "reset", errno=errno.ECONNRESET, closed_by="network"),
        ),
    ),
    Fault(
        "idle_cut:idle=1",
        (CONNECTED, Row("hold", "failed", "hold", "server_closed", close_code=1006, closed_by="network")),
        "idle",
        HOLD,
    ),
    Fault(
        "lifetime_cut:age=1",
        (CONNECTED, Row("hold", "failed", "hold", "server_closed", close_code=1006, closed_by="network")),
        "idle",
        HOLD,
    ),
    Fault("subprotocol_echo:variant=wrong", _connect("failed", "upgrade", "subprotocol", closed_by="client")),
    Fault("subprotocol_echo:variant=mangled", _connect("failed", "upgrade", "subprotocol", closed_by="client")),
    Fault(
        "restart:from=8,for=60,drop=1012",
        (CONNECTED, Row("hold", "failed", "hold", "server_closed", close_code=1012, closed_by="server")),
        "idle",
        HOLD,
    ),
    Fault(
        "restart:from=8,for=60,drop=abort",
        _connect("failed", "tcp", "refused", errno=errno.ECONNREFUSED),
        "idle",
        HOLD,
        connections=2,
    ),
    Fault(
        "server_stall:from=8,every=0,for=6",
        (CONNECTED, Row("exchange", "ok", "exchange"), UNANSWERED, *CLOSED),
        "steady",
        {"operations": {"ping": 1.0}, "pace_s": 0.5, "hold_s": 20.0},
    ),
)


@contextmanager
def standin(*arguments: str) -> Iterator[dict[str, Any]]:
    """A running stand-in's ready line."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "standin", "--state-dir", folder, "--exit-with-stdin", *arguments],
            cwd=ROOT,
            env={**os.environ, "STANDIN_JWT_SECRET": SECRET},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None and process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.stdout.close()
            process.wait(timeout=30)


def token_for(subject: str) -> Token:
    now = int(time.time())
    claims = {"sub": subject, "iat": now, "exp": now + 600, "iss": "netra-auth-service", "type": "access"}
    return Token(jwt.encode(claims, SECRET, algorithm="HS256"), now, now + 600)


def met(fault: Fault, client: str, target: Target, services: Services, rows: list[Attempt]) -> set[Row]:
    """The distinct rows of the last of the fault's connections; `rows` is where `services` records to."""
    subject = f"bench-{client}"
    for number in range(fault.connections):
        rows.clear()
        plan = ConnectionPlan(
            user=0,
            connection=number,
            scenario=fault.scenario,
            settings=fault.settings,
            scheduled_at=services.clock.micros(time.perf_counter()),
            subject=subject,
            seed=1,
            client=client,
            budgets=BUDGETS,
            token=token_for(subject),
        )
        run_connection(plan, target, services)
    return {Row(*(getattr(row, column) for column in Row._fields)) for row in rows}
