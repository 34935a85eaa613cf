"""What a client asks the relay about its own connection, and the relay's answer: two small HTTP messages. Pure.

    GET /connection?port=<the client's local port>     200 and a `TcpSample` as JSON, its fields in their order
                                                       404 where that port has no path, or its socket is gone

Behind the relay the socket that matters is the relay's to the target: the client's own says nothing of the way. What
the relay answers is what the client would see on a network like that: the round trips hold the arm's delay already.
Bytes that the relay itself holds are the arm's delay and no loss: they are counted nowhere. But while it holds some of
the client's, that all was acknowledged proves nothing, and is not said.
"""

from __future__ import annotations

from typing import Final

import msgspec

from scenarios.evidence.sample import TcpSample
from scenarios.http_head import EndlessHead, split_head, status_of

# How long a client waits for the answer, connect and all. The relay promises to be late by 5 ms at most: one that needs
# this long is stuck, and the client has its own work to do.
ANSWER_LIMIT_S: Final = 0.25

_PATH: Final = b"GET /connection?port="
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
_OK: Final = 200
_MOST_DIGITS: Final = 5


def question(port: int) -> bytes:
    """The bytes that ask about the connection that comes to the relay from this port."""
    return _PATH + b"%d HTTP/1.1\r\nHost: relay\r\n\r\n" % port


def port_asked_about(request: bytes) -> int | None:
    """The port in a whole request; None = it asks for something else. 0 = what stands there is no port."""
    if not request.startswith(_PATH):
        return None
    digits = request.removeprefix(_PATH).split(b" ", 1)[0]
    return int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0


def json_reply(found: object) -> bytes:
    """An HTTP answer with this as JSON."""
    body = msgspec.json.encode(found)
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def answer(sample: TcpSample | None) -> bytes:
    """The relay's answer; None = there is no such connection."""
    return _NOT_FOUND if sample is None else json_reply(sample)


def read_answer(received: bytes) -> TcpSample | None:
    """The sample in all that was received up to the end of the stream; None = there is none, or it cannot be read."""
    try:
        found = split_head(received)
    except EndlessHead:
        return None
    if found is None:
        return None
    head, body = found
    status = status_of(head)
    if status is None or status[0] != _OK:
        return None
    try:
        return msgspec.json.decode(body, type=TcpSample)
    except msgspec.MsgspecError:
        return None


def as_the_client_sees_it(sample: TcpSample, *, delay_s: float, holds_bytes: bool) -> TcpSample:
    """The relay's own view of the way, as it would be on a network with the arm's delay.

    Args:
        sample: The relay's socket to the target.
        delay_s: The round trip that the relay adds.
        holds_bytes: Whether something that the client sent is not on its way yet, or an answer of the relay's own is
            still to come: nobody can be said to be silent who has not got all.
    """
    sample = sample._replace(
        queued_bytes=None,  # these lie in the relay, not in the client
        rtt_s=None if sample.rtt_s is None else sample.rtt_s + delay_s,
        min_rtt_s=None if sample.min_rtt_s is None else sample.min_rtt_s + delay_s,
    )
    if sample.is_connecting or not holds_bytes:
        return sample
    return sample._replace(unacknowledged=sample.unacknowledged or None, retransmits=None)
