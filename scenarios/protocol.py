"""The target's messages: how its frames are read, how requests look, how a token travels.

Everything that is particular to one server is in one small class; another server is another class of the
same shape, named on the command line (`--protocol package.module:Class`). Reading is tolerant: a frame
that is not understood is noise, never an error, as long as it is JSON.

The first one speaks the staging server's contract. Its traps, all met here: the first frame is often not
the welcome; a server ping sits between the welcome and the first reply; a pong carries no id, a chat
acknowledgement does; a refusal is an error frame first and a close 100 ms later.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import traceback
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, Protocol

import orjson

from scenarios.errors import ConfigError, ProtocolFault, unknown_name
from scenarios.plan import Token


class Kind(IntEnum):
    """What a frame is to a session."""

    NOISE = 0
    REPLY = 1
    PING = 2
    WELCOME = 3
    ERROR = 4
    MALFORMED = 5


class Welcome(NamedTuple):
    """What the server says of itself when the session is ready; None = it does not say."""

    server_connection_id: str | None = None
    server_instance: str | None = None
    startup_complete: bool | None = None


class Refusal(NamedTuple):
    """What the server said when it refused.

    Attributes:
        code: The server's own word for it.
        is_auth: Whether it refuses the credentials.
        text: For people, not yet redacted.
        is_clients: Whether it blames the request itself (JSON-RPC's invalid params, a GraphQL validation error).
        was_checked: False = the credentials were refused although nobody looked at them: what checks them for the
            server could not be reached.
    """

    code: str
    is_auth: bool
    text: str
    is_clients: bool = False
    was_checked: bool = True


class Message(NamedTuple):
    """One frame, read.

    Attributes:
        kind: What it is.
        key: Of a reply: which requests it answers (`Request.reply_key`, or an event's name).
        id: Of a reply or an error: the request's id, when the server names it. An error without one answers the oldest
            request in flight; one with an id answers that request only.
        welcome: Of a welcome.
        error: Of an error.
    """

    kind: Kind
    key: str = ""
    id: str | None = None
    welcome: Welcome | None = None
    error: Refusal | None = None


class Request(NamedTuple):
    """One request, ready to be sent.

    Attributes:
        payload: The text frame.
        reply_key: The key of the reply that ends the wait.
        reply_id: The id that the reply will name, None where replies of this kind name none.
        events: Keys that must come in this order; the last one ends the wait (then `reply_key` is unused).
    """

    payload: bytes
    reply_key: str
    reply_id: str | None = None
    events: tuple[str, ...] = ()


class Credentials(NamedTuple):
    """How a token goes into the upgrade request. Its `repr` never shows it.

    Attributes:
        headers: Extra headers.
        subprotocols: Offered names, in order.
        expected_subprotocol: What the server must answer, exactly; None = it must not answer any.
        query: Appended to the path, without the question mark.
    """

    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    expected_subprotocol: str | None = None
    query: str = ""

    def __repr__(self) -> str:
        return f"Credentials({len(self.headers)} headers, {len(self.subprotocols)} subprotocols, <redacted>)"


class TargetProtocol(Protocol):
    """The shape of a protocol class. One object serves every connection: it keeps no state.

    A class may also have `refusal_of_close` and `refusal_of_status` (see `RefusalRules`), where its server
    refuses in ways that the general rules (`scenarios.refusals`) do not know.

    Attributes:
        welcomes_with_frame: False = the upgrade itself is the welcome.
        round_trips: Operations that do next to nothing on the server: their durations make `rtt_s`.
        identified: An operation whose reply names the request's id, to get in step again after a
            timeout of one that does not; None = there is none.
        sequences: Operations that are answered by several events.
    """

    welcomes_with_frame: bool
    round_trips: frozenset[str]
    identified: str | None
    sequences: frozenset[str]

    def read(self, payload: bytes | str) -> Message:
        """Classify one text frame. Never raises."""

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """The request of an operation.

        `number` is unique on its connection; `size` asks for that many characters of content.
        """

    def pong(self) -> bytes | None:
        """The answer to a server's ping message; None = it wants none."""

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """Where the token goes; `transport` is subprotocol, header or query."""


class RefusalRules(Protocol):
    """What a protocol class may add, either or both: how its own server refuses.

    Each may return None: the general rule decides. A `Refusal` decides by its `is_auth` whether the credentials were
    refused, and by `is_clients` whether the request is to blame.
    """

    def refusal_of_close(self, code: int | None, reason: str) -> Refusal | None:
        """What a close frame of the server says; code None = it named none. Never raises."""

    def refusal_of_status(self, status: int, headers: Mapping[str, str]) -> Refusal | None:
        """What a response that is not 101 says; the headers' names are in small letters. Never raises."""


_MALFORMED: Final = Message(Kind.MALFORMED)
_NOISE: Final = Message(Kind.NOISE)
# A token that nobody could check is refused by the code of a bad one; only the text tells (contract, section 14).
_UNREACHABLE: Final = "unreachable"
_CONTENT: Final = "wsoak measures how long this takes. "


def _content(size: int) -> str:
    return (_CONTENT * (size // len(_CONTENT) + 1))[:size] if size else "hello"


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
            return _MALFORMED
        if type(frame) is not dict:
            return _MALFORMED
        kind = frame.get("type")
        if type(kind) is not str:
            return _NOISE
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
        return _NOISE

    def _system_message(self, frame: dict[str, Any]) -> Message:
        data = frame.get("data")
        if type(data) is not dict:
            return _NOISE
        if data.get("event") == "connection_established":
            return self._welcome(frame, data)
        status = _text(data.get("status"))
        if status is None:
            return _NOISE
        if "error_code" in data:  # else the acknowledgement of a chat would pass for that of an error
            status = "error_acknowledged"
        return Message(Kind.REPLY, status, _text(data.get("original_message_id")))

    @staticmethod
    def _welcome(frame: dict[str, Any], data: dict[str, Any]) -> Message:
        """A welcome that says it is not ready yet is one more frame before the welcome."""
        if data.get("connection_ready") is False:
            return _NOISE
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
        payload: dict[str, Any] = {"content": _content(size), "message_id": name}
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
        """`jwt-auth` and `jwt.<base64url of the compact JWT>`, or a bearer header, or `?token=`."""
        if transport == "header":
            return Credentials(headers=(("Authorization", f"Bearer {token.value}"),) if token else ())
        if transport == "query":
            return Credentials(query=f"token={token.value}" if token else "")
        encoded = base64.urlsafe_b64encode(token.value.encode()).decode().rstrip("=") if token else None
        offered = ("jwt-auth", f"jwt.{encoded}") if encoded else ("jwt-auth",)
        return Credentials(subprotocols=offered, expected_subprotocol="jwt-auth")


class Echo:
    """A plain JSON echo: no welcome frame, no errors; every reply is the request as it was sent."""

    welcomes_with_frame: bool = False
    round_trips: frozenset[str] = frozenset({"ping", "heartbeat", "protocol_ping"})
    identified: str | None = "echo"
    sequences: frozenset[str] = frozenset()
    operations: frozenset[str] | None = None

    def read(self, payload: bytes | str) -> Message:
        """A JSON object with an `id` is the reply to the request of that id."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return _MALFORMED
        name = frame.get("id") if type(frame) is dict else None
        return Message(Kind.REPLY, "echo", name) if type(name) is str else _NOISE

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """Any operation is echoed."""
        name = str(number)
        frame = {"op": operation, "id": name, "content": _content(size)}
        return Request(orjson.dumps(frame), "echo", name)

    def pong(self) -> bytes | None:
        """An echo server does not ask."""
        return None

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """A bearer header if there is a token; nothing is expected back."""
        return Credentials(headers=(("Authorization", f"Bearer {token.value}"),) if token else ())


PROTOCOLS: Final[dict[str, Callable[[], TargetProtocol]]] = {"staging": Staging, "echo": Echo}


def guard(protocol: Any, name: str) -> None:
    """Make the faults of a user's protocol object sentences: what its methods raise, and what they should not return.

    What is raised may hold what the target sent, a token too: the sentence names the place and not the text.
    """
    for method, returned in _RETURNS.items():
        call = getattr(protocol, method, None)
        if callable(call):
            with contextlib.suppress(AttributeError):  # a class with slots keeps its methods as they are
                setattr(protocol, method, _guarded(call, f"--protocol {name!r}: {method}", returned))


def _guarded(call: Callable[..., Any], what: str, returned: tuple[type, ...]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            found = call(*args, **kwargs)
        except Exception as error:
            raise ProtocolFault(
                f"{what} raised {type(error).__name__}{_place_of(error)}; "
                "a protocol class never raises for what the target sends."
            ) from None
        if not isinstance(found, returned):
            words = " or ".join("None" if kind is type(None) else kind.__name__ for kind in returned)
            raise ProtocolFault(f"{what} returned a {type(found).__name__}, but it must return {words}.")
        return found

    return guarded


def _place_of(error: Exception) -> str:
    """In which file and line it was raised, as far as its frames say."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f" ({Path(last[0].filename).name}, line {last[0].lineno})" if last else ""


_RETURNS: Final[dict[str, tuple[type, ...]]] = {
    "read": (Message,),
    "request": (Request,),
    "pong": (bytes, type(None)),
    "credentials": (Credentials,),
    "refusal_of_close": (Refusal, type(None)),
    "refusal_of_status": (Refusal, type(None)),
}


@lru_cache(maxsize=8)
def load_protocol(name: str) -> TargetProtocol:
    """The one protocol object for `staging`, `echo` or `package.module:Class`.

    Raises:
        ConfigError: If there is none of that name, or it lacks a part.
    """
    if ":" not in name:
        if name not in PROTOCOLS:
            raise unknown_name("--protocol", name, [*PROTOCOLS, "package.module:Class"])
        return PROTOCOLS[name]()
    module_name, _, class_name = name.partition(":")
    try:
        made = getattr(importlib.import_module(module_name), class_name)()
    except Exception as error:  # of somebody else's module: whatever it raises
        raise ConfigError(
            f"--protocol {name!r} cannot be loaded ({type(error).__name__}: {error}): "
            "name a class without arguments in a module that can be imported from here."
        ) from error
    missing = [part for part in _PARTS if not hasattr(made, part)]
    if missing:
        raise ConfigError(
            f"--protocol {name!r} lacks {', '.join(missing)}: "
            "a protocol class has all that scenarios.protocol.TargetProtocol names."
        )
    guard(made, name)
    protocol: TargetProtocol = made
    return protocol


def operations_of(protocol: TargetProtocol) -> frozenset[str] | None:
    """The requests that a protocol class names in `operations`; None = any word (a class may have none)."""
    named: frozenset[str] | None = getattr(protocol, "operations", None)
    return named


_PARTS: Final = (
    *("welcomes_with_frame", "round_trips", "identified", "sequences"),
    *("read", "request", "pong", "credentials"),
)
