"""The verdict while the run grows: one number a finished minute, an interval that holds at every minute.

A fixed interval that is looked at every minute for four hours confirms 14 % of effects that lie exactly
on the margin. This one is wider (1.6 times at 60 and at 240 minutes) and may be watched all the time.
"""

from __future__ import annotations

from dataclasses import replace

from analysis.claims import registry
from analysis.claims.claim import Claim, Watched
from analysis.comparison.view import View
from analysis.model import Effect, Finding
from analysis.stats.confidence_sequence import SILENT_MINUTES, running_interval
from analysis.stats.detectable import Precision


def live_finding(view: View, claim: Claim, finding: Finding) -> Finding:
    """A final rule's finding, replaced by what may be said while the run grows.

    Claims that count keep their counts, which are called "so far"; what needs hosts as a sample, or shifts over the
    whole run, is given at the end. Nothing is ruled out before the end, for a run may still turn.
    """
    finding = replace(finding, precision=Precision(unknown="The run is not over: what it can find grows with it."))
    if claim.while_live == "at the end":
        return replace(finding, state="undecided", evidence=f"So far: {finding.evidence}", needs="The end of the run.")
    if isinstance(claim.while_live, Watched):
        alpha = view.settings.alpha * registry.weights()[claim.name]
        return _comparison(view, claim.while_live, finding, alpha)
    if finding.state == "ruled_out":
        return replace(finding, state="undecided", evidence=f"So far: {finding.evidence}", needs="The end of the run.")
    return replace(finding, evidence=f"So far: {finding.evidence}")


def _comparison(view: View, watched: Watched, finding: Finding, alpha: float) -> Finding:
    passed = all(check.ok is True for check in finding.checks)
    groups = watched.minutes(view)
    read = [running_interval(minutes, alpha=alpha / max(1, len(groups))) for minutes in groups.values()]
    open_finding = replace(finding, state="undecided", p_value=None)
    if not groups or any(one is None for one in read):
        minutes = len(view.clock.minutes)
        return replace(
            open_finding,
            evidence=f"So far {minutes} minutes: the running interval is silent for the first {SILENT_MINUTES}.",
            needs=f"At least {SILENT_MINUTES} minutes with both sides in each.",
        )
    intervals = [one for one in read if one is not None]
    joined = min if watched.joined == "all" else max
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
