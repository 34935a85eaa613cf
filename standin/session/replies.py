"""The reply table: what the server answers to each client message, its silent drops included.

Contract section 6 with the corrections of sections 14 and 15, as shipped in profile E. Pure: a message's
bytes in, the frames and the router's judgement out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from standin import frames
from standin.frames import Frame

AGENT_EVENT_GAP_S: Final = 0.1
"""Between two events of the fallback agent: 100 ms apart, 400 ms in all."""

CHAT_TYPES: Final = frozenset({"user_message", "chat", "message", "user", "user_input"})
TYPING_TYPES: Final = {
    "user_typing": "USER_TYPING",
    "agent_typing": "AGENT_TYPING",
    "typing": "USER_TYPING",
    "typing_started": "TYPING_STARTED",
    "typing_stopped": "TYPING_STOPPED",
}
"""With the name that the acknowledgement gives them: `typing` is another word for `user_typing`."""
START_TYPES: Final = frozenset({"start_agent", "agent_started"})
UNHANDLED_TYPES: Final = frozenset(
    {
        "agent_request",
        "agent_task",
        "agent_status_request",
        "broadcast_test",
        "direct_message",
        "resilience_test",
        "recovery_test",
        "jsonrpc_request",
    }
)
"""Known to the router, but no handler takes them: dropped without a word."""
ABSORBED_TYPES: Final = frozenset(
    {
        "pong",
        "heartbeat_ack",
        "agent_response",
        "agent_progress",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "thread_update",
        "thread_message",
        "system_message",
        "broadcast",
        "room_message",
    }
)
"""Accepted by a handler that answers nothing. Of the words that begin with tool_ or thread_ only these are
known: any other, `tool_started` and `thread_created` among them, is as unknown as any word."""
AGENT_MESSAGE_TYPES: Final = frozenset(
    {
        "agent_completed",
        "agent_response_chunk",
        "agent_status_update",
        "agent_status",
        "agent_update",
        "agent_error",
        "agent_fallback",
    }
)


class Reply(NamedTuple):
    """What the router makes of one message.

    Attributes:
        type: The message's type as logged; "unknown" where there is none.
        frames: The answer, in order; empty means that nothing is sent.
        gap_s: Wait between two frames.
        failed: Routing failed: the error counter goes up, and the loop backs off.
        ignored: The message was too large and was not looked at.
    """

    type: str
    frames: tuple[Frame, ...] = ()
    gap_s: float = 0.0
    failed: bool = False
    ignored: bool = False


def reply(raw: bytes | None, *, user_id: str, wall_s: float, start_agent_fails: bool = False) -> Reply:
    """What the server does with one message.

    Args:
        raw: The UTF-8 of a text message; None stands for a binary one.
        user_id: The authenticated user.
        wall_s: Epoch seconds, for the timestamps.
        start_agent_fails: The original's argument mismatch: `start_agent` gets no frame, one error is counted.
    """
    if raw is None:
        return Reply("unknown", failed=True)
    if len(raw) > frames.MAX_MESSAGE_BYTES:
        return Reply("unknown", ignored=True)
    try:
        message = orjson.loads(raw)
    except ValueError:
        return Reply("unknown", (frames.error_message("FORMAT_ERROR", "Invalid JSON format", {}, wall_s),))
    if not isinstance(message, dict):
        return Reply("unknown", failed=True)
    kind = message.get("type", "unknown")
    if isinstance(kind, dict | list):  # the router cannot even look for it
        return Reply("unknown", failed=True)
    if not isinstance(kind, str) or (handler := _HANDLERS.get(kind)) is None:
        return Reply(str(kind), (_ack(kind, user_id, wall_s),))
    payload = message.get("payload", message)
    if not isinstance(payload, dict) or not _is_well_formed(message):
        return Reply(kind, failed=True)
    if message.get("jsonrpc") == "2.0" and "method" in message and "id" in message:
        result = {"status": "processed", "method": message["method"]}
        return Reply(kind, ({"jsonrpc": "2.0", "result": result, "id": message["id"]},))
    if kind in START_TYPES and start_agent_fails:
        return Reply(kind, failed=True)
    return handler(_Request(kind, message, payload, user_id, wall_s))


def _is_well_formed(message: Mapping[str, Any]) -> bool:
    """Whether the parts that every message of a known type may have are of their types, where they are there."""
    message_id, timestamp = message.get("message_id"), message.get("timestamp")
    return isinstance(message_id, str | None) and isinstance(timestamp, int | float | None)


class _Request(NamedTuple):
    type: str
    message: Mapping[str, Any]
    payload: Mapping[str, Any]
    user_id: str
    wall_s: float


_Handler = Callable[[_Request], Reply]


def _ack(kind: object, user_id: str, wall_s: float) -> Frame:
    """The flat acknowledgement that any unknown type gets."""
    return {
        "type": "ack",
        "received_type": kind,
        "timestamp": wall_s,
        "user_id": user_id,
        "status": "acknowledged",
    }


def _pong(request: _Request) -> Reply:
    data = {"timestamp": request.wall_s, "user_id": request.user_id}
    return Reply(request.type, (frames.envelope("pong", data, request.wall_s),))


def _heartbeat_ack(request: _Request) -> Reply:
    data = {"timestamp": request.wall_s, "status": "healthy"}
    return Reply(request.type, (frames.envelope("heartbeat_ack", data, request.wall_s),))


def _system(request: _Request, data: Mapping[str, Any]) -> Reply:
    return Reply(request.type, (frames.system_message(data, request.wall_s),))


def _chat(request: _Request) -> Reply:
    message_id = request.payload.get("message_id", request.message.get("message_id"))
    data = {"content": "Message received", "original_message_id": message_id, "status": "acknowledged"}
    return _system(request, data)


def _connection(request: _Request) -> Reply:
    status = "connected" if request.type == "connect" else "disconnect_acknowledged"
    return _system(request, {"status": status, "user_id": request.user_id, "timestamp": request.wall_s})


def _typing(request: _Request) -> Reply:
    data = {
        "status": "typing_acknowledged",
        "type": f"MessageType.{TYPING_TYPES[request.type]}",
        "user_id": request.user_id,
        "thread_id": request.payload.get("thread_id"),
        "timestamp": request.wall_s,
    }
    return _system(request, data)


def _agent_message(request: _Request) -> Reply:
    data = {
        "status": "agent_message_acknowledged",
        "original_type": request.type,
        "user_id": request.user_id,
        "timestamp": request.wall_s,
    }
    return _system(request, data)


def _error(request: _Request) -> Reply:
    code = request.payload.get("error_code", "UNKNOWN_ERROR")
    return _system(request, {"content": "Error message received", "error_code": code, "status": "acknowledged"})


def _start_agent(request: _Request) -> Reply:
    """The fallback agent's five events. It reads `content` alone: `user_request` is the real handler's."""
    content = request.payload.get("content")
    if not isinstance(content, str) or not content:
        return Reply(request.type, failed=True)
    common = {
        "user_id": request.user_id,
        "thread_id": request.payload.get("thread_id") or f"thread_{uuid.uuid4().hex[:8]}",
    }
    agent, tool = "ChatAgent", "response_generator"
    events: tuple[Frame, ...] = (
        {"type": "agent_started", "agent_name": agent, "message": content},
        {"type": "agent_thinking", "reasoning": f"Considering: {content}"},
        {"type": "tool_executing", "tool_name": tool, "parameters": {"query": content}},
        {"type": "tool_completed", "tool_name": tool, "result": "Response generated"},
        {"type": "agent_completed", "agent_name": agent, "final_response": f"Processed: {content}"},
    )
    stamped = tuple(
        {**event, "event": event["type"], **common, "timestamp": request.wall_s + number * AGENT_EVENT_GAP_S}
        for number, event in enumerate(events)
    )
    return Reply(request.type, stamped, gap_s=AGENT_EVENT_GAP_S)


def _nothing(request: _Request) -> Reply:
    return Reply(request.type)


_HANDLERS: Final[dict[str, _Handler]] = {
    "ping": _pong,
    "heartbeat": _heartbeat_ack,
    "connect": _connection,
    "disconnect": _connection,
    "error": _error,
    "error_message": _error,
    **dict.fromkeys(CHAT_TYPES, _chat),
    **dict.fromkeys(TYPING_TYPES, _typing),
    **dict.fromkeys(START_TYPES, _start_agent),
    **dict.fromkeys(AGENT_MESSAGE_TYPES, _agent_message),
    **dict.fromkeys(ABSORBED_TYPES | UNHANDLED_TYPES, _nothing),
}
