"""The verdict while the run grows: one number a finished minute, an interval that holds at every minute.

A fixed interval that is looked at every minute for four hours confirms 14 % of effects that lie exactly
on the margin. This one is wider (1.6 times at 60 and at 240 minutes) and may be watched all the time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from analysis.claims.client import client_arms
from analysis.comparison.view import Cells, View
from analysis.model import Effect, Finding
from analysis.stats.confidence_sequence import SILENT_MINUTES, running_interval
from analysis.stats.detectable import Precision
from analysis.stats.groups import Bools, Floats, Ints, combined, sums
from analysis.stats.holm import CLAIM_WEIGHTS
from analysis.stats.mantel_haenszel import two_arms

# These need hosts as a sample, or shifts over the whole run: they are given at the end.
AT_THE_END: Final = ("platform", "platform_x_latency", "server")
COMPARISONS: Final = ("latency", "client")


def live_finding(view: View, name: str, finding: Finding) -> Finding:
    """A final rule's finding, replaced by what may be said while the run grows.

    The exact rules (auth, format, client_loop) and `intermittent` keep their counts and are called "so
    far"; nothing is ruled out before the end, for a run may still turn.
    """
    finding = replace(finding, precision=Precision(unknown="The run is not over: what it can find grows with it."))
    if name in AT_THE_END:
        return replace(finding, state="undecided", evidence=f"So far: {finding.evidence}", needs="The end of the run.")
    if name in COMPARISONS:
        return _comparison(view, name, finding)
    if finding.state == "ruled_out":
        return replace(finding, state="undecided", evidence=f"So far: {finding.evidence}", needs="The end of the run.")
    return replace(finding, evidence=f"So far: {finding.evidence}")


def _comparison(view: View, name: str, finding: Finding) -> Finding:
    passed = all(check.ok is True for check in finding.checks)
    groups = _latency_groups(view) if name == "latency" else _client_groups(view)
    alpha = view.settings.alpha * CLAIM_WEIGHTS[name] / max(1, len(groups))
    read = [running_interval(minutes, alpha=alpha) for minutes in groups.values()]
    open_finding = replace(finding, state="undecided", p_value=None)
    if not groups or any(one is None for one in read):
        minutes = len(view.clock.minutes)
        return replace(
            open_finding,
            evidence=f"So far {minutes} minutes: the running interval is silent for the first {SILENT_MINUTES}.",
            needs=f"At least {SILENT_MINUTES} minutes with both sides in each.",
        )
    intervals = [one for one in read if one is not None]
    joined = min if name == "latency" else max
    mean, low, high = joined(intervals, key=lambda one: one[1])
    effect = Effect(name="risk difference", estimate=mean, low=low, high=high)
    sentence = (
        f"So far, by a confidence sequence over minutes: {100 * mean:+.2f} points "
        f"({100 * low:+.2f} to {100 * high:+.2f})."
    )
    if passed and low > view.margin:
        # Its error rate is spent on every minute at once; p here only has to pass the family's step.
        return replace(finding, state="confirmed", effect=effect, p_value=0.0, evidence=sentence, needs="")
    return replace(open_finding, effect=effect, evidence=sentence, needs="More minutes, or the end of the run.")


def _latency_groups(view: View) -> dict[str, Floats]:
    """Per platform, one difference of highest and lowest delay a minute."""
    cells = view.compared
    groups = {}
    for p, name in enumerate(view.platforms):
        mine = cells.where(cells.platform == p)
        arms = np.unique(mine.delay)
        if len(arms) > 1:
            ends = mine.where((mine.delay == arms[0]) | (mine.delay == arms[-1]))
            groups[name] = _by_minute(view, ends, ends.delay == arms[-1], ends.client)
    return groups


def _client_groups(view: View) -> dict[str, Floats]:
    """Per client, one difference from the others a minute."""
    cells = view.compared
    arms = client_arms(view)
    if len(arms) < 2:
        return {}
    return {arm.name: _by_minute(view, cells, arm.exposed, cells.delay) for arm in arms}


def _by_minute(view: View, cells: Cells, exposed: Bools, *keys: Ints) -> Floats:
    """Mantel-Haenszel risk difference of each minute that holds both sides."""
    minute = view.clock.rank(cells.minute)
    stratum, _ = combined(minute, cells.host, cells.kind, *keys)
    arms = two_arms(stratum, minute, exposed, cells.n_clean, cells.unexplained)
    weight = arms.n1 * arms.n0 / (arms.n1 + arms.n0)
    total = sums(arms.chunk, weight)
    weighted = sums(arms.chunk, weight * (arms.x1 / arms.n1 - arms.x0 / arms.n0))
    seen = total > 0
    result: Floats = weighted[seen] / total[seen]
    return result
