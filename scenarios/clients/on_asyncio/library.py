"""websockets' own asyncio client, which also tells what `recv` does not."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from time import perf_counter
from typing import Any, Final, Protocol, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import Response

from scenarios.clients.intake import MOST_UNSENT_BYTES, Intake, LoopShare
from scenarios.clients.own_end import OwnEnd
from scenarios.clients.websockets_masks import share_masking_keys
from scenarios.clients.wire import Fragments

share_masking_keys()

# No loop reads less at a time if there is more: a read that is not shorter may leave something.
_FULL_READ_BYTES: Final = 65_536


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
        is_behind: Whoever takes the messages rests: more of them come than are taken; set by it.
        kinds: Opcodes of the messages that `recv` has not returned yet.
        lost: The error that ended the connection, if it was one.
        last_data_at, responded_at: When bytes came last, and the response (monotonic seconds).
    """

    listener: Listener
    end: OwnEnd

    def __init__(self, *args: Any, share: LoopShare, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kinds: deque[Opcode] = deque()
        self.lost: Exception | None = None
        self.last_data_at = -math.inf
        self.responded_at = 0.0
        self.is_asked_for_certificate = False
        self.is_behind = False
        self._fragments = Fragments()
        self._intake = Intake(share, self._parse)
        self._turn: asyncio.TimerHandle | None = None
        self._is_library_full = False
        self._is_reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP and TLS are done."""
        seen = transport.get_extra_info("ssl_object")
        self.is_asked_for_certificate = getattr(seen, "is_asked_for_certificate", False)
        super().connection_made(transport)
        self.recv_messages.pause = self._library_is_full
        self.recv_messages.resume = self._library_has_room
        self.listener.secured(perf_counter())
        # uvloop's transports are none of asyncio's classes.
        self.end.writes_with(cast(asyncio.WriteTransport, transport).get_write_buffer_size)
        self.end.reads_with(self.is_mid_message)
        if seen is not None:
            self.end.taken_bytes = None

    def data_received(self, data: bytes) -> None:
        """Bytes came; a broken frame is reported at once, and not when the peer has closed."""
        self.seen(data)
        self.take(data, more_waits=len(data) >= _FULL_READ_BYTES)

    def seen(self, data: bytes) -> None:
        """So much came, whatever it is."""
        self.last_data_at = perf_counter()
        self.end.took(len(data))
        self.listener.received(self.last_data_at)

    def take(self, data: bytes, *, more_waits: bool) -> None:
        """Hand these on to the library, in turns (`scenarios.clients.intake`)."""
        if self._intake.has_more:  # a transport may have had it in hand when it was told to stop reading
            self._intake.append(data)
        else:
            self._intake.take(data, more_waits=more_waits)
        self._regulate()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.parser_exc is not None or self.protocol.close_rcvd is not None:
            self.listener.heard()

    def _go_on(self) -> None:
        """The next turn, unless the library or the peer must take something first."""
        self._turn = None
        if not self._is_held():
            self._intake.go_on()
        self._regulate()

    def _is_held(self) -> bool:
        is_unread = self.paused and self.transport.get_write_buffer_size() > MOST_UNSENT_BYTES
        return self._is_library_full or is_unread

    def _regulate(self) -> None:
        """Read, or have the next turn, or wait until somebody has taken something."""
        intake = self._intake
        self.end.is_flooded = intake.is_flooded or self.is_behind
        if self.transport.is_closing():
            return
        is_resting = intake.is_flooded and perf_counter() < intake.rests_until
        if (intake.has_more or is_resting) and self._turn is None and not self._is_held():
            self._turn = self.loop.call_later(max(0.0, intake.rests_until - perf_counter()), self._go_on)
        must_read = not (intake.has_more or is_resting or self._is_held())
        if must_read != self._is_reading:
            self._is_reading = must_read
            (self.transport.resume_reading if must_read else self.transport.pause_reading)()

    def _library_is_full(self) -> None:
        """Its queue has enough messages that nobody has taken."""
        self._is_library_full = True
        self._regulate()

    def _library_has_room(self) -> None:
        """Some were taken. Whoever took them is at work: what is read for it waits for the loop's next turn."""
        self._is_library_full = False
        if not self.transport.is_closing():
            self.loop.call_soon(self._regulate)

    def pause_writing(self) -> None:
        """The peer takes nothing: if that goes on, nothing is read that may ask for more answers."""
        super().pause_writing()
        self._regulate()

    def resume_writing(self) -> None:
        """The peer takes something again."""
        super().resume_writing()
        self._regulate()

    def process_event(self, event: Any) -> None:
        """The response, a message for `recv`, or a control frame.

        Fragments become one frame before the library counts them: its limit is of their number, and other clients'
        is of their bytes.
        """
        if isinstance(event, Frame) and event.opcode in DATA_OPCODES:
            if event.fin and event.opcode is not Opcode.CONT:
                super().process_event(event)
                self.kinds.append(event.opcode)
                return
            whole = self._fragments.add(event.opcode, event.data, fin=event.fin)
            if whole is not None:
                kind = Opcode(whole[0])
                super().process_event(Frame(kind, whole[1]))
                self.kinds.append(kind)
            return
        super().process_event(event)
        if isinstance(event, Response):
            self.responded_at = perf_counter()
        elif event.opcode is Opcode.PONG:
            self.listener.pong(bytes(event.data))

    def is_mid_message(self) -> bool:
        """Whether a frame, or a message of several, has begun to come and is not whole."""
        return bool(self.protocol.reader.buffer) or self._fragments.opcode is not None

    def eof_received(self) -> None:
        """The peer's end. What is left is before it: in TLS it may come although nothing is being read."""
        while self._intake.has_more:
            self._intake.go_on()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, with its error if it was one."""
        self.lost = exc
        if self._turn is not None:
            self._turn.cancel()
        self._intake.end()
        super().connection_lost(exc)


class Connecting(connect):
    """The library's `connect`; no redirect is followed, it would be another target."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The redirect itself, as the failure that it is here."""
        return exc
