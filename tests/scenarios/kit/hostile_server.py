"""A server that does to each of its connections another of the things that a server can do wrong, many at once."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Sequence

from tests.scenarios.kit.scripted_server import Peer


class ForgivingPeer(Peer):
    """Also answers the subprotocol that carries a token, so that what is wrong is what the script does."""

    def response(self, *extra: str, accept: bytes | None = None) -> bytes:
        offered = self.header("Sec-WebSocket-Protocol") or ""
        if "jwt-auth" in offered and not any(line.startswith("Sec-WebSocket-Protocol") for line in extra):
            extra = (*extra, "Sec-WebSocket-Protocol: jwt-auth")
        return super().response(*extra, accept=accept)


class HostileServer:
    """Plays its scripts in turn, each connection in a thread of its own.

    Attributes:
        port: On 127.0.0.1.
        played: How many connections each script has had.
    """

    def __init__(self, scripts: Sequence[Callable[[Peer], object]]) -> None:
        self._turns = itertools.cycle(range(len(scripts)))
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.played = [0] * len(scripts)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> HostileServer:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        turn = next(self._turns)
        # A script is written for one client that does what it expects; what it makes of others is of no interest.
        with connection, contextlib.suppress(Exception):
            self._scripts[turn](ForgivingPeer(connection))
        self.played[turn] += 1
