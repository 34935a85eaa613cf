"""Does something to a part at moments that count from a soak's first session."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.kit.children import NotStarted

# How often it is asked whether the first session has come.
ASKS_EVERY_S = 0.05


class Step(NamedTuple):
    """One thing to do.

    Attributes:
        at_s: When, in seconds since the first session.
        does: What; it may raise `NotStarted`.
    """

    at_s: float
    does: Callable[[], None]


class Schedule:
    """Steps that are done one after the other, beside whatever else goes on."""

    def __init__(self, steps: Sequence[Step], has_begun: Callable[[], bool]) -> None:
        self._left = sorted(steps, key=lambda step: step.at_s)
        self._has_begun = has_begun
        self._is_over = threading.Event()
        self._problem = ""

    def why_not_done(self) -> str:
        """Why a step was not done, in a sentence; empty: all were."""
        if self._problem or not self._left:
            return self._problem
        return f"The soak was over before what was to come {self._left[0].at_s:g} s after its first session."

    def run(self) -> None:
        """Do the steps; returns once all are done, one has failed, or `stop` was called."""
        while not self._has_begun():
            if self._is_over.wait(ASKS_EVERY_S):
                return
        since = time.monotonic()
        while self._left:
            if self._is_over.wait(max(0.0, since + self._left[0].at_s - time.monotonic())):
                return
            try:
                self._left[0].does()
            except NotStarted as problem:
                self._problem = str(problem)
                return
            del self._left[0]

    def stop(self) -> None:
        """Do no more steps."""
        self._is_over.set()


@contextmanager
def on_schedule(steps: Sequence[Step], has_begun: Callable[[], bool]) -> Iterator[Schedule]:
    """The schedule, at work until the end of the block."""
    schedule = Schedule(steps, has_begun)
    thread = threading.Thread(target=schedule.run, name="schedule")
    thread.start()
    try:
        yield schedule
    finally:
        schedule.stop()
        thread.join()
