"""What a client says before its session is ready: which opening message is due when, and when all is acknowledged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from scenarios.plan import ConnectionPlan
from scenarios.protocols.reading import messages_in
from scenarios.protocols.shape import Kind, Opening, TargetProtocol
from scenarios.protocols.transport import MESSAGE, PROTOCOL
from scenarios.rfc6455 import BINARY, TEXT


def openings_of(protocol: TargetProtocol, plan: ConnectionPlan) -> Sequence[Opening]:
    """The opening messages of a plan's connection, with its token unless the upgrade carries that.

    A protocol class may have none.
    """
    speak = getattr(protocol, "openings", None)
    token = plan.token if plan.token_transport in (PROTOCOL, MESSAGE) else None
    found: Sequence[Opening] = () if speak is None else speak(token)
    return found


class Openings:
    """The opening messages of one session, sent one after the other.

    Attributes:
        await_frames: Whether one of them waits for a message of the server's, before it is sent or behind it.
    """

    def __init__(self, openings: Sequence[Opening]) -> None:
        self.await_frames = any(opening.after or opening.acknowledged_by for opening in openings)
        self._left = list(openings)
        self._awaited = ""  # what acknowledges the one that was sent last
        self._heard: set[str] = set()

    @property
    def is_done(self) -> bool:
        """Whether all are sent and acknowledged."""
        return not self._left and not self._awaited

    def due(self) -> list[Opening]:
        """What is to be sent now, oldest first; it counts as sent."""
        found: list[Opening] = []
        while self._left and not self._awaited and self._left[0].after in {"", *self._heard}:
            opening = self._left.pop(0)
            self._awaited = opening.acknowledged_by
            found.append(opening)
        return found

    def heard(self, key: str) -> bool:
        """A message of this key came: whether an opening was waiting for it. Then ask what is `due`."""
        if not key or self.is_done:
            return False
        is_acknowledgement = key == self._awaited
        if is_acknowledgement:
            self._awaited = ""
        self._heard.add(key)
        return is_acknowledgement or any(opening.after == key for opening in self._left)


# Of the many sessions that have nothing to say: it never changes.
NO_OPENINGS: Final = Openings(())


class Upkeep:
    """What a connection that asks nothing owes its server: its openings, and answers to pings that say which they want.

    Both methods return what is to be sent, as (opcode, payload).
    """

    def __init__(self, protocol: TargetProtocol, plan: ConnectionPlan) -> None:
        self._protocol = protocol
        self._openings = Openings(openings_of(protocol, plan))

    def due(self) -> list[tuple[int, bytes]]:
        """The openings that are due; to be asked once after the upgrade."""
        return [(BINARY if one.is_binary else TEXT, one.payload) for one in self._openings.due()]

    def received(self, opcode: int, payload: bytes) -> list[tuple[int, bytes]]:
        """A message of the server's came."""
        answers: list[tuple[int, bytes]] = []
        for message in messages_in(self._protocol, payload, is_binary=opcode == BINARY):
            if message.kind is Kind.PING and message.answer is not None:
                answers.append((opcode, message.answer))
            self._openings.heard(message.key)
            answers += self.due()
        return answers
