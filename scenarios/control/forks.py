"""Keeps greenlets out of forks that become another program, whatever libraries do in each fork.

gevent's `Popen` forks in Python, so that hooks of `os.register_at_fork` run in the child. OpenTelemetry starts its
threads again there: with gevent's threads that waits, the parent's greenlets run in the child, which then never becomes
the program, and whoever started it waits for ever.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

import gevent.subprocess

_under_way: Final[list[bool]] = []


def install() -> None:
    """From now on, for all programs that this process starts. Before libraries come whose hooks start threads."""
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(after_in_child=_start_no_threads)
    popen: Any = gevent.subprocess.Popen
    execute = popen._execute_child

    def noted(*given: Any, **named: Any) -> Any:
        _under_way.append(True)
        try:
            return execute(*given, **named)
        finally:
            _under_way.pop()

    popen._execute_child = noted


def _start_no_threads() -> None:
    if _under_way:  # else it is a worker that Locust forks, which lives on
        threading.Thread.start = lambda self: None  # type: ignore[method-assign]
