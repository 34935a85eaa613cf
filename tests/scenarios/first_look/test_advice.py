"""What to set, from literal frames and rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attempts.schema import Attempt
from scenarios.first_look.advice import Look, advice
from scenarios.first_look.transcript import Frame
from scenarios.plan import USUAL_FIELDS, MessageFields
from scenarios.protocols.load import load_protocol
from scenarios.protocols.reading import messages_in

TEXT, BINARY = 0x1, 0x2


def row(kind: str = "connect", outcome: str = "ok", phase: str = "welcome", **columns: Any) -> Attempt:
    given = {"operation": kind, "scheduled_at": 0, "started_at": 0, "duration_s": 1.0, "budget_s": 1.0, **columns}
    return Attempt(kind=kind, outcome=outcome, phase=phase, **given)


def exchange(outcome: str = "ok", **columns: Any) -> Attempt:
    return row("exchange", outcome, "exchange", **{"operation": "ping", **columns})


def look(
    *frames: Any,
    rows: tuple[Attempt, ...] = (row(),),
    protocol: str = "json",
    fields: MessageFields = USUAL_FIELDS,
    has_token: bool = False,
) -> list[str]:
    """The advice; a frame is what the server sent, or (it,) for what this side did."""
    seen = []
    for frame in frames:
        is_ours, what = isinstance(frame, tuple), frame[0] if isinstance(frame, tuple) else frame
        opcode = BINARY if isinstance(what, bytes) else TEXT
        payload = (
            what if isinstance(what, bytes) else what.encode() if isinstance(what, str) else json.dumps(what).encode()
        )
        messages = () if is_ours else messages_in(load_protocol(protocol, fields), payload, is_binary=opcode == BINARY)
        seen.append(Frame(0.0, is_ours, opcode, payload, messages))
    return advice(Look(protocol, fields, "/ws", has_token, seen, rows))


ASKED = ({"type": "ping", "id": "1"},)


def test_nothing_is_amiss() -> None:
    assert look(ASKED, {"type": "pong", "id": "1"}, rows=(row(), exchange())) == []


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"cause": "refused", "phase": "tcp"}, "the host and the port"),
        ({"cause": "dns", "phase": "dns"}, "the host and the port"),
        ({"cause": "tls", "phase": "tls"}, "--ca-file"),
        ({"cause": "auth_rejected", "phase": "upgrade", "http_status": 401}, "HTTP 401: give a token: --token-source"),
        ({"cause": "auth_rejected", "close_code": 4403}, "Close 4403: give a token"),
        ({"cause": "auth_rejected"}, "An error message: give a token"),
        ({"cause": "http_status", "phase": "upgrade", "http_status": 404}, "no WebSocket at /ws"),
        ({"cause": "http_status", "phase": "upgrade", "http_status": 200}, "no WebSocket at /ws"),
        ({"cause": "http_status", "phase": "upgrade", "http_status": 400}, "--protocol socketio"),
        ({"cause": "http_status", "phase": "upgrade", "http_status": 403}, "Origin"),
        ({"cause": "http_status", "phase": "upgrade", "http_status": 503}, "gives no WebSocket now"),
        ({"cause": "server_closed", "phase": "upgrade"}, "is the path /ws right?"),
        ({"cause": "malformed", "phase": "upgrade"}, "is the path /ws right?"),
    ],
)
def test_a_connect_that_failed_says_what_to_look_at(columns: dict[str, Any], says: str) -> None:
    (sentence,) = look(rows=(row(outcome="failed", **columns),))
    assert says in sentence


def test_a_token_that_was_refused_is_not_asked_for_again() -> None:
    refused = row(outcome="failed", cause="auth_rejected", phase="upgrade", http_status=401)
    (sentence,) = look(rows=(refused,), has_token=True)
    assert "refuses this token" in sentence


def test_a_welcome_that_does_not_come_is_another_protocols() -> None:
    (sentence,) = look(rows=(row(outcome="timeout", cause="silent_peer"),), protocol="staging")
    assert "--protocol staging waits for a message that did not come" in sentence


@pytest.mark.parametrize(
    ("detail", "says"),
    [
        ("the server answered graphql-transport-ws, expected none", "--protocol graphql-transport-ws"),
        ("the server answered v2.chat, expected none", "a class of your own"),
    ],
)
def test_the_subprotocol_that_the_server_chose_is_named(detail: str, says: str) -> None:
    (sentence,) = look(rows=(row(outcome="failed", phase="upgrade", cause="subprotocol", detail=detail),))
    assert says in sentence


@pytest.mark.parametrize("code", [4406, 4408, 4400])
def test_closes_of_graphql_servers_name_their_protocol(code: int) -> None:
    held = row("hold", "failed", "hold", cause="server_closed", close_code=code)
    (sentence,) = look(rows=(row(), held))
    assert "--protocol graphql-transport-ws" in sentence


def test_other_closes_are_told_as_they_are() -> None:
    held = row("hold", "failed", "hold", cause="server_closed", close_code=1008, detail="too\x1bmany")
    (sentence,) = look(rows=(row(), held))
    assert "1008 too\\x1bmany" in sentence
    (sentence,) = look(rows=(row(), row("hold", "failed", "hold", cause="auth_rejected", close_code=4401)))
    assert "Close 4401: give a token" in sentence


def test_what_the_server_says_first_is_the_welcome() -> None:
    assert look({"type": "hello"}, ASKED) == ["The server sends a frame of type 'hello' first: --welcome-type hello."]
    assert look({"type": "hello"}, ASKED, fields=MessageFields(welcome_type="hello")) == []
    assert look(ASKED, {"type": "hello"}) == []


def test_the_field_with_the_type_is_found() -> None:
    sentences = look({"kind": "hello", "version": 3}, ASKED)
    assert "--message-type-field kind" in sentences[0]
    assert "--welcome-type hello" in sentences[1]
    assert look({"version": 3}, ASKED) == []


def test_replies_that_repeat_no_id_are_seen_by_requests_that_none_answered() -> None:
    timed_out = exchange("timeout", cause="silent_peer")
    (sentence,) = look(ASKED, {"type": "done"}, rows=(row(), timed_out))
    assert "--message-id-field" in sentence
    (sentence,) = look(ASKED, rows=(row(), timed_out))
    assert "'ping' was not answered" in sentence and "--operations" in sentence


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ('0{"sid":"x","upgrades":[]}', "--protocol socketio"),
        ({"jsonrpc": "2.0", "method": "news"}, "--protocol jsonrpc"),
        ("hello there", "no JSON"),
    ],
)
def test_a_protocol_is_known_by_its_messages(frame: Any, says: str) -> None:
    assert says in look(frame)[0]


def test_binary_messages_need_a_class_that_reads_them() -> None:
    assert "read_binary" in look(b"\x00", protocol="staging")[0]


def test_requests_that_are_answered_by_errors_are_named() -> None:
    failed = exchange("failed", cause="server_error", detail="no such message")
    (sentence,) = look(ASKED, rows=(row(), failed, failed))
    assert sentence == "'ping' was answered by an error (no such message): name other requests with --operations."


def test_messages_that_cannot_be_read_are_told() -> None:
    assert "cannot read some messages" in look('{"a":NaN', protocol="echo")[0]
