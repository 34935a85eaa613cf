"""What to set, from literal frames and rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attempts.schema import Attempt
from scenarios.first_look.advice import Look, advice, unasked
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
        ({"cause": "silent_peer", "phase": "tcp"}, "the host and the port"),
        ({"cause": "tls", "phase": "tls"}, "--ca-file"),
        ({"cause": "tls", "phase": "tls", "detail": "WRONG_VERSION_NUMBER"}, "no TLS at that port: ws://"),
        ({"cause": "silent_peer", "phase": "tls"}, "no TLS at that port: ws://"),
        (
            {"cause": "malformed", "phase": "upgrade", "detail": "the answer to the upgrade is no HTTP response"},
            "no HTTP",
        ),
        ({"cause": "server_closed", "close_code": 4406}, "--protocol graphql-transport-ws"),
        ({"cause": "server_closed", "close_code": 1011, "detail": "oops"}, "closed the session (1011 oops)."),
        (
            {"cause": "malformed", "detail": "a frame is masked"},
            "connect: malformed in phase welcome (a frame is masked)",
        ),
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
    assert "refuses this token" in sentence and "docs/credentials.md" in sentence


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


def test_closes_say_what_the_server_waits_for() -> None:
    def held(code: int, protocol: str) -> str:
        (sentence,) = look(rows=(row(), row("hold", "failed", "hold", cause="x", close_code=code)), protocol=protocol)
        return sentence

    assert "waits for an opening message" in held(4408, "json") and "--opening" in held(4408, "echo")
    assert "binary messages only, or text only" in held(1003, "json") and "read_binary" in held(1003, "json")
    assert "another subprotocol than graphql-transport-ws" in held(4406, "graphql-transport-ws")


def test_what_no_option_mends_is_told_all_the_same() -> None:
    (sentence,) = look(rows=(row(), row("hold", "failed", "hold", cause="reset")))
    assert sentence.startswith("hold: reset in phase hold: no option is known to mend that")


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
    (sentence,) = look({"type": "hello $you"}, ASKED)
    assert sentence.endswith("--welcome-type 'hello $you'.")
    assert look({"type": "a" * 41}, ASKED) == []  # no word


def test_the_field_with_the_type_is_found() -> None:
    sentences = look({"kind": "hello", "version": 3}, ASKED)
    assert "--message-type-field kind" in sentences[0]
    assert "--welcome-type hello" in sentences[1]
    assert look({"version": 3}, {"id": "1"}) == []


def test_messages_without_a_type_are_told_with_their_fields() -> None:
    (sentence,) = look({"op": 10, "d": 1}, ASKED)
    assert "type in 'type'; their fields are 'op', 'd': --message-type-field" in sentence
    (sentence,) = look({}, ASKED)
    assert "their fields are none:" in sentence


def test_echo_is_named_only_where_it_may_be_one() -> None:
    (sentence,) = look("READY")
    assert sentence.endswith("or --protocol echo.")
    (sentence,) = look("READY", ASKED, "ERR - bad")
    assert "no JSON" in sentence and "echo" not in sentence


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
    assert "read_binary" in look(b"\x00", protocol="json")[0]
    assert look(ASKED, b'{"type":"pong","id":"1"}') == []


def test_messages_that_are_noise_name_the_field_with_their_type() -> None:
    (sentence,) = look({"event": "ready"}, {"event": "tick"}, protocol="graphql-transport-ws")
    assert "JSON whose 'event' is 'ready', 'tick': --protocol json --message-type-field event." in sentence
    (sentence,) = look({"type": "ready"}, protocol="echo")
    assert sentence.endswith("JSON whose 'type' is 'ready': --protocol json.")
    (sentence,) = look({"op": 10, "d": 1}, protocol="echo")
    assert "JSON with the fields 'op', 'd'" in sentence


def test_noise_beside_messages_that_are_understood_is_the_protocols_own() -> None:
    assert look({"event": "ready"}, ASKED, {"id": "1"}, protocol="echo") == []


@pytest.mark.parametrize("reply", ["ERR - bad", {"event": "error"}])
def test_a_server_that_sends_something_else_back_does_not_echo(reply: Any) -> None:
    timed_out = exchange("timeout", cause="silent_peer")
    assert look("READY", ASKED, reply, rows=(row(), timed_out), protocol="echo")[0].startswith("It does not echo")
    assert "was not answered" in look("READY", ASKED, rows=(row(), timed_out), protocol="echo")[0]


def wanted(*asked: str, protocol: str = "json") -> str | None:
    rows = [row(), *(exchange(operation=operation) for operation in asked)]
    return unasked(Look(protocol, USUAL_FIELDS, "/ws", False, [], rows))


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ("jsonrpc", "a name is a method"),
        ("socketio", "a name is an event"),
        ("graphql-transport-ws", "a name is a field"),
        ("package.module:Class", "a name is a request"),
    ],
)
def test_pings_ask_nothing_of_the_application(protocol: str, name: str) -> None:
    assert name in (wanted("protocol_ping", protocol=protocol) or "")
    assert wanted("protocol_ping", "hello", protocol=protocol) is None


def test_a_ping_is_a_request_but_where_the_protocol_itself_has_it() -> None:
    assert wanted("ping") is None
    assert "--operations" in (wanted("ping", protocol="graphql-transport-ws") or "")
    assert "--seconds" in (wanted() or "")


def test_requests_that_are_answered_by_errors_are_named() -> None:
    failed = exchange("failed", cause="server_error", detail="no such message")
    (sentence,) = look(ASKED, rows=(row(), failed, failed))
    assert sentence == "'ping' was answered by an error (no such message): name other requests with --operations."


def test_messages_that_cannot_be_read_are_told() -> None:
    assert "cannot read some messages" in look('{"a":NaN', protocol="echo")[0]
