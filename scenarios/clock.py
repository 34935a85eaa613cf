"""One clock a process: monotonic seconds for waiting, one anchor to name moments of the day."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Final, NamedTuple

# A wall clock that moves by so much against the monotonic one between two looks was set: one that is only steered
# (by NTP, at most 500 millionths) takes a quarter of an hour for that.
STEP_LEAST_S: Final = 0.5


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
        return cls(wall_us(), time.perf_counter())

    def as_words(self) -> tuple[str, str]:
        """For a process of this machine, whose `time.perf_counter` is the same timer."""
        return str(self.wall_us), repr(self.monotonic_s)

    @classmethod
    def from_words(cls, wall_us: str, monotonic_s: str) -> Clock:
        """The reverse of `as_words`."""
        return cls(int(wall_us), float(monotonic_s))

    def micros(self, now: float) -> int:
        """Microseconds since the epoch at `now` (monotonic seconds)."""
        return self.wall_us + round((now - self.monotonic_s) * 1e6)

    def moment(self, now: float) -> datetime:
        """The same as a date."""
        return datetime.fromtimestamp(self.micros(now) / 1e6, UTC)

    def monotonic(self, micros: int) -> float:
        """The reverse: monotonic seconds of a moment."""
        return self.monotonic_s + (micros - self.wall_us) / 1e6


class StepWatch:
    """Notices that somebody has set the wall clock: it has moved against the monotonic one.

    Args:
        wall_us: This machine's clock, and
        now: the monotonic seconds, when the watch begins.
    """

    def __init__(self, wall_us: int, now: float) -> None:
        self._difference_s = wall_us / 1e6 - now

    def step_s(self, wall_us: int, now: float) -> float | None:
        """By how much the clock was set since the last look, forward above 0; None: it was not."""
        difference_s = wall_us / 1e6 - now
        moved_s = difference_s - self._difference_s
        self._difference_s = difference_s
        return moved_s if abs(moved_s) >= STEP_LEAST_S else None


def wall_us() -> int:
    """This machine's clock, microseconds since the epoch."""
    return time.time_ns() // 1000


def asleep_s() -> float:
    """How long this machine has slept (was suspended) since some moment, which `time.perf_counter` does not count.

    Always 0 where it counts that (Windows).
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return 0.0
