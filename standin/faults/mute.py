"""Requests that fail in routing, and the session that stays behind when there were too many in a row."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import (
    NOTHING,
    ConnectionFault,
    Effects,
    Facts,
    MessageFacts,
    Moment,
    Silence,
    Unroutable,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mute(ConnectionFault):
    """Messages of `types` fail in routing; the fifth routing error in a row leaves the socket open and silent.

    Protocol pings are answered and no close ever comes. Any message that is routed begins the count anew.
    """

    name: ClassVar[str] = "mute"
    types: tuple[str, ...] = setting(("start_agent", "agent_started"), "message types that fail, joined by +")

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Fail in routing."""
        return (Unroutable(),) if message.type in self.types else NOTHING

    def on_loop_end(self, facts: Facts, moment: Moment) -> Effects:
        """Stay, and say nothing any more."""
        return (Silence(),)
