"""A conversation by itself, in virtual time: scripts, requests, deadlines, and what each exchange comes to."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from scenarios.clock import Clock
from scenarios.plan import Budgets, OpenConnections, Tally
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Kind, Message
from scenarios.rfc6455 import PING, TEXT
from scenarios.session.conversation import RTT_GAIN, Conversation
from scenarios.session.ledger import End, Ledger
from scenarios.session.peer_check import PeerCheck
from scenarios.session.steps import PROTOCOL_PING, Exchange, Hold, Result, Script, Together
from tests.scenarios.virtual_session import EPOCH_US, Lag

RESET = End("reset")


class Talk:
    """A conversation and what its script was told, without a session around it."""

    def __init__(self, *steps: Exchange | Together | Hold, rtt_s: float | None = None) -> None:
        self.told: list[Result] = []
        self.outbox: list[tuple[int, bytes]] = []
        self.ledger = Ledger(
            clock=Clock(EPOCH_US, 100.0),
            lag=Lag(),
            cpu=lambda: None,
            tally=Tally(),
            open_connections=OpenConnections(),
            token_issued_at=None,
        )
        self.it = Conversation(
            self._script(steps),
            protocol=Echo(),
            budgets=Budgets(connect_s=10.0, exchange_s=5.0, close_s=2.0),
            ledger=self.ledger,
            outbox=self.outbox,
            peer=PeerCheck(self.ledger, self.outbox, budget_s=0.0),
            now=100.0,
            rtt_s=rtt_s,
        )

    def _script(self, steps: tuple[Exchange | Together | Hold, ...]) -> Script:
        for step in steps:
            self.told.append((yield step))

    def reply(self, number: int, now: float) -> None:
        self.it.received(Message(Kind.REPLY, "echo", str(number)), now)

    @property
    def outcomes(self) -> list[tuple[str, str | None]]:
        return [(row.operation, row.outcome) for row in self.ledger.finished]

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for opcode, payload in self.outbox if opcode == TEXT]


def test_an_exchange_goes_out_at_once_and_its_reply_lets_the_script_go_on() -> None:
    talk = Talk(Exchange("chat"), Exchange("list"))
    assert [request["op"] for request in talk.requests] == ["chat"]
    assert talk.it.deadline == 105.0
    talk.reply(1, 100.5)
    assert [request["op"] for request in talk.requests] == ["chat", "list"]
    assert talk.told == [Result(100.5, "ok")]
    talk.reply(2, 101.0)
    assert talk.it.over and talk.it.deadline == math.inf
    assert talk.outcomes == [("chat", "ok"), ("list", "ok")]


def test_an_exchange_that_is_scheduled_waits_for_its_time() -> None:
    talk = Talk(Exchange("chat", scheduled_at=103.0))
    assert talk.requests == [] and talk.it.deadline == 103.0
    talk.it.tick(102.9)
    assert talk.requests == []
    talk.it.tick(103.0)
    assert len(talk.requests) == 1 and talk.it.deadline == 108.0


def test_a_wait_that_runs_out_is_a_timeout_and_the_script_is_told() -> None:
    talk = Talk(Exchange("chat", budget_s=1.0), Exchange("list"))
    talk.it.tick(101.0)
    assert talk.told == [Result(101.0, "timeout")]
    assert talk.outcomes == [("chat", "timeout")]
    assert talk.it.deadline == 106.0


def test_an_answer_that_is_read_after_the_deadline_is_a_timeout_with_its_lateness() -> None:
    talk = Talk(Exchange("chat", budget_s=1.0))
    talk.reply(1, 101.25)
    (row,) = talk.ledger.finished
    assert (row.outcome, row.late_s) == ("timeout", 0.25)


def test_several_that_go_together_end_with_the_last_and_are_told_the_worst() -> None:
    talk = Talk(Together((Exchange("chat"), Exchange("list", budget_s=2.0), Exchange("ping"))))
    assert talk.it.deadline == 102.0
    talk.reply(3, 100.1)
    talk.it.tick(102.0)
    assert talk.told == [] and talk.it.deadline == 105.0
    talk.reply(1, 103.0)
    assert talk.told == [Result(103.0, "timeout")]


def test_a_hold_is_over_at_its_moment_and_is_ok() -> None:
    talk = Talk(Hold(until=130.0))
    assert talk.it.deadline == 130.0
    talk.it.tick(130.0)
    assert talk.told == [Result(130.0, "ok")] and talk.it.over


def test_an_error_is_the_answer_to_the_request_that_it_names_else_to_the_oldest() -> None:
    named = Talk(Together((Exchange("chat"), Exchange("list"))))
    named.it.erred(Message(Kind.ERROR, "echo", "2"), RESET, 100.5)
    assert named.outcomes == [("list", "failed")]
    nameless = Talk(Together((Exchange("chat"), Exchange("list"))))
    nameless.it.erred(Message(Kind.ERROR), RESET, 100.5)
    assert nameless.outcomes == [("chat", "failed")]
    nobody = Talk(Hold(until=200.0))
    nobody.it.erred(Message(Kind.ERROR), RESET, 100.5)
    assert nobody.outcomes == []


def test_a_protocol_ping_is_answered_by_the_pong_with_its_payload_and_smooths_the_round_trip() -> None:
    talk = Talk(Exchange(PROTOCOL_PING), Exchange(PROTOCOL_PING), rtt_s=9.0)
    (first,) = [payload for opcode, payload in talk.outbox if opcode == PING]
    talk.it.pong(b"somebody else's", 100.1)
    assert talk.outcomes == []
    talk.it.pong(first, 100.2)
    # The handshake's round trip is replaced by the first measured one, and later ones are smoothed into it.
    assert talk.it.rtt_s == pytest.approx(0.2)
    second = [payload for opcode, payload in talk.outbox if opcode == PING][1]
    talk.it.pong(second, 100.6)
    assert talk.it.rtt_s == pytest.approx(0.2 + RTT_GAIN * (0.4 - 0.2))
    assert talk.it.is_fresh


def test_a_message_that_was_answered_makes_a_session_no_longer_fresh() -> None:
    talk = Talk(Exchange("chat"))
    assert talk.it.is_fresh
    talk.reply(1, 100.1)
    assert not talk.it.is_fresh


def test_in_a_storm_what_is_in_flight_ends_and_nothing_new_begins() -> None:
    busy = Talk(Exchange("chat"), Exchange("list"))
    busy.it.storm()
    assert not busy.it.over
    busy.reply(1, 100.5)
    assert busy.it.over and len(busy.requests) == 1
    idle = Talk(Hold(until=200.0))
    idle.it.storm()
    assert idle.it.over


def test_the_end_of_the_session_is_the_end_of_all_that_is_in_flight() -> None:
    talk = Talk(Together((Exchange("chat"), Exchange("list"))))
    talk.it.end("failed", RESET, 101.0)
    assert talk.outcomes == [("chat", "failed"), ("list", "failed")]
    assert talk.it.waits == [] and talk.it.deadline == math.inf


def test_a_row_says_how_old_and_how_idle_the_session_was() -> None:
    talk = Talk(Exchange("chat", scheduled_at=104.0))
    talk.it.tick(104.0)
    talk.reply(1, 104.5)
    (row,) = talk.ledger.finished
    assert (row.age_s, row.idle_s) == (4.0, 4.0)
