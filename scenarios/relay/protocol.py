"""The HTTP CONNECT by which a connection asks the relay for its arm, and the relay's answer (RFC 9110, 9.3.6).

One port serves every arm. The client opens a TCP connection to the relay, sends `connect_request`, reads
until `read_reply` gives an answer, and from then on the socket is its own path to the target: TLS and the
upgrade follow on it, SNI and Host stay the target's, and the relay adds the delay each way without looking
at a byte.

    sock.sendall(connect_request(host, port, delay_s=plan.delay_s, seed=plan.seed, addresses=["192.0.2.1:443"]))
    received = b""
    while (reply := read_reply(received)) is None:
        received += sock.recv(4096) or raise the reset that this is
    if reply.errno is not None: the target refused, was unreachable ...: the phase is tcp
    tcp_s, rtt_s = reply.tcp_s, reply.rtt_s

The client has looked the name up and says which addresses it may be, in which order: the relay tries them as a client
without a relay does (`scenarios.addresses.Race`), each handshake as slow as the arm, and answers which one it is.
Without addresses it looks the name up itself.

The relay answers after its own handshake with the target plus the delay (the SYN and its answer travel the
slow way, too), so the phase `tcp` ends with the reply, and a target that drops SYNs stays a timeout in tcp.
A plain port per arm could not do this: the relay would have accepted before it knew, and a refusal would
look like a reset in a later phase.

The same port answers `GET /connection?port=...` with what the relay's kernel says of a path's way to the target, also
while it is being dialled: see `scenarios.relay.question`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from scenarios.authority import authority_of
from scenarios.http_head import EndlessHead, all_headers, split_head

# A request or a reply is about 200 bytes; more without an end is something else.
MAX_HEAD_BYTES: Final = 4096
# As many addresses of 50 letters leave room for the rest.
MOST_ADDRESSES: Final = 64


class RelayError(ValueError):
    """The other side does not speak this protocol, or refuses the request: the harness is wrong."""


class RelayRequest(NamedTuple):
    """What a connection asks for.

    Attributes:
        target: host:port as asked (IPv6 in brackets).
        delay_s: Round trip to add, in seconds.
        seed: Of this connection's jitter and stalls.
        addresses: The target's, host:port each, in the order in which they are to be tried; none = it is to be looked
            up.
        rest: Bytes that came behind the request and belong to the target.
    """

    target: str
    delay_s: float
    seed: int
    addresses: tuple[str, ...]
    rest: bytes


class RelayReply(NamedTuple):
    """What became of the relay's own connection to the target.

    Attributes:
        rtt_s: The relay's handshake with the target plus the delay: the round trip that the client
            would have seen on a network like that. None when there was no handshake.
        tcp_s: The same from the first address that was tried: more, if it was not the one that answered.
        address: host:port of the address that answered, or of the one that failed last; None = it is not told.
        errno: The operating system's error when the target could not be connected; None = connected.
        detail: The error in words, for people.
        rest: Bytes that came behind the reply and belong to the client.
    """

    rtt_s: float | None
    tcp_s: float | None
    address: str | None
    errno: int | None
    detail: str
    rest: bytes


def connect_request(host: str, port: int, *, delay_s: float, seed: int, addresses: Sequence[str] = ()) -> bytes:
    """The bytes that ask the relay for a path to the target with this much added round trip."""
    authority = authority_of(host, port)
    lines = [
        f"CONNECT {authority} HTTP/1.1",
        f"Host: {authority}",
        f"Soak-Delay-S: {delay_s:.6f}",
        f"Soak-Seed: {seed}",
        *([f"Soak-Addresses: {' '.join(addresses)}"] if addresses else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def connected_reply(rtt_s: float, *, tcp_s: float | None = None, address: str = "") -> bytes:
    """The relay is connected."""
    tcp_s = rtt_s if tcp_s is None else tcp_s
    lines = ["HTTP/1.1 200 Connected", f"Soak-Rtt-S: {rtt_s:.6f}", f"Soak-Tcp-S: {tcp_s:.6f}"]
    return _reply(lines, address)


def failed_reply(errno: int, detail: str, *, address: str = "") -> bytes:
    """The target could not be connected."""
    text = " ".join(detail.split()).encode("ascii", "replace").decode("ascii")
    return _reply(["HTTP/1.1 502 Bad Gateway", f"Soak-Errno: {errno}", f"Soak-Detail: {text}"], address)


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
    address = fields.get("soak-address")
    try:
        if status == ["200"]:
            rtt_s = _seconds(fields["soak-rtt-s"])
            tcp_s = _seconds(fields.get("soak-tcp-s", fields["soak-rtt-s"]))
            return RelayReply(rtt_s, tcp_s, address, None, "", rest)
        if status == ["502"]:
            return RelayReply(None, None, address, int(fields["soak-errno"]), detail, rest)
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
    return RelayRequest(words[1], delay_s, seed, tuple(fields.get("soak-addresses", "").split()), rest)


def _reply(lines: Sequence[str], address: str) -> bytes:
    lines = [*lines, *([f"Soak-Address: {address}"] if address else [])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


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
