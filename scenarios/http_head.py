"""The head of an HTTP message: where it ends, what its status line says, and its headers. Pure.

Heads are read here and nowhere else, so that all that meets one (the clients, the probes, the relay) takes the same
bytes for HTTP. What a recipient may forgive is forgiven: a line that ends without its carriage return (RFC 9112,
section 2.2), a folded header (section 5.2), a status line without a reason (section 4).
"""

from __future__ import annotations

import re
from typing import Final

END_OF_HEAD: Final = b"\r\n\r\n"
_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_FOLD: Final = re.compile(r"\r?\n[ \t]+")

# A head is a few hundred bytes; more than this without its end is not HTTP.
MAX_HEAD_BYTES: Final = 65_536

SWITCHING_PROTOCOLS: Final = 101


class EndlessHead(ValueError):
    """More bytes have come than a head has, without its end."""


def split_head(received: bytes, *, most_bytes: int = MAX_HEAD_BYTES) -> tuple[bytes, bytes] | None:
    """The head without its empty line, and what came behind it; None = more must be read.

    Raises:
        EndlessHead: More than `most_bytes` came without an end.
    """
    end = _EMPTY_LINE.search(received)
    if end is not None:
        return received[: end.start()], received[end.end() :]
    if len(received) > most_bytes:
        raise EndlessHead(f"More than {most_bytes} bytes came without the end of a header.")
    return None


def split_answer(received: bytes, *, most_bytes: int = MAX_HEAD_BYTES) -> tuple[bytes, bytes] | None:
    """As `split_head`, of a final answer: interim ones before it are skipped (RFC 9110, section 15.2).

    Any of them may come, whether or not it was asked for: 100 Continue, 102 Processing, 103 Early Hints. 101 is final:
    nothing but its own protocol follows.

    Raises:
        EndlessHead: As `split_head`, or so many bytes of interim answers.
    """
    found = split_head(received, most_bytes=most_bytes)
    while found is not None:
        head, rest = found
        status = status_of(head)
        if status is None or not 100 <= status[0] < 200 or status[0] == SWITCHING_PROTOCOLS:
            return found
        if len(received) - len(rest) > most_bytes:
            raise EndlessHead(f"More than {most_bytes} bytes of interim answers came.")
        found = split_head(rest, most_bytes=most_bytes)
    return None


def status_of(head: bytes) -> tuple[int, str] | None:
    """Status and reason of a response's head; None = this is no HTTP response."""
    words = head.split(b"\n", 1)[0].rstrip(b"\r").split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1]), words[2].decode("latin-1") if len(words) > 2 else ""


def header_lines(head: bytes) -> list[str]:
    """The lines behind the first one, each of a whole header: what was folded is unfolded."""
    text = head.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    return [line.removesuffix("\r") for line in text.split("\n")[1:]]


def all_headers(head: bytes) -> dict[str, str]:
    """The headers of a head by their names in small letters; values of the same name are joined."""
    headers: dict[str, str] = {}
    for line in header_lines(head):
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def header_values(head: bytes, name: str) -> list[str]:
    """All values of a header in a head, as they stand there."""
    wanted = name.lower()
    if wanted.encode("ascii") not in head.lower():
        return []
    pairs = (line.partition(":") for line in header_lines(head))
    return [value.strip() for key, _, value in pairs if key.lower() == wanted]
