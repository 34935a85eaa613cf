"""A session whose message loop has ended while its socket stays open."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Effects, Facts, MessageFacts, Moment, Silence, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Zombie(ConnectionFault):
    """After `after` messages nothing is answered any more but protocol pings; no close ever comes."""

    name: ClassVar[str] = "zombie"
    after: int = setting(5, "messages that are still served", low=0)

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Fall silent for good."""
        return (Silence(),) if message.number >= self.after else NOTHING
