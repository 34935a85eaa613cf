"""A language for servers whose messages are JSON objects with a type and an id, under names that options give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from scenarios.plan import USUAL_FIELDS, MessageFields, Token
from scenarios.protocols.basics import Basics
from scenarios.protocols.refusing import refusal_of
from scenarios.protocols.shape import (
    MALFORMED,
    NOISE,
    Credentials,
    Kind,
    Message,
    Opening,
    Request,
    Welcome,
    bearer,
    content_of,
    lines_of,
)

# Where the token goes in an opening.
TOKEN_PLACE: Final = "{token}"


class JsonMessages(Basics):
    """Each message is a JSON object; what names its id answers that request.

    Where the server names no ids (`--message-id-field ''`), any message of a type answers the oldest request. Otherwise
    one without an id is a push, but for a `pong`.
    """

    round_trips: frozenset[str] = frozenset({"ping", "protocol_ping"})
    usual: Mapping[str, float] = {"ping": 1.0}
    heartbeat: str = "ping"

    def __init__(self, fields: MessageFields = USUAL_FIELDS) -> None:
        self.welcomes_with_frame = bool(fields.welcome_type)
        self._fields = fields

    def openings(self, token: Token | None) -> Sequence[Opening]:
        """What `--opening` says, with the token in its place."""
        text = self._fields.opening
        if not text:
            return ()
        # The template is JSON as a rule: a token has no character that would have to be escaped in it.
        return (Opening(text.replace(TOKEN_PLACE, token.value if token else "").encode()),)

    def read(self, payload: bytes | str) -> Message:
        """Classify one message by its type and its id."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return MALFORMED
        if type(frame) is not dict:
            return NOISE
        fields = self._fields
        kind = frame.get(fields.type_field)
        name = frame.get(fields.id_field) if fields.id_field else None
        if kind == fields.welcome_type and kind:
            return Message(Kind.WELCOME, kind, welcome=Welcome())
        identity = name if type(name) is str else str(name) if type(name) is int else None
        if kind == "error" or frame.get("error"):
            error = frame.get("error")
            return Message(Kind.ERROR, id=identity, error=refusal_of(error if isinstance(error, dict) else frame))
        if identity is not None:
            return Message(Kind.REPLY, "reply", identity)
        if type(kind) is not str:
            return NOISE
        if kind == "ping":
            return Message(Kind.PING, answer=orjson.dumps({fields.type_field: "pong"}))
        return Message(Kind.REPLY, "reply") if kind == "pong" or not fields.id_field else Message(Kind.PUSH, kind)

    def read_all(self, payload: bytes | str) -> Sequence[Message]:
        """Several messages may come in one frame, each on its line."""
        return lines_of(payload, self.read)

    def read_binary(self, payload: bytes) -> Message:
        """JSON may come in binary frames, too."""
        return self.read(payload)

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """The operation is the message's type."""
        fields, name = self._fields, str(number)
        frame: dict[str, Any] = {fields.type_field: operation}
        if fields.id_field:
            frame[fields.id_field] = name
        if size:
            frame["content"] = content_of(size)
        return Request(orjson.dumps(frame), "reply", name if fields.id_field else None)

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """A bearer header; none where the opening carries the token."""
        return Credentials() if TOKEN_PLACE in self._fields.opening else bearer(token)
