"""The controls beside the sessions: what a bare TCP connect or a health request suffers is not a session's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from analysis.comparison.view import View
from analysis.stats.groups import coded, combined
from analysis.stats.rates import Rate, clustered_rate, worst_design_effect


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The platform whose bare TCP connects fail more.

    Attributes:
        worse: Its name.
        difference: Of the rates, against the best platform.
        difference_low: Lower limit of the difference.
    """

    worse: str
    difference: float
    difference_low: float


def probe_rate(view: View, *, operation: str, platform: str | None = None, site: str | None = None) -> Rate:
    """Failure rate of one kind of probe, clustered by time and by host and time.

    Args:
        view: The prepared tables.
        operation: tcp, health or idle.
        platform: Only of this platform.
        site: Only of this site.
    """
    frame = view.tables.probes
    frame = frame[frame["operation"] == operation]
    if platform is not None:
        frame = frame[frame["platform"] == platform]
    if site is not None:
        frame = frame[frame["site"] == site]
    slot, slots = coded(frame["slot"])
    host, _ = coded(frame["host"].astype(str))
    bad, n = frame["bad"].to_numpy(dtype=np.int64), frame["n"].to_numpy(dtype=np.int64)
    return clustered_rate(
        bad,
        n,
        slot,
        combined(host, slot)[0],
        # Where none was lost there was no burst that they could have shared.
        empty_design_effect=worst_design_effect(float(n.sum()) / max(1, len(slots))) if bad.any() else 1.0,
    )


def tcp_losses(view: View, platforms: Sequence[int]) -> Losses | None:
    """The pair of platforms whose bare TCP connects differ most; None without probes on all of them.

    The limit combines the two rates' own limits (Newcombe, Statistics in Medicine 17 (1998), method 10).
    """
    rates = {view.platforms[p]: probe_rate(view, operation="tcp", platform=view.platforms[p]) for p in platforms}
    if len(rates) < 2 or any(rate.n == 0 for rate in rates.values()):
        return None
    worst: Losses | None = None
    for one, two in permutations(rates, 2):
        first, second = rates[one], rates[two]
        assert first.estimate is not None
        assert second.estimate is not None
        difference = first.estimate - second.estimate
        down = first.estimate - first.interval()[0]
        up = second.interval()[1] - second.estimate
        low = difference - float(np.hypot(down, up))
        if worst is None or low > worst.difference_low:
            worst = Losses(worse=one, difference=difference, difference_low=low)
    return worst
