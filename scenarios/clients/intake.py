"""Takes in what a peer sends in turns, so that one that floods its connection leaves the loop to the others.

Theory of operation. What was read is handed on in slices of a kilobyte. A connection that has worked for a turn
and has more to take in rests for as long as it worked; all that rest share one process's `LoopShare`, which lets one
turn begin when the turn and the rest before it are over. So however many peers flood, half of the loop stays for
everything else, no wait behind them is longer than a turn, and what they send beyond that stays in their own kernels
(TCP's flow control). A connection that has taken in all there was is not slowed down, however much it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Final

# Five hundred of the smallest frames: a few milliseconds of any client's work.
SLICE_BYTES: Final = 1024
# A tenth of the delay from which a loop counts as blocked (`scenarios.machine.lag`).
TURN_S: Final = 0.005
# What a peer may leave unread of the answers to its own frames before no more of them are read.
MOST_UNSENT_BYTES: Final = 262_144


class LoopShare:
    """Half of one process's loop, given in turns to the connections that have more to take in."""

    def __init__(self) -> None:
        self._free_at = -math.inf

    def rest(self, now: float, worked_s: float) -> float:
        """Until when a connection rests that has worked for so long."""
        until = max(now + worked_s, self._free_at)
        self._free_at = until + 2 * worked_s
        return until


class Intake:
    """What one connection has read and not handed on.

    Attributes:
        rests_until: When the next turn may begin; in the past = now.
        is_flooded: It has used up a turn, and has not caught up with its peer since.
    """

    def __init__(self, share: LoopShare, hand_on: Callable[[bytes], None]) -> None:
        self.rests_until = -math.inf
        self.is_flooded = False
        self._share = share
        self._hand_on = hand_on
        self._data = b""
        self._position = 0
        self._worked_s = 0.0
        self._more_waits = False

    @property
    def has_more(self) -> bool:
        """Whether something is left to be handed on: then nothing more is read."""
        return self._position < len(self._data)

    def take(self, data: bytes, *, more_waits: bool) -> None:
        """What was read; `more_waits`: the kernel may have more. All was handed on before."""
        if len(data) <= SLICE_BYTES and not more_waits:
            self._caught_up()
            self._hand_on(data)
            return
        self._data, self._position, self._more_waits = data, 0, more_waits
        self.go_on()

    def append(self, data: bytes) -> None:
        """More was read although something is left."""
        self._data, self._position = self._data[self._position :] + data, 0

    def go_on(self) -> None:
        """Hand on what is left, or as much of it as the turn allows; then see `has_more` and `rests_until`."""
        data = self._data
        while self._position < len(data):
            part = data[self._position : self._position + SLICE_BYTES]
            self._position += len(part)
            began = perf_counter()
            self._hand_on(part)
            now = perf_counter()
            self._worked_s += now - began
            if self._worked_s >= TURN_S and (self._more_waits or self._position < len(data)):
                self.rests_until = self._share.rest(now, self._worked_s)
                self.is_flooded = True
                self._worked_s = 0.0
                break
        if self._position >= len(data):
            self._data, self._position = b"", 0
            if not self._more_waits:
                self._caught_up()

    def end(self) -> None:
        """Forget what is left, and whom it was for: the two hold each other."""
        self._data, self._position = b"", 0
        self._hand_on = _nobody

    def _caught_up(self) -> None:
        self._worked_s = 0.0
        self.is_flooded = False


def _nobody(_: bytes) -> None:
    """Nobody takes it."""
