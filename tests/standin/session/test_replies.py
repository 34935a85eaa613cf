"""The reply table, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.session.replies import _HANDLERS, START_TYPES, Reply, reply


def ask(message: Any, **options: Any) -> Reply:
    raw = message if isinstance(message, bytes | None) else json.dumps(message).encode()
    return reply(raw, user_id="u1", wall_s=1000.5, **options)


def system(data: dict[str, Any]) -> dict[str, Any]:
    """A `system_message` as it comes."""
    return {
        "type": "system_message",
        "data": data,
        "timestamp": 1000.5,
        "server_id": None,
        "correlation_id": None,
    }


def acknowledged(message_id: str | None) -> dict[str, Any]:
    return system({"content": "Message received", "original_message_id": message_id, "status": "acknowledged"})


def status(word: str) -> dict[str, Any]:
    return system({"status": word, "user_id": "u1", "timestamp": 1000.5})


def typing(name: str) -> dict[str, Any]:
    data = {"status": "typing_acknowledged", "type": f"MessageType.{name}", "user_id": "u1", "thread_id": "t1"}
    return system({**data, "timestamp": 1000.5})


def of_agent(kind: str) -> dict[str, Any]:
    data = {"status": "agent_message_acknowledged", "original_type": kind, "user_id": "u1"}
    return system({**data, "timestamp": 1000.5})


def error_acknowledged() -> dict[str, Any]:
    return system({"content": "Error message received", "error_code": "E1", "status": "acknowledged"})


def ack(kind: object) -> dict[str, Any]:
    """The flat acknowledgement of a type that is not known."""
    return {
        "type": "ack",
        "received_type": kind,
        "timestamp": 1000.5,
        "user_id": "u1",
        "status": "acknowledged",
    }


NOTHING = None
TABLE: dict[str, dict[str, Any] | None] = {
    "ping": {**system({"timestamp": 1000.5, "user_id": "u1"}), "type": "pong"},
    "heartbeat": {**system({"timestamp": 1000.5, "status": "healthy"}), "type": "heartbeat_ack"},
    "pong": NOTHING,
    "heartbeat_ack": NOTHING,
    "user_message": acknowledged("m1"),
    "chat": acknowledged("m1"),
    "message": acknowledged("m1"),
    "user": acknowledged("m1"),
    "user_input": acknowledged("m1"),
    "connect": status("connected"),
    "disconnect": status("disconnect_acknowledged"),
    "user_typing": typing("USER_TYPING"),
    "agent_typing": typing("AGENT_TYPING"),
    "typing": typing("USER_TYPING"),
    "typing_started": typing("TYPING_STARTED"),
    "typing_stopped": typing("TYPING_STOPPED"),
    "agent_request": NOTHING,
    "agent_task": NOTHING,
    "agent_status_request": NOTHING,
    "broadcast_test": NOTHING,
    "direct_message": NOTHING,
    "resilience_test": NOTHING,
    "recovery_test": NOTHING,
    "jsonrpc_request": NOTHING,
    "agent_response": NOTHING,
    "agent_progress": NOTHING,
    "agent_thinking": NOTHING,
    "system_message": NOTHING,
    "broadcast": NOTHING,
    "room_message": NOTHING,
    "tool_executing": NOTHING,
    "tool_completed": NOTHING,
    "tool_started": ack("tool_started"),
    "tool_result": ack("tool_result"),
    "tool_anything": ack("tool_anything"),
    "thread_update": NOTHING,
    "thread_message": NOTHING,
    "thread_created": ack("thread_created"),
    "thread_updated": ack("thread_updated"),
    "thread_deleted": ack("thread_deleted"),
    "thread_anything": ack("thread_anything"),
    "agent_completed": of_agent("agent_completed"),
    "agent_response_chunk": of_agent("agent_response_chunk"),
    "agent_status_update": of_agent("agent_status_update"),
    "agent_status": of_agent("agent_status"),
    "agent_update": of_agent("agent_update"),
    "agent_error": of_agent("agent_error"),
    "agent_fallback": of_agent("agent_fallback"),
    "agent_stopped": ack("agent_stopped"),
    "error": error_acknowledged(),
    "error_message": error_acknowledged(),
    "chat_message": ack("chat_message"),
    "execute_agent": ack("execute_agent"),
    "stream_request": ack("stream_request"),
    "PING": ack("PING"),
}


@pytest.mark.parametrize("kind", TABLE)
def test_each_type_has_its_reply(kind: str) -> None:
    payload = {"message_id": "m1", "thread_id": "t1", "error_code": "E1"}
    expected = TABLE[kind]
    assert ask({"type": kind, "payload": payload}) == Reply(kind, () if expected is None else (expected,))


def test_the_table_has_every_type_that_the_server_knows() -> None:
    assert set(_HANDLERS) - set(TABLE) == START_TYPES


def test_a_chat_without_a_payload_or_an_id() -> None:
    assert ask({"type": "chat", "message_id": "m2"}).frames == (acknowledged("m2"),)
    assert ask({"type": "chat"}).frames == (acknowledged(None),)


@pytest.mark.parametrize("kind", ["start_agent", "agent_started"])
def test_the_fallback_agent_sends_five_flat_events(kind: str) -> None:
    answer = ask({"type": kind, "payload": {"content": "why", "thread_id": "t1"}})
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


@pytest.mark.parametrize("kind", ["start_agent", "agent_started"])
@pytest.mark.parametrize("payload", [{}, {"user_request": "why"}, {"content": ""}, {"content": 17}])
def test_an_agent_without_content_is_a_routing_error(kind: str, payload: dict[str, Any]) -> None:
    assert ask({"type": kind, "payload": payload}) == Reply(kind, failed=True)


def test_the_originals_agent_handler_fails() -> None:
    answer = ask({"type": "start_agent", "payload": {"content": "x"}}, start_agent_fails=True)
    assert answer == Reply("start_agent", failed=True)


@pytest.mark.parametrize("kind", [None, 17, 1.5, True])
def test_a_type_that_is_no_text_gets_a_flat_acknowledgement_that_echoes_it(kind: object) -> None:
    assert ask({"type": kind}).frames == (ack(kind),)


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


@pytest.mark.parametrize(
    "message",
    [
        None,
        [1],
        "text",
        17,
        {"type": {"name": "chat"}},
        {"type": ["chat"]},
        {"type": "chat", "payload": "x"},
        {"type": "chat", "message_id": 17},
        {"type": "ping", "message_id": 17},
        {"type": "chat", "timestamp": "yesterday"},
        {"type": "agent_request", "timestamp": "1000.5"},
    ],
)
def test_what_breaks_the_router_counts_and_is_not_answered(message: Any) -> None:
    answer = ask(message)
    assert answer.failed and not answer.frames


def test_the_parts_that_every_message_may_have_may_also_be_missing_or_null() -> None:
    assert ask({"type": "chat", "message_id": None, "timestamp": None}).frames == (acknowledged(None),)
    assert ask({"type": "chat", "message_id": "m1", "timestamp": 1000}).frames == (acknowledged("m1"),)


def test_an_unknown_type_is_acknowledged_before_anybody_looks_further() -> None:
    assert ask({"type": "tool_started", "message_id": 17, "payload": "x"}).frames == (ack("tool_started"),)


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
