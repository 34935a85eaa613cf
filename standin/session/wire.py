"""One session's socket: reading ahead while the server waits, and every way in which a connection ends.

While the server waits (a delay, the pause between agent events) it goes on reading into an inbox, so that
protocol pings are answered and a departure is noticed.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
from typing import Any, Final, NoReturn

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from standin.faults import Fault
from standin.frames import Frame
from standin.world import Arrival, World, reset

INBOX_LIMIT: Final = 1000
"""Messages read ahead while the server waits; beyond, TCP holds the client back."""


class Over(Exception):
    """The session has ended, and its record says how."""


class Wire:
    """The socket of one session. What is sent to a client that has left goes nowhere, as in the original."""

    def __init__(self, websocket: WebSocket, world: World) -> None:
        self.arrival: Arrival = websocket.scope["state"]["arrival"]
        self.headers: list[tuple[bytes, bytes]] = websocket.scope["headers"]
        self.query: str = websocket.scope["query_string"].decode("latin-1")
        self.say = functools.partial(world.log.say, instance=self.arrival.instance.name, trace=self.arrival.trace)
        self.departed = False
        self.now = world.clock.now
        self.wall_s = world.clock.wall_s
        self._websocket = websocket
        self._world = world
        self._inbox: collections.deque[dict[str, Any]] = collections.deque()
        self._message_s = self.now()
        self._silent = False
        self._age_timer: asyncio.Handle | None = None
        self._idle_timer: asyncio.Handle | None = None

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the upgrade; limits of age and idleness count from here."""
        instance = self.arrival.instance.name
        await self._websocket.accept(subprotocol, [(b"x-server-instance", instance.encode())])
        idle, age = self._world.cuts(self.arrival)
        if age is not None:
            self._age_timer = asyncio.get_running_loop().call_later(age[0], self._cut, "lifetime_cut", age[1])
        if idle is not None:
            self._message_s = self.now()
            self._cut_when_idle(*idle)

    async def wait(self, seconds: float) -> None:
        """Let time pass, reading what comes.

        Raises:
            Over: The client has left and the server stops: nobody waits for the end of this.
        """
        until_s = self.now() + seconds
        while (left_s := until_s - self.now()) > 0:
            if self.departed or len(self._inbox) >= INBOX_LIMIT:
                if await self._world.is_stopping_within(left_s):
                    raise Over
                continue
            with contextlib.suppress(TimeoutError):
                message = await asyncio.wait_for(self._receive(), left_s)
                if not self.departed:
                    self._inbox.append(message)

    async def next_message(self) -> tuple[bytes | None, int]:
        """The next message's UTF-8 (None: it was binary) and its size in bytes.

        Raises:
            Over: The client has left.
        """
        if not self._inbox and not self.departed:
            message = await self._receive()
            if not self.departed:
                self._inbox.append(message)
        if self.departed:
            raise Over
        message = self._inbox.popleft()
        text = message.get("text")
        if text is None:
            return None, len(message["bytes"])
        raw = text.encode()
        return raw, len(raw)

    async def send(self, frame: Frame) -> None:
        """Send a frame, unless nobody is there or the session has fallen silent."""
        if self.departed or self._silent:
            return
        try:
            await self._websocket.send({"type": "websocket.send", "text": orjson.dumps(frame).decode()})
        except (WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
            self.departed = True

    async def close(self, how: str, code: int, reason: str) -> NoReturn:
        """Send a close frame: the session is over."""
        self.arrival.record.end(how, code)
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
            await self._websocket.close(code, reason)
        raise Over

    def reset(self) -> NoReturn:
        """Tear the connection down with a TCP reset: the session is over."""
        self.arrival.record.end("reset")
        reset(self.arrival.transport)
        raise Over

    async def fall_silent(self) -> NoReturn:
        """Read on, so that protocol pings are answered, and say nothing until the client leaves."""
        self._silent = True
        self._inbox.clear()
        while not self.departed:
            await self._receive()
        raise Over

    def release(self) -> None:
        """Disarm the limits."""
        for timer in (self._age_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()

    async def _receive(self) -> dict[str, Any]:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self.departed = True
        else:
            self._message_s = self.now()
        return dict(message)

    def _cut_when_idle(self, limit_s: float, fault: Fault) -> None:
        left_s = self._message_s + limit_s - self.now()
        if left_s <= 0:
            self._cut("idle_cut", fault)
            return
        # A timer for each message would be dearer than one that looks again.
        self._idle_timer = asyncio.get_running_loop().call_later(left_s, self._cut_when_idle, limit_s, fault)

    def _cut(self, how: str, fault: Fault) -> None:
        """The TCP connection ends without a close frame."""
        self.arrival.record.hit(fault, self._world.clock.wall_us())
        self.arrival.record.end(how)
        self.arrival.transport.abort()
