"""What is said while the end of a run takes its time: what goes on, how long it may take, and that it still does.

A terminal has one line that is updated; a log gets a line at the beginning, and another every ten seconds.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import gevent

from scenarios.screens.voice import draw, erase, say

LOCUST_TABLES: Final = "locust.stats_logger"
LOG_EVERY_S: Final = 10.0
_TERMINAL_EVERY_S: Final = 1.0
COLUMNS: Final = 80  # of a terminal that does not say how wide it is


@contextmanager
def waiting(what: str, *, about_s: float | None = None) -> Iterator[None]:
    """Say what is being done for as long as it is done.

    Args:
        what: For example "storing the last of 1,200 rows".
        about_s: How long it may take; None: that is not known.
    """
    is_updated = is_terminal(sys.stderr, os.environ)
    every_s = _TERMINAL_EVERY_S if is_updated else LOG_EVERY_S
    began = time.monotonic()

    def report() -> None:
        line = waiting_line(what, about_s=about_s, waited_s=time.monotonic() - began)
        if is_updated:
            draw(line[: columns_of(sys.stderr) - 1])  # a line that is broken could not be taken away
        else:
            say(line)

    def go_on() -> None:
        while True:
            gevent.sleep(every_s)
            report()

    # Locust prints its statistics every two seconds: nothing changes in them any more, and they tear the line apart.
    tables = logging.getLogger(LOCUST_TABLES)
    was_disabled, tables.disabled = tables.disabled, True
    report()
    beat = gevent.spawn(go_on)
    try:
        yield
    finally:
        beat.kill()
        erase()
        tables.disabled = was_disabled


def waiting_line(what: str, *, about_s: float | None, waited_s: float) -> str:
    """The line after so long: "wsoak: analysing, about 5 s ..."."""
    about = "" if about_s is None else f", about {max(1, round(about_s))} s"
    so_far = f" {waited_s:.0f} s so far" if waited_s >= _TERMINAL_EVERY_S else ""
    return f"wsoak: {what}{about} ...{so_far}"


def is_terminal(stream: Any, environ: Mapping[str, str]) -> bool:
    """Whether a line of it can be updated: a file, a CI job's log and a dumb terminal keep every one."""
    try:
        return bool(stream.isatty()) and not environ.get("CI") and environ.get("TERM") != "dumb"
    except (ValueError, AttributeError):
        return False


def columns_of(stream: Any) -> int:
    """How wide the terminal is that a stream leads to; 80 where it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or COLUMNS
    except (OSError, ValueError, AttributeError):
        return COLUMNS


def as_shown() -> dict[str, str]:
    """What a child whose output we show must know of our terminal, as variables that others use, too."""
    if not is_terminal(sys.stdout, os.environ):
        return {}
    return {"FORCE_COLOR": "1", "COLUMNS": str(columns_of(sys.stdout))}
