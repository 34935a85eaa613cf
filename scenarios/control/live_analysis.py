"""The analysis beside a run (`python -m analysis.live`), as the process that leads the run sees it.

It is never needed: where it has died, or does not answer, the run goes on and is analysed at its end by a process that
is started then. The leader only writes short lines to it, so that its own loop waits for nothing while the run goes on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from scenarios.child_environment import child_environment
from scenarios.control.child_process import Child, module_command, start_child
from scenarios.exit_words import how_ended
from scenarios.screens.voice import say
from scenarios.screens.waiting import as_shown, waiting

# It may be in the middle of a look, on a busy machine and behind everybody else.
BEGUN_TIMEOUT_S: Final = 30.0
_BEGUN: Final = "begun"


class LiveAnalysis:
    """The process beside one run, or that there is none (any more)."""

    def __init__(self, child: Child | None = None) -> None:
        self._child = child

    @classmethod
    def started(cls, arguments: Sequence[str], *, secret_variables: frozenset[str]) -> LiveAnalysis:
        """Start it with the arguments of `python -m analysis`; where that cannot be, there is none."""
        environment = child_environment(os.environ, named=secret_variables) | as_shown()
        command = module_command("analysis.live", *arguments)
        try:
            return cls(start_child("live analysis", command, environment=environment, wait_ready=False))
        except OSError as error:
            say(f"wsoak: the live analysis cannot be started ({error.strerror}): the run is analysed at its end.")
            return cls()

    def watch(self) -> None:
        """Say once if it has died; call it every second or so."""
        if self._child is not None and self._child.exit_status is not None:
            self._without(f"the live analysis {how_ended(self._child.exit_status)}")

    def storing(self) -> None:
        """The users have stopped: it shall begin nothing for which the verdict would wait."""
        if self._child is not None:
            self._child.tell("storing")

    def verdict(self, timeout_s: float) -> tuple[int, str] | None:
        """Have it make the verdict: the exit status of the analysis, and what it said; None: it made none.

        Args:
            timeout_s: Longest that the analysis may take.
        """
        self.watch()
        if self._child is None:
            return None
        # A terminal may have another width than at the start.
        self._child.tell(f"finish {as_shown().get('COLUMNS', '')}".rstrip())
        begun, _, about_s = self._child.line(BEGUN_TIMEOUT_S).partition(" ")
        if begun != _BEGUN:
            self._without("the live analysis did not answer")
            return None
        with waiting("analysing", about_s=float(about_s) if about_s else None):
            status, words = self._child.finish(timeout_s)
        if status not in (0, 1, 3):
            self._without(f"the live analysis {how_ended(status)}")
            return None
        self._child = None
        return status, words

    def stop(self) -> None:
        """End it without a verdict."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End it at once, in the middle of a verdict, too, and wait for nothing."""
        if self._child is not None:
            self._child.kill()

    def _without(self, why: str) -> None:
        say(f"wsoak: {why}: the run is analysed at its end, by a process of its own.")
        self.stop()
