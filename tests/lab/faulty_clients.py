"""Protocol classes that plant a fault in the client that loads them: it is the client's, and the server is fine.

A soak takes one by its name (`--protocol tests.lab.faulty_clients:Deaf`), in every process that runs sessions.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any, Final
from weakref import WeakKeyDictionary

from gevent.monkey import get_original

from scenarios.clients.on_asyncio import library
from scenarios.clients.on_gevent import stream
from scenarios.protocols.echo import Echo
from scenarios.protocols.shape import Message

# Longer than a budget and the check behind it.
FAULT_S: Final = 4.0
# The time in which all is well: so long that the loop is late in few seconds, and the run is not void; and of sockets.
LOOP_WELL_S: Final = 16.0
WELL_S: Final = 4.0
# One connection in so many has the fault.
ONE_IN: Final = 2

_sleep = get_original("time", "sleep")


class Blocking(Echo):
    """A class whose work on one message now and then takes seconds: no session of the process goes on meanwhile."""

    def __init__(self) -> None:
        self._blocks_at = time.perf_counter() + LOOP_WELL_S

    def read(self, payload: bytes | str) -> Message:
        """As an echo's, but for the first message after each `LOOP_WELL_S`."""
        if time.perf_counter() > self._blocks_at:
            _sleep(FAULT_S)
            self._blocks_at = time.perf_counter() + LOOP_WELL_S
        return super().read(payload)


class Deaf(Echo):
    """An echo's language, and drivers that leave some of their sockets unread now and then, while their loop runs."""

    def __init__(self) -> None:
        _deafen_gevent()
        _deafen_asyncio()


class _Never:
    """A watcher of a socket that is never ready."""

    def start(self, *_: object) -> None:
        """Watch nothing."""

    def stop(self) -> None:
        """Watch nothing any more."""


def _deafen_gevent() -> None:
    """Some streams are not read for the last part of each period."""
    reads, reads_now = stream.Stream.read, stream.Stream.read_now
    dealt = itertools.count()
    first_at: WeakKeyDictionary[stream.Stream, float] = WeakKeyDictionary()

    def deaf_until(it: stream.Stream) -> float:
        """The moment until which nothing is read; 0 = it is read."""
        now = time.perf_counter()
        if it not in first_at:
            first_at[it] = now if next(dealt) % ONE_IN == 0 else -1.0
        since = first_at[it]
        period_s = WELL_S + FAULT_S
        return 0.0 if since < 0 or (now - since) % period_s < WELL_S else now + period_s - (now - since) % period_s

    def read(self: stream.Stream, until: float) -> bytes | None:
        if ends_at := deaf_until(self):
            self._patience.wait(_Never(), min(until, ends_at))
            return None
        return reads(self, until)

    def read_now(self: stream.Stream) -> bytes | None:
        return None if deaf_until(self) else reads_now(self)

    stream.Stream.read = read  # type: ignore[method-assign]
    stream.Stream.read_now = read_now  # type: ignore[method-assign]


def _deafen_asyncio() -> None:
    """Some transports are paused, as for a peer that is too fast, and resumed too late."""
    made = library.SeenConnection.connection_made
    dealt = itertools.count()

    def connection_made(self: library.SeenConnection, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        if next(dealt) % ONE_IN == 0:
            asyncio.get_running_loop().call_later(WELL_S, pause, transport)

    def pause(transport: Any) -> None:
        if not transport.is_closing():
            transport.pause_reading()
            asyncio.get_running_loop().call_later(FAULT_S, resume, transport)

    def resume(transport: Any) -> None:
        if not transport.is_closing():
            transport.resume_reading()
            asyncio.get_running_loop().call_later(WELL_S, pause, transport)

    library.SeenConnection.connection_made = connection_made  # type: ignore[method-assign]
