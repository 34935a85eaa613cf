"""Measures how late an event loop was between any two moments: the generator's own share of a wait.

Something on the loop asks to be woken every `interval_s` and calls `tick`. A wake-up that comes late
was delayed by whatever held the loop, and so was everything else that waited on it. One meter serves
gevent workers and asyncio children; it knows no clock and no loop.

Theory of operation. The delay of a tick covers the span from when it was due until it came. Spans
never overlap, so at most one of them straddles the start of a window, and only the part inside the
window counts: an attempt that starts while a tick is overdue did not suffer what came before it.

- The largest delay since `start` is read from a monotonic stack: a later, larger delay makes an
  earlier, smaller one unable ever to be an answer, so that one is dropped (amortised O(1) per tick);
  what is left is sorted by time and found by bisection.
- The sum of the long delays is a difference of running totals.

Holds last for hours, so both lists are bounded: when one is full, neighbours in its older half are
merged. A merged entry answers with at least what either part would have: for windows that start hours
ago inside such an entry the answer is an upper bound, for all others it is exact.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

# Below this a delay is ordinary scheduling (a Windows timer alone steps by 15.6 ms); attempts.md.
BLOCKED_FLOOR_S: Final = 0.050

# 100 ticks a second; a random sequence leaves about ln(n) entries on the stack, and 4,096 long
# delays are minutes of a loop that is late all the time. Three lists of floats: 400 KB at most.
MAX_ENTRIES: Final = 4096


class LagMeter:
    """Delays of one event loop, asked for by window.

    Args:
        interval_s: How long after one tick the next one is due, in seconds.
        max_entries: Bound of each list that is kept.
    """

    def __init__(self, interval_s: float = 0.010, *, max_entries: int = MAX_ENTRIES) -> None:
        if interval_s <= 0.0 or max_entries < 4:
            raise ValueError(
                f"LagMeter(interval_s={interval_s!r}, max_entries={max_entries!r}): "
                "the interval is above 0 seconds and at least 4 entries are kept"
            )
        self.interval_s = interval_s
        self._max_entries = max_entries
        self._due: float | None = None  # when the next tick is due; None before the first one
        # Monotonic stack: due times rising, delays falling.
        self._peak_due: list[float] = []
        self._peak_end: list[float] = []
        self._peak_delay: list[float] = []
        # Long delays: spans, and the total of all up to and including this one.
        self._long_due: list[float] = []
        self._long_end: list[float] = []
        self._long_total: list[float] = []

    def tick(self, now: float) -> None:
        """The loop came round at `now` (seconds, monotonic, never earlier than the last tick)."""
        due = self._due
        self._due = now + self.interval_s
        if due is None or now <= due:
            return
        delay = now - due
        delays = self._peak_delay
        while delays and delays[-1] <= delay:
            delays.pop()
            self._peak_due.pop()
            self._peak_end.pop()
        delays.append(delay)
        self._peak_due.append(due)
        self._peak_end.append(now)
        if len(delays) > self._max_entries:
            self._merge_peaks()
        if delay > BLOCKED_FLOOR_S:
            self._long_total.append((self._long_total[-1] if self._long_total else 0.0) + delay)
            self._long_due.append(due)
            self._long_end.append(now)
            if len(self._long_due) > self._max_entries:
                self._merge_long()

    def lag_between(self, start: float, now: float) -> tuple[float | None, float | None]:
        """What a window suffered from its own event loop, in seconds: (loop_lag_s, loop_blocked_s).

        The largest delay between `start` and `now`, and the sum of those longer than 50 ms; (None, None):
        nothing was measured yet. A delay that is still running at `now` counts with what it has reached.
        `now` is not earlier than the last tick.
        """
        due = self._due
        if due is None:
            return None, None
        running = now - due if now > due else 0.0
        lag = min(running, now - start) if running else 0.0
        blocked = lag if running > BLOCKED_FLOOR_S else 0.0
        ends = self._peak_end
        if ends and ends[-1] > start:
            lag = max(lag, self._largest_since(start))
        ends = self._long_end
        if ends and ends[-1] > start:
            blocked += self._sum_since(start)
        return lag, blocked

    def _largest_since(self, start: float) -> float:
        first = bisect_left(self._peak_due, start)
        whole = self._peak_delay[first] if first < len(self._peak_delay) else 0.0
        if first == 0:
            return whole
        cut = min(self._peak_end[first - 1] - start, self._peak_delay[first - 1])
        return max(whole, cut)

    def _sum_since(self, start: float) -> float:
        totals = self._long_total
        first = bisect_left(self._long_due, start)
        before = totals[first - 1] if first else 0.0
        whole = totals[-1] - before
        if first == 0:
            return whole
        entry = before - (totals[first - 2] if first > 1 else 0.0)
        return whole + max(0.0, min(self._long_end[first - 1] - start, entry))

    def _merge_peaks(self) -> None:
        """Halve the older half of the stack; each pair becomes its later span with its larger delay.

        A window that starts between the two spans is then answered with the larger delay, too.
        """
        half = len(self._peak_due) // 4 * 2
        self._peak_due[:half] = self._peak_due[1:half:2]
        self._peak_end[:half] = self._peak_end[1:half:2]
        self._peak_delay[:half] = self._peak_delay[0:half:2]

    def _merge_long(self) -> None:
        """Halve the older half of the long delays; each pair spans from the first due to the last end."""
        half = len(self._long_due) // 4 * 2
        self._long_due[:half] = self._long_due[0:half:2]
        self._long_end[:half] = self._long_end[1:half:2]
        self._long_total[:half] = self._long_total[1:half:2]
