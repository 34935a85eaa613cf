"""How fast a series grows, and how sure that is where each value depends on the one before.

What a process needs in memory is no sample of independent values: it stays where it was, takes a step, stays there.
The interval of ordinary regression is far too narrow for that. Here the share of its error that a value hands on to the
next one is estimated first, with Kendall's correction (from a short series one gets too small a one); what is left is
taken with what dependence it has left (Newey and West 1987), and put back through that share (Andrews and Monahan,
1992: "prewhitening").
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

# A walk that forgets nothing has no slope to estimate but by its ends, and this is where it is taken for one.
_LARGEST_SHARE: Final = 0.99
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
    share = handed_on(residuals)
    whitened = residuals[1:] - share * residuals[:-1]
    distances = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    # Var(x'u) for errors that hand on `share` of themselves, their innovations with `long_run` variance.
    of_sum = float(x @ (share**distances) @ x) / (1 - share**2) * long_run_variance(whitened)
    quantile = float(stats.t.ppf(0.975, independent_values(n, share)))
    error = np.sqrt(of_sum * n / (n - 2)) / spread
    return Slope(slope, float(slope - quantile * error), float(slope + quantile * error))


def handed_on(residuals: npt.NDArray[np.float64]) -> float:
    """The share of its error that a value hands on to the next; of residuals from a line."""
    power = float(residuals[:-1] @ residuals[:-1])
    if not power:
        return 0.0
    n = len(residuals)
    seen = float(residuals[1:] @ residuals[:-1]) / power
    return float(np.clip((seen + 2 / n) / (1 - 4 / n), 0.0, _LARGEST_SHARE))


def long_run_variance(errors: npt.NDArray[np.float64]) -> float:
    """The variance of a sum of errors per error, with the dependence that a few lags show; never below their own."""
    n = len(errors)
    lags = int(4 * (n / 100) ** (2 / 9))
    own = float(errors @ errors) / n
    with_lags = own + sum(
        2 * (1 - lag / (lags + 1)) * float(errors[lag:] @ errors[:-lag]) / n for lag in range(1, lags + 1)
    )
    return max(own, with_lags)


def independent_values(n: int, share: float) -> float:
    """How many independent values say as much as n that hand on a share of their error; 3 at least."""
    return max(3.0, n * (1 - share) / (1 + share))
