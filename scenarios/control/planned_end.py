"""When a run was to end, and what is said of one that ended before.

By the monotonic clock, which Locust's own timer goes by: a wall clock that is set in the middle of a run makes it
neither shorter nor longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Locust's timer starts a moment before the run does.
LEEWAY_S: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class PlannedEnd:
    """The plan of a run with a --run-time.

    Attributes:
        of_s: How long it was to be.
        at: When it is over, on the monotonic clock.
    """

    of_s: float
    at: float

    def is_over(self, now: float) -> bool:
        """Whether all of the time has passed."""
        return now >= self.at - LEEWAY_S

    def early(self, now: float) -> str | None:
        """What is said of a run that ends now; None = it ran to its end."""
        if self.is_over(now):
            return None
        after_s = max(0.0, self.of_s - (self.at - now))
        return f"The run ended after {after_s:.0f} s of {self.of_s:.0f} s"
