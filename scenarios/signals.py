"""A signal that wakes every waiting connection: the stop of a run, or the call for a storm.

Not gevent's Event and not asyncio's, so that one session driver logic serves both: whoever waits
subscribes a callback, which must not block (it hands a wake-up to its own loop).
"""

from __future__ import annotations

from collections.abc import Callable


class Signal:
    """Counts how often it was given and calls its subscribers each time.

    Attributes:
        count: 0 = not given yet.
    """

    def __init__(self) -> None:
        self.count = 0
        self._subscribers: dict[object, Callable[[], None]] = {}

    def __bool__(self) -> bool:
        return self.count > 0

    def give(self) -> None:
        """Give the signal; every subscriber is called once."""
        self.count += 1
        for wake in list(self._subscribers.values()):
            wake()

    def subscribe(self, key: object, wake: Callable[[], None]) -> None:
        """Call `wake` from now on; `key` takes it back."""
        self._subscribers[key] = wake

    def unsubscribe(self, key: object) -> None:
        """No longer call what was subscribed under `key` (which may be unknown)."""
        self._subscribers.pop(key, None)
