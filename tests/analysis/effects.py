"""The numbers of effects that a test expects to have them."""

from __future__ import annotations

from analysis.model import Effect
from tests.typed import known


def estimate_of(effect: Effect | None) -> float:
    return known(known(effect).estimate)


def width_of(effect: Effect | None) -> float:
    """Of its interval."""
    there = known(effect)
    return known(there.high) - known(there.low)
