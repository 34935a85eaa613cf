"""The sockets of one connection that are being connected at the same time, on gevent.

They are the standard library's, non-blocking, whether or not the process is monkey-patched. Each is waited for by a
watcher of its own; whoever waits for all of them is woken by the first that has an outcome.
"""

from __future__ import annotations

import errno
import os
import socket as sockets
from typing import Any, Final

import gevent.monkey

from scenarios.addresses import Address
from scenarios.clients.on_gevent.waiter import WRITE, Patience

_CONNECTING: Final = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", 0)})

# Locust's import replaces the class by gevent's, which brings timeouts and watchers of its own.
_Socket: Final[type[sockets.socket]] = gevent.monkey.get_original("socket", "socket")


class _Racer:
    """One of them; `code`: how its connect has ended (0 = it is connected), None = not yet."""

    def __init__(self, sock: sockets.socket, watcher: Any, code: int | None) -> None:
        self.socket = sock
        self.watcher = watcher
        self.code = code

    def look(self) -> bool:
        """Whether there is an outcome by now."""
        if self.code is None:
            # Asking takes the error out of the kernel, so it is kept here.
            code = self.socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR)
            if code:
                self.code = code
            elif _is_connected(self.socket):
                self.code = 0
        return self.code is not None


class Racers:
    """Sockets on their way, by address; the newest last.

    Args:
        patience: Of the greenlet that waits.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._racers: dict[Address, _Racer] = {}

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where they are going."""
        return tuple(self._racers)

    def socket_to(self, address: Address) -> sockets.socket:
        """The socket that is going there."""
        return self._racers[address].socket

    def start(self, address: Address) -> sockets.socket:
        """Begin to connect one more.

        Raises:
            OSError: It has failed at once; it is not among them.
        """
        family, where = address
        sock = _Socket(family, sockets.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
            code = sock.connect_ex(where)
            if code and code not in _CONNECTING:
                raise OSError(code, os.strerror(code))
        except OSError:
            sock.close()
            raise
        watcher = self._patience.watcher(sock.fileno(), WRITE)
        self._racers[address] = _Racer(sock, watcher, None if code else 0)
        return sock

    def first(self, until: float) -> Address | None:
        """Wait for the first that has an outcome; None = none by then, or the greenlet was woken."""
        found = self._with_outcome()
        if found is None and self._patience.wait_for_any([racer.watcher for racer in self._racers.values()], until):
            found = self._with_outcome()
        return found

    def has_outcome(self) -> bool:
        """Whether one of them has an outcome, without waiting."""
        return self._with_outcome() is not None

    def winner(self, address: Address) -> sockets.socket:
        """The socket of one that has an outcome; the others are freed.

        Raises:
            OSError: It has failed; all are still there.
        """
        racer = self._racers[address]
        if racer.code:
            raise OSError(racer.code, os.strerror(racer.code))
        del self._racers[address]
        racer.watcher.close()
        self.close()
        return racer.socket

    def drop(self, address: Address) -> None:
        """Free the socket of one."""
        racer = self._racers.pop(address)
        racer.watcher.close()
        racer.socket.close()

    def close(self) -> None:
        """Free all. Never waits, never raises."""
        for address in self.addresses:
            self.drop(address)

    def _with_outcome(self) -> Address | None:
        ended = [address for address, racer in self._racers.items() if racer.look()]
        return next((address for address in ended if not self._racers[address].code), ended[0] if ended else None)


def _is_connected(sock: sockets.socket) -> bool:
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
