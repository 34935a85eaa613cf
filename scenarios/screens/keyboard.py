"""Locust's keys in a terminal that may be closed: it puts the terminal's mode back, and one that is gone has none.

What is raised there would count as a failure of the run, which it is not.
"""

from __future__ import annotations

from locust import input_events

import contextlib
from typing import Any

from scenarios.screens.terminal import REFUSALS


def endure_closed_terminals() -> None:
    """Let Locust's reader of keys end quietly once its terminal is gone."""
    poller: Any = getattr(input_events, "UnixKeyPoller", None)
    if poller is None:  # Windows ends a console's processes with it
        return
    restore = poller.cleanup

    def cleanup(self: Any) -> None:
        with contextlib.suppress(*REFUSALS):
            restore(self)

    poller.cleanup = cleanup
