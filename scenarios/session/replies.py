"""Requests in flight, and which of them a reply belongs to.

Where the server names the request's id, the id decides. Where it does not, replies of one kind come in
order: a reply that comes after its request has timed out is taken for that request, and not for the next
one of its kind. The answer to a later, identified request strikes out what is still owed: the server
works through a session in order, so that reply was lost.
"""

from __future__ import annotations

import math

from scenarios.protocols.shape import Kind, Message
from scenarios.session.ledger import Wait


def answers(message: Message, wait: Wait) -> bool:
    """Whether a reply belongs to a request: by kind, and by id where both name one; an error by its id alone."""
    request = wait.request
    if request is None:
        return False
    if message.kind is Kind.ERROR:
        return message.id is not None and message.id == request.reply_id
    if request.events:
        return message.key == request.events[wait.event]
    if message.key != request.reply_key:
        return False
    return message.id is None or request.reply_id is None or message.id == request.reply_id


class InFlight:
    """The requests of one session that wait for their replies.

    Attributes:
        waits: Oldest first.

    Args:
        can_resynchronise: Whether the target has an identified operation. Without one, what is owed
            could never be struck out and would shift every later reply by one: then nothing is owed.
    """

    def __init__(self, *, can_resynchronise: bool) -> None:
        self.waits: list[Wait] = []
        self._owed: list[Wait] = []
        self._can_resynchronise = can_resynchronise

    def matched(self, message: Message) -> Wait | None:
        """The request that a reply or an error ends or (a reply of a sequence) brings on; None = it is nobody's."""
        waits = self.waits
        if not self._owed:
            for wait in waits:
                if answers(message, wait):
                    return wait
            return None
        for wait in (*self._owed, *waits):
            if answers(message, wait):
                if message.id is not None:
                    self._owed = [owed for owed in self._owed if owed.started > wait.started]
                if wait in waits:
                    return wait
                self._owed.remove(wait)
                return None
        return None

    def timed_out(self, wait: Wait) -> None:
        """A request of `waits` ran out without a reply; the reply may still come."""
        self.waits.remove(wait)
        request = wait.request
        if self._can_resynchronise and request is not None and request.reply_id is None and not request.events:
            self._owed.append(wait)

    def deadline(self) -> float:
        """The next one; infinity when nothing is in flight."""
        return min((wait.deadline for wait in self.waits), default=math.inf)
