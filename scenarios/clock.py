"""One clock a process: monotonic seconds for waiting, one anchor to name moments of the day."""

from __future__ import annotations

import time
from typing import NamedTuple


class Clock(NamedTuple):
    """A wall-clock reading at a `time.perf_counter` reading.

    Moments are computed from it and never read from the wall clock again, so a step of the wall clock
    during a run moves no row.

    Attributes:
        wall_us: Microseconds since the epoch, UTC.
        monotonic_s: `time.perf_counter` at that moment.
    """

    wall_us: int
    monotonic_s: float

    @classmethod
    def now(cls) -> Clock:
        """Anchor this process."""
        return cls(time.time_ns() // 1000, time.perf_counter())

    def micros(self, now: float) -> int:
        """Microseconds since the epoch at `now` (monotonic seconds)."""
        return self.wall_us + round((now - self.monotonic_s) * 1e6)

    def monotonic(self, micros: int) -> float:
        """The reverse: monotonic seconds of a moment."""
        return self.monotonic_s + (micros - self.wall_us) / 1e6
