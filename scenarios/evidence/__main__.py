"""`python -m scenarios.evidence`: what this machine's kernel says of a connection of its own, as one JSON object.

For somebody who has a system that this was not tried on. 50 bytes are sent, 7 come back and are not read.
"""

from __future__ import annotations

import json
import platform
import socket

from scenarios.evidence.kernel import kernel_of

PATIENCE_S = 10.0


def told() -> dict[str, object]:
    """The system, the length of the kernel's raw answer (null: it does not answer), and what it says."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=PATIENCE_S) as client,
    ):
        server = listener.accept()[0]
        with server:
            server.settimeout(PATIENCE_S)
            client.sendall(bytes(50))
            server.recv(50, socket.MSG_WAITALL)
            server.sendall(bytes(7))
            # Looked at and not taken: it is there now, and it is unread.
            client.recv(1, socket.MSG_PEEK)
            kernel = kernel_of(client)
            mark, sample = kernel.mark(), kernel.sample()
    return {
        "system": f"{platform.system()} {platform.release()} {platform.version()}",
        "raw_bytes": None if mark is None else len(mark),
        "sample": None if sample is None else sample._asdict(),
    }


if __name__ == "__main__":
    print(json.dumps(told(), indent=2))
