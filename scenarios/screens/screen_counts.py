"""Successes for Locust's screens, half a second at a time.

One request event an exchange costs as much as everything else that wsoak does with it (5 to 10 µs), and
nobody looks at a screen 20,000 times a second. So successes are collected and merged into Locust's
statistics as its master merges a worker's report (`StatsEntry.extend`); failures, which are rare and
have texts, still go through the event (`scenarios.screens.locust_stats.show`).
"""

from __future__ import annotations

from locust.stats import RequestStats, StatsEntry, bucket_response_time

import time
from collections import defaultdict
from typing import Any, Final, cast

from attempts.schema import Attempt
from scenarios.screens.screen_failures import SHOWN

# Locust's own tables are drawn every two seconds, its page every one.
FLUSH_S: Final = 0.5


class ScreenCounts:
    """Collects successful connects and exchanges for `environment.stats`.

    Call `flush` every `FLUSH_S`, and once when the last user has stopped.
    """

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats
        self._waiting: defaultdict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)

    def add(self, attempt: Attempt) -> None:
        """Take one successful connect or exchange."""
        self._waiting[attempt.operation, attempt.kind].append((attempt.duration_s, attempt.bytes_in))

    def flush(self) -> None:
        """Merge what was collected since the last time."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, defaultdict(list)
        now = time.time()
        for (operation, kind), attempts in waiting.items():
            method = SHOWN[kind]
            batch = _batch(operation, method, attempts, now)
            self._stats.entries[operation, method].extend(batch)
            self._stats.total.extend(batch)


def _batch(name: str, method: str, attempts: list[tuple[float, int]], now: float) -> Any:
    """One entry of so many requests, as if each had been logged at `now`."""
    # An entry of no table: it is merged into two, and thrown away.
    batch: Any = StatsEntry(cast(RequestStats, None), name, method)
    times_ms = [duration_s * 1000.0 for duration_s, _ in attempts]
    batch.num_requests = len(times_ms)
    batch.last_request_timestamp = now
    batch.num_reqs_per_sec[int(now)] = len(times_ms)
    batch.total_response_time = sum(times_ms)
    batch.min_response_time = min(times_ms)
    batch.max_response_time = max(times_ms)
    batch.total_content_length = sum(size for _, size in attempts)
    for time_ms in times_ms:
        batch.response_times[bucket_response_time(time_ms)] += 1
    return batch
