"""Keeps Locust's statistics from growing with the length of a run.

Locust keeps a count for every second of every entry, and a point of its charts for every five seconds, for
ever: 2.6 MB and 6 MB after a day on the master, and as much sent to each visitor of its page. It reads the
last twelve seconds of the counts; the charts are as good with every second point of the older half.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Final

# Locust's current rates look back 12 s from the last request; a stall may hold that back for a while.
KEPT_S: Final = 120
# Points of a chart: more than a screen has columns.
KEPT_POINTS: Final = 2000


def trim(stats: Any) -> None:
    """Trim Locust's `RequestStats` in place; call it now and then."""
    for entry in [stats.total, *stats.entries.values()]:
        for counts in (entry.num_reqs_per_sec, entry.num_fail_per_sec):
            forget_seconds(counts, before=int(entry.last_request_timestamp or 0) - KEPT_S)
    thin(stats.history, KEPT_POINTS)


def forget_seconds(counts: MutableMapping[int, int], *, before: int) -> None:
    """Drop the counts of the seconds before a moment (epoch seconds)."""
    for second in [s for s in counts if s < before]:
        del counts[second]


def thin(points: list[Any], most: int) -> None:
    """Halve the older half of a list that has grown beyond `most`."""
    if len(points) > most:
        half = len(points) // 2
        points[:half] = points[:half:2]
