"""The target's messages, read and written, after the contract's table."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError, ProtocolFault
from scenarios.plan import Token
from scenarios.protocols.basics import Basics
from scenarios.protocols.echo import Echo
from scenarios.protocols.load import guard, load_protocol, operations_of
from scenarios.protocols.shape import Credentials, Kind, Message, Refusal, Request
from scenarios.protocols.staging import Staging
from standin.session.replies import reply
from tests.scenarios.virtual_session import EVENTS, PONG, SERVER_PING, SERVICE_INFO, VALIDATION, WELCOME, error

TOKEN = Token("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl")


def read(frame: Any) -> Any:
    return Staging().read(json.dumps(frame))


def test_the_welcome_tells_what_the_server_says_of_itself() -> None:
    message = read(WELCOME)
    assert message.kind is Kind.WELCOME
    assert message.welcome == (WELCOME["data"]["connection_id"], None, True)


def test_a_flat_welcome_is_one_too() -> None:
    message = read({"type": "connection_established", "connection_id": "c", "server_instance": "i-2"})
    assert (message.kind, message.welcome) == (Kind.WELCOME, ("c", "i-2", None))


@pytest.mark.parametrize("frame", [SERVICE_INFO, VALIDATION, {}, {"type": None}, {"type": "system_message", "data": 3}])
def test_frames_that_mean_nothing_here_are_noise(frame: dict[str, Any]) -> None:
    assert read(frame).kind is Kind.NOISE


def test_pings_pongs_and_errors_are_told_apart() -> None:
    assert read(SERVER_PING).kind is Kind.PING
    assert read(PONG)[:2] == (Kind.REPLY, "pong")
    assert read(error("FACTORY_INIT_FAILED")).error == Refusal("FACTORY_INIT_FAILED", False, "no")
    assert read({"type": "error_message"}).error == Refusal("UNKNOWN", False, "")


@pytest.mark.parametrize(
    "code",
    [
        *("NO_TOKEN", "INVALID_FORMAT", "VALIDATION_FAILED", "AUTH_SERVICE_ERROR"),
        *("WEBSOCKET_AUTH_ERROR", "WEBSOCKET_AUTH_EXCEPTION"),
    ],
)
def test_codes_of_refused_credentials(code: str) -> None:
    refusal = read(error(code)).error
    assert refusal is not None and refusal.is_auth and refusal.was_checked


@pytest.mark.parametrize(
    ("code", "text", "was_checked"),
    [
        ("VALIDATION_FAILED", "Token validation failed", True),
        ("VALIDATION_FAILED", "auth_service_unreachable: health check timed out", False),
        ("VALIDATION_FAILED", "Auth service unreachable", False),
        ("FACTORY_INIT_FAILED", "database unreachable", True),
    ],
)
def test_only_the_text_says_that_nobody_could_look_at_a_token(code: str, text: str, was_checked: bool) -> None:
    refusal = read(error(code, text)).error
    assert refusal is not None and refusal.was_checked is was_checked


@given(st.one_of(st.binary(), st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_reading_never_raises(payload: bytes | str) -> None:
    for protocol in (Staging(), Echo()):
        assert protocol.read(payload).kind in Kind


@pytest.mark.parametrize(
    ("operation", "reply"),
    [
        ("ping", PONG),
        ("heartbeat", {"type": "heartbeat_ack"}),
        ("connect", {"type": "system_message", "data": {"status": "connected"}}),
        ("disconnect", {"type": "system_message", "data": {"status": "disconnect_acknowledged"}}),
        ("typing", {"type": "system_message", "data": {"status": "typing_acknowledged"}}),
        ("agent_typing", {"type": "system_message", "data": {"status": "typing_acknowledged"}}),
        ("agent_update", {"type": "system_message", "data": {"status": "agent_message_acknowledged"}}),
        ("error", {"type": "system_message", "data": {"status": "acknowledged", "error_code": None}}),
        ("tool_started", {"type": "ack", "received_type": "tool_started"}),
        ("stream_request", {"type": "ack", "received_type": "stream_request"}),
        ("agent_request", {"type": "ack", "received_type": "agent_request"}),
    ],
)
def test_a_request_and_its_reply_have_one_key(operation: str, reply: dict[str, Any]) -> None:
    request = Staging().request(operation, number=3)
    message = read(reply)
    assert json.loads(request.payload)["type"] == operation
    assert (message.kind, message.key) == (Kind.REPLY, request.reply_key)
    assert message.id in (None, request.reply_id)


OPERATIONS = Staging.operations or frozenset()


@pytest.mark.parametrize("operation", sorted(OPERATIONS - Staging.NEVER_ANSWERED - {Staging.UNROUTED}))
def test_what_the_stand_in_answers_ends_the_wait_and_nothing_else_does(operation: str) -> None:
    request = Staging().request(operation, number=3)
    answers = [Staging().read(json.dumps(frame)) for frame in reply(request.payload, user_id="u", wall_s=1.0).frames]
    assert all(answer.kind is Kind.REPLY for answer in answers)
    assert tuple(answer.key for answer in answers) == (request.events or (request.reply_key,))
    assert answers[0].id in (None, request.reply_id)
    others = {Staging().request(other, number=3)[1:4] for other in OPERATIONS} - {request[1:4]}
    assert not [key for key, name, events in others if not events and (key, name) == answers[0][1:3]]


@pytest.mark.parametrize("operation", sorted(Staging.NEVER_ANSWERED))
def test_what_is_never_answered_is_not_answered_by_the_stand_in_either(operation: str) -> None:
    answer = reply(Staging().request(operation, number=3).payload, user_id="u", wall_s=1.0)
    assert answer.frames == () and not answer.failed


def test_an_agent_that_the_stand_in_cannot_route_is_a_routing_error_and_its_last_event_would_end_the_wait() -> None:
    request = Staging().request(Staging.UNROUTED, number=3)
    answer = reply(request.payload, user_id="u", wall_s=1.0)
    assert (answer.type, answer.frames, answer.failed) == ("start_agent", (), True)
    assert read({"type": EVENTS[-1]}).key == request.reply_key


def test_an_error_is_not_ended_by_the_acknowledgement_of_a_chat() -> None:
    chat = read({"type": "system_message", "data": {"status": "acknowledged", "original_message_id": "1"}})
    assert chat.key != Staging().request("error", number=2).reply_key


def test_a_class_names_its_requests_or_takes_any_word() -> None:
    assert operations_of(Staging()) == Staging.operations
    assert operations_of(Echo()) is None
    a_class_that_says_nothing_of_it: Any = object()
    assert operations_of(a_class_that_says_nothing_of_it) is None


@pytest.mark.parametrize("operation", ["chat", "user_message", "message", "user", "user_input"])
def test_an_acknowledgement_names_the_message(operation: str) -> None:
    request = Staging().request(operation, number=42)
    sent = json.loads(request.payload)
    message = read(
        {"type": "system_message", "data": {"status": "acknowledged", "original_message_id": sent["message_id"]}}
    )
    assert (message.key, message.id) == (request.reply_key, request.reply_id) == ("acknowledged", "42")


def test_the_agent_is_answered_by_its_events() -> None:
    request = Staging().request("start_agent", number=1)
    assert request.events == EVENTS
    payload = json.loads(request.payload)["payload"]
    assert payload["content"] and payload["user_request"]
    assert [read({"type": event}).key for event in EVENTS] == list(EVENTS)


def test_content_has_the_size_that_was_asked_for() -> None:
    for size in (1, 100, 8193):
        assert len(json.loads(Staging().request("chat", number=1, size=size).payload)["payload"]["content"]) == size


def test_a_token_travels_as_a_subprotocol_a_header_or_a_query() -> None:
    by_subprotocol = Staging().credentials(TOKEN, transport="subprotocol")
    assert by_subprotocol.expected_subprotocol == by_subprotocol.subprotocols[0] == "jwt-auth"
    encoded = by_subprotocol.subprotocols[1].removeprefix("jwt.")
    assert "=" not in encoded
    assert base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode() == TOKEN.value
    assert Staging().credentials(TOKEN, transport="header") == Credentials(
        headers=(("Authorization", f"Bearer {TOKEN.value}"),)
    )
    assert Staging().credentials(TOKEN, transport="query").query == f"token={TOKEN.value}"


@pytest.mark.parametrize("transport", ["subprotocol", "header", "query"])
def test_without_a_token_none_is_sent(transport: str) -> None:
    credentials = Staging().credentials(None, transport=transport)
    assert credentials.headers == () and credentials.query == "" and len(credentials.subprotocols) <= 1


def test_neither_tokens_nor_credentials_show_themselves() -> None:
    for transport in ("subprotocol", "header", "query"):
        shown = repr(Staging().credentials(TOKEN, transport=transport))
        assert TOKEN.value not in shown and "eyJ" not in shown and "jwt." not in shown
    assert TOKEN.value not in f"{TOKEN} {TOKEN!r}"


def test_an_echo_answers_by_id() -> None:
    request = Echo().request("anything", number=9)
    assert Echo().read(request.payload)[:3] == (Kind.REPLY, request.reply_key, "9")


class Faulty(Echo):
    def refusal_of_close(self, code: int | None, reason: str) -> Refusal | None:
        if code == 4000:
            raise ValueError(f"unknown reason {reason}")
        return True  # type: ignore[return-value]


def test_a_protocol_class_that_raises_is_a_sentence_without_what_the_target_sent() -> None:
    protocol = Faulty()
    guard(protocol, "my.module:Faulty")
    with pytest.raises(ProtocolFault) as raised:
        protocol.refusal_of_close(4000, "bad eyJhbGciOi.secret")
    place = f"{Path(__file__).name}, line"
    assert f"--protocol 'my.module:Faulty': refusal_of_close raised ValueError ({place}" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_protocol_class_that_returns_something_else_is_a_sentence() -> None:
    protocol = Faulty()
    guard(protocol, "my.module:Faulty")
    with pytest.raises(ProtocolFault, match="returned a bool, but it must return Refusal or None"):
        protocol.refusal_of_close(4001, "")
    assert protocol.read(b'{"id":"1"}').kind is Kind.REPLY


def test_protocols_are_found_by_name_and_by_path() -> None:
    assert isinstance(load_protocol("staging"), Staging)
    assert isinstance(load_protocol("echo"), Echo)
    assert isinstance(load_protocol("scenarios.protocol:Echo"), Echo)


@pytest.mark.parametrize(
    "name", ["stagin", "no.such.module:X", "scenarios.protocol:Nothing", "scenarios.plan:Budgets", "json:"]
)
def test_a_protocol_that_cannot_serve_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match="--protocol"):
        load_protocol(name)


class BinaryOnly(Basics):
    """What a user writes whose server speaks no text."""

    def read_binary(self, payload: bytes) -> Message:
        """Whatever comes is the reply."""
        return Message(Kind.REPLY, "any")

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """One byte."""
        return Request(b"\x01", "any", is_binary=True)


def test_a_class_that_reads_binary_messages_only_need_not_read_text() -> None:
    protocol = load_protocol(f"{__name__}:BinaryOnly")
    assert protocol.read(b"text").kind is Kind.NOISE
