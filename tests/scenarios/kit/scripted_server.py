"""A server that does to its first connection exactly what a script says, byte by byte, in a thread.

Written from RFC 6455 alone, so that what it sends does not depend on any library that is under test.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
WELCOME = {
    "type": "system_message",
    "data": {"event": "connection_established", "connection_id": "c-1", "connection_ready": True},
}
PONG = {"type": "pong", "data": {}}
# No script of a test waits longer for its client.
PATIENCE_S = 30.0


class Peer:
    """The server's side of one connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE_S)
        self._received = b""
        self.head = b""

    def take(self, size: int) -> bytes:
        """Exactly so many bytes; raises EOFError when the client has gone."""
        received = bytearray(self._received)
        while len(received) < size:
            data = self.socket.recv(1_000_000)
            if not data:
                raise EOFError
            received += data
        self._received = bytes(received[size:])
        return bytes(received[:size])

    def read_request(self) -> bytes:
        while b"\r\n\r\n" not in self._received:
            data = self.socket.recv(65_536)
            if not data:
                raise EOFError
            self._received += data
        self.head, _, self._received = self._received.partition(b"\r\n\r\n")
        return self.head

    def header(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n"):
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def response(self, *extra: str, accept: bytes | None = None) -> bytes:
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()) if accept is None else accept
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept.decode()}",
            *extra,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def upgrade(self, *extra: str, accept: bytes | None = None) -> None:
        self.read_request()
        self.send(self.response(*extra, accept=accept))

    def welcome(self) -> None:
        """The upgrade and the welcome."""
        self.upgrade()
        self.json(WELCOME)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        self.send(frame(opcode, payload, fin=fin))

    def json(self, message: Any) -> None:
        self.frame(0x1, json.dumps(message).encode())

    def close_frame(self, code: int | None, reason: str = "") -> None:
        self.frame(0x8, b"" if code is None else struct.pack("!H", code) + reason.encode())

    def read_frame(self) -> tuple[int, bytes]:
        """The client's next frame, unmasked; it must be masked (RFC 6455, section 5.3)."""
        first, second = self.take(2)
        assert second & 0x80, "a client's frame must be masked"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.take(8))
        mask = self.take(4)
        payload = bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(size)))
        return first & 0x0F, payload

    def read_until_close(self) -> int | None:
        """Read frames until the client's close or end; returns the close code."""
        while True:
            try:
                opcode, payload = self.read_frame()
            except (EOFError, OSError):
                return None
            if opcode == 0x8:
                return struct.unpack("!H", payload[:2])[0] if payload else None

    def wait_for_end(self) -> None:
        """Wait until the client leaves."""
        try:
            while self.socket.recv(65_536):
                pass
        except OSError:
            pass

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def frame(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A server's frame: never masked."""
    size = len(payload)
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        return bytes([first, size]) + payload
    if size < 65_536:
        return bytes([first, 126]) + struct.pack("!H", size) + payload
    return bytes([first, 127]) + struct.pack("!Q", size) + payload


class ScriptedServer:
    """Runs `script` for each connection, one after the other, until it is closed.

    Attributes:
        port: On 127.0.0.1.
        errors: What scripts raised, other than that their client had gone.
    """

    def __init__(
        self, script: Callable[[Peer], object], *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
    ) -> None:
        self._script = script
        self._tls = tls
        self._listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.port: int = self._listener.getsockname()[1]
        self.errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Linux wakes the acceptor by the shutdown, Windows refuses it and wakes it by the close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(PATIENCE_S)
        if self.errors and error is None:
            raise self.errors[0]

    def _play(self, connection: socket.socket) -> None:
        if self._tls is None:
            self._script(Peer(connection))
            return
        connection.settimeout(PATIENCE_S)
        with self._tls.wrap_socket(connection.dup(), server_side=True, do_handshake_on_connect=False) as secured:
            try:
                secured.do_handshake()
            except ssl.SSLError:
                Peer(connection).wait_for_end()  # an alert is lost when the connection is reset behind it
                return
            self._script(Peer(secured))

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._play(connection)
                except (EOFError, ConnectionError, TimeoutError):
                    pass
                except OSError:
                    if connection.fileno() >= 0:
                        raise
                except BaseException as error:
                    self.errors.append(error)
