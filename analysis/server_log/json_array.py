"""The elements of a JSON array of any length, one at a time: an export of Google Cloud Logging is one array.

A parser that reads the whole needs the whole in memory, and one broken record costs all that follow it. Here only
brackets and strings are looked at; each element is then parsed by itself, and a broken one is one unreadable line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from analysis.server_log.lines import MOST_LINE_BYTES

_MARKS: Final = re.compile(rb'["{}\[\]]')
# The end of a string, or what is behind a backslash, which is not. No JSON string holds a line's end (RFC 8259, section
# 7): one that does has lost its quote, and what follows is looked at afresh.
_STRING_END: Final = re.compile(rb'"|\n|\\.?', re.DOTALL)


class ArraySplitter:
    """Cuts the bytes of an array into its elements; objects and arrays only, anything else between them is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # looked at up to here
        self._start = 0  # of the element that is open
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take a piece; the elements that end in it. Of one that is too long, the beginning."""
        self._buffer += data
        while True:
            mark = (_STRING_END if self._in_string else _MARKS).search(self._buffer, self._at)
            if mark is None:
                self._at = len(self._buffer)
                break
            sign = mark[0]
            if sign == b"\\":  # what it escapes is in the next piece
                self._at = mark.start()
                break
            self._at = mark.end()
            if self._in_string:
                self._in_string = sign not in (b'"', b"\n")
            elif sign == b'"':
                self._in_string = True
            elif sign in b"{[":
                self._depth += 1
                if self._depth == 2:
                    self._start = mark.start()
            elif self._depth >= 2:  # a bracket too many ends nothing
                self._depth -= 1
                if self._depth == 1:
                    yield bytes(self._buffer[self._start : self._at])
        if self._depth >= 2 and self._at - self._start > MOST_LINE_BYTES:
            yield bytes(self._buffer[self._start : self._start + MOST_LINE_BYTES])
            self._depth = 1
        behind = self._start if self._depth >= 2 else self._at
        del self._buffer[:behind]
        self._at, self._start = self._at - behind, 0


def elements(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The elements of the array that the pieces make up."""
    splitter = ArraySplitter()
    for piece in pieces:
        yield from splitter.feed(piece)
