"""When a worker's users start their next connection: at once (closed), or when the arrival plan says."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator

import gevent
from gevent.event import AsyncResult

from scenarios.experiment.arrivals import OpenArrivals, constant_starts, poisson_starts
from scenarios.plan import Tally

# An open plan's start that found no free user for this long is no longer the load that was planned.
MAX_LATE_S = 5.0


class OpenStarts:
    """Hands the starts of an open plan to whichever user is free.

    Args:
        kind: constant or poisson.
        rate_per_s: Of this worker.
        seed: Of the Poisson gaps.
        tally: Where skipped starts are counted.
    """

    def __init__(self, kind: str, rate_per_s: float, *, seed: str, tally: Tally) -> None:
        now = time.perf_counter()
        starts: Iterator[float] = (
            constant_starts(rate_per_s, start=now)
            if kind == "constant"
            else poisson_starts(rate_per_s, start=now, rng=random.Random(seed))
        )
        self._plan = OpenArrivals(starts, max_late_s=MAX_LATE_S)
        self._free: deque[AsyncResult[float]] = deque()
        self._tally = tally
        self._counted = 0
        self._clerk = gevent.spawn(self._hand_out)

    def take(self) -> float:
        """Wait for a start; returns when it was meant to be (monotonic seconds)."""
        mine: AsyncResult[float] = AsyncResult()
        self._free.append(mine)
        try:
            scheduled = mine.get()
        except BaseException:  # this user was killed, and must not be handed a start
            if mine.ready():
                self._tally.skip()
            else:
                self._free.remove(mine)
            raise
        assert scheduled is not None
        return scheduled

    @property
    def planned(self) -> int:
        """How many starts were due so far."""
        return self._plan.planned

    def stop(self) -> None:
        """The run is over: what was due and did not start is skipped."""
        self._clerk.kill()
        self._plan.finish(time.perf_counter())
        self._count_skipped()

    def _hand_out(self) -> None:
        while True:
            now = time.perf_counter()
            for scheduled in self._plan.due(now, free=len(self._free)):
                self._free.popleft().set(scheduled)
            self._count_skipped()
            # A user may become free between two starts while one waits: look again soon enough.
            gevent.sleep(min(max(self._plan.next_at() - now, 0.0), 0.05))

    def _count_skipped(self) -> None:
        new = self._plan.skipped - self._counted
        self._counted = self._plan.skipped
        self._tally.skip(new)
