"""Moments as a worker's clock named them, put on the time line of the run.

A worker measures again and again how far it is from the run's clock. Each finding that differs from what was known
goes into its segments as a knot; the store corrects by them. Durations come from a monotonic clock and are never
touched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

import msgspec


class ClockKnot(msgspec.Struct, frozen=True, array_like=True):
    """From a moment on, a worker's clock is off by so much. All in microseconds.

    Attributes:
        at: On the worker's clock.
        offset: The worker's clock minus the run's.
        uncertainty: By how much that may be wrong, either way.
    """

    at: int
    offset: int
    uncertainty: int


class TimeLine:
    """Corrects a worker's moments by the knots that are known.

    Time never runs backwards: where a knot sets the clock back, it stands still until the new time has caught up, so
    that rows keep their order. What a moment becomes depends on the knots before it only, so that a segment that
    knows later ones says the same of it. Before the first knot the first one holds.
    """

    def __init__(self, knots: Sequence[ClockKnot]) -> None:
        self._at = [knot.at for knot in knots[1:]]
        self._offset = [knot.offset for knot in knots]
        self._floor: list[int | None] = [None]
        floor: int | None = None
        for before, knot in pairwise(knots):
            reached = knot.at - before.offset
            floor = reached if floor is None else max(floor, reached)
            self._floor.append(floor)

    def corrected(self, at: int) -> int:
        """A moment of the worker's on the run's time line."""
        if not self._offset:
            return at
        place = bisect_right(self._at, at)
        moment, floor = at - self._offset[place], self._floor[place]
        return moment if floor is None else max(moment, floor)
