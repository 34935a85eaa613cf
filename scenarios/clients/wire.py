"""The WebSocket of one library, without I/O: what a client library is to a driver."""

from __future__ import annotations

from typing import Final, Protocol

from scenarios.clients.answer import end_of_answer, plain_head
from scenarios.clients.dial import UpgradeRequest
from scenarios.plan import MEGABYTE, Target
from scenarios.protocols.shape import TargetProtocol
from scenarios.rfc6455 import MESSAGE_TOO_BIG
from scenarios.session.ledger import End

# No opcodes: the peer broke RFC 6455, the payload says how; its message is longer than the limit. Nothing can be read
# behind either; the close frame that says so is in `data_to_send`.
BROKEN: Final = -1
TOO_BIG: Final = -2


class Wire(Protocol):
    """One connection's handshake and framing, by a library.

    Attributes:
        key: The Sec-WebSocket-Key of its upgrade request.
    """

    key: str

    def __init__(self, target: Target, request: UpgradeRequest) -> None:
        """A wire for one connection."""

    def request(self) -> bytes:
        """The upgrade request."""

    def response(self, head: bytes) -> End | None:
        """Take the answer, which is right, in plain words (`answer.plain_head`); None = upgraded."""

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """The whole messages and control frames in what came.

        (TEXT, BINARY, PONG, CLOSE, BROKEN or TOO_BIG, payload). The library answers pings and acknowledges closes;
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
    end = end_of_answer(head, request, protocol, key=wire.key, must_refuse=must_refuse)
    return end or wire.response(plain_head(head))


class Fragments:
    """The message that comes in fragments, in one buffer: many small ones take no more room than their bytes.

    Attributes:
        opcode: Of the message; None = none has begun.
    """

    def __init__(self) -> None:
        self.opcode: int | None = None
        self._data = bytearray()

    @property
    def size(self) -> int:
        """Bytes of the message so far."""
        return len(self._data)

    def add(self, opcode: int, data: bytes | bytearray | memoryview, *, fin: bool) -> tuple[int, bytes] | None:
        """The next frame, whose order is right; the whole message once its last one has come."""
        if self.opcode is None:
            self.opcode = opcode
        self._data += data
        if not fin:
            return None
        whole = self.opcode, bytes(self._data)
        self.opcode, self._data = None, bytearray()
        return whole


def too_big(most_bytes: int) -> End:
    """The peer's message is longer than the limit; it was told so (RFC 6455, section 7.4.1)."""
    limit = f"{most_bytes / MEGABYTE:g} MiB (--max-message-mb)"
    detail = f"a message of more than {limit}"
    return End("malformed", close_code=MESSAGE_TOO_BIG, closed_by="client", detail=detail)


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
