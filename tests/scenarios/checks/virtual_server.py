"""A staging server in virtual time, for checks that are played by hand: what it sends is written down, and when."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attempts.schema import CAUSES
from scenarios.checks.steps import (
    Close,
    Context,
    Get,
    Hear,
    Leave,
    Pause,
    Say,
    Script,
    Step,
    StepFailed,
    Together,
    Told,
    Upgrade,
)
from scenarios.plan import Budgets
from scenarios.protocols.staging import Staging
from scenarios.session.ledger import End

CONTEXT = Context(Budgets(), "/health", Staging())
# The staging server's first frames, seconds after the upgrade.
VALIDATION: dict[str, Any] = {"type": "handshake_validation", "timestamp": 1.0, "validation_id": "test_1"}
WELCOME: dict[str, Any] = {
    "type": "system_message",
    "data": {"event": "connection_established", "connection_id": "ws_1", "connection_ready": True},
}
PING: dict[str, Any] = {"type": "ping", "data": {"timestamp": 1.0}}
NO_TOKEN: dict[str, Any] = {"type": "error_message", "error_code": "NO_TOKEN", "error_message": "No token"}
REFUSED = (1008, "SSOT Auth failed")
Frame = dict[str, Any] | tuple[int, str]
PREFACE: tuple[tuple[float, Frame], ...] = ((0.175, VALIDATION), (0.175, WELCOME), (0.175, PING))


@dataclass(kw_only=True)
class VirtualServer:
    """What the server does; by default as the contract has it.

    Attributes:
        with_token, without_token: Its first frames (a pair is a close), and when they come.
        replies: By the type of a request.
        status: Of pages; those that are not named are there.
        upgrade: How an upgrade without a token fails; None = it is taken.
        stream_ends_s: When the event stream ends.
        stream_gap_s: Between two of its events.
        closes: Whether it answers a close.
    """

    with_token: tuple[tuple[float, Frame], ...] = PREFACE
    without_token: tuple[tuple[float, Frame], ...] = ((0.08, NO_TOKEN), (0.18, REFUSED))
    replies: Mapping[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "ping": {"type": "pong", "data": {}},
            "message": {"type": "system_message", "data": {"status": "acknowledged", "original_message_id": "1"}},
            "chat_message": {"type": "ack", "received_type": "chat_message"},
        }
    )
    status: Mapping[str, int] = field(default_factory=dict)
    upgrade: End | None = None
    stream_ends_s: float = 600.0
    stream_gap_s: float = 5.0
    closes: bool = True
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Played:
    """How a check ended."""

    outcome: str
    cause: str | None
    took_s: float
    words: str
    left_open: int


def played(script: Script, server: VirtualServer, *, budget_s: float = 120.0) -> Played:
    """Play a check against the server, in no time."""
    hand = _Hand(server, budget_s)
    try:
        note = hand.play(script)
    except StepFailed as failure:
        assert failure.end.cause in CAUSES
        outcome = "timeout" if failure.is_timeout else "failed"
        return Played(outcome, failure.end.cause, hand.now, failure.end.detail, len(hand.lines))
    return Played("ok", None, hand.now, note, len(hand.lines))


class _Hand:
    def __init__(self, server: VirtualServer, budget_s: float, now: float = 0.0) -> None:
        self.server = server
        self.budget_s = budget_s
        self.now = now
        self.lines: dict[int, deque[tuple[float, Frame]]] = {}

    def play(self, script: Script) -> str:
        try:
            step = next(script)
            while True:
                try:
                    told = self.done(step)
                except StepFailed as failure:
                    step = script.throw(failure)
                else:
                    step = script.send(told)
        except StopIteration as end:
            note: str = end.value
            return note

    def done(self, step: Step) -> Told:
        began = self.now
        match step:
            case Pause(seconds):
                self.now += seconds
            case Get():
                return self.got(step, began)
            case Upgrade():
                if self.server.upgrade is not None and not step.has_token:
                    raise StepFailed(self.server.upgrade)
                first = self.server.with_token if step.has_token else self.server.without_token
                self.lines[step.line] = deque((began + at_s, frame) for at_s, frame in first)
            case Say():
                kind = json.loads(step.payload)["type"]
                self.server.said.append(kind)
                if kind in self.server.replies:
                    line = self.lines[step.line]
                    line.append((max([began, *(at for at, _ in line)]), self.server.replies[kind]))
            case Hear():
                return self.heard(step, began)
            case Close(line, within_s):
                if not self.server.closes:
                    self.run_out(began + within_s)
                del self.lines[line]
            case Leave(line):
                del self.lines[line]
            case Together(scripts):
                hands = [_Hand(self.server, self.budget_s, began) for _ in scripts]
                for hand, script in zip(hands, scripts, strict=True):
                    hand.play(script)
                self.now = max(hand.now for hand in hands)
        return Told(began, self.now)

    def got(self, step: Get, began: float) -> Told:
        self.server.asked.append(step.path)
        status = self.server.status.get(step.path, 200)
        if status != 200 or not (step.events or step.to_end):
            return Told(began, self.now, status=status)
        gap_s, ends_s = self.server.stream_gap_s, self.server.stream_ends_s
        wanted_s = ends_s if step.to_end else gap_s * (step.events - 1)
        if not step.to_end and gap_s > step.within_s and step.events > 1:
            self.run_out(began + step.within_s)
        lasts_s = min(wanted_s, ends_s)
        if began + lasts_s > self.budget_s:
            events = int((self.budget_s - began) // gap_s) + 1
            silent_s = (self.budget_s - began) - (events - 1) * gap_s
            self.run_out(self.budget_s, events=events, silent_s=silent_s)
        self.now = began + lasts_s
        return Told(began, self.now, status=status, events=int(lasts_s // gap_s) + 1)

    def heard(self, step: Hear, began: float) -> Told:
        line = self.lines[step.line]
        if not line or max(line[0][0], began) >= step.until:
            self.run_out(step.until)
        at, frame = line.popleft()
        self.now = max(began, at)
        if isinstance(frame, tuple):
            return Told(began, self.now, close=frame)
        return Told(began, self.now, message=json.dumps(frame).encode())

    def run_out(self, moment: float, *, events: int = 0, silent_s: float | None = None) -> None:
        self.now = min(moment, self.budget_s)
        raise StepFailed(End("silent_peer"), is_timeout=True, events=events, silent_s=silent_s)
