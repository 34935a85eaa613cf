"""A thread for what waits on a disk, so that the loop does not.

gevent's own pool prints the traceback of each exception in a thread, also of those that its caller handles: a full disk
would print one for each segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gevent.threadpool import ThreadPool


class Disk:
    """One thread, in which one thing happens after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPool(1)

    def apply(self, function: Callable[..., Any], arguments: Sequence[Any] = ()) -> Any:
        """What the function returns; other greenlets run until it does.

        Raises:
            OSError: The disk refused, and nobody else has been told.
        """
        found, refusal = self._thread.apply(_tried, (function, arguments))
        if refusal is not None:
            raise refusal
        return found


def _tried(function: Callable[..., Any], arguments: Sequence[Any]) -> tuple[Any, OSError | None]:
    try:
        return function(*arguments), None
    except OSError as refusal:
        return None, refusal
