"""When a byte that arrives at one end of an imagined line comes out at the other: the relay's arithmetic.

Pure: arrivals in, releases out, seconds of any monotonic clock. TCP delivers in order, so nothing overtakes:
a jittered or stalled chunk holds back those behind it, as a late or lost segment does.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LineQuality:
    """What a line does besides its delay.

    Attributes:
        jitter_s: Each chunk's one-way delay is drawn evenly from delay +- this (never below 0).
        stall_ratio: Share of chunks that stall, as a lost segment does until it is sent again.
        stall_s: How long; 200 ms is Linux's least retransmission timeout (RFC 6298 asks for 1 s).
        bytes_per_s: Bandwidth of each direction; None = without limit.
    """

    jitter_s: float = 0.0
    stall_ratio: float = 0.0
    stall_s: float = 0.200
    bytes_per_s: float | None = None


class DelayLine:
    """One direction of one connection.

    Args:
        delay_s: One-way delay.
        quality: The rest.
        rng: Of jitter and stalls; nothing is drawn where the quality asks for neither.
    """

    def __init__(self, delay_s: float, quality: LineQuality, rng: random.Random) -> None:
        self._delay_s = delay_s
        self._quality = quality
        self._rng = rng
        self._free_at = float("-inf")  # when the line has taken in what came before
        self._last_release = float("-inf")

    def release_at(self, arrived_at: float, size_bytes: int) -> float:
        """When a chunk that arrived then is due at the other end; never before an earlier chunk."""
        quality = self._quality
        entered_at = arrived_at
        if quality.bytes_per_s is not None:
            self._free_at = max(self._free_at, arrived_at) + size_bytes / quality.bytes_per_s
            entered_at = self._free_at
        release = entered_at + self._one_way_s()
        if quality.stall_ratio > 0.0 and self._rng.random() < quality.stall_ratio:
            release += quality.stall_s
        self._last_release = max(self._last_release, release)
        return self._last_release

    def _one_way_s(self) -> float:
        jitter_s = self._quality.jitter_s
        if jitter_s <= 0.0:
            return self._delay_s
        return max(0.0, self._delay_s + self._rng.uniform(-jitter_s, jitter_s))
