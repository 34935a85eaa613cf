"""Intervals that hold at every minute at once: for a verdict that is watched while it grows."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

# The interval is tightest after an hour of minutes, the length of an ordinary soak.
TIGHTEST_AT_MINUTE: Final = 60
# The sequence is asymptotic: before this many minutes its coverage is not to be trusted.
SILENT_MINUTES: Final = 20


def half_width(minutes: int, deviation: float, *, alpha: float, tightest_at: int = TIGHTEST_AT_MINUTE) -> float:
    """Half-width at `minutes` of an asymptotic confidence sequence for a running mean.

    Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, Annals of Statistics 52 (2024), theorem 2.2.

    Args:
        minutes: Numbers averaged so far, at least 1.
        deviation: Their running standard deviation.
        alpha: Chance that the interval is ever wrong.
        tightest_at: Where the interval is to be tightest.
    """
    if minutes < 1:
        return math.inf
    level = -2.0 * math.log(alpha)
    rho = (level + math.log(level) + 1.0) / tightest_at
    scaled = minutes * rho + 1.0
    return deviation * math.sqrt(2.0 * scaled / (minutes**2 * rho) * math.log(math.sqrt(scaled) / alpha))


def running_interval(
    minute_effects: npt.NDArray[np.float64], *, alpha: float, tightest_at: int = TIGHTEST_AT_MINUTE
) -> tuple[float, float, float] | None:
    """Mean of the minutes so far and its interval; None while the sequence must be silent.

    Args:
        minute_effects: (minutes,) one number a finished minute, in order of time.
        alpha: Chance that the interval is ever wrong.
        tightest_at: Where the interval is to be tightest.

    Returns:
        (mean, low, high).
    """
    minutes = len(minute_effects)
    if minutes < SILENT_MINUTES:
        return None
    mean = float(np.mean(minute_effects))
    half = half_width(minutes, float(np.std(minute_effects, ddof=1)), alpha=alpha, tightest_at=tightest_at)
    return mean, mean - half, mean + half
