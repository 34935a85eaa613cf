"""Sockets that behave in a way that no server can be told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_backlog() -> Iterator[tuple[str, int]]:
    """An address whose SYNs Linux drops."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        host, port = listener.getsockname()
        # The queue takes one more than it was told; then every SYN is dropped.
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex((host, port))
        try:
            yield host, port
        finally:
            for one in full:
                one.close()
