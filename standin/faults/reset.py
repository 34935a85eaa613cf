"""The connection is torn down by a TCP reset."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Effects, Facts, MessageFacts, Moment, Reset, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResetConnection(ConnectionFault):
    """A TCP reset (linger 0) instead of the upgrade's answer, of the welcome, or of a reply."""

    name: ClassVar[str] = "reset"
    phase: str = setting("exchange", "where", choices=("upgrade", "welcome", "exchange"))
    after: int = setting(0, "in phase exchange: after this many messages were served", low=0)

    def on_upgrade(self, facts: Facts, moment: Moment) -> Effects:
        """Reset instead of a 101."""
        return (Reset(),) if self.phase == "upgrade" else NOTHING

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Reset instead of the welcome."""
        return (Reset(),) if self.phase == "welcome" else NOTHING

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Reset instead of a reply."""
        return (Reset(),) if self.phase == "exchange" and message.number >= self.after else NOTHING
