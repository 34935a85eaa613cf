"""A rate with the design effect of its clusters: attempts fail together, so they are not n trials."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from analysis.stats.groups import Ints, Numbers, sums

# No estimate of a variance from fewer clusters than this is worth more than the worst case below.
LEAST_CLUSTERS: Final = 5
# Attempts of one host in one minute rarely act as fewer than one in twenty of their number.
WORST_DESIGN_EFFECT: Final = 20.0


def clopper_pearson(events: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval, for real numbers of events and trials (beta quantiles).

    Clopper and Pearson, Biometrika 26 (1934). No trials: 0 to 1.
    """
    if trials <= 0:
        return 0.0, 1.0
    tail = (1.0 - confidence) / 2
    low = float(special.betaincinv(events, trials - events + 1, tail)) if events > 0 else 0.0
    high = float(special.betaincinv(events + 1, trials - events, 1.0 - tail)) if events < trials else 1.0
    return low, high


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Events among attempts, and how many independent trials the attempts are worth.

    Attributes:
        events: Attempts that count.
        n: Attempts.
        design_effect: n over the number of independent trials, at least 1.
    """

    events: int
    n: int
    design_effect: float

    @property
    def estimate(self) -> float | None:
        """Events per attempt, 0 to 1; None without attempts."""
        return self.events / self.n if self.n else None

    @property
    def trials(self) -> float:
        """The number of independent trials that n is worth."""
        return self.n / self.design_effect

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Clopper-Pearson with the design effect."""
        return clopper_pearson(self.events / self.design_effect, self.trials, confidence)

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the rate is at most `bound`"."""
        if self.n == 0 or self.events == 0:
            return 1.0
        events = self.events / self.design_effect
        return float(special.betainc(events, self.trials - events + 1, bound))


def attempts_to_bound(rate: Rate, bound: float) -> float | None:
    """How many attempts would bound the rate, if it is what it seems; None: it is too near the bound for any to do."""
    if rate.estimate is None or rate.estimate > bound / 2:
        return None
    if rate.events == 0:
        return float(math.log(0.025) / math.log1p(-bound) * rate.design_effect)

    def high(times: float) -> float:
        return clopper_pearson(times * rate.events / rate.design_effect, times * rate.trials)[1] - bound

    # Its import takes a third of a second, which only a search should pay.
    from scipy.optimize import brentq

    # At half the bound and a few events, a hundred times as many settle it; the limit falls all the way.
    most = 1.0
    while high(most) > 0:
        most *= 2
    return rate.n * float(brentq(high, most / 2, most)) if most > 1 else float(rate.n)


def clustered_rate(
    events: Numbers,
    n: Numbers,
    *clusterings: Ints,
    empty_design_effect: float = 1.0,
    least_design_effect: float = 1.0,
) -> Rate:
    """The rate over all rows, with the largest design effect that any clustering shows.

    Args:
        events: (rows,) events.
        n: (rows,) attempts.
        clusterings: Each (rows,): the cluster of each row, as whole numbers from 0 (minutes; host-minutes).
        empty_design_effect: Used where no variance can be had: no events, nothing but events, or
            fewer than `LEAST_CLUSTERS` clusters.
        least_design_effect: Never go below (attempts that share a connection share its fate).

    Returns:
        Rate: `design_effect` = max(1, v n / (p (1 - p))), v = G/(G-1) sum (x_c - p n_c)^2 / n^2
        (Cochran, Sampling Techniques, 1977, section 9).
    """
    total, count = float(np.sum(events)), float(np.sum(n))
    floor = max(1.0, least_design_effect)
    if count <= 0:
        return Rate(events=0, n=0, design_effect=1.0)
    p = total / count
    worst = max(floor, empty_design_effect)
    if not 0.0 < p < 1.0:
        return Rate(events=round(total), n=round(count), design_effect=worst)
    effect = floor
    for clusters in clusterings:
        per_cluster = sums(clusters, n)
        used = per_cluster > 0
        groups = int(used.sum())
        if groups < LEAST_CLUSTERS:
            effect = max(effect, worst)
            continue
        residual = (sums(clusters, events) - p * per_cluster)[used]
        variance = groups / (groups - 1) * float(residual @ residual) / count**2
        effect = max(effect, variance * count / (p * (1.0 - p)))
    return Rate(events=round(total), n=round(count), design_effect=effect)


def worst_design_effect(attempts_per_cluster: float) -> float:
    """What to assume of clusters whose variance cannot be seen: all alike, up to twenty at a time."""
    return min(WORST_DESIGN_EFFECT, max(1.0, attempts_per_cluster))
