"""Histogram of how far the relay missed the delay it was asked for, in a few kilobytes for millions of chunks."""

from __future__ import annotations

from collections import Counter
from math import ceil, log
from typing import Final

# Buckets 2 % wide from a microsecond up: some 700 of them cover a microsecond to a second, so a day's
# millions of chunks cost a few kilobytes and a quantile is at most 2 % too large.
_STEP: Final = log(1.02)
_LEAST_S: Final = 1e-6


class DelayError:
    """How much later than asked chunks came out: counts by size, quantiles with an error of 2 %."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.largest_s: float | None = None

    def add(self, error_s: float) -> None:
        """One chunk came out this much later than asked (early counts as exact)."""
        self.count += 1
        self._buckets[ceil(log(max(error_s, _LEAST_S) / _LEAST_S) / _STEP)] += 1
        if self.largest_s is None or error_s > self.largest_s:
            self.largest_s = max(0.0, error_s)

    def quantile_s(self, share: float) -> float | None:
        """The least error that at least this share of the chunks did not exceed; None without chunks."""
        if self.largest_s is None:
            return None
        wanted = max(1, ceil(share * self.count - 1e-9))
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return min(_LEAST_S * 1.02**bucket, self.largest_s)
        return self.largest_s
