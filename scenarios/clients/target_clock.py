"""How far the run's clock is from the target's, by the `Date` of its answers. Pure.

A token that is minted a minute ahead of the target is from the future there, and is refused for that: this machine's
doing, which would pass for the target's.
"""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from scenarios.http_head import header_values

# A Date has whole seconds (RFC 9110, section 5.6.7), and servers that are asked often make a new one each second only.
RESOLUTION_S: Final = 1.0
STALE_S: Final = 1.0
# So often an answer is looked at: two clocks do not move that fast.
EVERY_S: Final = 1.0
# Tokens are refused by a second where a target grants no leeway; that is within what a Date can tell.
SAID_FROM_S: Final = 1.0


class Apart(NamedTuple):
    """The run's clock minus the target's: at least and at most so many seconds."""

    low_s: float
    high_s: float

    @property
    def surely_s(self) -> float:
        """What of it is sure; 0: they may be together."""
        return max(self.low_s, 0.0) + min(self.high_s, 0.0)


class TargetClock:
    """Narrows down how far two clocks are apart, answer by answer.

    Attributes:
        apart: None: no answer had a date.
    """

    def __init__(self) -> None:
        self.apart: Apart | None = None
        self._next_at = -math.inf

    def answered(self, head: bytes, sent_at: float, received_at: float) -> None:
        """Take an answer's head, and when on the run's time line it was asked for and came (epoch seconds)."""
        if received_at < self._next_at:
            return
        date_s = date_of(head)
        if date_s is None:
            return
        self._next_at = received_at + EVERY_S
        low, high = sent_at - date_s - RESOLUTION_S - STALE_S, received_at - date_s
        if self.apart is not None and max(low, self.apart.low_s) <= min(high, self.apart.high_s):
            low, high = max(low, self.apart.low_s), min(high, self.apart.high_s)
        self.apart = Apart(low, high)

    def words(self) -> str:
        """A sentence, where they are surely apart; else empty."""
        if self.apart is None or abs(self.apart.surely_s) < SAID_FROM_S:
            return ""
        least, most = sorted((abs(self.apart.low_s), abs(self.apart.high_s)))
        where = "ahead of" if self.apart.low_s > 0 else "behind"
        return f"The clock that this run goes by is {least:.0f} to {most:.0f} s {where} the target's (its Date header)"


def date_of(head: bytes) -> float | None:
    """When an answer was made, epoch seconds; None: it does not say, or comes from a cache (it has an Age)."""
    dates = header_values(head, "Date")
    if len(dates) != 1 or header_values(head, "Age"):
        return None
    try:
        return parsedate_to_datetime(dates[0]).timestamp()
    except (ValueError, OverflowError):
        return None
