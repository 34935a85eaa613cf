"""Replies come late."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Delay, Effects, Facts, MessageFacts, Moment, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class StalledReply(ConnectionFault):
    """A reply comes `delay` seconds late, and what was sent behind it waits too: messages are served in turn."""

    name: ClassVar[str] = "stalled_reply"
    delay_s: float = setting(12.0, "how late, s", low=0)
    ratio: float = setting(1.0, "share of the messages of a hit connection", low=0, high=1)
    after: int = setting(0, "only after this many messages were served", low=0)

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Wait before the reply."""
        if message.number < self.after or self.draw(facts.ordinal, message.number) >= self.ratio:
            return NOTHING
        return (Delay(self.delay_s),)
