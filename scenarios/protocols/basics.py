"""What most protocol classes have alike; a class of a user's may begin with it."""

from __future__ import annotations

from collections.abc import Mapping

from scenarios.plan import Token
from scenarios.protocols.shape import NOISE, Credentials, Message, bearer


class Basics:
    """A protocol without a welcome, whose replies name their requests; what it asks only its class can say.

    Until that says more, sessions send nothing but pings of the WebSocket itself, which every server answers.
    """

    welcomes_with_frame: bool = False
    round_trips: frozenset[str] = frozenset({"protocol_ping"})
    identified: str | None = None
    sequences: frozenset[str] = frozenset()
    operations: frozenset[str] | None = None
    usual: Mapping[str, float] = {"protocol_ping": 1.0}
    heartbeat: str = "protocol_ping"

    def read(self, payload: bytes | str) -> Message:
        """A text message means nothing to a class that reads binary ones only."""
        return NOISE

    def pong(self) -> bytes | None:
        """Pings are answered by what they say, or there are none."""
        return None

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """A bearer header."""
        return bearer(token)
