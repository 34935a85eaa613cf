"""The head of an HTTP message: where it ends, what its status line says, and its headers. Pure.

Heads are read here and nowhere else, so that all that meets one (the clients, the probes, the relay) takes the same
bytes for HTTP.
"""

from __future__ import annotations

from typing import Final

END_OF_HEAD: Final = b"\r\n\r\n"

# A head is a few hundred bytes; more than this without its end is not HTTP.
MAX_HEAD_BYTES: Final = 65_536


class EndlessHead(ValueError):
    """More bytes have come than a head has, without its end."""


def split_head(received: bytes, *, most_bytes: int = MAX_HEAD_BYTES) -> tuple[bytes, bytes] | None:
    """The head without its empty line, and what came behind it; None = more must be read.

    Raises:
        EndlessHead: More than `most_bytes` came without an end.
    """
    head, end, rest = received.partition(END_OF_HEAD)
    if end:
        return head, rest
    if len(received) > most_bytes:
        raise EndlessHead(f"More than {most_bytes} bytes came without the end of a header.")
    return None


def status_of(head: bytes) -> tuple[int, str] | None:
    """Status and reason of a response's head; None = this is no HTTP response."""
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1]), words[2].decode("latin-1") if len(words) > 2 else ""


def all_headers(head: bytes) -> dict[str, str]:
    """The headers of a head by their names in small letters; values of the same name are joined."""
    headers: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def header_values(head: bytes, name: str) -> list[str]:
    """All values of a header in a head, as they stand there."""
    wanted = name.lower()
    if wanted.encode("ascii") not in head.lower():
        return []
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return [value.strip() for key, _, value in pairs if key.lower() == wanted]
