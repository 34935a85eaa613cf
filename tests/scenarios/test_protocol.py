"""The target's messages, read and written, after the contract's table."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.plan import Token
from scenarios.protocol import Credentials, Echo, Kind, Refusal, Staging, load_protocol
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
