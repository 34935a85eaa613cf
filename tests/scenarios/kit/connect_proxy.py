"""A CONNECT proxy that knows names which no resolver knows, as one behind a company's firewall does (scripted)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.scenarios.kit.scripted_server import PATIENCE_S


class ConnectProxy:
    """The proxy; `names` maps a name to the address that it stands for.

    Attributes:
        asked: host:port of each CONNECT.
        address: Where it listens.
    """

    def __init__(self, listener: socket.socket, names: Mapping[str, str]) -> None:
        self.asked: list[str] = []
        self.address: tuple[str, int] = listener.getsockname()[:2]
        self._listener = listener
        self._names = names

    def serve(self) -> None:
        """Until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        client.settimeout(PATIENCE_S)
        with client, contextlib.suppress(OSError, IndexError):
            received = b""
            while b"\r\n\r\n" not in received:
                received += client.recv(4096)
            where = received.split(b" ")[1].decode()
            self.asked.append(where)
            host, _, port = where.rpartition(":")
            with socket.create_connection((self._names.get(host, host), int(port)), timeout=PATIENCE_S) as target:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pass, args=(target, client), daemon=True)
                back.start()
                _pass(client, target)
                back.join(PATIENCE_S)


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def connect_proxy(names: Mapping[str, str] | None = None) -> Iterator[ConnectProxy]:
    """A running proxy."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = ConnectProxy(listener, names or {})
        thread = threading.Thread(target=proxy.serve)
        thread.start()
        try:
            yield proxy
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()
