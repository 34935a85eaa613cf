"""The server process: uvicorn with a listening socket of ours, so that a restart can really close it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

import uvicorn

from standin.evidence.jsonlines import JsonLines
from standin.faults import ServerFault
from standin.faults.restart import Restart
from standin.world import World

GRACE_S: Final = 1
"""Wait for handlers at the end: together with uvicorn's own steps it stays below 2 s."""
STALL_SLICE_S: Final = 0.05
"""A stall looks this often whether the process is to end."""
FLUSH_TICKS: Final = 2
"""Log and truth reach their files every 0.2 s (uvicorn ticks ten times a second)."""


class LostPortError(Exception):
    """The listening socket cannot be opened again; the text is one sentence."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket.

    Raises:
        OSError: The host has no address, or the address is taken.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows the option would let two servers share the port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


class Server(uvicorn.Server):
    """Serves until a signal, `stop`, or the end of standard input; runs the faults of the whole server."""

    def __init__(
        self,
        config: uvicorn.Config,
        world: World,
        *,
        files: tuple[JsonLines, ...],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._world = world
        self._files = files
        self._on_ready = on_ready
        self._address: tuple[Any, ...] = ()
        self._faults: list[asyncio.Task[None]] = []

    def stop(self) -> None:
        """End soon; may be called from any thread."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal ends the process cleanly, with exit status 0."""
        self.stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; the first time, start the clock of the schedules and tell that the server is ready."""
        first = not self.started
        await super().startup(sockets)
        self._world.log.say(f"Started server process [{os.getpid()}]")
        if not first:
            return
        assert sockets
        self._address = sockets[0].getsockname()
        self._world.begin()
        for fault in self._world.settings.faults:
            if isinstance(fault, ServerFault):
                self._faults.append(asyncio.create_task(self._run(fault)))
        self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: flush the files; a fault that crashed ends the server."""
        if counter % FLUSH_TICKS == 0:
            for file in self._files:
                file.flush()
        for task in self._faults:
            if task.done():
                task.result()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell every handler, close every connection, write what is known of them."""
        self._world.log.say("Shutting down")
        self._world.stopping.set()
        for task in self._faults:
            task.cancel()
        await super().shutdown(sockets)
        self._world.truth.finish()

    async def _run(self, fault: ServerFault) -> None:
        """The windows of one fault, one after the other."""
        number = 0
        while (window := fault.window(number)) is not None:
            number += 1
            begin_s, end_s = window
            left_s = begin_s - self._world.moment().since_ready_s
            await asyncio.sleep(max(0.0, left_s))
            if self._world.moment().since_ready_s >= end_s:
                continue  # missed behind another fault's stall
            started_at = self._world.clock.wall_us()
            if isinstance(fault, Restart):
                await self._restart(fault, end_s)
            else:
                self._stall(end_s)
            self._world.truth.window(fault, started_at, self._world.clock.wall_us())

    def _stall(self, until_s: float) -> None:
        """Block the event loop: nothing else of this process runs."""
        while not self.should_exit and (left_s := until_s - self._world.moment().since_ready_s) > 0:
            time.sleep(min(left_s, STALL_SLICE_S))

    async def _restart(self, fault: Restart, until_s: float) -> None:
        """Stop listening, drop everybody, come back with nothing remembered."""
        self._world.log.say("Shutting down")
        for server in self.servers:
            server.close()
        self._world.truth.ending("restart", 1012 if fault.drop == "1012" else None, fault)
        for connection in list(self.server_state.connections):
            if fault.drop == "1012":
                connection.shutdown()
            else:
                connection.transport.abort()
        await asyncio.sleep(max(0.0, until_s - self._world.moment().since_ready_s))
        self._world.started()
        host, port = self._address[:2]
        try:
            bound = listening_socket(host, port)
        except OSError as error:
            raise LostPortError(
                f"Port {port} was taken by another process during a restart: {error.strerror}."
            ) from None
        await self.startup(sockets=[bound])
