"""A language for plain JSON echo servers."""

from __future__ import annotations

import orjson

from scenarios.plan import Token
from scenarios.protocols.shape import MALFORMED, NOISE, Credentials, Kind, Message, Request, content_of


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
            return MALFORMED
        name = frame.get("id") if type(frame) is dict else None
        return Message(Kind.REPLY, "echo", name) if type(name) is str else NOISE

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """Any operation is echoed."""
        name = str(number)
        frame = {"op": operation, "id": name, "content": content_of(size)}
        return Request(orjson.dumps(frame), "echo", name)

    def pong(self) -> bytes | None:
        """An echo server does not ask."""
        return None

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """A bearer header if there is a token; nothing is expected back."""
        return Credentials(headers=(("Authorization", f"Bearer {token.value}"),) if token else ())
