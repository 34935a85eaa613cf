"""Accepted and authenticated at once, welcomed late."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, Delay, Effects, Facts, Moment, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class SlowWelcome(ConnectionFault):
    """The upgrade is answered at once, the welcome comes `delay` seconds late."""

    name: ClassVar[str] = "slow_welcome"
    delay_s: float = setting(12.0, "how late, s", low=0)

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Wait before the welcome."""
        return (Delay(self.delay_s),)
