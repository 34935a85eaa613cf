"""Tests whether a subject's n-th connection fails more than its first: a quota, whoever the client is."""

from __future__ import annotations

import numpy as np

from analysis.stats.groups import Floats, Ints, Numbers, combined, sums
from analysis.stats.mantel_haenszel import Contrast, risk_difference


def ordinal_contrast(
    host: Ints, five_minutes: Ints, chunk: Ints, ordinal: Ints, n: Numbers, explicit: Numbers, *, chunks: int
) -> Contrast | None:
    """Risk of an explicit refusal above the mean ordinal, minus at or below it, within host and time.

    Args:
        host: (rows,) whole numbers from 0.
        five_minutes: (rows,) the five minutes, whole numbers from 0; they lie in one chunk or nearly so.
        chunk: (rows,) whole numbers from 0.
        ordinal: (rows,) the subject's connects in the trailing five minutes, this one included.
        n: (rows,) connects.
        explicit: (rows,) connects that the server itself refused.
        chunks: Chunks of the run.

    Returns:
        None where no host saw two different ordinals within five minutes.
    """
    stratum, strata = combined(host, five_minutes, chunk)
    if strata == 0:
        return None
    count = np.asarray(n, dtype=np.float64)
    mean = sums(stratum, count * ordinal, strata) / np.maximum(sums(stratum, count, strata), 1)
    above = ordinal > mean[stratum] + 1e-9
    return risk_difference(stratum, chunk, above, n, explicit, chunks=chunks)


def kolmogorov_distance(first: Floats, second: Floats) -> float:
    """Largest difference of two distributions' cumulative shares, 0 to 1.

    Args:
        first: (ordinals,) counts.
        second: (ordinals,) counts of the same ordinals.
    """
    if first.sum() <= 0 or second.sum() <= 0:
        return 0.0
    return float(np.abs(np.cumsum(first) / first.sum() - np.cumsum(second) / second.sum()).max())
