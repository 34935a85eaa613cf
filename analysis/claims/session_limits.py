"""Limits that the peer sets to sessions: it ends them at an age, after a silence, or many at one moment.

Theory of operation. Three things can be alike among the sessions that the peer ended: how old they were (an age
limit), how long nothing had been said on them (an idle limit), and when they ended (one event: a restart, a reset).
Users that were started together have one age, so that one event looks like an age limit, and sessions that never
say anything are as old as they are idle. So:

- A window of ages, or of silences, is chosen on one half of the sessions and judged on the other half, so that
  looking for the best window cannot make one. The first second is none: what fails there failed at the start.
- Sessions that ended in the same second are one observation, not a hundred.
- The moments must be spread more than the ages (or silences) are: what is alike is what the limit is about.
- A silence is held against sessions that reached the same ages and were never silent as long (the controls).
  Where they were spared, the moments need not be spread: an event would not have spared them. Where there are none,
  an age and an idle limit cannot be told apart, and both are named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from analysis.stats.groups import Bools, Floats, Ints, combined, sums
from analysis.stats.rates import Rate, clustered_rate

Kind = Literal["an age limit", "an idle limit", "an age or idle limit"]

BIN_S: Final = 0.5
# A limit is met within a second and 2 % (timers and sweeps of servers and proxies).
WINDOW_S: Final = 1.0
WINDOW_RATIO: Final = 0.02
# A session that ends within its first second met no limit: it was refused, or died at its start.
LEAST_LIMIT_S: Final = 1.0
# A limit stands out: ten times the hazard before it, and a twentieth of the sessions that reach it.
TIMES_BEFORE: Final = 10.0
LEAST_HAZARD: Final = 0.05
NEARLY: Final = 0.98
# Sessions that end within so many seconds of each other are compared: were their ages alike, or their moments?
BURST_GAP_S: Final = 2.0
# The moments' variance, in seconds squared, must be so many times that of the ages (silences).
SPREAD_LEAST: Final = 2.0
# Fewer seconds in which sessions ended than this may be one event that took a while.
LEAST_MOMENTS: Final = 5
# Whole seconds and half seconds: what rounding alone spreads (the variance of a uniform distribution).
_SECOND_VARIANCE: Final = 1.0 / 12
_BIN_VARIANCE: Final = BIN_S**2 / 12
# Controls that end half as often as the silent sessions do not clear them.
CONTROL_RATIO: Final = 0.5
# A moment at which so many sessions end is spoken of.
LEAST_TOGETHER: Final = 5
TOGETHER_RATIO: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Holds:
    """Sessions that were held open, each array (rows,).

    Attributes:
        host: Whole numbers from 0.
        by_peer: Whether the peer ended them; else they are censored at their age.
        parity: 0 chooses the window, 1 judges it.
        age: At the end, in bins of `BIN_S`.
        idle: Silence before the end, in bins; below 0: not measured.
        silence: Longest silence, in bins; below 0: not measured.
        end_s: Epoch second of the end of those that the peer ended; else anything.
        chunk: Chunk of the start, whole numbers from 0.
        n: Sessions.
    """

    host: Ints
    by_peer: Bools
    parity: Ints
    age: Ints
    idle: Ints
    silence: Ints
    end_s: Ints
    chunk: Ints
    n: Ints

    def where(self, mask: Bools) -> Holds:
        """The rows of the mask."""
        return Holds(**{name: values[mask] for name, values in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class SessionLimit:
    """A window of ages or silences in which the peer ends sessions, judged on those that had no part in choosing it.

    Attributes:
        kind: What is alike among them.
        start_s, end_s: The window.
        rate: Sessions ended by the peer within it, of those that reached it; those of one second count as one.
        expected: The share that the rate of endings before the window would give.
        hosts: Hosts on which it was seen.
        spread: The moments are spread more than what the limit is about; False: it may be one event.
        controls: Of an idle limit, sessions of the same ages that were never silent as long, and those of them that
            the peer ended; None: there were hardly any, or it is an age limit.
    """

    kind: Kind
    start_s: float
    end_s: float
    rate: Rate
    expected: float
    hosts: int
    spread: bool
    controls: Rate | None = None

    def p_above(self, bound: float) -> float:
        """p-value against "the window ends no more than `bound`, or no more than stands out"."""
        if not self.spread:
            return 1.0
        return self.rate.p_above(min(1.0, max(bound, TIMES_BEFORE * self.expected + LEAST_HAZARD)))


@dataclass(frozen=True, kw_only=True)
class EndedTogether:
    """The second in which most sessions were ended at once.

    Attributes:
        at_s: Epoch second.
        sessions: How many ended in it, and on how many
        hosts: hosts.
        of: Sessions that the peer ended in all.
    """

    at_s: int
    sessions: int
    hosts: int
    of: int


def session_limits(holds: Holds) -> list[SessionLimit]:
    """The limits that the peer seems to have, at most an idle one and an age one.

    Sessions that an idle limit explains are no evidence of an age limit.
    """
    found = []
    # The silence before the end is that of those that were ended; of the others the longest one says all.
    known = holds.where((holds.silence >= 0) & ((holds.idle >= 0) | ~holds.by_peer))
    idle = _limit("an idle limit", known, value=known.idle, reach=np.maximum(known.silence, known.idle))
    explained = np.zeros(len(holds.n), dtype=np.bool_)
    if idle is not None:
        start, stop = bins_of(idle)
        named = _named_by_controls(idle, known, start=start, stop=stop)
        if named is not None:
            found.append(named)
            explained = holds.by_peer & (holds.idle >= start) & (holds.idle < stop)
    rest = holds.where(~explained)
    age = _limit("an age limit", rest, value=rest.age, reach=rest.age)
    if age is not None:
        found.append(age)
    return found


def meets(limit: SessionLimit, holds: Holds) -> tuple[Bools, Bools]:
    """Whether each of the sessions reached the limit's window, and whether the peer ended it there."""
    start, stop = bins_of(limit)
    value = holds.age if limit.kind == "an age limit" else holds.idle
    reach = holds.age if limit.kind == "an age limit" else np.maximum(holds.silence, holds.idle)
    hit = holds.by_peer & (value >= start) & (value < stop)
    return hit | (reach >= stop), hit


def bins_of(limit: SessionLimit) -> tuple[int, int]:
    """The limit's window in bins: its first, and the first behind it."""
    return round(limit.start_s / BIN_S), round(limit.end_s / BIN_S)


def together(holds: Holds) -> EndedTogether | None:
    """The second in which far more sessions were ended than usual; None: there is none."""
    ended = holds.where(holds.by_peer)
    if not len(ended.n):
        return None
    seconds, second = np.unique(ended.end_s, return_inverse=True)
    counts = sums(second.astype(np.int64), ended.n)
    most = int(counts.argmax())
    usual = float(np.median(counts[np.arange(len(counts)) != most])) if len(counts) > 1 else 0.0
    if counts[most] < max(LEAST_TOGETHER, TOGETHER_RATIO * usual):
        return None
    here = ended.host[second == most]
    return EndedTogether(
        at_s=int(seconds[most]), sessions=int(counts[most]), hosts=len(np.unique(here)), of=int(counts.sum())
    )


def _limit(kind: Kind, holds: Holds, *, value: Ints, reach: Ints) -> SessionLimit | None:
    """The window of one kind.

    Args:
        kind: What it is about.
        holds: The sessions.
        value: (rows,) bin of what is alike, at the end.
        reach: (rows,) the largest bin that a session was seen at.

    Returns:
        None if the peer ended no session of the choosing half later than at its start, or no judging session
        reached the window.
    """
    window = _window(holds, value)
    if window is None:
        return None
    start, stop = window
    count = holds.n.astype(np.float64)
    judging = holds.parity == 1
    ended = holds.by_peer & (value >= start) & (value < stop)
    hit = judging & ended
    # Who was neither ended in the window nor seen beyond it says nothing of it.
    reached = hit | (judging & (reach >= stop))
    if not reached.any():
        return None
    before = float(count[judging & holds.by_peer & (value < start)].sum())
    exposure_s = float((count * np.minimum(reach, start))[judging].sum()) * BIN_S
    expected = before / exposure_s * (stop - start) * BIN_S if exposure_s > 0 else 0.0
    return SessionLimit(
        kind=kind,
        start_s=start * BIN_S,
        end_s=stop * BIN_S,
        rate=_rate(holds, reached, hit),
        expected=expected,
        hosts=len(np.unique(holds.host[hit])),
        spread=_moments_are_spread(holds.where(ended), value[ended]),
    )


def _window(holds: Holds, value: Ints) -> tuple[int, int] | None:
    """The window with most endings of the choosing half, in bins."""
    least = round(LEAST_LIMIT_S / BIN_S)
    choosing = (holds.parity == 0) & holds.by_peer & (value >= least)
    if not choosing.any():
        return None
    ended = sums(value[choosing], holds.n[choosing])
    cumulative = np.concatenate([[0.0], np.cumsum(ended)])
    starts = np.flatnonzero(ended)
    lengths = np.array([_bins(int(start)) for start in starts])
    stops = np.minimum(starts + lengths, len(ended))
    inside = cumulative[stops] - cumulative[starts]
    # The latest of the windows that hold nearly as many: an earlier start only adds chance endings.
    best = int(np.flatnonzero(inside >= NEARLY * inside.max())[-1])
    return int(starts[best]), int(starts[best]) + int(lengths[best])


def _rate(holds: Holds, reached: Bools, hit: Bools) -> Rate:
    """Sessions hit, of those that reached the window; the ends of one second are one observation.

    Beyond that, parts of the run and hosts are clusters where there are enough of them to see it.
    """
    count = holds.n.astype(np.float64)
    cluster, _ = combined(holds.host[reached], holds.chunk[reached])
    rate = clustered_rate(np.where(hit, count, 0)[reached], count[reached], cluster)
    moments = len(np.unique(holds.end_s[hit]))
    at_once = rate.events / moments if moments else 1.0
    return Rate(events=rate.events, n=rate.n, design_effect=max(rate.design_effect, at_once))


def _moments_are_spread(hits: Holds, value: Ints) -> bool:
    """Whether sessions ended in many seconds, and these differ more than `value` does among ends near each other."""
    if len(np.unique(hits.end_s)) < LEAST_MOMENTS:
        return False
    order = np.argsort(hits.end_s, kind="stable")
    at_s, seconds, n = hits.end_s[order], value[order].astype(np.float64) * BIN_S, hits.n[order].astype(np.float64)
    burst = np.concatenate([[0], np.cumsum(np.diff(at_s) > BURST_GAP_S)]).astype(np.int64)
    freedom = float(n.sum()) - (int(burst[-1]) + 1 if len(burst) else 0)
    if freedom <= 0:
        return True  # each by itself: nothing ended together
    moments = _within(burst, at_s.astype(np.float64), n) / freedom
    values = _within(burst, seconds, n) / freedom
    return moments + _SECOND_VARIANCE >= SPREAD_LEAST * (values + _BIN_VARIANCE) and moments > _SECOND_VARIANCE


def _within(group: Ints, values: Floats, n: Floats) -> float:
    """Sum of squares around the groups' means."""
    mean = sums(group, values * n) / sums(group, n)
    return float((n * (values - mean[group]) ** 2).sum())


def _named_by_controls(limit: SessionLimit, holds: Holds, *, start: int, stop: int) -> SessionLimit | None:
    """The idle limit with its controls; as an age or idle limit where they cannot tell; None: they refute it."""
    hits = holds.by_peer & (holds.idle >= start) & (holds.idle < stop)
    control = (holds.silence < start) & (holds.age >= int(np.min(holds.age[hits])))
    ended = control & holds.by_peer
    events, moments = int(holds.n[ended].sum()), len(np.unique(holds.end_s[ended]))
    rate = Rate(events=events, n=int(holds.n[control].sum()), design_effect=max(1.0, events / max(1, moments)))
    low, high = rate.interval()
    enough = CONTROL_RATIO * (limit.rate.estimate or 0.0)
    if low >= enough:
        return None
    if high < enough:
        # One event would not have spared the controls, however alike the moments are.
        return replace(limit, controls=rate, spread=True)
    return replace(limit, kind="an age or idle limit")


def _bins(start: int) -> int:
    """Length in bins of the window that starts at this bin."""
    return math.ceil((WINDOW_S + WINDOW_RATIO * start * BIN_S) / BIN_S)
