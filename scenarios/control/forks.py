"""Keeps greenlets out of forks that become another program, whatever libraries do in each fork.

gevent's `Popen` forks in Python, so that hooks of `os.register_at_fork` run in the child. OpenTelemetry starts
threads there and waits for them: with gevent's the parent's greenlets then run in the child, which never becomes the
program, and whoever started it waits for ever.
"""

from __future__ import annotations

import os
from typing import Any, Final

import gevent.subprocess
from gevent.hub import Hub, set_hub  # type: ignore[attr-defined]

_under_way: Final[list[bool]] = []


def install() -> None:
    """From now on, for all programs that this process starts. Before libraries come whose hooks start threads."""
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(after_in_child=_leave_the_hub)
    popen: Any = gevent.subprocess.Popen
    execute = popen._execute_child

    def noted(*given: Any, **named: Any) -> Any:
        _under_way.append(True)
        try:
            return execute(*given, **named)
        finally:
            _under_way.pop()

    popen._execute_child = noted


def _leave_the_hub() -> None:
    if _under_way:  # else it is a worker that Locust forks, which lives on
        set_hub(Hub(default=False))  # whatever waits now waits among its own threads
