"""websockets' own asyncio client, which also tells what `recv` does not."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from time import perf_counter
from typing import Any, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Response

from scenarios.clients.own_end import OwnEnd
from scenarios.clients.websockets_masks import share_masking_keys

share_masking_keys()


class Listener(Protocol):
    """Who is told."""

    def secured(self, now: float) -> None:
        """TCP is there and TLS, if any, is done."""

    def received(self, now: float) -> None:
        """Bytes came; what they bring is reported after this."""

    def pong(self, payload: bytes) -> None:
        """A pong frame came."""

    def heard(self) -> None:
        """A close frame came, or bytes that break the protocol; see the library's `protocol`."""


class SeenConnection(ClientConnection):
    """The library's connection.

    Attributes:
        listener, end: Set by whoever makes it.
        is_asked_for_certificate: Whether the server asked for a client certificate that this client does not have.
        kinds: Opcodes of the messages that `recv` has not returned yet.
        lost: The error that ended the connection, if it was one.
        last_data_at, responded_at: When bytes came last, and the response (monotonic seconds).
    """

    listener: Listener
    end: OwnEnd

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kinds: deque[Opcode] = deque()
        self.lost: Exception | None = None
        self.last_data_at = -math.inf
        self.responded_at = 0.0
        self.is_asked_for_certificate = False
        self._kind = Opcode.TEXT
        self._is_fragmented = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP and TLS are done."""
        seen = transport.get_extra_info("ssl_object")
        self.is_asked_for_certificate = getattr(seen, "is_asked_for_certificate", False)
        super().connection_made(transport)
        self.listener.secured(perf_counter())
        # uvloop's transports are none of asyncio's classes.
        self.end.writes_with(cast(asyncio.WriteTransport, transport).get_write_buffer_size)
        self.end.reads_with(self.is_mid_message)
        if seen is not None:
            self.end.taken_bytes = None

    def data_received(self, data: bytes) -> None:
        """Bytes came; a broken frame is reported at once, and not when the peer has closed."""
        self.last_data_at = perf_counter()
        self.end.took(len(data))
        self.listener.received(self.last_data_at)
        super().data_received(data)
        if self.protocol.parser_exc is not None or self.protocol.close_rcvd is not None:
            self.listener.heard()

    def process_event(self, event: Any) -> None:
        """The response, a message for `recv`, or a control frame."""
        super().process_event(event)
        if isinstance(event, Response):
            self.responded_at = perf_counter()
            return
        assert isinstance(event, Frame)
        if event.opcode in DATA_OPCODES:
            self._is_fragmented = not event.fin
            if event.opcode is not Opcode.CONT:
                self._kind = event.opcode
            if event.fin:
                self.kinds.append(self._kind)
        elif event.opcode is Opcode.PONG:
            self.listener.pong(bytes(event.data))

    def is_mid_message(self) -> bool:
        """Whether a frame, or a message of several, has begun to come and is not whole."""
        return bool(self.protocol.reader.buffer) or self._is_fragmented

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, with its error if it was one."""
        self.lost = exc
        super().connection_lost(exc)


class Connecting(connect):
    """The library's `connect`; no redirect is followed, it would be another target."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The redirect itself, as the failure that it is here."""
        return exc
