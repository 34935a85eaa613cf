"""The HTTP CONNECT by which a connection asks the relay for its arm, and the relay's answer (RFC 9110, 9.3.6).

One port serves every arm. The client opens a TCP connection to the relay, sends `connect_request`, reads
until `read_reply` gives an answer, and from then on the socket is its own path to the target: TLS and the
upgrade follow on it, SNI and Host stay the target's, and the relay adds the delay each way without looking
at a byte.

    sock.sendall(connect_request(host, port, delay_s=plan.delay_s, seed=plan.seed))
    received = b""
    while (reply := read_reply(received)) is None:
        received += sock.recv(4096) or raise the reset that this is
    if reply.errno is not None: the target refused, was unreachable ...: the phase is tcp
    tcp_s = rtt_s = reply.rtt_s

The relay answers after its own handshake with the target plus the delay (the SYN and its answer travel the
slow way, too), so the phase `tcp` ends with the reply, and a target that drops SYNs stays a timeout in tcp.
A plain port per arm could not do this: the relay would have accepted before it knew, and a refusal would
look like a reset in a later phase.

The same port answers `GET /connection?port=...` with what the relay's kernel says of a path's way to the target, also
while it is being dialled: see `scenarios.relay.question`.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from scenarios.authority import authority_of
from scenarios.http_head import EndlessHead, all_headers, split_head

# A request or a reply is about 200 bytes; more without an end is something else.
MAX_HEAD_BYTES: Final = 4096


class RelayError(ValueError):
    """The other side does not speak this protocol, or refuses the request: the harness is wrong."""


class RelayRequest(NamedTuple):
    """What a connection asks for.

    Attributes:
        target: host:port as asked (IPv6 in brackets).
        delay_s: Round trip to add, in seconds.
        seed: Of this connection's jitter and stalls.
        rest: Bytes that came behind the request and belong to the target.
    """

    target: str
    delay_s: float
    seed: int
    rest: bytes


class RelayReply(NamedTuple):
    """What became of the relay's own connection to the target.

    Attributes:
        rtt_s: The relay's handshake with the target plus the delay: the round trip that the client
            would have seen on a network like that. None when there was no handshake.
        errno: The operating system's error when the target could not be connected; None = connected.
        detail: The error in words, for people.
        rest: Bytes that came behind the reply and belong to the client.
    """

    rtt_s: float | None
    errno: int | None
    detail: str
    rest: bytes


def connect_request(host: str, port: int, *, delay_s: float, seed: int) -> bytes:
    """The bytes that ask the relay for a path to the target with this much added round trip."""
    authority = authority_of(host, port)
    return (
        f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nSoak-Delay-S: {delay_s:.6f}\r\nSoak-Seed: {seed}\r\n\r\n"
    ).encode("ascii")


def connected_reply(rtt_s: float) -> bytes:
    """The relay is connected."""
    return f"HTTP/1.1 200 Connected\r\nSoak-Rtt-S: {rtt_s:.6f}\r\n\r\n".encode("ascii")


def failed_reply(errno: int, detail: str) -> bytes:
    """The target could not be connected."""
    text = " ".join(detail.split()).encode("ascii", "replace").decode("ascii")
    return f"HTTP/1.1 502 Bad Gateway\r\nSoak-Errno: {errno}\r\nSoak-Detail: {text}\r\n\r\n".encode("ascii")


def refused_reply(sentence: str) -> bytes:
    """The request itself is wrong."""
    return f"HTTP/1.1 400 Bad Request\r\nSoak-Detail: {' '.join(sentence.split())}\r\n\r\n".encode("ascii", "replace")


def read_reply(received: bytes) -> RelayReply | None:
    """The relay's answer in what was received so far; None = more must be read.

    Raises:
        RelayError: If it is no such answer, or the relay refused the request.
    """
    parsed = _head(received)
    if parsed is None:
        return None
    first, fields, rest = parsed
    status = first.split(" ")[1:2]
    detail = fields.get("soak-detail", "")
    try:
        if status == ["200"]:
            return RelayReply(_seconds(fields["soak-rtt-s"]), None, "", rest)
        if status == ["502"]:
            return RelayReply(None, int(fields["soak-errno"]), detail, rest)
    except (KeyError, ValueError):
        pass
    raise RelayError(f"The relay answered {first!r} {detail}".rstrip())


def read_request(received: bytes) -> RelayRequest | None:
    """The request in what was received so far; None = more must be read.

    Raises:
        RelayError: If it is no such request.
    """
    parsed = _head(received)
    if parsed is None:
        return None
    first, fields, rest = parsed
    words = first.split(" ")
    if len(words) != 3 or words[0] != "CONNECT":
        raise RelayError("The relay takes CONNECT requests only.")
    try:
        delay_s = _seconds(fields.get("soak-delay-s", "0"))
        seed = int(fields.get("soak-seed", "0"))
    except ValueError as error:
        raise RelayError(f"The relay cannot read the request: {error}.") from None
    return RelayRequest(words[1], delay_s, seed, rest)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{text!r} is not a number of seconds, 0 or more")
    return value


def _head(received: bytes) -> tuple[str, dict[str, str], bytes] | None:
    try:
        found = split_head(received, most_bytes=MAX_HEAD_BYTES)
    except EndlessHead as error:
        raise RelayError(str(error)) from None
    if found is None:
        return None
    head, rest = found
    return head.partition(b"\r\n")[0].decode("latin-1"), all_headers(head), rest
