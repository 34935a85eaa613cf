"""What a protocol class may have beyond the least: openings, binary messages, several in a frame, pushes, answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from scenarios.plan import Budgets, Token
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import MALFORMED, Kind, Message, Opening, Refusal, Request, Welcome
from scenarios.session.session import ACCEPTANCE_GRACE_S
from scenarios.session.states import State
from tests.scenarios.virtual_session import TEXT, Life, said

BINARY = 0x2
TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")
BUDGETS = Budgets(connect_s=10.0, exchange_s=5.0, close_s=2.0)
PINGS: dict[str, Any] = {"operations": {"ping": 1.0}, "pace_s": 1.0, "hold_s": 30.0}


class Talker(Echo):
    """Speaks first, and reads frames of a type, each of which is what its test wants it to be."""

    welcomes_with_frame = False
    said: tuple[Opening, ...] = ()
    welcome_type = ""

    def __init__(self, *said: Opening, welcome_type: str = "") -> None:
        self.said = said
        self.welcome_type = welcome_type
        self.welcomes_with_frame = bool(welcome_type)

    def openings(self, token: Token | None) -> Sequence[Opening]:
        return [
            opening._replace(payload=opening.payload.replace(b"TOKEN", token.value.encode() if token else b""))
            for opening in self.said
        ]

    def read(self, payload: bytes | str) -> Message:
        try:
            frame = json.loads(payload)
        except ValueError:
            return MALFORMED
        kind = frame.get("type", "")
        if kind == self.welcome_type and kind:
            return Message(Kind.WELCOME, kind, welcome=Welcome("c-1"))
        if kind == "no":
            return Message(Kind.ERROR, error=Refusal("no", True, "a bad token"))
        if kind == "ping":
            return Message(Kind.PING, answer=b"pong " + str(frame["at"]).encode())
        if kind == "news":
            return Message(Kind.PUSH)
        return Message(Kind.NOISE, kind) if kind else super().read(payload)


def talking(*said: Opening, welcome_type: str = "", **plan: Any) -> Life:
    protocol = Talker(*said, welcome_type=welcome_type)
    return Life("steady", protocol=protocol, plan={"budgets": BUDGETS, "token": TOKEN, **plan}, **PINGS)


def texts(life: Life) -> list[bytes]:
    return [payload for opcode, payload in life.sent if opcode == TEXT]


AUTH = Opening(b"auth TOKEN", acknowledged_by="auth_ok")


def test_an_opening_carries_the_token_and_its_acknowledgement_makes_the_session_ready() -> None:
    life = talking(AUTH).dial()
    assert texts(life) == [b"auth " + TOKEN.value.encode()]
    assert life.is_in(State.WELCOME)
    life.after(0.25).frame({"type": "auth_ok"})
    row = life.only("connect")
    assert said(row) == ("ok", "welcome", None)
    assert row.welcome_s == pytest.approx(0.25)
    assert (row.frames_out, row.frames_in) == (1, 1)
    assert life.is_in(State.READY)


def test_an_opening_waits_for_the_servers_message_that_it_names() -> None:
    life = talking(Opening(b"me", after="open"), welcome_type="connected").dial()
    assert texts(life) == []
    life.frame({"type": "open"})
    assert texts(life) == [b"me"]
    assert life.is_in(State.WELCOME)
    life.frame({"type": "connected"})
    assert said(life.only("connect")) == ("ok", "welcome", None)
    assert life.session.facts is not None
    assert (life.session.facts.server_connection_id, life.session.facts.preface_frames) == ("c-1", 1)


def test_a_welcome_that_comes_before_the_acknowledgement_is_kept() -> None:
    life = talking(AUTH._replace(after="hello"), welcome_type="hello").dial().frame({"type": "hello"})
    assert life.is_in(State.WELCOME)
    life.frame({"type": "auth_ok"})
    assert life.is_in(State.READY)
    assert life.session.facts is not None and life.session.facts.server_connection_id == "c-1"


def test_openings_that_nobody_acknowledges_are_sent_and_the_session_is_ready_with_the_upgrade() -> None:
    life = talking(Opening(b"me")).dial()
    assert texts(life)[0] == b"me"
    assert life.is_in(State.READY)
    assert life.only("connect").welcome_s is None


def test_a_binary_opening_goes_as_one() -> None:
    assert talking(Opening(b"\x00", is_binary=True)).dial().sent[0] == (BINARY, b"\x00")


def test_a_refused_opening_is_a_refused_connect() -> None:
    life = talking(AUTH).dial().frame({"type": "no"}).after(1.5)
    row = life.only("connect")
    assert said(row) == ("failed", "welcome", "auth_rejected")
    assert not life.of("hold")


def test_a_close_in_place_of_an_acknowledgement_is_a_refused_connect_and_its_reason_holds_no_token() -> None:
    life = talking(AUTH).dial().closed(4403, f"Forbidden: {TOKEN.value}")
    row = life.only("connect")
    assert (said(row), row.close_code) == (("failed", "welcome", "auth_rejected"), 4403)
    assert row.detail is not None and TOKEN.value not in row.detail


def test_an_opening_that_is_never_acknowledged_is_a_timeout_of_the_connect() -> None:
    life = talking(AUTH).dial().after(20.0)
    assert said(life.only("connect")) == ("timeout", "welcome", "silent_peer")


def test_an_acknowledgement_behind_the_budget_is_late() -> None:
    life = talking(AUTH)
    life.answers_checks = False
    life.dial().after(10.5).frame({"type": "auth_ok"}).after(0.3).frame({"type": "news"}).after(5.0)
    row = life.only("connect")
    assert said(row) == ("timeout", "welcome", "silent_peer")
    assert row.late_s == pytest.approx(0.5, abs=0.05)


def test_a_bad_token_in_an_acknowledged_opening_is_accepted_only_by_its_acknowledgement() -> None:
    life = talking(AUTH, expect_refusal=True).dial().after(2 * ACCEPTANCE_GRACE_S)
    assert life.is_in(State.WELCOME)
    life.frame({"type": "auth_ok"})
    assert said(life.only("connect")) == ("failed", "welcome", "credentials_accepted")


def test_a_class_without_openings_is_ready_as_before() -> None:
    assert Life("steady", protocol=Echo(), **PINGS).dial().is_in(State.READY)


def test_a_ping_is_answered_by_its_content() -> None:
    life = talking().dial().frame({"type": "ping", "at": 17})
    assert texts(life) == [b"pong 17"]


def test_a_ping_that_asks_for_nothing_particular_is_answered_with_the_protocols_pong() -> None:
    class Plain(Echo):
        def read(self, payload: bytes | str) -> Message:
            return Message(Kind.PING)

        def pong(self) -> bytes | None:
            return b"pong"

    assert texts(Life("steady", protocol=Plain(), **PINGS).dial().frame({})) == [b"pong"]


def test_pings_are_left_unanswered_where_a_scenario_says_so() -> None:
    life = Life("steady", protocol=Talker(), **PINGS, answer_pings=False).dial().frame({"type": "ping", "at": 1})
    assert texts(life) == []


def test_pushes_are_no_noise_and_are_counted_on_the_holds_row() -> None:
    life = talking().dial()
    for pause_s in (0.0, 0.2, 0.9):
        life.after(pause_s).frame({"type": "news"})
    life.stop()
    hold = life.only("hold")
    assert (hold.pushes, hold.malformed_frames) == (3, 0)
    assert hold.longest_push_gap_s == pytest.approx(0.9)


def test_a_push_ends_no_wait() -> None:
    life = talking().dial().after(1.0).frame({"type": "news"})
    assert not life.of("exchange")
    life.after(6.0)
    assert said(life.of("exchange")[0]) == ("timeout", "exchange", "silent_peer")


def test_what_cannot_be_read_between_two_requests_is_counted_on_the_holds_row() -> None:
    life = talking().dial()
    life.frame(b'{"type":"stats","load":').frame(b"?").stop()
    hold = life.only("hold")
    assert (hold.outcome, hold.malformed_frames) == ("aborted", 2)


def test_what_cannot_be_read_while_a_request_is_in_flight_fails_that_request_and_is_not_counted_twice() -> None:
    life = talking().dial().after(1.0).frame(b"?").stop()
    assert said(life.of("exchange")[0]) == ("failed", "exchange", "malformed")
    assert life.only("hold").malformed_frames == 0


def test_noise_answers_nothing_whatever_its_key() -> None:
    class Keyed(Echo):
        def read(self, payload: bytes | str) -> Message:
            return Message(Kind.NOISE, "echo")

    life = Life("steady", protocol=Keyed(), **PINGS).dial().after(1.0).frame({})
    assert not life.of("exchange")


# -- binary, and several in a frame ---------------------------------------------------------------------------


class Packed(Echo):
    """Binary requests; binary replies in which a newline divides what are several messages in a text frame."""

    def read_all(self, payload: bytes | str) -> Sequence[Message]:
        lines = payload.splitlines() if isinstance(payload, bytes) else payload.encode().splitlines()
        return [Message(Kind.PUSH) if b"push" in line else self.read(line) for line in lines if line]

    def read_binary(self, payload: bytes) -> Message:
        return Message(Kind.PING, answer=b"\x02") if payload == b"\x01" else self.read(payload)

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        return super().request(operation, number=number, size=size)._replace(is_binary=True)


def binary(life: Life, payload: bytes) -> Life:
    life.session.heard(life.now)
    life.session.binary(payload, life.now)
    return life.take()


def packed() -> Life:
    return Life("steady", protocol=Packed(), plan={"budgets": BUDGETS}, **PINGS).dial().after(1.0)


def test_a_binary_request_is_answered_by_a_binary_reply() -> None:
    life = packed()
    opcode, payload = life.sent[-1]
    assert opcode == BINARY
    binary(life, payload)
    row = life.only("exchange")
    assert (row.outcome, row.bytes_in, row.bytes_out) == ("ok", len(payload), len(payload))


def test_a_binary_ping_is_answered_in_binary() -> None:
    assert binary(packed(), b"\x01").sent[-1] == (BINARY, b"\x02")


def test_a_reply_and_a_push_may_come_in_one_frame() -> None:
    life = packed()
    life.frame(life.sent[-1][1] + b'\n{"push":1}\n').stop()
    assert life.of("exchange")[0].outcome == "ok"
    assert life.only("hold").pushes == 1
    assert life.of("exchange")[0].frames_in == 1


def test_a_frame_in_which_nothing_is_said_is_noise() -> None:
    life = packed().frame(b"\n").stop()
    assert life.only("exchange").outcome == "aborted"


def test_a_class_that_reads_no_binary_counts_it_as_malformed() -> None:
    life = Life("steady", protocol=Talker(), plan={"budgets": BUDGETS}, **PINGS).dial()
    binary(life, b"\x01").stop()
    assert life.only("hold").malformed_frames == 1
    life = Life("steady", protocol=Talker(), plan={"budgets": BUDGETS}, **PINGS).dial().after(1.0)
    binary(life, b"\x01").stop()
    assert said(life.of("exchange")[0]) == ("failed", "exchange", "malformed")


def test_a_binary_message_before_the_welcome_of_a_class_that_reads_none_fails_the_connect() -> None:
    life = binary(talking(welcome_type="hello").dial(), b"\x01")
    assert said(life.only("connect")) == ("failed", "welcome", "malformed")
