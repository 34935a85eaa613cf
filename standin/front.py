"""Below ASGI: uvicorn's protocol classes with the faults that happen before or without an application.

uvicorn reads the request, then calls `handle_websocket_upgrade`: that is where a connection is drawn, and
where it may get silence, a reset or HTTP 503 instead of an application. Everything else is uvicorn's.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from standin.faults.base import Refuse, Reset, Silence
from standin.world import Arrival, World, reset

SESSION_PATHS = frozenset({"/ws", "/websocket"})


class Front(HttpToolsProtocol):
    """The HTTP side of a connection, up to the upgrade."""

    world: ClassVar[World]

    _silent = False
    _arrival: Arrival | None = None

    def data_received(self, data: bytes) -> None:
        """Bytes came; a silenced connection swallows them."""
        if not self._silent:
            super().data_received(data)

    def handle_websocket_upgrade(self) -> None:
        """An upgrade request is complete."""
        path, _, query = self.url.decode("latin-1").partition("?")
        if unquote(path) not in SESSION_PATHS:
            super().handle_websocket_upgrade()
            return
        arrival = self.world.arrive(self.headers, query, self.transport)
        self._arrival = arrival
        for effect in self.world.effects("on_upgrade", arrival):
            match effect:
                case Silence():
                    self._silent = True
                    return
                case Reset():
                    arrival.record.end("reset")
                    self._silent = True
                    reset(self.transport)
                    return
                case Refuse(status):
                    arrival.record.end("refused")
                    self._silent = True
                    self._refuse(status, arrival)
                    return
        # The WebSocket protocol copies this into the ASGI scope's state.
        self.app_state = {**self.app_state, "arrival": arrival}
        self._arrival = None
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone before any WebSocket was."""
        super().connection_lost(exc)
        if self._arrival is not None:
            self.world.truth.closed(self._arrival.record)

    def shutdown(self) -> None:
        """The server ends."""
        if self._arrival is not None:
            self._arrival.record.end("shutdown")
        super().shutdown()

    def _refuse(self, status: int, arrival: Arrival) -> None:
        body = HTTPStatus(status).phrase
        head = (
            f"HTTP/1.1 {status} {body}\r\nx-server-instance: {arrival.instance.name}\r\n"
            f"content-type: text/plain\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write((head + body).encode("ascii"))
        self.transport.close()
        message = f'{arrival.client} - "WebSocket /ws" {status}'
        self.world.log.say(message, instance=arrival.instance.name, trace=arrival.trace)


class SessionSocket(WebSocketsSansIOProtocol):
    """The WebSocket side: notes how each session socket ended."""

    world: ClassVar[World]

    @property
    def _arrival(self) -> Arrival | None:
        return self.app_state.get("arrival")

    def _end(self, how: str, close_code: int | None = None) -> None:
        if self._arrival is not None:
            self._arrival.record.end(how, close_code)

    def handle_connect(self, event: Request) -> None:
        """The upgrade request, which may break RFC 6455 and then gets an HTTP error."""
        super().handle_connect(event)
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._end("rejected")

    def handle_close(self, event: Frame) -> None:
        """A close frame came: the client's own, or its answer to ours, which `end` then ignores."""
        received = self.conn.close_rcvd
        self._end("client_close", received.code if received else None)
        super().handle_close(event)

    def keepalive_timeout(self) -> None:
        """No pong came in time."""
        self._end("keepalive_timeout", 1011)
        super().keepalive_timeout()

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        super().connection_lost(exc)
        if self._arrival is not None:
            self.world.truth.closed(self._arrival.record)

    def shutdown(self) -> None:
        """The server ends, or a restart says goodbye with 1012."""
        self._end("shutdown", 1012)
        super().shutdown()


def protocols(world: World) -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]]:
    """The HTTP and the WebSocket protocol class of one server, for uvicorn's `http` and `ws`."""
    attributes: dict[str, Any] = {"world": world}
    return type("Front", (Front,), attributes), type("SessionSocket", (SessionSocket,), attributes)
