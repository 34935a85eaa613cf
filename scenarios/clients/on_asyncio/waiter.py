"""Lets one task wait: for something, until a moment, or until somebody wakes it.

The same as `scenarios.clients.on_gevent.waiter`, on asyncio: one timer a connection, armed again when it rings
early, instead of one for every wait. A wake-up cancels what is awaited; all that is awaited here can be
cancelled without losing anything (`recv` leaves its message in the library's queue).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

_T = TypeVar("_T")


class Woken(Exception):
    """The moment has come, or `wake` was called."""


class AsyncPatience:
    """Waits of the task that calls `begin`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._until = math.inf
        self._is_waiting = False
        self._is_woken = False

    def begin(self) -> None:
        """The calling task is the one that waits."""
        self._task = asyncio.current_task()

    async def within(self, awaitable: Awaitable[_T], until: float) -> _T:
        """Await until a moment (monotonic seconds), or until woken.

        Raises:
            Woken: `awaitable` was cancelled.
        """
        self._until = until
        if until < self._armed_for:
            self._arm()
        if self._is_woken:
            self._is_woken = False
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            raise Woken
        self._is_waiting = True
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self._is_woken or self._task is None:
                raise
            self._is_woken = False
            self._task.uncancel()
            raise Woken from None
        finally:
            self._is_waiting = False

    def wake(self) -> None:
        """End the wait, or the next one if there is none now."""
        self._is_woken = True
        if self._is_waiting and self._task is not None:
            self._is_waiting = False
            self._task.cancel()

    def close(self) -> None:
        """Free the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self.close()
        self._armed_for = self._until
        if self._until < math.inf:
            self._timer = self._loop.call_later(max(0.0, self._until - perf_counter()), self._rang)

    def _rang(self) -> None:
        self._timer, self._armed_for = None, math.inf
        if perf_counter() >= self._until:
            self.wake()
        else:
            self._arm()
