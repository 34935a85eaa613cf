"""The reply table, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.replies import ABSORBED_TYPES, AGENT_MESSAGE_TYPES, CHAT_TYPES, TYPING_TYPES, UNHANDLED_TYPES, Reply, reply


def ask(message: Any, **options: Any) -> Reply:
    raw = message if isinstance(message, bytes | None) else json.dumps(message).encode()
    return reply(raw, user_id="u1", wall_s=1000.5, **options)


def test_ping_and_heartbeat() -> None:
    (pong,) = ask({"type": "ping"}).frames
    assert pong == {
        "type": "pong",
        "data": {"timestamp": 1000.5, "user_id": "u1"},
        "timestamp": 1000.5,
        "server_id": None,
        "correlation_id": None,
    }
    (ack,) = ask({"type": "heartbeat"}).frames
    assert ack["type"] == "heartbeat_ack" and ack["data"] == {"timestamp": 1000.5, "status": "healthy"}


@pytest.mark.parametrize("kind", sorted(CHAT_TYPES))
def test_chat_gets_one_acknowledgement_and_never_an_agent(kind: str) -> None:
    (frame,) = ask({"type": kind, "payload": {"content": "hi", "message_id": "m1"}}).frames
    assert frame["type"] == "system_message"
    assert frame["data"]["original_message_id"] == "m1" and frame["data"]["status"] == "acknowledged"


def test_a_chat_without_a_payload_or_an_id() -> None:
    assert ask({"type": "chat", "message_id": "m2"}).frames[0]["data"]["original_message_id"] == "m2"
    assert ask({"type": "chat"}).frames[0]["data"]["original_message_id"] is None


def test_connect_and_disconnect() -> None:
    assert ask({"type": "connect"}).frames[0]["data"]["status"] == "connected"
    assert ask({"type": "disconnect"}).frames[0]["data"]["status"] == "disconnect_acknowledged"


@pytest.mark.parametrize("kind", sorted(TYPING_TYPES))
def test_typing(kind: str) -> None:
    (frame,) = ask({"type": kind, "payload": {"thread_id": "t1"}}).frames
    assert frame["data"]["status"] == "typing_acknowledged" and frame["data"]["thread_id"] == "t1"


@pytest.mark.parametrize("kind", sorted(AGENT_MESSAGE_TYPES))
def test_agent_messages_are_acknowledged(kind: str) -> None:
    (frame,) = ask({"type": kind}).frames
    assert frame["data"]["status"] == "agent_message_acknowledged" and frame["data"]["original_type"] == kind


@pytest.mark.parametrize("kind", ["error", "error_message"])
def test_errors_are_acknowledged(kind: str) -> None:
    (frame,) = ask({"type": kind, "error_code": "E1"}).frames
    assert frame["data"]["error_code"] == "E1" and frame["data"]["status"] == "acknowledged"


@pytest.mark.parametrize("kind", sorted(ABSORBED_TYPES | UNHANDLED_TYPES | {"tool_anything", "thread_anything"}))
def test_some_types_get_nothing(kind: str) -> None:
    assert ask({"type": kind}) == Reply(kind)


@pytest.mark.parametrize("kind", ["start_agent", "agent_started"])
@pytest.mark.parametrize("key", ["content", "user_request"])
def test_the_fallback_agent_sends_five_flat_events(kind: str, key: str) -> None:
    answer = ask({"type": kind, "payload": {key: "why", "thread_id": "t1"}})
    assert [frame["type"] for frame in answer.frames] == [
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    ]
    assert answer.gap_s == 0.1
    for frame in answer.frames:
        assert frame["event"] == frame["type"]
        assert (frame["user_id"], frame["thread_id"]) == ("u1", "t1") and isinstance(frame["timestamp"], float)
    assert answer.frames[2]["parameters"] == {"query": "why"}


def test_an_agent_without_content_is_a_routing_error() -> None:
    assert ask({"type": "start_agent", "payload": {}}) == Reply("start_agent", failed=True)


def test_the_originals_agent_handler_fails() -> None:
    answer = ask({"type": "start_agent", "payload": {"content": "x"}}, start_agent_fails=True)
    assert answer == Reply("start_agent", failed=True)


@pytest.mark.parametrize("kind", ["chat_message", "execute_agent", "stream_request", "PING", None, 17])
def test_unknown_types_get_a_flat_acknowledgement_that_echoes_them(kind: object) -> None:
    (frame,) = ask({"type": kind}).frames
    assert frame == {
        "type": "ack",
        "received_type": kind,
        "timestamp": 1000.5,
        "user_id": "u1",
        "status": "acknowledged",
    }


def test_no_type_at_all_is_unknown() -> None:
    assert ask({}).frames[0]["received_type"] == "unknown"
    assert ask({"jsonrpc": "2.0", "method": "m", "id": 1}).frames[0]["received_type"] == "unknown"


def test_json_rpc_with_a_known_type() -> None:
    (frame,) = ask({"jsonrpc": "2.0", "type": "ping", "method": "m", "id": 7}).frames
    assert frame == {"jsonrpc": "2.0", "result": {"status": "processed", "method": "m"}, "id": 7}


@pytest.mark.parametrize("raw", [b"", b"{", b"ping", b"\xff"])
def test_what_is_not_json_is_a_format_error(raw: bytes) -> None:
    (frame,) = ask(raw).frames
    assert frame["type"] == "error_message" and frame["error_code"] == "FORMAT_ERROR"


@pytest.mark.parametrize("message", [None, [1], "text", 17, {"type": "chat", "payload": "x"}])
def test_what_breaks_the_router_counts_and_is_not_answered(message: Any) -> None:
    answer = ask(message)
    assert answer.failed and not answer.frames


def test_more_than_8192_bytes_are_ignored() -> None:
    empty = len(json.dumps({"type": "chat", "content": ""}))
    assert ask({"type": "chat", "content": "x" * (8192 - empty)}).frames
    assert ask({"type": "chat", "content": "x" * (8193 - empty)}) == Reply("unknown", ignored=True)
    # Bytes, not characters.
    assert ask(json.dumps({"type": "chat", "content": "é" * 4097}, ensure_ascii=False).encode()).ignored


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda c: st.dictionaries(st.text(), c)))
def test_no_message_breaks_it(message: Any) -> None:
    for value in (message, {"type": message}, {"type": "start_agent", "payload": message}):
        answer = ask(value)
        json.dumps(answer.frames)
