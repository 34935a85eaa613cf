"""A comparison of two runs as sentences and a table of plain text."""

from __future__ import annotations

from analysis.releases.differences import Comparison, Difference

_STATE = {"worse": "worse", "not_worse": "not worse", "undecided": "cannot tell"}


def sentence(one: Difference) -> str:
    """`timeouts: worse by 0.80 points (0.30 to 1.30)`, or why there is no number."""
    if one.estimate is None:
        return f"{one.name}: cannot tell, it was not measured in both runs"
    if one.low is None or one.high is None:
        return f"{one.name}: cannot tell, a run has too few sessions or minutes for an interval"
    ends = f"{100 * one.low:+.2f} to {100 * one.high:+.2f}"
    return f"{one.name}: {_STATE[one.state]}, {100 * one.estimate:+.2f} points ({ends})"


def text(found: Comparison) -> str:
    """All that a terminal shows."""
    ending = f"Against the base: {_STATE[found.state]} (margin {100 * found.margin:.2f} points)."
    lines = [ending, *found.void, *(f"  {sentence(level)}" for level in found.levels)]
    lines.append(f"Compared within what both runs have: {100 * found.kept:.1f} % of their attempts.")
    lines += [f"Differs besides: {one}" for one in found.differs]
    lines.append(f"{'claim':<20} {'base':<11} {'new':<11} difference in points")
    lines += [f"{claim.name:<20} {claim.was:<11} {claim.now:<11} {_points(claim)}" for claim in found.claims]
    return "\n".join(line.rstrip() for line in lines)


def _points(one: Difference) -> str:
    if one.estimate is None or one.low is None or one.high is None:
        return "–"
    return f"{100 * one.estimate:+.2f} ({100 * one.low:+.2f} to {100 * one.high:+.2f})"
