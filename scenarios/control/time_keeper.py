"""A worker's clock: asks the master for its time, and puts what this worker does on the master's time line.

The first answers come before any run, while the worker's start may wait for them: when a run starts, Locust's loop
of messages is busy with starting it, and could bring none.
"""

from __future__ import annotations

from locust import runners

import time
from typing import Any, Final

import gevent
import gevent.event

from scenarios.clock import Clock, wall_us
from scenarios.load.clock_offset import ClockOffset
from scenarios.load.generator import LoadGenerator
from scenarios.run_file import ClockEntry
from scenarios.run_order import RunOrder
from scenarios.screens.voice import say

ASK_EVERY_S: Final = 3.0
# At first the answers come as quickly as the network brings them; a master that is not ready yet says nothing.
FIRST_EVERY_S: Final = 0.05
FIRST_ANSWERS: Final = 5
FIRST_WAIT_S: Final = 5.0
# Tokens are refused by a second, where a target grants no leeway (RFC 7519, section 4.1.4, "a few minutes" at most).
SAID_FROM_S: Final = 1.0


class TimeKeeper:
    """Asks again and again what time it is on the master.

    Attributes:
        generator: Whose clock is watched, while a run goes on.
    """

    def __init__(self, runner: runners.WorkerRunner) -> None:
        self.generator: LoadGenerator | None = None
        self._runner = runner
        self._timers = ClockOffset()  # this machine's timer minus the master's
        self._first = gevent.event.Event()
        self._answers = 0
        runner.register_message("soak_time", self._on_time)
        gevent.spawn(self._ask)

    def wait(self) -> None:
        """Return when the master's time is known, or patience is over. Not for a listener of Locust's messages."""
        self._first.wait(timeout=FIRST_WAIT_S)

    def clock_of(self, order: RunOrder) -> tuple[Clock, ClockEntry]:
        """The clock for a run, on the master's time line, and what was found of this machine's own.

        Where the master has not answered yet it is this machine's own, until an answer comes.
        """
        best = self._timers.best
        now = time.perf_counter()
        if best is None:
            sentence = "The master has not said yet what time it is: until it does this worker goes by its own clock."
            say(f"wsoak: {sentence}")
            return Clock.now(), ClockEntry()
        clock = Clock(order.clock.wall_us, order.clock.monotonic_s + best.value / 1e6)
        offset_s = (wall_us() - clock.micros(now)) / 1e6
        entry = ClockEntry(offset_s=offset_s, uncertainty_s=best.uncertainty / 1e6)
        if abs(offset_s) >= SAID_FROM_S:
            say(f"wsoak: {offset_words(offset_s)}")
        return clock, entry

    def _ask(self) -> None:
        asked = 0
        while True:
            asked += 1
            question = {"sent_at": time.perf_counter()}
            # A full queue raises after 9 s of Locust's own tries; the next question is as good.
            try:
                self._runner.send_message("soak_time", question)
            except Exception:
                gevent.sleep(ASK_EVERY_S)
                continue
            is_first = self._answers < FIRST_ANSWERS and asked * FIRST_EVERY_S < FIRST_WAIT_S
            gevent.sleep(FIRST_EVERY_S if is_first else ASK_EVERY_S)

    def _on_time(self, environment: Any, msg: Any, **_: Any) -> None:
        received_at = time.perf_counter()
        # Locust drops whatever tells it to spawn and is not dated later than the last one: all, once the master's clock
        # was set back. Messages of one master come in their order anyway.
        self._runner.last_received_spawn_timestamp = 0
        sent_at, timer, at = (msg.data[name] for name in ("sent_at", "timer", "at"))
        self._timers.answered(
            sent_at=round(sent_at * 1e6), there_at=round(timer * 1e6), received_at=round(received_at * 1e6)
        )
        self._answers += 1
        if self._answers >= FIRST_ANSWERS:
            self._first.set()
        if self.generator is not None and at is not None:
            self.generator.time_was_told(sent_at, at, received_at)


def offset_words(offset_s: float) -> str:
    """That a worker's clock is off, for whoever starts it."""
    where = "ahead of" if offset_s > 0 else "behind"
    return (
        f"This machine's clock is {abs(offset_s):.1f} s {where} the master's: its rows, its tokens and its part in a "
        "storm go by the master's time. Set the clock all the same."
    )
