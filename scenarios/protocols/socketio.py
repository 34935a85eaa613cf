"""Socket.IO 5 on Engine.IO 4, over the WebSocket transport alone (`/socket.io/?EIO=4&transport=websocket`).

https://socket.io/docs/v4/engine-io-protocol and https://socket.io/docs/v4/socket-io-protocol. An operation is an event
that the server acknowledges. One digit is the Engine.IO packet, in a message the next one is the Socket.IO packet:

    0{...}  open, the server's first frame        40{...}  connect to the main namespace, or connected
    2       ping, answered by 3                   42[...]  event; 42<id>[...] wants an acknowledgement
    4       message                               43<id>[...]  acknowledgement
                                                  44{...}  the connect is refused
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
    content_of,
)

TRANSPORT: Final = "EIO=4&transport=websocket"
# Packet types, the number of attachments of a binary packet, a namespace, an id, and what is behind them.
_PACKET: Final = re.compile(r"4(\d)(?:\d+-)?(?:(/[^,\[{]*),?)?(\d*)(.*)", re.DOTALL)
_PING: Final = Message(Kind.PING, answer=b"3")
_OPEN: Final = Message(Kind.NOISE, "open")
_LEFT: Final = Message(Kind.ERROR, error=Refusal("disconnect", False, "the server left the namespace"))


class SocketIO(Basics):
    """Events with acknowledgements in the main namespace; events of the server are pushes."""

    welcomes_with_frame: bool = True
    # Which events are acknowledged only the server's maker knows.

    def openings(self, token: Token | None) -> Sequence[Opening]:
        """Connect to the main namespace once the transport is open; `auth.token` unless the upgrade carries it."""
        auth = b"" if token is None else orjson.dumps({"token": token.value})
        return (Opening(b"40" + auth, after="open"),)

    def read(self, payload: bytes | str) -> Message:
        """Classify one packet."""
        text = payload if isinstance(payload, str) else payload.decode("utf-8", "replace")
        if text == "2":
            return _PING
        first = text[:1]
        if first == "0":
            return _OPEN
        if first in ("1", "3", "6") and first:
            return NOISE
        found = _PACKET.fullmatch(text)
        return MALFORMED if found is None else self._packet(found[1], found[3], found[4])

    def read_binary(self, payload: bytes) -> Message:
        """An attachment of a binary event, which itself was the message: it answers nothing, and is understood."""
        return Message(Kind.REPLY, "attachment")

    def request(self, operation: str, *, number: int, size: int = 0) -> Request:
        """Emit an event that the server must acknowledge."""
        event = orjson.dumps([operation, content_of(size)])
        return Request(b"42%d%s" % (number, event), "ack", str(number))

    def credentials(self, token: Token | None, *, transport: str) -> Credentials:
        """The query that names the transport; the token goes with the connect to the namespace."""
        return Credentials(query=TRANSPORT)

    @staticmethod
    def _packet(kind: str, name: str, text: str) -> Message:
        try:
            data: Any = orjson.loads(text) if text else None
        except orjson.JSONDecodeError:
            return MALFORMED
        if kind == "0":
            sid = data.get("sid") if type(data) is dict else None
            return Message(Kind.WELCOME, "connect", welcome=Welcome(sid if type(sid) is str else None))
        if kind in ("2", "5") and type(data) is list:
            return Message(Kind.PUSH, str(data[0]) if data else "")
        if kind in ("3", "6"):
            return Message(Kind.REPLY, "ack", name or None)
        if kind == "4":
            return Message(Kind.ERROR, error=refusal_of(data, is_clients=True))
        return _LEFT if kind == "1" else MALFORMED
