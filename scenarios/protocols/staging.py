"""The staging server's language.

Its traps, all met here: the first frame is often not the welcome; a server ping sits between the welcome and the first
reply; a pong carries no id, a chat acknowledgement does; a refusal is an error frame first and a close 100 ms later.
"""

from __future__ import annotations

import base64
from typing import Any, ClassVar, Final

import orjson

from scenarios.plan import Token
from scenarios.protocols.shape import (
    MALFORMED,
    NOISE,
    Credentials,
    Kind,
    Message,
    Refusal,
    Request,
    Welcome,
    content_of,
)

# A token that nobody could check is refused by the code of a bad one; only the text tells.
_UNREACHABLE: Final = "unreachable"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class Staging:
    """The staging server's messages (contract of 2025-09-08, with its corrections)."""

    welcomes_with_frame: bool = True
    round_trips: frozenset[str] = frozenset({"ping", "heartbeat", "protocol_ping"})
    identified: str | None = "chat"
    sequences: frozenset[str] = frozenset({"start_agent", "agent_started"})

    # Codes of a refused token; the others (FACTORY_INIT_FAILED, STARTUP_INCOMPLETE ...) are the server's.
    AUTH_CODES: ClassVar[frozenset[str]] = frozenset(
        {
            "NO_TOKEN",
            "INVALID_FORMAT",
            "VALIDATION_FAILED",
            "AUTH_SERVICE_ERROR",
            "WEBSOCKET_AUTH_ERROR",
            "WEBSOCKET_AUTH_EXCEPTION",
        }
    )
    EVENTS: ClassVar[tuple[str, ...]] = (
        "agent_started",
        "agent_thinking",
        "tool_executing",
        "tool_completed",
        "agent_completed",
    )
    # Types of the generic handler: one acknowledgement that names the message's id.
    ACKNOWLEDGED: ClassVar[frozenset[str]] = frozenset({"chat", "user_message", "message", "user", "user_input"})
    STATUS: ClassVar[dict[str, str]] = {
        "connect": "connected",
        "disconnect": "disconnect_acknowledged",
        **dict.fromkeys(
            ("user_typing", "agent_typing", "typing", "typing_started", "typing_stopped"), "typing_acknowledged"
        ),
        **dict.fromkeys(
            (
                *("agent_completed", "agent_response_chunk", "agent_status_update", "agent_status", "agent_update"),
                *("agent_error", "agent_fallback"),
            ),
            "agent_message_acknowledged",
        ),
        **dict.fromkeys(("error", "error_message"), "error_acknowledged"),
    }
    # Words that the server does not know: a flat acknowledgement echoes them.
    UNKNOWN_TO_THE_SERVER: ClassVar[frozenset[str]] = frozenset(
        {
            *("chat_message", "execute_agent", "stream_request", "agent_stopped", "tool_started", "tool_result"),
            *("thread_created", "thread_updated", "thread_deleted"),
        }
    )
    # Words that it knows and never answers: each exchange with one of them is a timeout.
    NEVER_ANSWERED: ClassVar[frozenset[str]] = frozenset(
        {
            *("pong", "heartbeat_ack", "agent_request", "agent_task", "agent_status_request", "agent_response"),
            *("agent_progress", "agent_thinking", "tool_executing", "tool_completed", "thread_update"),
            *("thread_message", "system_message", "broadcast", "broadcast_test", "direct_message", "room_message"),
            *("resilience_test", "recovery_test", "jsonrpc_request"),
        }
    )
    # `start_agent` without the content that the agent of a server without agent services reads, and which one
    # with them fails to start for a mismatch of arguments: the server counts a routing error and says nothing.
    UNROUTED: ClassVar[str] = "start_agent_unrouted"
    operations: frozenset[str] | None = frozenset(
        {"ping", "heartbeat", *sequences, *ACKNOWLEDGED, *STATUS, *UNKNOWN_TO_THE_SERVER, *NEVER_ANSWERED, UNROUTED}
    )

    _PONG: Final = Message(Kind.REPLY, "pong")
    _PING: Final = Message(Kind.PING)
    _HEARTBEAT: Final = Message(Kind.REPLY, "heartbeat_ack")
    _FIXED: ClassVar[dict[str, Message]] = {"pong": _PONG, "ping": _PING, "heartbeat_ack": _HEARTBEAT}
    _REQUESTS: ClassVar[dict[str, Request]] = {
        "ping": Request(b'{"type":"ping"}', "pong"),
        "heartbeat": Request(b'{"type":"heartbeat"}', "heartbeat_ack"),
    }

    def read(self, payload: bytes | str) -> Message:
        """Classify one text frame; see `TargetProtocol.read`."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return MALFORMED
        if type(frame) is not dict:
            return MALFORMED
        kind = frame.get("type")
        if type(kind) is not str:
            return NOISE
        fixed = self._FIXED.get(kind)
        if fixed is not None:
            return fixed
        if kind == "system_message":
            return self._system_message(frame)
        if kind == "ack":
            return Message(Kind.REPLY, "ack", _text(frame.get("received_type")))
        if kind in self.EVENTS:
            return Message(Kind.REPLY, kind)
        if kind == "error_message" or kind == "error":
            code = _text(frame.get("error_code")) or "UNKNOWN"
            text = _text(frame.get("error_message")) or ""
            is_auth = code in self.AUTH_CODES
            was_checked = not (is_auth and _UNREACHABLE in text.lower())
            return Message(Kind.ERROR, error=Refusal(code, is_auth, text, was_checked=was_checked))
        if kind == "connection_established":
            return self._welcome(frame, frame)
        return NOISE

    def _system_message(self, frame: dict[str, Any]) -> Message:
        data = frame.get("data")
        if type(data) is not dict:
            return NOISE
        if data.get("event") == "connection_established":
            return self._welcome(frame, data)
        status = _text(data.get("status"))
        if status is None:
            return NOISE
        if "error_code" in data:  # else the acknowledgement of a chat would pass for that of an error
            status = "error_acknowledged"
        return Message(Kind.REPLY, status, _text(data.get("original_message_id")))

    @staticmethod
    def _welcome(frame: dict[str, Any], data: dict[str, Any]) -> Message:
        """A welcome that says it is not ready yet is one more frame before the welcome."""
        if data.get("connection_ready") is False:
            return NOISE
        complete = data.get("startup_complete")
        return Message(
            Kind.WELCOME,
            welcome=Welcome(
                server_connection_id=_text(data.get("connection_id")),
                server_instance=_text(data.get("server_instance")) or _text(frame.get("server_id")),
                startup_complete=complete if isinstance(complete, bool) else None,
            ),
        )

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """The request of an operation; any other word is sent as a type of its own and echoed in an ack."""
        fixed = self._REQUESTS.get(operation)
        if fixed is not None:
            return fixed
        name = str(number)
        payload: dict[str, Any] = {"content": content_of(size), "message_id": name}
        frame = {"type": operation, "message_id": name, "payload": payload}
        if operation in self.ACKNOWLEDGED:
            return Request(orjson.dumps(frame), "acknowledged", name)
        if operation == self.UNROUTED:
            frame = {"type": "start_agent", "message_id": name, "payload": {"user_request": payload["content"]}}
            return Request(orjson.dumps(frame), self.EVENTS[-1])
        if operation in self.sequences:
            payload["user_request"] = payload["content"]
            return Request(orjson.dumps(frame), "", events=self.EVENTS)
        status = self.STATUS.get(operation)
        if status is not None:
            return Request(orjson.dumps(frame), status)
        return Request(orjson.dumps(frame), "ack", operation)

    def pong(self) -> bytes | None:
        """Only a JSON pong resets the server's heartbeat clock."""
        return b'{"type":"pong"}'

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """`jwt-auth` and `jwt.<base64url of the compact JWT>`, or a bearer header, or `?token=`; nothing of it where
        the token goes another way.
        """
        if transport == "header":
            return Credentials(headers=(("Authorization", f"Bearer {token.value}"),) if token else ())
        if transport == "query":
            return Credentials(query=f"token={token.value}" if token else "")
        if transport != "subprotocol":
            return Credentials()
        encoded = base64.urlsafe_b64encode(token.value.encode()).decode().rstrip("=") if token else None
        offered = ("jwt-auth", f"jwt.{encoded}") if encoded else ("jwt-auth",)
        return Credentials(subprotocols=offered, expected_subprotocol="jwt-auth")
