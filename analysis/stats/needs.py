"""Sample size that an open comparison still needs, with 80 % power: hosts of a side, or attempts.

By the rules that decide it: Student's quantiles, each side with a variance of its own (Welch), sessions as the sample
of what was dealt to them. An estimate of what is missing is no better than the estimate of the spread behind it, so
that numbers have two digits at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis.stats.detectable import POWER
from analysis.stats.estimate import Estimate, Spread, upper_quantile

# Beyond this nobody should run it: the effect lies on the margin itself.
MOST_TIMES: Final = 30.0
# Less than half as much again is within what the estimate itself may be off.
LEAST_TIMES: Final = 1.5
OPEN_END: Final = (
    "A smaller margin that matters to you (the estimate is too near the margin); without one it stays undecided."
)
FAR_TOO_SMALL: Final = (
    f"More than {MOST_TIMES:.0f} times the data: this run is far too small for the margin. More users or hours, or a "
    "wider --margin."
)
# Nearer to the margin than this share of it, no run is worth it; otherwise it is the run that is too small.
NEAR: Final = 0.2


@dataclass(frozen=True, kw_only=True)
class Side:
    """The hosts of one side of a comparison.

    Attributes:
        name: Of its platform; empty: all hosts are one sample.
        hosts: As many as there are now.
        variance: What one host alone would add to the comparison's variance: the part of a side is this over hosts.
    """

    name: str
    hosts: int
    variance: float


def about(number: float) -> str:
    """A number of attempts with the two digits that an estimate of it can have: "15,000"; small ones as they are."""
    whole = max(1, math.ceil(number))
    step = 10 ** max(0, len(str(whole)) - 2)
    return f"{-(-whole // step) * step:,}"


def times_more(estimate: Estimate, margin: float) -> float:
    """How many times the data would settle an open comparison with 80 % power, if the estimate is right.

    Its spread shrinks with the square root of the data. Beyond the margin the aim is to confirm, inside it
    to rule out.
    """
    return _times(max(map(_reach, estimate.spreads)), estimate.value, margin)


def hosts_wanted(estimate: Estimate, margin: float, sides: Sequence[Side]) -> list[Side] | None:
    """The sides with the hosts that would settle it; None: more than anybody should run.

    One host after the other goes where it helps most: to the side that differs most within itself, or has fewest.
    The spread of the hosts shrinks, and its degrees of freedom grow (Satterthwaite).
    """
    now = list(sides)
    for _ in range(int((MOST_TIMES - 1) * sum(side.hosts for side in sides))):
        grown = [
            [replace(side, hosts=side.hosts + (i == more)) for i, side in enumerate(now)] for more in range(len(now))
        ]
        now = min(grown, key=lambda one: _reach(_between(one)))
        if _times(_reach(_between(now)), estimate.value, margin) <= 1:
            return now
    return None


def _between(sides: Sequence[Side]) -> Spread:
    parts = [side.variance / side.hosts for side in sides]
    total = sum(parts)
    below = sum(part**2 / max(1, side.hosts - 1) for part, side in zip(parts, sides, strict=True))
    return Spread(math.sqrt(total), total**2 / below if below > 0 else math.inf)


def _reach(spread: Spread) -> float:
    """How far from the margin the truth must lie to be told from it with 80 % power."""
    if spread.df < 1 or not math.isfinite(spread.se):
        return math.inf
    return (upper_quantile(spread.df, 0.975) + upper_quantile(spread.df, POWER)) * spread.se


def _times(reach: float, value: float, margin: float) -> float:
    distance = abs(abs(value) - margin)
    if distance <= 0 or not math.isfinite(reach):
        return math.inf
    return float((reach / distance) ** 2)


def _open_end(estimate: Estimate, margin: float) -> str:
    return OPEN_END if abs(abs(estimate.value) - margin) <= NEAR * margin else FAR_TOO_SMALL


def more_data(estimate: Estimate, margin: float, *, minutes: int, sides: Sequence[Side] = (), of: str = "") -> str:
    """What to run so that an open comparison is decided, in words with numbers.

    Args:
        estimate: The open comparison.
        margin: Absolute difference of risks.
        minutes: Length of what was analysed.
        sides: Whose hosts are behind the first spread; none: it does not rest on hosts.
        of: What is compared, in words.
    """
    reaches = [_reach(spread) for spread in estimate.spreads]
    if sides and reaches[0] >= max(reaches):
        wanted = hosts_wanted(estimate, margin, sides)
        return _open_end(estimate, margin) if wanted is None else _hosts_in_words(sides, wanted, of)
    times = max(times_more(estimate, margin), LEAST_TIMES)
    if times > MOST_TIMES:
        return _open_end(estimate, margin)
    hours = minutes * times / 60
    length = f"{hours:.2g} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    whose = f" of {of}" if of else ""
    if estimate.spreads[reaches.index(max(reaches))].of == "connections":
        return (
            f"About {times:.2g} times as many sessions{whose}, which are what the arms are dealt to: "
            f"shorter ones (--session-s), or {length} with the same plan (80 % power)."
        )
    more = f" (about {about((times - 1) * estimate.n)} more{whose})" if estimate.n else whose
    return f"About {times:.2g} times as many attempts{more}: {length} at this load, with the same plan (80 % power)."


def _hosts_in_words(sides: Sequence[Side], wanted: Sequence[Side], of: str) -> str:
    now, then = (sum(side.hosts for side in some) for some in (sides, wanted))
    added = [(one.name, two.hosts - one.hosts) for one, two in zip(sides, wanted, strict=True) if two.hosts > one.hosts]
    named = " and ".join(more_hosts(name, count) for name, count in added if name)
    whose = f", {named}" if named else f" that run {of}" if of else ""
    return (
        f"About {then} hosts in place of {now}{whose} (80 % power): hosts are the sample here, more hours hardly help."
    )


def more_hosts(name: str, count: int) -> str:
    """So many hosts of a platform more."""
    return f"{count} more {name} {'host' if count == 1 else 'hosts'}"
