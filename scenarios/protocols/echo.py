"""A language for echo servers: whatever is sent comes back, as text or as binary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from scenarios.plan import Token
from scenarios.protocols.shape import (
    MALFORMED,
    NOISE,
    Credentials,
    Kind,
    Message,
    Request,
    bearer,
    content_of,
    lines_of,
)


class Echo:
    """A plain JSON echo: no welcome frame, no errors; every reply is the request as it was sent.

    Text that does not even begin as JSON is no reply and no fault: public echo servers greet with a line of words.
    """

    welcomes_with_frame: bool = False
    round_trips: frozenset[str] = frozenset({"ping", "heartbeat", "protocol_ping"})
    identified: str | None = "echo"
    sequences: frozenset[str] = frozenset()
    operations: frozenset[str] | None = None
    usual: Mapping[str, float] = {"ping": 3.0, "chat": 1.0}

    def read(self, payload: bytes | str) -> Message:
        """A JSON object with an `id` is the reply to the request of that id."""
        try:
            frame = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return MALFORMED if payload[:1] in _JSON_BEGINS_WITH else NOISE
        name = frame.get("id") if type(frame) is dict else None
        return Message(Kind.REPLY, "echo", name) if type(name) is str else NOISE

    def read_all(self, payload: bytes | str) -> Sequence[Message]:
        """Several replies may come in one frame, each on its line."""
        return lines_of(payload, self.read)

    def read_binary(self, payload: bytes) -> Message:
        """Some servers send back in binary what came as text."""
        return self.read(payload)

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
        return bearer(token)


_JSON_BEGINS_WITH = (b"{", b"[", "{", "[")
