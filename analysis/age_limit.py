"""Is there an age, or an idle time, at which the other side ends sessions?

The window is chosen on one half of the sessions and judged on the other half, so that looking for the
best window cannot make one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from analysis.groups import Ints, Numbers, combined, sums
from analysis.rates import Rate, clustered_rate, worst_design_effect

BIN_S: Final = 0.5
# A limit is met within a second and 2 % (timers and sweeps of servers and proxies).
WINDOW_S: Final = 1.0
WINDOW_RATIO: Final = 0.02
# A limit stands out: ten times the hazard before it, and a twentieth of the sessions that reach it.
TIMES_BEFORE: Final = 10.0
LEAST_HAZARD: Final = 0.05
NEARLY: Final = 0.98


@dataclass(frozen=True, kw_only=True)
class AgeLimit:
    """The window with most endings, judged on sessions that had no part in choosing it.

    Attributes:
        start_s: Start of the window.
        end_s: Its end.
        rate: Sessions ended by the peer within it, of those that reached it.
        expected: The share that the rate of endings before the window would give.
        hosts: Hosts on which it was seen.
    """

    start_s: float
    end_s: float
    rate: Rate
    expected: float
    hosts: int

    def p_above(self, bound: float) -> float:
        """p-value against "the window ends no more than `bound`, or no more than stands out"."""
        return self.rate.p_above(max(bound, TIMES_BEFORE * self.expected + LEAST_HAZARD))


def age_limit(host: Ints, by_peer: Ints, parity: Ints, duration_bin: Ints, chunk: Ints, n: Numbers) -> AgeLimit | None:
    """Look for one window of age in which the peer ends sessions.

    Args:
        host: (rows,) whole numbers from 0.
        by_peer: (rows,) 1 where the peer ended the session, else 0 (censored at its duration).
        parity: (rows,) 0 sessions choose the window, 1 sessions judge it.
        duration_bin: (rows,) age at the end in bins of half a second.
        chunk: (rows,) chunk of the start, whole numbers from 0.
        n: (rows,) sessions.

    Returns:
        None if the peer ended no session of the choosing half, or no judging session reached the window.
    """
    choosing = (parity == 0) & (by_peer == 1)
    if not choosing.any():
        return None
    ended = sums(duration_bin[choosing], np.asarray(n)[choosing])
    cumulative = np.concatenate([[0.0], np.cumsum(ended)])
    starts = np.flatnonzero(ended)
    lengths = np.array([_bins(int(start)) for start in starts])
    stops = np.minimum(starts + lengths, len(ended))
    inside = cumulative[stops] - cumulative[starts]
    # The latest of the windows that hold nearly as many: an earlier start only adds chance endings.
    best = int(np.flatnonzero(inside >= NEARLY * inside.max())[-1])
    start = int(starts[best])
    stop = start + int(lengths[best])
    judging = parity == 1
    reached = judging & (duration_bin >= start)
    if not reached.any():
        return None
    count = np.asarray(n, dtype=np.float64)
    hit = reached & (by_peer == 1) & (duration_bin < stop)
    before = float(count[judging & (by_peer == 1) & (duration_bin < start)].sum())
    exposure_s = float((count * np.minimum(duration_bin, start))[judging].sum()) * BIN_S
    expected = before / exposure_s * (stop - start) * BIN_S if exposure_s > 0 else 0.0
    cluster, clusters = combined(host[reached], chunk[reached])
    rate = clustered_rate(
        np.where(hit, count, 0)[reached],
        count[reached],
        cluster,
        empty_design_effect=worst_design_effect(float(count[reached].sum()) / max(1, clusters)),
    )
    return AgeLimit(
        start_s=start * BIN_S,
        end_s=stop * BIN_S,
        rate=rate,
        expected=expected,
        hosts=len(np.unique(host[hit])),
    )


def _bins(start: int) -> int:
    """Length in bins of the window that starts at this bin."""
    return math.ceil((WINDOW_S + WINDOW_RATIO * start * BIN_S) / BIN_S)
