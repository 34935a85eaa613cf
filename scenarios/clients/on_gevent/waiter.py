"""Lets one greenlet wait: for its socket, until a moment, or until somebody wakes it.

gevent arms a timer for every call on a socket that has a timeout; here one timer a connection is enough.
It is armed for the earliest moment that was asked for, and when it rings too early (the wait it was armed
for ended long ago, which is the normal case) it is armed again for the wait of now. Everything that
switches into the greenlet passes one gate, so that no late callback can meet it elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any, Final

import gevent

READ: Final = 1
WRITE: Final = 2
# libuv, gevent's loop on Windows, knows whole milliseconds and warns of less.
LEAST_TIMER_S: Final = 0.001


class Patience:
    """Waits of the greenlet that made it."""

    def __init__(self) -> None:
        self._hub: Any = gevent.get_hub()
        self._greenlet: Any = gevent.getcurrent()
        self._timer: Any = None
        self._armed_for = math.inf
        self._until = math.inf
        self._is_waiting = False
        self._is_woken = False
        self._any: Sequence[Any] | None = None

    def watcher(self, file_descriptor: int, events: int) -> Any:
        """What `wait` waits for; close it before the descriptor is closed."""
        return self._hub.loop.io(file_descriptor, events)

    def wait(self, watcher: Any, until: float) -> bool:
        """True: the socket is ready. False: `until` (monotonic seconds) has come, or `wake` was called."""
        if self._is_woken:
            self._is_woken = False
            return False
        self._until = until
        if until < self._armed_for:
            self._arm(until)
        self._is_waiting = True
        watcher.start(self._greenlet.switch, True)
        try:
            ready: bool = self._hub.switch()
        finally:
            watcher.stop()
            self._is_waiting = False
        if not ready:
            self._is_woken = False
        return ready

    def wait_for_any(self, watchers: Sequence[Any], until: float) -> bool:
        """True: one of the sockets is ready. False: as in `wait`."""
        if self._is_woken:
            self._is_woken = False
            return False
        self._until = until
        if until < self._armed_for:
            self._arm(until)
        self._is_waiting = True
        self._any = watchers
        try:
            for watcher in watchers:
                watcher.start(self._fired, watchers)
            ready: bool = self._hub.switch()
        finally:
            self._is_waiting = False
            self._any = None
            for watcher in watchers:
                watcher.stop()
        if not ready:
            self._is_woken = False
        return ready

    def wait_for(self, other: gevent.Greenlet[..., Any], until: float) -> bool:
        """True: the other greenlet has ended. False: as in `wait`."""
        if self._is_woken:
            self._is_woken = False
            return False
        self._until = until
        if until < self._armed_for:
            self._arm(until)
        self._is_waiting = True
        other.rawlink(self._other_ended)
        try:
            ended: bool = self._hub.switch()
        finally:
            other.unlink(self._other_ended)
            self._is_waiting = False
        if not ended:
            self._is_woken = False
        return ended

    def wake(self) -> None:
        """End the wait, or the next one if there is none now. May be called by anybody, and twice."""
        self._is_woken = True
        if self._is_waiting:
            self._hub.loop.run_callback(self._deliver)

    def close(self) -> None:
        """Free the timer."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    def _arm(self, until: float) -> None:
        self.close()
        self._armed_for = until
        if until < math.inf:
            self._timer = self._hub.loop.timer(max(LEAST_TIMER_S, until - perf_counter()))
            self._timer.start(self._rang)

    def _rang(self) -> None:
        self._armed_for = math.inf
        if not self._is_waiting:
            return
        if perf_counter() < self._until:
            self._arm(self._until)
        else:
            self.wake()

    def _fired(self, watchers: Sequence[Any]) -> None:
        """The first of several watchers; a second one of the same turn would meet the greenlet elsewhere."""
        if self._any is watchers:
            self._any = None
            self._greenlet.switch(True)

    def _deliver(self) -> None:
        if self._is_waiting and self._is_woken:
            self._greenlet.switch(False)

    def _other_ended(self, _: object) -> None:
        if self._is_waiting:
            self._greenlet.switch(True)
