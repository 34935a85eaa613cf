"""A session in virtual time: what a driver does, without sockets and without waiting."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attempts import schema
from attempts.schema import Attempt
from scenarios.clock import Clock
from scenarios.plan import ConnectionPlan, OpenConnections, Setting, Tally
from scenarios.protocols.shape import TargetProtocol
from scenarios.protocols.staging import Staging
from scenarios.session.ledger import End, Ledger
from scenarios.session.session import Session
from scenarios.session.states import State

EPOCH_US = 1_764_000_000_000_000
TEXT, CLOSE, PING = 0x1, 0x8, 0x9
CHECK = b"wsoak check"

WELCOME: dict[str, Any] = {
    "type": "system_message",
    "data": {
        "event": "connection_established",
        "connection_id": "ws_staging-_1764000000_00c0ffee",
        "connection_ready": True,
        "startup_complete": True,
    },
}
SERVICE_INFO: dict[str, Any] = {"type": "system_message", "data": {"event": "service_info"}}
VALIDATION: dict[str, Any] = {"type": "handshake_validation", "validation_id": "test_1"}
SERVER_PING: dict[str, Any] = {"type": "ping", "data": {"timestamp": 1.0}}
PONG: dict[str, Any] = {"type": "pong", "data": {"timestamp": 1.0, "user_id": "u"}}
HEARTBEAT_ACK: dict[str, Any] = {"type": "heartbeat_ack", "data": {"status": "healthy"}}
EVENTS = ("agent_started", "agent_thinking", "tool_executing", "tool_completed", "agent_completed")


def acknowledgement(message_id: str | None) -> dict[str, Any]:
    data = {"status": "acknowledged", "content": "fixed", "original_message_id": message_id}
    return {"type": "system_message", "data": data}


def error(code: str, text: str = "no") -> dict[str, Any]:
    return {"type": "error_message", "error_code": code, "error_message": text, "details": {}}


class Lag:
    """What the meter would say; the tests set it."""

    loop_lag_s = 0.0

    def lag_between(self, start: float, now: float) -> tuple[float | None, float | None]:
        return self.loop_lag_s, self.loop_lag_s if self.loop_lag_s > 0.05 else 0.0


class Life:
    """One session and its driver.

    `now` starts at 100 s. Rows are checked against the contract as they are taken. The peer answers the pings
    that ask whether it is there at once, unless `answers_checks` is false.
    """

    def __init__(
        self,
        scenario: str = "steady",
        *,
        protocol: TargetProtocol | None = None,
        plan: dict[str, Any] | None = None,
        answers_checks: bool = True,
        **settings: Setting,
    ) -> None:
        self.now = 100.0
        self.answers_checks = answers_checks
        self.lag = Lag()
        self.tally = Tally()
        self.open = OpenConnections()
        self.rows: list[Attempt] = []
        self.sent: list[tuple[int, bytes]] = []
        clock = Clock(EPOCH_US, 100.0)
        values: dict[str, Any] = {"scheduled_at": EPOCH_US, "subject": "u", "seed": 7, **(plan or {})}
        self.plan = ConnectionPlan(user=1, connection=2, scenario=scenario, settings=settings, **values)
        token = self.plan.token
        ledger = Ledger(
            clock=clock,
            lag=self.lag,
            cpu=lambda: 0.5,
            tally=self.tally,
            open_connections=self.open,
            token_issued_at=token.issued_at if token else None,
        )
        self.session = Session(self.plan, protocol=protocol or Staging(), ledger=ledger, now=self.now)
        self.begun = self.now

    def take(self) -> Life:
        """The driver's duties 1 and 2."""
        self.sent += self.session.outbox
        if self.session.outbox:
            self.session.heard(self.now)
        asked = [payload for opcode, payload in self.session.outbox if opcode == PING and CHECK in payload]
        self.session.outbox.clear()
        if self.session.finished:
            assert self.session.facts is not None
        for row in self.session.finished:
            schema.check(row)
            self.rows.append(row)
        self.session.finished.clear()
        return self.pong(asked[-1]) if asked and self.answers_checks else self

    def pong(self, payload: bytes) -> Life:
        self.session.pong(payload, self.now)
        return self.take()

    def begin(self) -> Life:
        self.session.begin(self.now, scheduled_at=self.begun)
        return self.take()

    def dial(self, *, tls: bool = False, until: State = State.WELCOME, step_s: float = 0.01) -> Life:
        """Go through the phases, `step_s` each, and stop in `until`."""
        s = self.session
        self.begin()
        phases: tuple[tuple[State, Callable[[], None]], ...] = (
            (State.DNS, lambda: s.resolved(self.now, measured=True)),
            (State.TCP, lambda: s.connected(self.now, tls=tls)),
            (State.TLS, lambda: s.secured(self.now)),
            (State.UPGRADE, lambda: s.upgraded(self.now, instance="instance-1")),
        )
        for reached, go_on in phases:
            if s.state is until:
                return self.take()
            if s.state is reached:
                self.now += step_s
                go_on()
        return self.take()

    def ready(self) -> Life:
        return self.dial().after(0.1).frame(WELCOME)

    def heard(self) -> Life:
        """Bytes go either way."""
        self.session.heard(self.now)
        return self

    def frame(self, frame: dict[str, Any] | bytes) -> Life:
        self.session.heard(self.now)
        self.session.frame(frame if isinstance(frame, bytes) else json.dumps(frame).encode(), self.now)
        return self.take()

    def after(self, seconds: float) -> Life:
        """Time passes; deadlines are handled when they come."""
        until = self.now + seconds
        while self.session.deadline <= until:
            self.now = max(self.now, self.session.deadline)
            self.session.tick(self.now)
            self.take()
        self.now = until
        return self

    def next(self) -> Life:
        """Time passes until the next deadline (the next start, when nothing is in flight)."""
        return self.after(max(0.0, self.session.deadline - self.now))

    def blocked(self, seconds: float) -> Life:
        """Time passes and this process's loop stands still: nobody handles a deadline."""
        self.now += seconds
        self.lag.loop_lag_s = seconds
        return self

    def tick(self, *, answered: bool = False, came_at: float | None = None) -> Life:
        self.session.tick(self.now, answered=answered, came_at=came_at)
        return self.take()

    def closed(self, code: int | None = None, reason: str = "") -> Life:
        self.session.heard(self.now)
        self.session.peer_closed(code, reason, self.now)
        return self.take()

    def failed(self, cause: str, **end: Any) -> Life:
        self.session.failed(End(cause, **end), self.now)
        return self.take()

    def stop(self) -> Life:
        self.session.stop(self.now)
        return self.take()

    def storm(self) -> Life:
        self.session.storm(self.now)
        return self.take()

    def requests(self) -> list[dict[str, Any]]:
        """The text frames that were sent, answers to pings left out."""
        frames = [json.loads(payload) for opcode, payload in self.sent if opcode == TEXT]
        return [frame for frame in frames if frame["type"] != "pong"]

    def is_in(self, state: State) -> bool:
        return self.session.state is state

    def of(self, kind: str) -> list[Attempt]:
        return [row for row in self.rows if row.kind == kind]

    def only(self, kind: str) -> Attempt:
        (row,) = self.of(kind)
        return row


def said(row: Attempt) -> tuple[str, str, str | None]:
    """Outcome, phase and cause."""
    return row.outcome, row.phase, row.cause
