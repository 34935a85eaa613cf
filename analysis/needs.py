"""How much more an open comparison needs: hosts or hours, with 80 % power."""

from __future__ import annotations

import math
from typing import Final

from scipy import special

from analysis.detectable import POWER
from analysis.estimate import Estimate

# Beyond this nobody should run it: the effect lies on the margin itself.
MOST_TIMES: Final = 30.0
# Less than half as much again is within what the estimate itself may be off.
LEAST_TIMES: Final = 1.5


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
    low, high = estimate.interval()
    return _times((high - low) / 2, estimate.value, margin)


def hosts_wanted(estimate: Estimate, margin: float, hosts: int) -> float:
    """How many hosts in place of so many: their spread shrinks, and their degrees of freedom grow.

    Args:
        estimate: Its first spread is the one between hosts.
        margin: Absolute difference of risks.
        hosts: As many as there are now.
    """
    se, df = estimate.spreads[0]
    lost = hosts - df
    for wanted in range(hosts + 1, int(MOST_TIMES * hosts) + 1):
        half = float(special.stdtrit(wanted - lost, 0.975)) * se * math.sqrt(hosts / wanted)
        if _times(half, estimate.value, margin) <= 1:
            return wanted
    return math.inf


def _times(half_width: float, value: float, margin: float) -> float:
    distance = abs(abs(value) - margin)
    if distance <= 0 or not math.isfinite(half_width):
        return math.inf
    reach = half_width * (1 + float(special.ndtri(POWER)) / float(special.ndtri(0.975)))
    return (reach / distance) ** 2


def more_data(estimate: Estimate, margin: float, *, minutes: int, hosts: int) -> str:
    """What to run so that an open comparison is decided, in words with numbers.

    Args:
        estimate: The open comparison.
        margin: Absolute difference of risks.
        minutes: Length of what was analysed.
        hosts: Hosts behind the first spread; 0: it does not rest on hosts.
    """
    open_end = "The estimate is too near the margin: name a smaller margin that matters to you, or leave it undecided."
    widths = [
        spread.se * (2 if math.isinf(spread.df) else special.stdtrit(spread.df, 0.975)) for spread in estimate.spreads
    ]
    if hosts and widths[0] >= max(widths):
        wanted = hosts_wanted(estimate, margin, hosts)
        if math.isinf(wanted):
            return open_end
        return (
            f"About {wanted} hosts in place of {hosts} (80 % power): hosts are the sample here, more hours hardly help."
        )
    times = max(times_more(estimate, margin), LEAST_TIMES)
    if times > MOST_TIMES:
        return open_end
    hours = minutes * times / 60
    length = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    return f"About {times:.1f} times as many attempts: {length} at this load, with the same plan (80 % power)."
