"""How fast a series grows, and how sure that is where each value depends on the one before.

What a process needs in memory is no sample of independent values: it stays where it was, takes a step, stays there.
The interval of ordinary regression is far too narrow for that. Here the errors' own memory is estimated and used
(Newey and West 1987, with the bandwidth of Andrews 1991), and the quantile is that of Kiefer and Vogelsang (2005),
which grows with the share of the series that the bandwidth takes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

# Kiefer and Vogelsang (2005), table 1: the 97.5 % quantile for the Bartlett kernel, a cubic in bandwidth / length.
_QUANTILE: Final = (1.9600, 2.9694, 0.4160, -0.5324)
_LARGEST_AUTOCORRELATION: Final = 0.97  # Andrews' bandwidth has no end at 1: a random walk has no slope to estimate
FEWEST: Final = 20


class Slope(NamedTuple):
    """Growth of a series, in its own unit an hour.

    Attributes:
        per_hour: The least-squares slope.
        low, high: The limits of its 95 % interval.
    """

    per_hour: float
    low: float
    high: float


def slope_per_hour(seconds: npt.ArrayLike, values: npt.ArrayLike) -> Slope:
    """The slope of values over time, with an interval that allows for their dependence.

    Args:
        seconds: (n,) Times, evenly spaced, ascending; n is 20 or more.
        values: (n,) What was measured then.

    Raises:
        ValueError: If there are fewer than 20 values.
    """
    hours = np.asarray(seconds, dtype=float) / 3600
    y = np.asarray(values, dtype=float)
    n = len(y)
    if n < FEWEST:
        raise ValueError(f"a slope of {n} values has no interval worth printing: it takes {FEWEST} or more")
    x = hours - hours.mean()
    spread = float(x @ x)
    slope = float(x @ y) / spread
    residuals = y - y.mean() - slope * x
    lags = bandwidth(residuals)
    scores = x * residuals
    variance = float(scores @ scores)
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(scores[lag:] @ scores[:-lag])
    error = np.sqrt(max(variance, 0.0) * n / (n - 2)) / spread
    share = (lags + 1) / n
    quantile = sum(factor * share**power for power, factor in enumerate(_QUANTILE))
    return Slope(slope, float(slope - quantile * error), float(slope + quantile * error))


def bandwidth(residuals: npt.NDArray[np.float64]) -> int:
    """How many lags count, by Andrews' rule for errors that keep a share of the one before; at most a third of them."""
    before, after = residuals[:-1], residuals[1:]
    power = float(before @ before)
    rho = float(before @ after) / power if power else 0.0
    rho = float(np.clip(rho, -_LARGEST_AUTOCORRELATION, _LARGEST_AUTOCORRELATION))
    alpha = 4 * rho**2 / ((1 - rho) ** 2 * (1 + rho) ** 2)
    return int(min(1.1447 * (alpha * len(residuals)) ** (1 / 3), len(residuals) // 3))
