"""Measures how far a worker's clock is from the controller's, from questions that were answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from attempts.spool.time_line import ClockKnot

# Of so many questions, one every few seconds, the quickest answer is believed: what is older tells of another time.
ANSWERS: Final = 10
# What is less is not worth a correction: rows of several hosts are compared by the second, seldom by the tenth of it.
LEAST_US: Final = 2_000
# A single answer that differs by so much more than it can be wrong tells of a clock that has jumped.
JUMP_US: Final = 250_000
# Each segment carries all knots: a kilobyte at the most. Of more the older ones are thinned out.
MOST_KNOTS: Final = 64


class Offset(NamedTuple):
    """A clock minus another, and by how much that may be wrong, either way; in microseconds."""

    value: int
    uncertainty: int


class ClockOffset:
    """One clock minus the other, from the quickest of the last answers.

    Cristian, "Probabilistic clock synchronization", Distributed Computing 3 (1989): an answer is wrong by
    half its round trip at most, so of several the one with the shortest round trip is believed. Answers that cannot be
    true together tell of another time: of a machine that slept, or of a controller that took another one's place.
    """

    def __init__(self) -> None:
        self._answers: deque[Offset] = deque(maxlen=ANSWERS)

    def answered(self, *, sent_at: int, there_at: int, received_at: int) -> Offset | None:
        """Take an answer; all in microseconds: this clock at sending and receiving, the other one's in between.

        Returns what this answer says by itself; None if it cannot be one, since it was received before it was asked.
        """
        if received_at < sent_at:
            return None
        offset = Offset((sent_at + received_at) // 2 - there_at, (received_at - sent_at + 1) // 2)
        best = self.best
        if best is not None and abs(offset.value - best.value) > offset.uncertainty + best.uncertainty + JUMP_US:
            self.forget()
        self._answers.append(offset)
        return offset

    @property
    def best(self) -> Offset | None:
        """What is believed; None before the first answer."""
        return min(self._answers, key=lambda one: one.uncertainty, default=None)

    @property
    def is_settled(self) -> bool:
        """Whether as many answers are there as are compared."""
        return len(self._answers) == ANSWERS

    def forget(self) -> None:
        """What was measured no longer holds."""
        self._answers.clear()


class Drift:
    """How a worker's clock has moved against the run's since the run began: knots, for whoever corrects its rows.

    The worker's clock is put on the run's time line when it begins; what is left is what both timers gain or lose on
    each other in hours, and jumps: a machine that slept, a controller that was started again elsewhere.

    Attributes:
        knots: All that were found, the oldest first.
    """

    def __init__(self) -> None:
        self.knots: tuple[ClockKnot, ...] = ()
        self._offset = ClockOffset()

    @property
    def now_us(self) -> int:
        """The worker's clock minus the run's, as far as is known."""
        return self.knots[-1].offset if self.knots else 0

    def answered(self, *, sent_at: int, there_at: int, received_at: int) -> bool:
        """Take an answer (see `ClockOffset.answered`); returns whether the knots have changed."""
        one = self._offset.answered(sent_at=sent_at, there_at=there_at, received_at=received_at)
        if one is None:
            return False
        if abs(one.value - self.now_us) > one.uncertainty + JUMP_US:
            self._offset.forget()
            self._add(received_at, one)
            return True
        best = self._offset.best
        if best is None or not self._offset.is_settled:
            return False
        self._offset.forget()
        if abs(best.value - self.now_us) <= best.uncertainty + LEAST_US:
            return False
        self._add(received_at, best)
        return True

    def moved(self, at: int, offset_us: int) -> None:
        """Take what is known without a question."""
        self._add(at, Offset(offset_us, 0))

    def _add(self, at: int, offset: Offset) -> None:
        self.knots = thinned((*self.knots, ClockKnot(at, offset.value, offset.uncertainty)))


def thinned(knots: Sequence[ClockKnot]) -> tuple[ClockKnot, ...]:
    """At most `MOST_KNOTS` of them: of too many each second one of the older half goes."""
    if len(knots) <= MOST_KNOTS:
        return tuple(knots)
    half = len(knots) // 2
    return (*knots[:half:2], *knots[half:])
