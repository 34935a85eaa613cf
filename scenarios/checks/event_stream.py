"""Counts the events of an event stream as its bytes come; how they are cut into chunks does not matter."""

from __future__ import annotations

_FIELD = b"\ndata:"


class Events:
    """Of one stream. An event is counted when its `data` field begins (HTML, section 9.2.6: a line `data:`).

    A chunk of HTTP/1.1 begins behind a line of its own, so a field at its start is one at the start of a line, too.

    Attributes:
        count: How many have begun.
    """

    def __init__(self) -> None:
        self.count = 0
        self._tail = b"\n"

    def feed(self, data: bytes) -> None:
        """More of the stream."""
        data = self._tail + data
        self.count += data.count(_FIELD)
        # One byte less than the field: it is not counted twice.
        self._tail = data[-(len(_FIELD) - 1) :]
