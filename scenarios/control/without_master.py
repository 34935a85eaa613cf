"""What a worker does while it does not hear its master: it soaks on to the planned end, stops then, and waits to ship.

Locust would end the worker after a minute, by the wall clock, and with it what receives the acknowledgements. Here each
worker knows how long the run lasts, and goes by that: a cut costs no load, and load never outlives the planned end.

Nothing here knows a clock. Times are seconds of one that goes on while the machine sleeps, so that a laptop that wakes
after the end stops at once; but patience (`Silence.seconds`) counts only while the process is awake: what woke a moment
ago has waited for nobody yet.
"""

from __future__ import annotations

import math
from typing import Final

from scenarios.control.limits import Limits

# The longest time between two looks that a process that is awake has.
LONGEST_LOOK_S: Final = 2.0


class Silence:
    """How long the master has not been heard. Call `look` every half second or so, `heard` whenever it is.

    Attributes:
        seconds: Of silence, those that this process slept through not counted.
        heard_at: When it was heard last.
        since: From when on it has been heard without a silence of `silent_s` between.
    """

    def __init__(self, now: float, *, silent_s: float) -> None:
        self.seconds = 0.0
        self.heard_at = self.since = self._looked = now
        self._silent_s = silent_s

    def look(self, now: float) -> None:
        """It was not heard since the last look, or `heard` would have been called."""
        self.seconds += min(max(now - self._looked, 0.0), LONGEST_LOOK_S)
        self._looked = now

    def heard(self, now: float) -> None:
        """The master was heard."""
        if now - self.heard_at >= self._silent_s:
            self.since = now
        self.heard_at = self._looked = now
        self.seconds = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether the master counts as not heard."""
        return self.seconds >= self._silent_s


class PlannedEnd:
    """When this worker's load ends although nobody ends it.

    Args:
        now: When this worker's part in the run began.
        run_time_s: How long the run is planned to last; None = it has no planned end.
    """

    def __init__(self, now: float, *, run_time_s: float | None, limits: Limits) -> None:
        # A worker that joins late learns by the first answer of the master how much is left of it.
        self._at = now + run_time_s if run_time_s is not None else math.inf
        self._round_trip_s = math.inf
        self._limits = limits

    def answered(self, *, sent_at: float, received_at: float, left_s: float | None) -> None:
        """The master has said how much of the run was left; of several answers the quickest is believed."""
        round_trip_s = received_at - sent_at
        if 0 <= round_trip_s < self._round_trip_s:
            self._round_trip_s = round_trip_s
            self._at = math.inf if left_s is None else (sent_at + received_at) / 2 + left_s

    def why_stop(self, now: float, silence: Silence) -> str:
        """Why the load ends now, in a sentence; empty: it goes on."""
        away_s = now - silence.heard_at
        if self._at < math.inf:
            is_heard = away_s < self._limits.silent_s
            if now < self._at + (self._limits.overtime_s if is_heard else 0.0):
                return ""
            says = "has not ended it" if is_heard else f"has not been heard for {away_s:.0f} s"
            return f"The planned end of the run has come, and the master {says}."
        if away_s < self._limits.alone_s:
            return ""
        return f"The master has not been heard for {away_s:.0f} s, and the run has no planned end."


def is_patience_over(
    now: float, silence: Silence, *, waited_s: float, limits: Limits, is_leaving: bool = False
) -> bool:
    """Whether a worker whose load has ended, and that has waited for so long since then, awake, waits no more for the
    acknowledgements of its rows. A worker that was told to leave (`is_leaving`) has less patience with a master that is
    away: somebody waits for it.
    """
    if silence.is_silent:
        return min(waited_s, silence.seconds) >= (limits.missing_s if is_leaving else limits.alone_s)
    return waited_s >= limits.drain_s and now - silence.since >= limits.drain_s
