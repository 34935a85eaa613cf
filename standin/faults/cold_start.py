"""The first seconds of a process: start-up is not complete, welcomes are late."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from standin.faults.base import ConnectionFault, Delay, Effects, Facts, Moment, NotStarted, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColdStart(ConnectionFault):
    """For `for` seconds after each (re)start welcomes wait for start-up, at most `delay` seconds, then come degraded.

    Degraded: a `degraded_mode` frame before the welcome, and `startup_complete` false in it. /health and
    /health/ready answer 503 meanwhile.
    """

    name: ClassVar[str] = "cold_start"
    for_s: float = setting(20.0, "how long start-up takes, s, from each start", low=0)
    delay_s: float = setting(5.0, "longest wait for start-up, s (the original: 5)", low=0)

    def _clock(self, moment: Moment) -> float:
        return moment.since_start_s

    def on_welcome(self, facts: Facts, moment: Moment) -> Effects:
        """Wait for start-up as long as allowed, then go on without it."""
        left_s = self.from_s + self.for_s - moment.since_start_s
        if left_s <= self.delay_s:
            return (Delay(left_s),)
        return (Delay(self.delay_s), NotStarted(self.delay_s))

    def problem(self) -> str | None:
        """A start-up happens once and ends."""
        if not self.for_s or self.every_s:
            return "it happens once after each start: give for=SECONDS above 0 and no every"
        return super().problem()
