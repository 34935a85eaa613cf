"""Whether a connection has been heard since its way last lost something, as far as samples of its kernel tell.

A peer whose segments were lost as well sends them again after a pause that doubles each time (RFC 6298, section 5.5).
Once the way is healed, its kernel acknowledges what comes at once, and keeps back everything its process says until
that pause ends: for about as long as the way was gone. From here that looks like a process that keeps silent.
"""

from __future__ import annotations

from scenarios.evidence.sample import TcpSample


class Losses:
    """What is remembered of one connection's samples; tell it each of them, in their order.

    Attributes:
        retransmits: As the latest sample had them.
    """

    def __init__(self) -> None:
        self.retransmits = 0
        self._received_bytes: int | None = None  # when it was last seen that something had been sent again

    def seen(self, sample: TcpSample) -> None:
        """One more sample; one that does not say what was sent again changes nothing."""
        if sample.retransmits is None:
            return
        if sample.retransmits > self.retransmits:
            self._received_bytes = sample.received_bytes
        self.retransmits = sample.retransmits

    def is_unheard_since(self, sample: TcpSample) -> bool:
        """Whether something was lost, and nothing has come from the peer between then and this sample."""
        lost_at, now = self._received_bytes, sample.received_bytes
        return lost_at is not None and now is not None and now <= lost_at
