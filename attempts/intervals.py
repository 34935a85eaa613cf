"""Sets of whole numbers that are mostly runs: which rows are there, which segments are stored.

A day of soaking is 10^9 row numbers; without gaps they are one pair of numbers here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """The numbers `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


class Intervals:
    """A set of whole numbers, kept as its runs; grows by `add`."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int | None = None) -> int:
        """Add `first` to `last` (by default one number). Returns how many of them were there already."""
        last = first if last is None else last
        # The runs from `low` up to `high` touch or overlap the new one, and melt into it.
        low = bisect_right(self._firsts, first)
        if low and self._lasts[low - 1] >= first - 1:
            low -= 1
        high = bisect_right(self._firsts, last + 1)
        merged = range(low, high)
        known = sum(max(0, min(self._lasts[n], last) - max(self._firsts[n], first) + 1) for n in merged)
        if merged:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]
        return known

    def gaps(self, *, first: int, last: int) -> tuple[Range, ...]:
        """The runs of `first` to `last` that are not in the set."""
        found = []
        for run in self:
            if run.first > last:
                break
            if run.first > first:
                found.append(Range(first, run.first - 1))
            first = max(first, run.last + 1)
        if first <= last:
            found.append(Range(first, last))
        return tuple(found)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number)
        return at > 0 and self._lasts[at - 1] >= number

    def __iter__(self) -> Iterator[Range]:
        return map(Range, self._firsts, self._lasts)

    def __len__(self) -> int:
        return sum(map(len, self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Intervals) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Intervals({[tuple(run) for run in self]})"
