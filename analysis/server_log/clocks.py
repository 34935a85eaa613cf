"""How far the server's clock is ahead of each worker's, and how well that is known.

What came before cannot have come after: the server cannot take an upgrade before the client asked for it, and a client
cannot read a welcome before the server wrote it. Each connection that is surely the same on both sides thus bounds the
offset from below and from above, and many of them meet in a narrow gap (Cristian's algorithm, with the log for a
reply). Nothing is assumed of the network but that it delivers nothing before it was sent.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Final, NamedTuple

# So many connections, near in time, give one estimate: clocks drift, and a soak may last for days.
CHUNK: Final = 50
# Nobody's clock is known better than this: lines are written a moment after what they say, in whole milliseconds.
LEAST_ERROR_S: Final = 0.005
# Within a chunk no clock moves more; what differs more is a line whose time is wrong.
MOST_DRIFT_S: Final = 2.0
# With nothing to estimate it by: a machine that keeps no time at all is minutes off.
UNKNOWN_ERROR_S: Final = 60.0


class Bound(NamedTuple):
    """What one connection says of the offset.

    Attributes:
        worker: The client's clock.
        instance: The server's clock; None: the log names none.
        at_s: When, by the client's clock.
        low_s: The offset (server minus client) is at least this.
        high_s: And at most this.
    """

    worker: str
    instance: str | None
    at_s: float
    low_s: float
    high_s: float


class Offset(NamedTuple):
    """Server's clock minus client's, and the most that it may be wrong."""

    offset_s: float
    error_s: float


UNKNOWN: Final = Offset(0.0, UNKNOWN_ERROR_S)


class Clocks:
    """The offsets between the workers' clocks and the server's instances', by time."""

    def __init__(self, bounds: Iterable[Bound] = ()) -> None:
        groups: dict[tuple[str, str | None], list[Bound]] = defaultdict(list)
        for bound in bounds:
            if bound.low_s <= bound.high_s:
                groups[bound.worker, bound.instance].append(bound)
        self._times: dict[tuple[str, str | None], list[float]] = {}
        self._offsets: dict[tuple[str, str | None], list[Offset]] = {}
        of_workers: dict[str, list[Offset]] = defaultdict(list)
        for key, mine in groups.items():
            mine.sort(key=lambda bound: bound.at_s)
            chunks = [mine[at : at + CHUNK] for at in range(0, len(mine), CHUNK)]
            self._times[key] = [median(bound.at_s for bound in chunk) for chunk in chunks]
            self._offsets[key] = [met(chunk) for chunk in chunks]
            of_workers[key[0]] += self._offsets[key]
        self._of_workers = {worker: hull(offsets) for worker, offsets in of_workers.items()}
        self.overall = hull(self._of_workers.values()) if self._of_workers else UNKNOWN
        self.connections = sum(map(len, groups.values()))

    def between(self, worker: str, instance: str | None, at_s: float) -> Offset:
        """The offset at a moment; of the worker to any instance, or of any worker, where there is nothing nearer.

        Args:
            worker: The client's clock.
            instance: As the log names it.
            at_s: About when, by either clock.
        """
        key = worker, instance
        times = self._times.get(key)
        if times is None:
            return self._of_workers.get(worker, self.overall)
        after = bisect.bisect(times, at_s)
        near = min((at for at in (after - 1, after) if 0 <= at < len(times)), key=lambda at: abs(times[at] - at_s))
        return self._offsets[key][near]


def met(bounds: Iterable[Bound]) -> Offset:
    """Where all bounds meet; where they do not, clocks have moved meanwhile: wide enough for all."""
    mine = list(bounds)
    if max(bound.low_s for bound in mine) - min(bound.high_s for bound in mine) > MOST_DRIFT_S:
        mine = agreeing(mine) or mine
    low, high = max(bound.low_s for bound in mine), min(bound.high_s for bound in mine)
    if low <= high:
        return Offset((low + high) / 2, (high - low) / 2 + LEAST_ERROR_S)
    return Offset((low + high) / 2, (low - high) / 2 + LEAST_ERROR_S)


def hull(offsets: Iterable[Offset]) -> Offset:
    """An offset whose error covers all of these."""
    all_of = list(offsets)
    low = min(one.offset_s - one.error_s for one in all_of)
    high = max(one.offset_s + one.error_s for one in all_of)
    return Offset((low + high) / 2, max(LEAST_ERROR_S, (high - low) / 2))


def agreeing(bounds: Iterable[Bound], within_s: float = MOST_DRIFT_S) -> list[Bound]:
    """The bounds on whose offset most agree: pairs that only chance has made agree with nobody.

    Empty where fewer than half agree, or fewer than two: nothing is known then.
    """
    mine = sorted((bound for bound in bounds if math.isfinite(bound.low_s)), key=lambda bound: bound.low_s)
    best: tuple[int, int, int] = (0, 0, 0)
    first = 0
    for last in range(len(mine)):
        while mine[last].low_s - mine[first].low_s > within_s:
            first += 1
        best = max(best, (last - first + 1, first, last))
    n, first, last = best
    return mine[first : last + 1] if n >= 2 and 2 * n >= len(mine) else []
