"""One connection through the relay: two sockets, and a delayed flow each way between them.

Bytes, the end of a side (FIN) and its abort (RST) all travel through the same line and come out in order:
a half-closed or a reset connection is one at the other end too, one delay later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from scenarios.relay.delay_line import DelayLine, LineQuality
from scenarios.relay.lateness import DelayError

# Bytes that one flow may hold before its sender is told to wait: the product of bandwidth and delay of
# 50 Mbit/s over 160 ms, far above what WebSocket messages need.
MAX_HELD_BYTES: Final = 1_048_576

# l_onoff = 1, l_linger = 0: closing sends RST (socket(7)). On Windows both fields are 16 bits wide.
_LINGER_RST: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class _Mark(Enum):
    """What travels besides bytes."""

    END = "FIN"
    ABORT = "RST"


class Flow:
    """One direction: takes what one socket receives, gives it to the other one when it is due.

    Args:
        line: When things are due.
        error: Learns how late they were given on.
        source: Its reading is paused while the flow is full.
        sink: The socket that things go to.
        ended: Called when the end of the source's bytes has been given on.
    """

    def __init__(
        self,
        line: DelayLine,
        error: DelayError,
        *,
        source: asyncio.Transport,
        sink: asyncio.Transport,
        ended: Callable[[], None],
    ) -> None:
        self._line = line
        self._error = error
        self._source = source
        self._sink = sink
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._held: deque[tuple[float, bytes | _Mark]] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._sink_is_full = False
        self._sink_had_room_at = float("-inf")
        self._source_is_paused = False
        self._is_stopped = False
        self.has_ended = False

    @property
    def holds_bytes(self) -> bool:
        """Whether something that the source sent is not in the hands of the sink's kernel yet."""
        return self._held_bytes > 0 or self._sink.get_write_buffer_size() > 0

    def feed(self, data: bytes) -> None:
        """The source received this."""
        self._held_bytes += len(data)
        self._hold(data, len(data))
        if self._held_bytes > MAX_HELD_BYTES and not self._source_is_paused:
            self._source_is_paused = True
            self._source.pause_reading()

    def end(self) -> None:
        """The source will send no more (FIN)."""
        self._hold(_Mark.END, 0)

    def abort(self) -> None:
        """The source is gone (RST), perhaps after its end."""
        self._hold(_Mark.ABORT, 0)

    def sink_is_full(self, is_full: bool) -> None:
        """The sink's own buffer is full, or has room again: its slowness is not the relay's error."""
        self._sink_is_full = is_full
        if not is_full:
            self._sink_had_room_at = self._loop.time()
            self._give_on()

    def stop(self) -> None:
        """The sink is gone: forget everything."""
        self._is_stopped = True
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _hold(self, thing: bytes | _Mark, size_bytes: int) -> None:
        if self._is_stopped:
            return
        self._held.append((self._line.release_at(self._loop.time(), size_bytes), thing))
        if len(self._held) == 1:
            self._give_on()

    def _give_on(self) -> None:
        """Give on all that is due, and come back when the next thing is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._held and not self._sink_is_full:
            due_at, thing = self._held[0]
            now = self._loop.time()
            if due_at > now:
                self._timer = self._loop.call_at(due_at, self._give_on)
                return
            self._held.popleft()
            self._error.add(now - max(due_at, self._sink_had_room_at))
            self._give(thing)

    def _give(self, thing: bytes | _Mark) -> None:
        if thing is _Mark.ABORT:
            self.stop()
            reset(self._sink)
        elif thing is _Mark.END:
            self.has_ended = True
            if not self._sink.is_closing():
                with contextlib.suppress(OSError):  # reset by its peer, which nobody has read yet
                    self._sink.write_eof()
            self._ended()
        else:
            # Not asked whether it is `bytes`: the Proactor loop gives a bytearray.
            assert not isinstance(thing, _Mark)
            self._sink.write(thing)
            self._held_bytes -= len(thing)
            if self._source_is_paused and self._held_bytes <= MAX_HELD_BYTES // 2:
                self._source_is_paused = False
                self._source.resume_reading()


class Leg(asyncio.Protocol):
    """One socket of a path.

    Attributes:
        out: Where what it receives goes; None until there is a path.
        into: What is given to it.
    """

    def __init__(self) -> None:
        self.out: Flow | None = None
        self.into: Flow | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes for the other side."""
        if self.out is not None:
            self.out.feed(data)

    def eof_received(self) -> bool:
        """The peer will send no more; our own side stays open until the other leg ends, too."""
        if self.out is not None:
            self.out.end()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone: by our own close, or by an abort that the other side must learn of."""
        if self.out is not None and error is not None:
            self.out.abort()
        if self.into is not None:
            self.into.stop()

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        if self.into is not None:
            self.into.sink_is_full(True)

    def resume_writing(self) -> None:
        """It takes more again."""
        if self.into is not None:
            self.into.sink_is_full(False)


def join(
    client: asyncio.Transport,
    target: asyncio.Transport,
    *,
    one_way_s: float,
    quality: LineQuality,
    seed: str,
    error: DelayError,
) -> tuple[Flow, Flow]:
    """The two flows between two open sockets: client to target, target to client.

    When both sides have ended, both sockets are closed.
    """
    for transport in (client, target):
        # asyncio does this itself, but not for what the Proactor loop accepts. A socket that is gone says so when read.
        with contextlib.suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ended() -> None:
        if up.has_ended and down.has_ended:
            client.close()
            target.close()

    def line(direction: str) -> DelayLine:
        return DelayLine(one_way_s, quality, random.Random(f"{seed}/{direction}"))

    up = Flow(line("up"), error, source=client, sink=target, ended=ended)
    down = Flow(line("down"), error, source=target, sink=client, ended=ended)
    return up, down


def reset(transport: asyncio.Transport) -> None:
    """Close so that the peer sees RST; what was not yet sent is dropped."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RST)
    transport.abort()
    if os.name == "nt" and sock is not None:
        # The Proactor loop would shut the socket down before it closes it, and FIN would go out first.
        sock._sock.close()
