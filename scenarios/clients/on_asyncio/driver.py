"""Runs a session on asyncio with websockets' own client, as the failing tests used it.

One task a connection. Messages are received with `recv`, through the library's queue; control frames,
the end of TLS and the end of the connection are seen where the library hands them over. Imports neither
gevent nor Locust: it runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter
from typing import Final

from websockets.exceptions import ConnectionClosed, PayloadTooBig
from websockets.frames import CloseCode, Opcode
from websockets.protocol import OPEN

from scenarios.clients import Services, dial
from scenarios.clients.connection import LINGER_S, Connection
from scenarios.clients.intake import TURN_S
from scenarios.clients.on_asyncio.ask_relay import way_of
from scenarios.clients.on_asyncio.dial import Mover
from scenarios.clients.on_asyncio.library import SeenConnection
from scenarios.clients.on_asyncio.waiter import AsyncPatience, Woken
from scenarios.clients.wire import too_big
from scenarios.plan import ConnectionPlan, ConnectionResult, Target
from scenarios.rfc6455 import BINARY, CLOSE, GOING_AWAY, PING
from scenarios.session.ledger import LATE_S, End, Wait
from scenarios.session.states import DIALLING, State

# How many turns of the loop bring in what already waits in the socket: its readiness, the library's
# queue, the task that reads it.
TURNS: Final = 3


class AsyncioConnection(Connection):
    """One connection of the asyncio client, from its first socket call to its last row."""

    def __init__(self, plan: ConnectionPlan, target: Target, services: Services) -> None:
        super().__init__(plan, target, services)
        self._patience = AsyncPatience()
        self._mover = Mover(
            self._dialler,
            plan,
            target,
            book=services.addresses,
            session=self._session,
            end=self._end,
            protocol=self._protocol,
            patience=self._patience,
            must_ask=self._must_ask,
            ask=self._ask_relay,
            share=services.share,
        )
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> ConnectionResult:
        """Run it; see `scenarios.clients.run_connection`."""
        wake = self._patience.wake
        self._patience.begin()
        with self._lived(wake):
            self._begin()
            await self._mover.connect()
            self._opened()
            ws = await self._mover.upgrade(self)
            self._upgraded(wake)
            await self._talk(ws)
            await self._linger(ws)
        return self._session.result()

    def in_flight(self) -> list[Wait]:
        """What is awaited now."""
        return self._session.in_flight()

    # -- what the library's connection reports (`Listener`) -----------------------------------------------

    def secured(self, now: float) -> None:
        """TLS, if any, is done."""
        if self._session.state is State.TLS:
            self._session.secured(now)

    def received(self, now: float) -> None:
        """Bytes."""
        self._session.heard(now)

    def pong(self, payload: bytes) -> None:
        """A pong frame."""
        if self._session.state not in DIALLING:
            self._session.pong(payload, perf_counter())
            self._patience.wake()

    def heard(self) -> None:
        """A close frame, or bytes that break the protocol. What came before it is handled first."""
        ws = self._mover.ws
        if ws is None or ws.kinds or self._session.state in DIALLING:
            return  # `_talk` looks again
        error, received, now = ws.protocol.parser_exc, ws.protocol.close_rcvd, perf_counter()
        if isinstance(error, PayloadTooBig):
            self._session.failed(too_big(self._target.max_message_bytes), now)
        elif error is not None and not isinstance(error, EOFError):
            self._session.failed(End("malformed", closed_by="client", detail=str(error)), now)
        elif received is not None:
            code = None if received.code == CloseCode.NO_STATUS_RCVD else int(received.code)
            self._session.peer_closed(code, received.reason, now)
        else:
            return
        self._patience.wake()

    # -- a session that is upgraded -------------------------------------------------------------------------

    async def _talk(self, ws: SeenConnection) -> None:
        session, patience, library = self._session, self._patience, ws.protocol
        share, began = self._services.share, perf_counter()
        try:
            while True:
                if library.close_rcvd is not None or library.parser_exc is not None:
                    self.heard()
                if session.outbox:
                    self._send(ws)
                self._record()
                if session.state is State.CLOSED:
                    return
                try:
                    now = perf_counter()
                    if ws.kinds and now - began >= TURN_S:  # nothing is waited for: the others would wait for this
                        rest_s = share.rest(now, now - began) - now
                        ws.is_behind = self._end.is_flooded = True
                        await patience.within(asyncio.sleep(rest_s), session.deadline)
                        began = perf_counter()
                    is_there = bool(ws.kinds)
                    payload = await patience.within(ws.recv(decode=False), session.deadline)
                except Woken:
                    await self._awake(ws)
                else:
                    if not is_there:
                        began = perf_counter()
                        if ws.is_behind:  # it had to wait: it has caught up
                            ws.is_behind = self._end.is_flooded = False
                    self._message(ws, payload, perf_counter())
        except ConnectionClosed:
            ws.kinds.clear()
            self.heard()
            end = dial.end_of_os_error(ws.lost) if isinstance(ws.lost, OSError) else dial.LOST
            session.failed(end, perf_counter())
        except OSError as error:
            session.failed(dial.end_of_os_error(error), perf_counter())

    def _message(self, ws: SeenConnection, payload: bytes, now: float) -> None:
        if ws.kinds.popleft() is Opcode.TEXT:
            self._session.frame(payload, now)
        else:
            self._session.binary(payload, now)

    async def _awake(self, ws: SeenConnection) -> None:
        """The deadline, a stop, a storm or a control frame: first take in what is there already."""
        session = self._session
        late_s = perf_counter() - session.deadline
        if late_s >= 0.0:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            if late_s > LATE_S:
                await asyncio.sleep(0.001)  # at least one whole turn, wherever this loop polls its sockets
        while ws.kinds:
            self._message(ws, await ws.recv(decode=False), perf_counter())
        now = perf_counter()
        if self._must_ask(now):
            await self._tick_informed(ws, now)
        else:
            self._tick()

    async def _tick_informed(self, ws: SeenConnection, came_at: float) -> None:
        """Ask the relay about the way, take in what has come meanwhile, and handle the deadline."""
        await self._ask_relay()
        try:
            while ws.kinds and self._may_feed():
                self._message(ws, await ws.recv(decode=False), perf_counter())
        finally:  # the connection may have ended meanwhile: what ran out before ran out
            self._tick(came_at=came_at)
            self._end.told(None)

    async def _ask_relay(self) -> None:
        """Ask the relay about the way."""
        relay = self._target.relay
        with self._end.kept_open() as port:
            self._end.told(None if relay is None or port is None else await way_of(relay, port))

    def _send(self, ws: SeenConnection) -> None:
        """Hand everything to the transport.

        As the library's `broadcast` does it: its `send` also waits for a slow peer, which would outlast the
        session's deadline.
        """
        protocol = ws.protocol
        for opcode, payload in self._session.outbox:
            if opcode == CLOSE:
                if self._closing is None:
                    self._closing = asyncio.create_task(ws.close(int.from_bytes(payload, "big")))
            elif protocol.state is OPEN:
                if opcode == PING:
                    protocol.send_ping(payload)
                elif opcode == BINARY:
                    protocol.send_binary(payload)
                else:
                    protocol.send_text(payload)
                ws.send_data()
        self._session.outbox.clear()
        self._session.heard(perf_counter())

    async def _linger(self, ws: SeenConnection) -> None:
        """Let the server close TCP first, if it closed the WebSocket as it should."""
        if self._session.result().ended_by == "script" and not self._services.stop:
            with contextlib.suppress(Woken, ConnectionClosed):
                await self._patience.within(ws.wait_closed(), perf_counter() + LINGER_S)

    def _free(self) -> None:
        """Free the timer and the socket, without waiting; a peer that is left is told."""
        self._patience.close()
        ws = self._mover.ws
        self._mover.free()
        if self._closing is not None:
            self._closing.cancel()
        transport = getattr(ws, "transport", None)  # none before TLS is done: asyncio frees that socket
        if ws is not None and transport is not None:
            if self._session.outbox and ws.protocol.state is OPEN:
                ws.protocol.send_close(GOING_AWAY)
                ws.send_data()
            transport.abort()
