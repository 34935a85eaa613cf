"""The relay's books as it tells them: in a module of its own, so that who reads them need not load asyncio."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How the relay did so far; null = nothing to tell from.

    Attributes:
        connections, open, failed: Paths that were asked for, that are open, that found no target.
        chunks: Things given on.
        error_p50_s, error_p99_s, error_max_s: How much later than asked they were given on.
        read_p99_s: How late it was in noticing what had arrived, by its ticker.
        promise_s: What neither 99th percentile may exceed.
        is_kept: Whether that holds; null below 100 chunks.
    """

    event: str = "report"
    connections: int
    open: int
    failed: int
    chunks: int
    error_p50_s: float | None
    error_p99_s: float | None
    error_max_s: float | None
    read_p99_s: float | None
    promise_s: float
    is_kept: bool | None
