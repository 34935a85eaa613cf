"""Tests whether clients that share nothing but the server fail in the same moments.

Time is cut into slots. A slot is bad for a group when the failures of the OTHER groups reach what their
ordinary slots would show once in a thousand. What the group loses in those slots, beyond its own
ordinary rate, is the synchronous excess. It is tested by sliding the group along the others' time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from analysis.stats.groups import Bools, Floats, Ints, Numbers, combined, sums

# Slots are merged until the other groups have this many attempts in one: fewer cannot show a burst.
ATTEMPTS_A_SLOT: Final = 20
# In units of the ten-second slots of the tables: 10, 30 and 60 seconds.
MERGES: Final = (1, 3, 6)
# Ordinary slots are overdispersed: a negative binomial of this shape has a third more spread than its mean.
ORDINARY_SHAPE: Final = 4.0
ORDINARY_QUANTILE: Final = 0.999
LEAST_FAILURES: Final = 3
ORDINARY_SHARE: Final = 0.9
ROUNDS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Synchrony:
    """What the groups lose together.

    Attributes:
        excess: Failures in bad slots beyond the ordinary rate, per attempt of all groups.
        excess_se: Its standard error, from the spread of the ordinary slots.
        p_coincidence: p-value against "the groups are bad at unrelated times".
        slot_s: Length of a slot after merging.
        other_attempts: Median attempts a slot of the other groups, the smallest over the groups.
        episodes: Runs of bad slots (bad for at least one group).
        bad: (rows,) the row lies in a slot that is bad for its group.
        excess_of: (groups,) failures beyond the ordinary ones, in bad slots.
        own_share: (groups,) share of a group's failures in bursts that the others do not show.
    """

    excess: float
    excess_se: float
    p_coincidence: float
    slot_s: int
    other_attempts: float
    episodes: int
    bad: Bools
    excess_of: Floats
    own_share: Floats

    def p_above(self, bound: float) -> float:
        """One-sided p-value against "the synchronous excess is at most `bound`, or chance"."""
        return max(self.p_coincidence, self.p_excess(bound))

    def p_excess(self, bound: float) -> float:
        """One-sided p-value against "the excess is at most `bound`", chance left aside."""
        if self.excess_se <= 0.0:
            return 0.0 if self.excess > bound else 1.0
        return float(special.ndtr((bound - self.excess) / self.excess_se))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The normal interval of the excess."""
        half = float(special.ndtri(0.5 + confidence / 2)) * self.excess_se
        return self.excess - half, self.excess + half


def synchrony(group: Ints, slot: Ints, n: Numbers, x: Numbers) -> Synchrony | None:
    """Compare the moments at which two or more groups fail.

    Args:
        group: (rows,) whole numbers from 0: clients that share nothing but the server.
        slot: (rows,) ten-second slots, whole numbers.
        n: (rows,) attempts.
        x: (rows,) failures.

    Returns:
        None with fewer than two groups or fewer than three slots.
    """
    groups = int(group.max()) + 1 if len(group) else 0
    if groups < 2:
        return None
    for merge in MERGES:
        row, slots = combined(slot // merge)
        cell = group * slots + row
        attempts = sums(cell, n, groups * slots).reshape(groups, slots)
        others = attempts.sum(axis=0) - attempts
        seen = float(np.median(others, axis=1).min())
        if seen >= ATTEMPTS_A_SLOT:
            break
    if slots < 3:
        return None
    failed = sums(cell, x, groups * slots).reshape(groups, slots)
    own = np.array([bad_slots(attempts[k], failed[k]) for k in range(groups)])
    bad = np.array([bad_slots(others[k], failed.sum(axis=0) - failed[k]) for k in range(groups)])
    excess = np.zeros(groups)
    variance = np.zeros(groups)
    p_shift = np.ones(groups)
    p_meet = np.ones(groups)
    for k in range(groups):
        excess[k], variance[k] = _excess(attempts[k], failed[k], bad[k])
        p_shift[k] = _shift_p(attempts[k], failed[k], bad[k])
        p_meet[k] = _meeting_p(own[k], bad[k])
    everyone = float(attempts.sum())
    lonely = own & ~bad
    failures = failed.sum(axis=1)
    return Synchrony(
        excess=float(excess.sum()) / everyone,
        excess_se=math.sqrt(float(variance.sum())) / everyone,
        p_coincidence=_coincidence(p_shift, p_meet, slots),
        slot_s=10 * merge,
        other_attempts=seen,
        episodes=len(_episodes(np.asarray(bad.any(axis=0)))),
        bad=bad[group, row],
        excess_of=excess,
        own_share=np.where(failures > 0, (failed * lonely).sum(axis=1) / np.maximum(failures, 1), 0.0),
    )


def bad_slots(n: Floats, x: Floats) -> Bools:
    """Slots whose failures reach the quantile of the ordinary ones.

    Args:
        n: (slots,) attempts.
        x: (slots,) failures.
    """
    rate = ordinary_rate(n, x)
    for _ in range(ROUNDS):
        mean = np.maximum(rate * n, 1e-12)
        limit = ordinary_limit(mean)
        bad = np.asarray(x >= np.maximum(limit, LEAST_FAILURES), dtype=np.bool_)
        # The best nine tenths understate the ordinary rate; all slots below the limit do not.
        rate = max(rate, float(x[~bad].sum()) / max(1.0, float(n[~bad].sum())))
    return bad


def ordinary_limit(mean: Floats) -> Floats:
    """The quantile of the negative binomial of each mean: what an ordinary slot hardly ever exceeds."""
    chance = ORDINARY_SHAPE / (ORDINARY_SHAPE + mean)
    limit = np.ceil(special.nbdtrik(ORDINARY_QUANTILE, ORDINARY_SHAPE, chance))
    below = np.maximum(limit - 1, 0)
    return np.where(special.betainc(ORDINARY_SHAPE, below + 1, chance) >= ORDINARY_QUANTILE, below, limit)


def ordinary_rate(n: Floats, x: Floats) -> float:
    """The failure rate of the nine tenths of slots that fail least."""
    used = np.flatnonzero(n > 0)
    if len(used) == 0:
        return 0.0
    order = used[np.argsort(x[used] / n[used], kind="stable")]
    best = order[: max(1, math.ceil(ORDINARY_SHARE * len(order)))]
    return float(x[best].sum() / n[best].sum())


def _excess(n: Floats, x: Floats, bad: Bools) -> tuple[float, float]:
    """Failures in bad slots beyond the rate of the good ones, and the variance of that number."""
    good = ~bad & (n > 0)
    if not bad.any() or not good.any():
        return 0.0, 0.0
    rate = float(x[good].sum() / n[good].sum())
    expected = rate * n[good]
    dispersion = 1.0
    if rate > 0:
        dispersion = max(1.0, float(((x[good] - expected) ** 2 / expected).sum()) / max(1, good.sum() - 1))
    exposed = float(n[bad].sum())
    # One failure is added to the baseline: a variance of zero would claim that it is known for certain.
    baseline = float(x[good].sum() + 1) / float(n[good].sum())
    variance = dispersion * baseline * exposed * (1.0 + exposed / float(n[good].sum()))
    return float(x[bad].sum()) - rate * exposed, variance


def _shift_p(n: Floats, x: Floats, bad: Bools) -> float:
    """Share of the circular shifts of this group's time (the true one included) that lose as much."""
    if not bad.any():
        return 1.0
    surplus = x - ordinary_rate(n, x) * n
    shifted = np.fft.irfft(np.fft.rfft(surplus) * np.conj(np.fft.rfft(bad.astype(float))), len(x))
    return float(np.count_nonzero(shifted >= shifted[0] - 1e-9)) / len(x)


def _meeting_p(own: Bools, others: Bools) -> float:
    """Binomial test that a group's own bad episodes meet the others' bad slots more often than by chance."""
    episodes = _episodes(own)
    if not episodes or not others.any():
        return 1.0
    slots = len(own)
    met = 0
    chance = 0.0
    for start, stop in episodes:
        met += bool(others[start:stop].any())
        # An episode of this length, put anywhere, meets a bad slot with this chance.
        window = np.convolve(np.concatenate([others, others[: stop - start - 1]]), np.ones(stop - start), "valid")
        chance += float(np.count_nonzero(window)) / slots
    if met == 0:
        return 1.0
    return float(special.bdtrc(met - 1, len(episodes), min(1.0, chance / len(episodes))))


def _coincidence(p_shift: Floats, p_meet: Floats, slots: int) -> float:
    """The best group's p-value, corrected for the groups.

    Shifts cannot go below one in the number of slots; where none but the true one reaches, the
    meeting of episodes may say less than that.
    """
    floor = p_shift <= 1.0 / slots + 1e-12
    each = np.where(floor, np.minimum(p_shift, p_meet), p_shift)
    return min(1.0, float(each.min()) * len(each))


def _episodes(bad: Bools) -> list[tuple[int, int]]:
    """Runs of bad slots, [start, stop); a single good slot between two does not end one."""
    where = np.flatnonzero(bad)
    if len(where) == 0:
        return []
    cuts = np.flatnonzero(np.diff(where) > 2)
    starts = where[np.concatenate([[0], cuts + 1])]
    stops = where[np.concatenate([cuts, [len(where) - 1]])] + 1
    return [(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]
