"""GraphQL over WebSocket, subprotocol `graphql-transport-ws` (as npm's graphql-ws and many others speak it).

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md: the client begins with `connection_init` and is ready
at `connection_ack`; an operation is the name of a field, whose query is `{ field }`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from scenarios.plan import Token
from scenarios.protocols.basics import Basics
from scenarios.protocols.refusing import refusal_of
from scenarios.protocols.shape import (
    MALFORMED,
    NOISE,
    Credentials,
    Kind,
    Message,
    Opening,
    Refusal,
    Request,
    Welcome,
)

SUBPROTOCOL: Final = "graphql-transport-ws"
# Bad request, subprotocol not acceptable, initialisation timeout, subscriber exists, too many initialisations.
_CLIENTS_CODES: Final = frozenset({4400, 4406, 4408, 4409, 4429})


class GraphQLTransportWS(Basics):
    """Queries of one field each; the wait ends with their first result."""

    welcomes_with_frame: bool = True
    round_trips: frozenset[str] = frozenset({"ping", "protocol_ping"})
    # `__typename` is a field of every schema (GraphQL specification, section 4.2).
    usual: Mapping[str, float] = {"ping": 3.0, "__typename": 1.0}
    heartbeat: str = "ping"

    def openings(self, token: Token | None) -> Sequence[Opening]:
        """`connection_init`, whose payload carries the token unless the upgrade does."""
        frame: dict[str, Any] = {"type": "connection_init"}
        if token is not None:
            frame["payload"] = {"Authorization": f"Bearer {token.value}"}
        return (Opening(orjson.dumps(frame)),)

    def read(self, payload: bytes | str) -> Message:
        """Classify one message by its type."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return MALFORMED
        if type(frame) is not dict:
            return MALFORMED
        kind, name = frame.get("type"), frame.get("id")
        identity = name if type(name) is str else None
        if kind == "next":
            return self._result(frame.get("payload"), identity)
        if kind == "pong" or kind == "complete":
            return Message(Kind.REPLY, kind, identity)
        if kind == "ping":
            answer = {key: value for key, value in frame.items() if key == "payload"}
            return Message(Kind.PING, answer=orjson.dumps({"type": "pong", **answer}))
        if kind == "connection_ack":
            return Message(Kind.WELCOME, kind, welcome=Welcome())
        if kind == "error":
            return Message(Kind.ERROR, id=identity, error=_refusal(frame.get("payload"), is_clients=True))
        return NOISE

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """The query of a field, or the protocol's own ping; a query has no content to which a size would apply."""
        if operation == "ping":
            return Request(b'{"type":"ping"}', "pong")
        name = str(number)
        frame = {"id": name, "type": "subscribe", "payload": {"query": f"{{ {operation} }}"}}
        return Request(orjson.dumps(frame), "next", name)

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """The subprotocol; the token is in `connection_init`."""
        return Credentials(subprotocols=(SUBPROTOCOL,), expected_subprotocol=SUBPROTOCOL)

    def refusal_of_close(self, code: int | None, reason: str) -> Refusal | None:
        """The codes that blame the client; 4401 and 4403 mean what they mean everywhere."""
        return Refusal("", False, reason, is_clients=True) if code in _CLIENTS_CODES else None

    @staticmethod
    def _result(payload: Any, identity: str | None) -> Message:
        errors = payload.get("errors") if type(payload) is dict else None
        if errors and payload.get("data") is None:
            return Message(Kind.ERROR, id=identity, error=_refusal(errors, is_clients=False))
        return Message(Kind.REPLY, "next", identity)


def _refusal(errors: Any, *, is_clients: bool) -> Refusal:
    """The first error; its code is among its extensions, where servers put one."""
    first = errors[0] if type(errors) is list and errors else errors
    error = dict(first) if type(first) is dict else {"message": str(first)}
    extensions = error.get("extensions")
    if type(extensions) is dict:
        error.setdefault("code", extensions.get("code"))
    return refusal_of(error, is_clients=is_clients)
