"""Logarithmic bins of durations: quantiles need no rows in memory, and histograms of files and runs add up.

Bin b of a histogram with k bins a decade holds what lasted from 10^(b/k) to 10^((b+1)/k) microseconds; everything under
a microsecond is in bin 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import ibis
    import numpy as np
    import pandas as pd

# 40 bins a decade are 5.9 % wide: below what a latency picture can show, 320 bins from 1 us to 100 s.
DURATION_BINS_PER_DECADE: Final = 40
RTT_BINS_PER_DECADE: Final = 20
# 12 % wide, finer than the noise of any p99 compared here.
LATENCY_BINS_PER_DECADE: Final = 20

_Bins = TypeVar("_Bins", "pd.Series[float]", "np.ndarray[tuple[int], np.dtype[np.float64]]", float)


def log_bin(microseconds: ibis.expr.types.NumericColumn, per_decade: int) -> ibis.expr.types.IntegerColumn:
    """The bin of a duration."""
    import ibis

    at_least_one = ibis.greatest(microseconds.cast("float64"), ibis.literal(1.0))
    return (at_least_one.log10() * per_decade).floor().cast("int64")


def edge_s(bins: _Bins, per_decade: int) -> _Bins:
    """The lower edges of bins, in seconds; a broken number lies within its bin."""
    edges: _Bins = 10.0 ** (bins / per_decade) / 1e6
    return edges


def middle_s(bins: pd.Series[int], per_decade: int) -> pd.Series[float]:
    """Geometric middle of bins, in seconds."""
    return edge_s(bins.astype(float) + 0.5, per_decade)
