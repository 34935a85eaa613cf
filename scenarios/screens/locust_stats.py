"""Shows connects and exchanges on Locust's own screens, as requests. A view, never the record.

Locust rounds times and merges errors by their text, so names and errors here are few and fixed; ids,
ports and server texts would make its error table grow for ever. Successes are merged into its statistics
in batches and fire no request event (`screen_counts`): whoever wants every attempt reads the rows.
"""

from __future__ import annotations

from locust.env import Environment

import gevent

from attempts.schema import Attempt
from scenarios.screens.screen_counts import FLUSH_S, ScreenCounts
from scenarios.screens.screen_failures import SHOWN, show_failure


class Screen:
    """Shows attempts on Locust's screens; `flush` once more when the last user has stopped."""

    def __init__(self, environment: Environment) -> None:
        self._counts = ScreenCounts(environment.stats)
        self._event = environment.events.request
        self._flushing: gevent.Greenlet[..., None] | None = None

    def show(self, attempt: Attempt) -> None:
        """Show a connect or an exchange; other kinds and aborted ones are not shown."""
        if attempt.kind not in SHOWN or attempt.outcome == "aborted":
            return
        if self._flushing is None:
            self._flushing = gevent.spawn(self._keep_flushing)
        if attempt.outcome == "ok":
            self._counts.add(attempt)
        else:
            show_failure(self._event, attempt)

    def flush(self) -> None:
        """Show what was collected."""
        self._counts.flush()

    def _keep_flushing(self) -> None:
        while True:
            gevent.sleep(FLUSH_S)
            self._counts.flush()
