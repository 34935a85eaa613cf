"""Messages between a worker and its asyncio child, over the child's standard input and output.

Each message is four bytes of length and MessagePack; token and plan travel here and on no command line.
"""

from __future__ import annotations

from typing import Final

import msgspec

from attempts.schema import Attempt, ConnectionFacts, Health
from scenarios.plan import ConnectionPlan, ConnectionResult, Target


class StartMessage(msgspec.Struct, tag=True, frozen=True):
    """Run this connection."""

    job: int
    plan: ConnectionPlan
    target: Target


class Cancel(msgspec.Struct, tag=True, frozen=True):
    """Whoever asked for this connection was killed: abort it."""

    job: int


class Storm(msgspec.Struct, tag=True, frozen=True):
    """Everybody reconnects."""


class Stop(msgspec.Struct, tag=True, frozen=True):
    """The run ends."""


Command = StartMessage | Cancel | Storm | Stop


class Batch(msgspec.Struct, kw_only=True):
    """What happened since the last batch; to be taken in this order.

    Attributes:
        is_ready: Set in the child's first batch.
        facts: (number, job, facts) of connections whose connect has ended.
        rows: Finished attempts; `Attempt.facts` is a number of the child's.
        skipped: Planned starts that did not happen.
        in_flight: (job, attempt) that have been in flight for a while: if the child dies, they were its.
        ended: (job, result).
        health: The child's vitals.
        problem: What broke; the child ends.
    """

    is_ready: bool = False
    facts: list[tuple[int, int, ConnectionFacts]] = []
    rows: list[Attempt] = []
    skipped: int = 0
    in_flight: list[tuple[int, Attempt]] = []
    ended: list[tuple[int, ConnectionResult]] = []
    health: list[Health] = []
    problem: str = ""


_LENGTH_BYTES: Final = 4
_encoder: Final = msgspec.msgpack.Encoder()
_commands: Final = msgspec.msgpack.Decoder(Command)
_batches: Final = msgspec.msgpack.Decoder(Batch)


def encoded(message: Command | Batch) -> bytes:
    """One message with its length in front."""
    payload = _encoder.encode(message)
    return len(payload).to_bytes(_LENGTH_BYTES, "big") + payload


class Inbox:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._received = bytearray()

    def payloads(self, data: bytes) -> list[bytes]:
        """The whole messages that are there now."""
        received = self._received
        received += data
        found: list[bytes] = []
        start = 0
        while len(received) >= start + _LENGTH_BYTES:
            end = start + _LENGTH_BYTES + int.from_bytes(received[start : start + _LENGTH_BYTES], "big")
            if len(received) < end:
                break
            found.append(bytes(received[start + _LENGTH_BYTES : end]))
            start = end
        del received[:start]
        return found

    def commands(self, data: bytes) -> list[Command]:
        """The same, as what a worker says."""
        return [_commands.decode(payload) for payload in self.payloads(data)]

    def batches(self, data: bytes) -> list[Batch]:
        """The same, as what a child says."""
        return [_batches.decode(payload) for payload in self.payloads(data)]
