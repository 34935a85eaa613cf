"""The minutes of a run, cut into chunks: the sample behind every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.stats.groups import Ints

# Chunks are the sample behind every comparison: twenty are plenty, five are the fewest that count.
MOST_CHUNKS: Final = 20
LEAST_CHUNKS: Final = 5
CHUNK_MINUTES: Final = 2


@dataclass(frozen=True, kw_only=True)
class RunMinutes:
    """The minutes in which anything was attempted, cut into contiguous chunks.

    Attributes:
        minutes: (minutes,) sorted.
        chunks: Their number of pieces: one per two minutes, at least 2 and at most 20.
    """

    minutes: Ints

    @property
    def chunks(self) -> int:
        """The number of contiguous pieces."""
        return min(max(len(self.minutes) // CHUNK_MINUTES, 2), MOST_CHUNKS)

    def rank(self, minutes: Ints) -> Ints:
        """Place of each minute among those with attempts (the nearest later one, if it has none itself)."""
        last = max(0, len(self.minutes) - 1)
        return np.minimum(np.searchsorted(self.minutes, minutes), last).astype(np.int64)

    def chunk(self, minutes: Ints) -> Ints:
        """Chunk of each minute, from 0."""
        return self.rank(minutes) * self.chunks // max(1, len(self.minutes))

    def bin(self, minutes: Ints, unit: int) -> Ints:
        """Stratum of time of each minute: `unit` minutes, none across two chunks."""
        chunk = self.chunk(minutes)
        start = -(-chunk * len(self.minutes) // self.chunks)
        return chunk * (len(self.minutes) + 1) + (self.rank(minutes) - start) // unit
