"""The WebSocket of one library, without I/O: what a client library is to a driver."""

from __future__ import annotations

from typing import Final, Protocol

from scenarios.clients.dial import UpgradeRequest, response_end
from scenarios.http_head import END_OF_HEAD
from scenarios.plan import Target
from scenarios.protocols.shape import TargetProtocol
from scenarios.session.ledger import End

# No opcode: the peer broke RFC 6455, the payload says how; nothing can be read behind it.
BROKEN: Final = -1


class Wire(Protocol):
    """One connection's handshake and framing, by a library."""

    def __init__(self, target: Target, request: UpgradeRequest) -> None:
        """A wire for one connection."""

    def request(self) -> bytes:
        """The upgrade request."""

    def response(self, head: bytes) -> End | None:
        """Judge the response's complete head (with its empty line, status 101); None = upgraded."""

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """The whole messages and control frames in what came.

        (TEXT, BINARY, PONG, CLOSE or BROKEN, payload). The library answers pings and acknowledges closes;
        then send `data_to_send()`.
        """

    def send(self, opcode: int, payload: bytes) -> None:
        """Queue one whole message or control frame; the payload of a CLOSE is its code.

        Then send `data_to_send()`.
        """

    def is_mid_message(self) -> bool:
        """Whether a frame, or a message of several, has begun to come and is not whole."""

    def data_to_send(self) -> bytes:
        """All frames that are due, masked, oldest first; they are this wire's no more."""


def upgrade_end(
    wire: Wire, head: bytes, request: UpgradeRequest, protocol: TargetProtocol, *, must_refuse: bool = False
) -> End | None:
    """What the response's head (without its empty line) says, and what the library thinks of it; None = upgraded."""
    end = response_end(head, request.expected_subprotocol, protocol, must_refuse=must_refuse)
    return end or wire.response(head + END_OF_HEAD)


def has_valid_reason(payload: bytes) -> bool:
    """Whether a close frame's reason is UTF-8, as it must be (RFC 6455, section 5.5.1); not every library asks."""
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return False
    return True


def close_code(payload: bytes) -> tuple[int | None, str]:
    """Code and reason of a close frame's payload; None = it names none."""
    if len(payload) < 2:
        return None, ""
    return int.from_bytes(payload[:2], "big"), payload[2:].decode("utf-8", "replace")
