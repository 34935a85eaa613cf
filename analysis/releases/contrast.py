"""Difference of a share between two runs within strata that both have; its error from sessions, minutes and hosts.

The runs are two samples: nothing of one is in the other, so the errors of both add (Welch). Within a run attempts of
one session and of one minute fail together, and both count at once; where there are several hosts they are taken for
the sample, too, and the wider interval counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from analysis.stats.estimate import Estimate, Spread
from analysis.stats.groups import Floats, Ints, combined, sums
from analysis.stats.mantel_haenszel import independent_se, two_arms

# With fewer hosts a run says nothing of how hosts differ.
HOSTS: Final = 3


class Shared(NamedTuple):
    """A difference over shared strata.

    Attributes:
        estimate: New minus base, an absolute share.
        base: The base's share over the shared strata, weighted as the difference is.
        new: The new run's, likewise.
        kept: Share of the attempts of both runs that lie in shared strata, 0 to 1.
    """

    estimate: Estimate
    base: float
    new: float
    kept: float


def difference(base: pd.DataFrame, new: pd.DataFrame, *, strata: Sequence[str], events: str) -> Shared | None:
    """Share of `events` in the new run minus that in the base, within strata (Mantel-Haenszel weights).

    Args:
        base: Columns `strata`, `host`, `session`, `minute`, `n` and `events`; one row a stratum, session and minute.
        new: The same of the new run.
        strata: Columns whose values make a stratum.
        events: The column that counts what is asked about.

    Returns:
        None if the runs share no stratum.
    """
    rows = pd.concat([base.assign(is_new=False), new.assign(is_new=True)], ignore_index=True)
    if rows.empty:
        return None
    stratum: Ints = rows.groupby(list(strata), dropna=False, observed=True).ngroup().to_numpy().astype(np.int64)
    size = int(stratum.max()) + 1
    is_new = rows["is_new"].to_numpy(bool)
    n, x = (rows[name].to_numpy(np.float64) for name in ("n", events))
    of_stratum = [sums(stratum, np.where(is_new == side, n, 0.0), size) for side in (False, True)]
    both = (of_stratum[0] > 0) & (of_stratum[1] > 0)
    if not both.any():
        return None
    weight = np.zeros(size)
    weight[both] = of_stratum[0][both] * of_stratum[1][both] / (of_stratum[0] + of_stratum[1])[both]
    weight /= weight.sum()
    inside = both[stratum]
    sides = []
    shares = []
    for side in (False, True):
        mine = inside & (is_new == side)
        n_of = of_stratum[int(side)]
        rate = np.divide(sums(stratum, np.where(is_new == side, x, 0.0), size), n_of, out=np.zeros(size), where=both)
        shares.append(float(weight @ rate))
        here = stratum[mine]
        # What each row adds to its run's standardised share; they sum to zero.
        score = weight[here] / n_of[here] * (x[mine] - n[mine] * rate[here])
        sides.append(_squares(rows[mine], score))
    spreads = [_welch(*pair) for pair in zip(*sides, strict=True) if not any(one is None for one in pair)]
    arms = two_arms(stratum, np.zeros(len(rows), dtype=np.int64), is_new, n, x)
    value = shares[1] - shares[0]
    spreads.append(Spread(independent_se(arms, value), math.inf))
    estimate = Estimate(value=value, spreads=tuple(spreads), n=int(n[inside].sum()))
    return Shared(estimate, shares[0], shares[1], float(n[inside].sum() / n.sum()))


class _Variance(NamedTuple):
    value: float
    df: float


def _squares(rows: pd.DataFrame, score: Floats) -> tuple[_Variance, _Variance | None]:
    """The variance of a run's share: over sessions and minutes, and over hosts where there are several."""
    # What nobody named is one of its own, and not one with the last that is named.
    session, minute, host = (
        pd.factorize(rows[name], use_na_sentinel=False)[0].astype(np.int64) for name in ("session", "minute", "host")
    )
    of_hosts = _variance(score, host) if len(host) and int(host.max()) + 1 >= HOSTS else None
    return _crossed(score, session, minute), of_hosts


def _crossed(score: Floats, session: Ints, minute: Ints) -> _Variance:
    """Both vary at once: their variances add, less what they share (Cameron, Gelbach and Miller, JBES 29 (2011))."""
    one, two = _variance(score, session), _variance(score, minute)
    shared = _variance(score, combined(session, minute)[0])
    if not all(math.isfinite(part.value) for part in (one, two)):
        return _Variance(math.inf, 0.0)
    return _Variance(max(one.value, two.value, one.value + two.value - shared.value), min(one.df, two.df))


def _variance(score: Floats, cluster: Ints) -> _Variance:
    cluster, count = combined(cluster)
    if count < 2:
        return _Variance(math.inf, 0.0)
    total = sums(cluster, score, count)
    return _Variance(count / (count - 1) * float(total @ total), count - 1.0)


def _welch(base: _Variance | None, new: _Variance | None) -> Spread:
    assert base is not None and new is not None
    total = base.value + new.value
    if not math.isfinite(total) or total <= 0.0:
        return Spread(math.sqrt(total), math.inf if total == 0.0 else 0.0)
    return Spread(math.sqrt(total), total**2 / (base.value**2 / base.df + new.value**2 / new.df))
