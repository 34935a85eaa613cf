"""What to set for a soak of a server, from what one connection has shown of it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import orjson

from attempts.schema import Attempt
from scenarios.first_look.transcript import Frame, plain
from scenarios.plan import USUAL_FIELDS, MessageFields
from scenarios.protocols.graphql import SUBPROTOCOL
from scenarios.protocols.shape import Kind
from scenarios.rfc6455 import BINARY, TEXT
from scenarios.session.steps import PROTOCOL_PING

# Under these names servers give the type of a message, the commonest first.
TYPE_FIELDS: Final = ("type", "kind", "event", "action", "op", "cmd", "command", "msg", "method", "t")
# OpenSSL's word for bytes that are no TLS, and the connect's for bytes that are no HTTP.
_NO_TLS: Final = "WRONG_VERSION_NUMBER"
_NO_HTTP: Final = "no HTTP response"
_SOCKETIO: Final = "--protocol socketio, and the path /socket.io/ in the URL"
_MOST_NAME: Final = 40
# So many different types of messages are shown.
_MOST_TYPES: Final = 3
# What a name of `--operations` is, where it is no message's type.
_OPERATIONS: Final = {
    "jsonrpc": "a method",
    "socketio": "an event that the server acknowledges",
    SUBPROTOCOL: "a field of the schema's queries",
}
_OWN_CLASS: Final = "a class of your own (docs/protocols.md)"


class Look(NamedTuple):
    """What was asked for, and what was seen.

    Attributes:
        protocol: As for `--protocol`.
        fields: What `json` was told of the messages.
        path: Of the URL.
        has_token: Whether the connection came with a token.
        frames: All of them, oldest first.
        rows: What the session wrote down: its connect, its exchanges, its hold, its close.
    """

    protocol: str
    fields: MessageFields
    path: str
    has_token: bool
    frames: Sequence[Frame]
    rows: Sequence[Attempt]


def advice(look: Look) -> list[str]:
    """Sentences, each with an option to set; what matters most comes first. Empty: nothing is amiss."""
    connect = next((row for row in look.rows if row.kind == "connect"), None)
    found = list(_about_messages(look))
    if connect is not None and connect.outcome != "ok":
        found += _about_connect(look, connect)
    else:
        found += _about_end(look)
        if not found:
            found += _about_exchanges(look)
    if not found:
        found += _about_what_is_left(look)
    return list(dict.fromkeys(found))


def unasked(look: Look) -> str | None:
    """What is wanted for a session to ask something of the application; None = it did, and was answered."""
    asked = {row.operation for row in look.rows if row.kind == "exchange"}
    if not asked:
        return "There was no time for a request: give more --seconds."
    if asked - {PROTOCOL_PING} - ({"ping"} if look.protocol == SUBPROTOCOL else set()):
        return None
    name = _OPERATIONS.get(look.protocol, "a request that the server answers")
    return f"--operations is wanted, such as --operations NAME=3,OTHER=1: a name is {name}."


def _about_connect(look: Look, connect: Attempt) -> Iterator[str]:
    """Why there was no session."""
    status, code = connect.http_status, connect.close_code
    if connect.phase in ("dns", "tcp"):
        yield "Nothing could be reached there: look at the host and the port of the URL."
    elif connect.phase == "tls" and (connect.cause != "tls" or _NO_TLS in (connect.detail or "")):
        yield "There is no TLS at that port: ws:// in place of wss://, or another port."
    elif connect.cause == "tls":
        yield "TLS failed: a certificate of your own authority is trusted with --ca-file."
    elif connect.cause == "subprotocol":
        yield _about_subprotocol(look, connect.detail or "")
    elif connect.cause == "auth_rejected":
        yield _about_credentials(look, f"HTTP {status}" if status else f"Close {code}" if code else "An error message")
    elif code is not None:
        yield _about_close(look, connect)
    elif status in (400, 404, 405, 426) or status in range(200, 400):
        yield (
            f"HTTP {status}: there is no WebSocket at {plain(look.path)}: give its path in the URL "
            f"(a Socket.IO server: {_SOCKETIO})."
        )
    elif status == 403:
        yield "HTTP 403: refused without being asked for a token: it may look at the Origin header, or at the token."
    elif status is not None:
        yield f"HTTP {status}: the server answers, and gives no WebSocket now."
    elif connect.phase == "upgrade" and _NO_HTTP in (connect.detail or ""):
        yield "That is no HTTP server: look at the port of the URL."
    elif connect.phase == "upgrade":
        yield (
            f"The upgrade was not answered: that is no HTTP server, or is the path {plain(look.path)} right? "
            f"A Socket.IO server: {_SOCKETIO}."
        )
    elif connect.phase == "welcome" and connect.outcome == "timeout":
        yield f"--protocol {look.protocol} waits for a message that did not come: try another protocol."


def _about_subprotocol(look: Look, detail: str) -> str:
    if SUBPROTOCOL in detail and look.protocol != SUBPROTOCOL:
        return f"It chose the subprotocol {SUBPROTOCOL}: --protocol {SUBPROTOCOL}."
    return (
        f"The subprotocols do not agree ({detail}): another --protocol, or a class of your own whose credentials offer "
        "what the server wants (docs/protocols.md)."
    )


def _about_credentials(look: Look, how: str) -> str:
    if look.has_token:
        return f"{how}: the server refuses this token: see --token-source, and how it travels (docs/credentials.md)."
    return f"{how}: give a token: --token-source file:PATH, an http(s) URL, or mint with a key."


def _about_end(look: Look) -> Iterator[str]:
    """Why the session ended before its time."""
    hold = next((row for row in look.rows if row.kind == "hold"), None)
    if hold is None or hold.outcome == "ok" or hold.close_code is None:
        return
    if hold.cause == "auth_rejected":
        yield _about_credentials(look, f"Close {hold.close_code}")
    else:
        yield _about_close(look, hold)


def _about_close(look: Look, row: Attempt) -> str:
    """What the server's close code says, where it is not about credentials."""
    code, is_graphql = row.close_code, look.protocol == SUBPROTOCOL
    if code == 4408 and not is_graphql:
        return (
            f"Close 4408: the server waits for an opening message: --protocol {SUBPROTOCOL} if it speaks GraphQL, else "
            "--protocol json with --opening."
        )
    if code in (4400, 4406) and not is_graphql:
        return f"Close {code}: GraphQL servers end so what is not theirs: --protocol {SUBPROTOCOL}."
    if code == 4406:
        return f"Close 4406: it speaks another subprotocol than {SUBPROTOCOL}: {_OWN_CLASS}."
    if code == 1003:
        return (
            "Close 1003: the server takes binary messages only, or text only: a class of your own, whose requests are "
            "is_binary or not, and which has read_binary (docs/protocols.md)."
        )
    return f"The server closed the session ({code} {plain(row.detail or '')}".rstrip() + ")."


def _about_what_is_left(look: Look) -> Iterator[str]:
    """What no option is known to mend, so that nothing ends amiss without a word."""
    for row in look.rows:
        if row.outcome in ("failed", "timeout"):
            said = f" ({plain(row.detail)})" if row.detail else ""
            yield (
                f"{row.operation}: {row.cause} in phase {row.phase}{said}: no option is known to mend that, and the "
                "server's own log may say why."
            )


def _about_messages(look: Look) -> Iterator[str]:
    """What the server's own messages give away."""
    texts = [frame.payload for frame in look.frames if frame.opcode == TEXT and not frame.is_ours]
    objects = [found for text in texts if isinstance(found := _json(text), dict)]
    if any(text.startswith(b'0{"sid"') for text in texts) and look.protocol != "socketio":
        yield f"It speaks Engine.IO: {_SOCKETIO}."
    elif any(found.get("jsonrpc") == "2.0" for found in objects) and look.protocol != "jsonrpc":
        yield "It speaks JSON-RPC: --protocol jsonrpc, and --operations with the names of methods."
    elif texts and not objects and look.protocol == "json" and not any(_json(text) is not None for text in texts):
        # What came back for a JSON request is no echo.
        yield f"Its messages are no JSON: {_OWN_CLASS}" + (
            "." if _behind_ours(look.frames) else ", or --protocol echo."
        )
    elif look.protocol == "json":
        yield from _about_fields(look, objects)
    elif not _is_understood(look.frames):
        yield from _about_noise(look, objects)
    if any(frame.opcode == BINARY and not frame.is_ours and not _is_understood([frame]) for frame in look.frames):
        yield "It sends binary messages: a class that has read_binary can read them (docs/protocols.md)."


def _is_understood(frames: Sequence[Frame]) -> bool:
    """Whether the protocol made something of a message of the server's."""
    return any(message.kind not in (Kind.NOISE, Kind.MALFORMED) for frame in frames for message in frame.messages)


def _about_noise(look: Look, objects: list[dict[str, Any]]) -> Iterator[str]:
    """Whose messages these may be, of which the protocol understands none."""
    if look.protocol == "echo" and _behind_ours(look.frames):
        yield f"It does not echo: what comes back is not what was sent, so another --protocol, or {_OWN_CLASS}."
    if not objects:
        return
    field = _type_field(objects)
    if field is None:
        yield (
            f"--protocol {look.protocol} understands none of its messages, JSON with the fields "
            f"{_fields_of(objects)}: --protocol json, and --message-type-field with the one that names the type."
        )
        return
    kinds = dict.fromkeys(found[field] for found in objects if type(found.get(field)) is str)
    shown = ", ".join(repr(plain(kind[:_MOST_NAME])) for kind in list(kinds)[:_MOST_TYPES])
    option = "" if field == USUAL_FIELDS.type_field else f" --message-type-field {field}"
    yield (
        f"--protocol {look.protocol} understands none of its messages, JSON whose {field!r} is {shown}: "
        f"--protocol json{option}."
    )


def _type_field(objects: list[dict[str, Any]]) -> str | None:
    """The field in which the messages name their type by a word."""
    return next((name for name in TYPE_FIELDS if any(type(found.get(name)) is str for found in objects)), None)


def _fields_of(objects: list[dict[str, Any]]) -> str:
    """The fields of the first message."""
    return ", ".join(repr(plain(name[:_MOST_NAME])) for name in objects[0]) or "none"


def _behind_ours(frames: Sequence[Frame]) -> list[bytes]:
    """The server's text messages behind our first one."""
    ours = next((n for n, frame in enumerate(frames) if frame.is_ours and frame.opcode == TEXT), len(frames))
    return [frame.payload for frame in frames[ours:] if frame.opcode == TEXT and not frame.is_ours]


def _about_fields(look: Look, objects: list[dict[str, Any]]) -> Iterator[str]:
    """How the messages of a JSON server name what matters."""
    fields = look.fields
    if objects and not any(fields.type_field in found for found in objects):
        field = _type_field(objects)
        if field is None:
            if not _is_understood(look.frames):
                yield (
                    f"None of its messages has a type in {fields.type_field!r}; their fields are "
                    f"{_fields_of(objects)}: --message-type-field with the one whose value is a word for the type, or "
                    f"{_OWN_CLASS}."
                )
            return
        yield f"Its messages name their type in {field!r}: --message-type-field {field}."
        fields = MessageFields(type_field=field, id_field=fields.id_field, welcome_type=fields.welcome_type)
    first = _first_word(look.frames)
    kind = first.get(fields.type_field) if first else None
    if type(kind) is str and kind.isprintable() and len(kind) <= _MOST_NAME and not fields.welcome_type:
        yield f"The server sends a frame of type {kind!r} first: --welcome-type {shlex.quote(kind)}."
    if fields.id_field and _is_nameless(look, fields):
        yield (
            f"Its replies repeat no {fields.id_field!r}: --message-id-field with the name of its own, or with '' "
            "if it knows none (any message then answers the oldest request)."
        )


def _first_word(frames: Sequence[Frame]) -> dict[str, Any] | None:
    """The server's first message, if it came before ours."""
    spoken = next((frame for frame in frames if frame.opcode == TEXT), None)
    found = None if spoken is None or spoken.is_ours else _json(spoken.payload)
    return found if isinstance(found, dict) else None


def _is_nameless(look: Look, fields: MessageFields) -> bool:
    """Whether requests were not answered although messages without an id came behind each of them."""
    exchanges = [row for row in look.rows if row.kind == "exchange" and row.outcome != "aborted"]
    if not exchanges or any(row.outcome == "ok" for row in exchanges):
        return False
    behind = [_json(payload) for payload in _behind_ours(look.frames)]
    return any(isinstance(found, dict) and fields.id_field not in found for found in behind)


def _about_exchanges(look: Look) -> Iterator[str]:
    """What the server made of the requests."""
    exchanges = [row for row in look.rows if row.kind == "exchange"]
    for row in exchanges:
        if row.outcome == "timeout":
            yield f"{row.operation!r} was not answered: name requests that the server knows with --operations."
        elif row.outcome == "failed" and row.cause in ("client_error", "server_error"):
            said = f" ({plain(row.detail)})" if row.detail else ""
            yield f"{row.operation!r} was answered by an error{said}: name other requests with --operations."
    if any(message.kind is Kind.MALFORMED for frame in look.frames for message in frame.messages):
        yield "This protocol cannot read some messages: try another one, or a class of your own (docs/protocols.md)."


def _json(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
