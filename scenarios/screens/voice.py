"""What is said on a terminal, which may be gone: a run does not end for want of somebody who reads.

A terminal that was closed (EIO), a pipe whose reader has left (EPIPE) and a full disk under a log file refuse every
write, Python's own last flush included, which would replace the exit status by its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any, TextIO

# How long the line is that is drawn on the terminal of standard error, to be updated; the cursor is at its beginning.
_drawn = 0


def say(text: str, stream: TextIO | None = None, *, end: str = "\n") -> None:
    """Print it, by default to standard error; where nobody can read it any more, nobody does."""
    erase()
    _print(text, sys.stderr if stream is None else stream, end=end)


def draw(text: str) -> None:
    """Show a line on the terminal of standard error that the next one takes the place of, whoever says it."""
    global _drawn
    erase()
    # With the cursor back at the beginning, what others print there, such as Locust's log, begins a line, too.
    _print(f"{text}\r", sys.stderr, end="")
    _drawn = len(text)


def erase() -> None:
    """Take away the line that is drawn."""
    global _drawn
    length, _drawn = _drawn, 0
    if length:
        _print(f"\r{' ' * length}\r", sys.stderr, end="")


def _print(text: str, out: TextIO, *, end: str) -> None:
    try:
        print(text, file=out, end=end, flush=True)
    except (OSError, ValueError):
        silence(out)


def is_gone(stream: Any) -> bool:
    """Whether a stream leads to a terminal that was closed, or nowhere: it takes nothing, not even nothing."""
    try:
        os.write(stream.fileno(), b"")
    except (OSError, ValueError):
        return True
    return False


def silence(stream: Any) -> None:
    """Let a stream that cannot be written to lead nowhere, so that nobody else fails on it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def settle() -> None:
    """Bring out what the streams still hold, or drop it: the interpreter's end does the same, and fails."""
    for stream in (sys.stdout, sys.stderr):
        say("", stream, end="")
