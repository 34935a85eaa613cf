"""Messages of some types, or above a size, are never answered."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import NOTHING, ConnectionFault, Drop, Effects, Facts, MessageFacts, Moment, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropType(ConnectionFault):
    """Messages of the given types, or above a size, get no reply; everything else on the socket works."""

    name: ClassVar[str] = "drop_type"
    types: tuple[str, ...] = setting((), "message types, joined by +")
    above_bytes: int = setting(0, "messages above this many bytes; 0 = none", low=0)

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Give no reply."""
        too_large = bool(self.above_bytes) and message.size_bytes > self.above_bytes
        return (Drop(),) if too_large or message.type in self.types else NOTHING

    def problem(self) -> str | None:
        """Without a type or a size there is nothing to drop."""
        if not self.types and not self.above_bytes:
            return "it needs types=TYPE+TYPE or above_bytes=N"
        return super().problem()
