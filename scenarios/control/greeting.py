"""What answers at a master's address: a handshake that breaks does not say why, so the other side is asked.

Each side of a ZeroMQ connection begins with a greeting of 64 bytes (ZMTP 3, RFC 23 of ZeroMQ) that names how it proves
who it is: its mechanism. libzmq ends a connection on whose mechanism the two differ, or whose key is wrong, and its
other side often sees the end before the greeting. A port of another kind, or a forwarder (ssh, docker, kubectl) whose
master is not there yet, ends connections as well, and has no greeting.
"""

from __future__ import annotations

import socket
from typing import Final

from scenarios.control.fleet_key import VARIABLE

_LENGTH: Final = 64
# The signature and the major version: with these the other side sends the rest of its greeting, and judges nothing yet.
_KNOCK: Final = b"\xff" + bytes(8) + b"\x7f\x03"
OPEN: Final = "NULL"
PATIENCE_S: Final = 5.0


def mechanism_of(host: str, port: int, *, patience_s: float = PATIENCE_S) -> str | None:
    """How what listens there proves who it is ("NULL": not at all; "CURVE": by a key); None = it speaks no ZeroMQ."""
    greeting = b""
    try:
        with socket.create_connection((host, port), timeout=patience_s) as line:
            line.sendall(_KNOCK)
            while len(greeting) < _LENGTH and (more := line.recv(_LENGTH - len(greeting))):
                greeting += more
    except OSError:
        return None
    if len(greeting) < _LENGTH or greeting[0] != 0xFF or greeting[9] != 0x7F:
        return None
    return greeting[12:32].rstrip(b"\0").decode("ascii", "replace")


def refusal(master: str, mechanism: str, *, has_key: bool) -> str | None:
    """Why a worker whose handshakes fail is not let in, in a sentence; None = not for its key."""
    if mechanism == OPEN:
        return (
            f"This worker has {VARIABLE}, and the master at {master} has none: give it the same." if has_key else None
        )
    has = "its key is another" if has_key else "this worker has none"
    return f"The master at {master} asks for {VARIABLE}, and {has}: give both the same secret."
