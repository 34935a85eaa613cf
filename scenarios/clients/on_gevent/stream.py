"""One TCP (or TLS) connection on gevent: bytes in and out, waiting only with `Patience`.

The socket is the standard library's, non-blocking, whether or not the process is monkey-patched.
"""

from __future__ import annotations

import contextlib
import errno
import socket as sockets
from typing import Any, Final

from scenarios.addresses import Address
from scenarios.clients.on_gevent.racers import Racers
from scenarios.clients.on_gevent.waiter import READ, WRITE, Patience
from scenarios.clients.tls import Tls
from scenarios.plan import TlsFiles

# Takes hundreds of replies at once, and a whole TLS record.
_READ_BYTES: Final = 65_536


class EndOfStream(EOFError):
    """The peer has closed its side."""


class Stream:
    """Connects, sends and reads. Raises OSError for what the network does, `EndOfStream` for its end.

    Methods that wait return None or False when they were woken or `until` has come: nothing is lost
    then, and they are called again.

    Attributes:
        racers: The sockets that are being connected; `adopt` the first that is there.
        socket: The one that was adopted; None before that and when it is closed.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.racers = Racers(patience)
        self.socket: sockets.socket | None = None
        self._readable: Any = None
        self._either: Any = None
        self._unsent = b""
        self._tls: Tls | None = None

    def waiting_bytes(self) -> int:
        """How much the kernel has not taken yet."""
        return len(self._unsent)

    def connect(self, address: Address, until: float) -> bool:
        """Connect to this one address; False = not in time."""
        self.racers.start(address)
        if self.racers.first(until) is None:
            return False
        self.adopt(self.racers.winner(address))
        return True

    def adopt(self, sock: sockets.socket) -> None:
        """This socket is connected: it is the stream's from now on, in the place of an earlier one."""
        self._free()
        self._unsent = b""
        self.socket = sock
        self._readable = self._patience.watcher(sock.fileno(), READ)

    def has_answer(self) -> bool:
        """Whether the peer's answer (to the connect: the connection) is there, without waiting."""
        if self.socket is None:
            return False
        try:
            self.socket.getpeername()
            self.socket.recv(1, sockets.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError as error:
            return error.errno != errno.ENOTCONN
        return True

    def start_tls(self, files: TlsFiles, server_name: str) -> None:
        """Everything from now on is TLS; then call `handshake` until it is done."""
        self._tls = Tls(files, server_name)

    def handshake(self, received: bytes) -> bool:
        """Go on with the TLS handshake; True = done."""
        assert self._tls is not None
        try:
            return self._tls.handshake(received)
        finally:
            self._write(self._tls.outgoing())

    @property
    def is_asked_for_certificate(self) -> bool:
        """Whether the server asked for a client certificate that this client does not have."""
        return self._tls is not None and self._tls.is_asked_for_certificate

    def send(self, data: bytes) -> None:
        """Send, or keep what the socket does not take until a later `read` or `send`."""
        self._write(data if self._tls is None else self._tls.encrypt(data))

    def read(self, until: float) -> bytes | None:
        """Wait for bytes of the peer's, as they come from the network (TLS: not yet decrypted)."""
        if self._unsent:
            if self._either is None and self.socket is not None:
                self._either = self._patience.watcher(self.socket.fileno(), READ | WRITE)
            if not self._patience.wait(self._either, until):
                return None
            self._write(b"")
        elif not self._patience.wait(self._readable, until):
            return None
        return self.read_now()

    def read_now(self) -> bytes | None:
        """What is there; None = nothing."""
        assert self.socket is not None
        try:
            data = self.socket.recv(_READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            raise EndOfStream
        return data

    def plain(self, received: bytes) -> bytes:
        """What the peer sent, decrypted; may be empty."""
        if self._tls is None:
            return received
        data, ended = self._tls.decrypt(received)
        if ended and not data:
            raise EndOfStream
        return data

    def close(self) -> None:
        """Free the socket, and those that are being connected. Never waits, never raises."""
        self.racers.close()
        self._free()

    def _free(self) -> None:
        for watcher in (self._readable, self._either):
            if watcher is not None:
                watcher.close()
        self._readable = self._either = None
        sock, self.socket = self.socket, None
        if sock is not None:
            with contextlib.suppress(OSError):  # gone already
                sock.shutdown(sockets.SHUT_RDWR)
            sock.close()

    def _write(self, data: bytes) -> None:
        assert self.socket is not None
        if self._unsent:
            data = self._unsent + data
            self._unsent = b""
        if not data:
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._unsent = data[sent:]
