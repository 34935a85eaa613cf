"""Counts, second by second, how many users a run has planned and how many ran: was it the load that was asked for?

Theory of operation. Whoever makes load adds up its users' seconds (`UserSeconds`) and tells both sums, of users'
seconds and of its own, every few seconds. What lies between two tellings is spread evenly over the time between them.
So a cut of the line leaves no gap once it has healed: the next telling covers it. Of a worker that froze, the next
telling says how little ran meanwhile; of one that died there is none, and none of its users ran from its last one on.

A second counts when the ramp to the number of users that is asked for is over: ramps are planned. It counts as the mean
of the seconds around it that count: where users move from one worker to another, both tell of it within their next few
seconds only, one too early and one too late. Nothing here knows a
clock: times are seconds of one that goes on while a machine sleeps.
"""

from __future__ import annotations

import math
from array import array
from typing import Final, NamedTuple

from scenarios.run_file import LoadEntry

# Of the planned number of users.
TOLERANCE: Final = 0.05
# Locust spawns once a second and hears its workers' numbers every three: so long a ramp may last beyond its plan.
SETTLE_S: Final = 5.0
# Of the seconds that count, for a run that is not analysed; `analysis.verdict.load` judges the others.
LEAST_SHARE: Final = 0.95
# On each side of a second: workers tell every three.
AROUND_S: Final = 2
# The seconds before the end are not counted: there the last look at the users is older than their end.
LAST_WORDS_S: Final = 1.0
# While a run goes on, what is older is known: workers tell every three seconds, and a busy line loses one of two.
KNOWN_AFTER_S: Final = 10.0
# The longest time between two looks that a live process has; what is beyond it, it was frozen or asleep.
LONGEST_LOOK_S: Final = 2.0


class Told(NamedTuple):
    """What one process says of its users.

    Attributes:
        lived_s: Since its part in the run began, until now or until its users had stopped.
        user_s: Its users' seconds in that time.
    """

    lived_s: float
    user_s: float


class UserSeconds:
    """How long a process's users have run, added up. Call `look` every half second or so."""

    def __init__(self, now: float) -> None:
        self._began = self._looked = now
        self._user_s = 0.0

    def look(self, now: float, users: int) -> None:
        """So many users run now, and have since the last look, but for the time that this process was asleep."""
        self._user_s += users * min(max(now - self._looked, 0.0), LONGEST_LOOK_S)
        self._looked = max(now, self._looked)

    @property
    def told(self) -> Told:
        """What to tell, as of the last look."""
        return Told(self._looked - self._began, self._user_s)


def is_kept(entry: LoadEntry | None) -> bool:
    """Whether a run had the load that was planned, as far as anybody knows."""
    return entry is None or entry.within_s >= LEAST_SHARE * entry.judged_s


class LoadSeen:
    """Planned and running users of one run, one number a second.

    Args:
        now: When the run began.
        lasts_s: How long it is planned to last; None = until somebody ends it. What a controller that was frozen over
            the planned end sees afterwards is no part of the plan.
    """

    def __init__(self, now: float, *, lasts_s: float | None = None) -> None:
        self._began = now
        self._lasts_s = math.inf if lasts_s is None else lasts_s
        self._planned = array("d")  # NaN in a ramp
        self._ran = array("d")
        self._target = 0
        self._ramp_until = now
        self._before: dict[str, Told] = {}
        self._begun: dict[str, float] = {}

    def plan(self, now: float, *, users: int, spawn_rate: float) -> None:
        """So many users are asked for now. Call it every second of the run; the count ends with the last call."""
        if users != self._target:
            ramp_s = abs(users - self._target) / spawn_rate if spawn_rate > 0 else 0.0
            self._ramp_until = max(self._ramp_until, now + ramp_s + SETTLE_S)
            self._target = users
        lived_s = min(now - self._began, self._lasts_s)
        while (second := len(self._planned)) < math.floor(lived_s - LAST_WORDS_S):
            is_ramp = self._began + second < self._ramp_until
            self._planned.append(math.nan if is_ramp else float(users))

    def tell(self, who: str, now: float, told: Told) -> None:
        """A process has told of its users; what it told last is over."""
        # The first word may come late (behind a cut): the earliest beginning that fits is the right one.
        began = self._begun[who] = min(self._begun.get(who, math.inf), now - told.lived_s)
        before = self._before.get(who, Told(0.0, 0.0))
        if told.lived_s <= before.lived_s:
            return
        users = (told.user_s - before.user_s) / (told.lived_s - before.lived_s)
        self._before[who] = told
        self._add(began + before.lived_s - self._began, began + told.lived_s - self._began, max(users, 0.0))

    def entry(self, *, now: float | None = None) -> LoadEntry | None:
        """The sums for `run.json`; None before the first second that counts.

        Args:
            now: While the run goes on: its last seconds, of which not everybody has told, are left out.
        """
        until_s = math.inf if now is None else now - self._began - KNOWN_AFTER_S
        judged = within = planned_s = ran_s = 0.0
        for second, planned in enumerate(self._planned):
            if math.isnan(planned) or second >= until_s:
                continue
            judged += 1
            planned_s += planned
            ran_s += self._ran_in(second)
            around = [near for near in self._around(second) if not math.isnan(self._planned[near])]
            asked = sum(self._planned[near] for near in around)
            ran = sum(self._ran_in(near) for near in around)
            within += abs(ran - asked) <= TOLERANCE * asked + 1e-6
        if not judged:
            return None
        return LoadEntry(
            judged_s=judged, within_s=within, planned_user_s=round(planned_s, 3), ran_user_s=round(ran_s, 3)
        )

    def _ran_in(self, second: int) -> float:
        return self._ran[second] if second < len(self._ran) else 0.0

    def _around(self, second: int) -> range:
        return range(max(0, second - AROUND_S), min(len(self._planned), second + AROUND_S + 1))

    def _add(self, begin: float, end: float, users: float) -> None:
        begin = max(begin, 0.0)
        while len(self._ran) < math.ceil(end):
            self._ran.append(0.0)
        for second in range(math.floor(begin), math.ceil(end)):
            self._ran[second] += users * (min(end, second + 1) - max(begin, second))
