"""One anchor of the wall clock to the monotonic one: times of day that never jump."""

from __future__ import annotations

import time


class Clock:
    """Seconds of `time.perf_counter`, and the times of day that belong to them."""

    def __init__(self) -> None:
        self._wall_minus_now_s = time.time() - time.perf_counter()

    def now(self) -> float:
        """Monotonic seconds."""
        return time.perf_counter()

    def wall_s(self) -> float:
        """Seconds since the epoch, on the anchored clock."""
        return time.perf_counter() + self._wall_minus_now_s

    def wall_us(self) -> int:
        """Microseconds since the epoch, on the anchored clock."""
        return int(self.wall_s() * 1e6)
