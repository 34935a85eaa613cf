"""When connections are meant to start: an open plan, which does not wait for the target, and closed ones.

A closed loop starts less when the target is slow, and so hides exactly the waits that matter
(coordinated omission; G. Tene, "How NOT to measure latency"). So every start here has the time at which
it was meant to happen, and starts that were meant and did not happen are counted as skipped.

All times are seconds of one monotonic clock; nothing here sleeps or reads a clock.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple


class ArrivalStart(NamedTuple):
    """The next start of a closed plan.

    Attributes:
        scheduled_at: When it is meant to start.
        skipped: Starts that were meant to be before it and can no longer happen.
    """

    scheduled_at: float
    skipped: int


def constant_starts(rate_per_s: float, *, start: float) -> Iterator[float]:
    """Starts `1 / rate_per_s` apart, the first at `start`; without drift, however many."""
    n = 0
    while True:
        yield start + n / rate_per_s
        n += 1


def poisson_starts(rate_per_s: float, *, start: float, rng: random.Random) -> Iterator[float]:
    """Starts of a Poisson process: independent exponential gaps of mean `1 / rate_per_s`.

    The first comes one gap after `start`.
    """
    at = start
    while True:
        at += rng.expovariate(rate_per_s)
        yield at


class OpenArrivals:
    """Starts that come when they come; who has nobody free to take one lets it wait, then skips it.

    Sleep until `next_at()`, then start everything that `due` returns, each with its scheduled time; at
    the end call `finish`. Then `planned` = `started` + `skipped`.

    Args:
        starts: Scheduled times, rising, without end.
        max_late_s: A start that is later than this is skipped: it would no longer be the plan's load.
    """

    def __init__(self, starts: Iterator[float], *, max_late_s: float) -> None:
        self._starts = starts
        self._max_late_s = max_late_s
        self._coming = next(starts)
        self._waiting: deque[float] = deque()
        self.planned = 0
        self.started = 0
        self.skipped = 0

    def next_at(self) -> float:
        """The scheduled time of the next start that is not yet due."""
        return self._coming

    def due(self, now: float, *, free: int) -> list[float]:
        """The scheduled times of the starts to make at `now`, oldest first, at most `free` of them."""
        waiting = self._waiting
        while self._coming <= now:
            waiting.append(self._coming)
            self.planned += 1
            self._coming = next(self._starts)
        while waiting and now - waiting[0] > self._max_late_s:
            waiting.popleft()
            self.skipped += 1
        starts = [waiting.popleft() for _ in range(min(max(free, 0), len(waiting)))]
        self.started += len(starts)
        return starts

    def finish(self, now: float) -> None:
        """The run ends at `now`: what was due by then and did not start is skipped."""
        self.due(now, free=0)
        self.skipped += len(self._waiting)
        self._waiting.clear()


class Pacing:
    """A closed plan on a grid: one user starts every `period_s`; slots it was still busy in are skipped.

    Args:
        period_s: Time between scheduled starts; 0 = as soon as the last one ended.
        start: The first scheduled time.
    """

    def __init__(self, period_s: float, *, start: float) -> None:
        self._period_s = period_s
        self._next = start

    def next_start(self, now: float) -> ArrivalStart:
        """The next start of a user that is free since `now`; a slot less than one period ago still counts."""
        if self._period_s <= 0.0:
            return ArrivalStart(max(now, self._next), 0)
        missed = max(0, int((now - self._next) // self._period_s))
        scheduled_at = self._next + missed * self._period_s
        self._next = scheduled_at + self._period_s
        return ArrivalStart(scheduled_at, missed)
