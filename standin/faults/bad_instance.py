"""One of several instances misbehaves."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import (
    NOTHING,
    ConnectionFault,
    Delay,
    Effects,
    Facts,
    Fail,
    MessageFacts,
    Moment,
    Reset,
    Silence,
    setting,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BadInstance(ConnectionFault):
    """Instance `instance` of `of` misbehaves in one phase, with probability `share`; the others are healthy."""

    name: ClassVar[str] = "bad_instance"
    instance: int = setting(0, "which instance, from 0", low=0)
    of: int = setting(3, "how many instances there are at least", low=1)
    phase: str = setting("welcome", "where", choices=("upgrade", "welcome", "exchange"))
    effect: str = setting("slow", "what it does", choices=("slow", "silent", "reset", "error"))
    delay_s: float = setting(12.0, "with effect slow: how late, s", low=0)

    def hits(self, facts: Facts) -> bool:
        """Only connections that this instance serves, and of those a share."""
        return facts.instance == self.instance and super().hits(facts)

    def on_upgrade(self, facts: Facts, moment: Moment) -> Effects:
        """Misbehave instead of answering the upgrade."""
        return self._effects() if self.phase == "upgrade" else NOTHING

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Misbehave instead of welcoming."""
        return self._effects() if self.phase == "welcome" else NOTHING

    def on_message(self, facts: Facts, moment: Moment, message: MessageFacts) -> Effects:
        """Misbehave instead of replying."""
        return self._effects() if self.phase == "exchange" else NOTHING

    def _effects(self) -> Effects:
        if self.effect == "slow":
            return (Delay(self.delay_s),)
        if self.effect == "silent":
            return (Silence(),)
        if self.effect == "reset":
            return (Reset(),)
        return (Fail("INTERNAL_ERROR", "An unexpected error occurred", 1011, "Internal error"),)

    def problem(self) -> str | None:
        """The instance must exist, and an error frame needs an open WebSocket."""
        if self.instance >= self.of:
            return f"instance={self.instance} does not exist among of={self.of} (they count from 0)"
        if self.phase == "upgrade" and self.effect in ("slow", "error"):
            return f"effect={self.effect} cannot happen in phase=upgrade: use silent or reset there"
        return super().problem()
