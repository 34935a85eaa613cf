"""What ends a worker of `--processes` whose master died before a run: nobody comes back for it.

Locust's master ends the workers that it forked only while it runs, and one that has refused its own options is gone
before they have connected, which they try for minutes. A worker that had a run has rows, and stays with them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from gevent import monkey

from scenarios.exit_codes import EXIT_USAGE

LOOK_EVERY_S: Final = 0.5


class OrphanWatch:
    """Ends this process when its parent is gone, unless a run has begun in it (`run_began`).

    Args:
        parent: Process id of the parent.
        parent_now: Asks for it again.
        leave: Ends the process with an exit status.
    """

    def __init__(
        self,
        parent: int,
        *,
        parent_now: Callable[[], int] = os.getppid,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._parent = parent
        self._parent_now = parent_now
        self._leave = leave
        self._has_run = False

    def run_began(self) -> None:
        """From now on this process has something to bring home."""
        self._has_run = True

    def look(self) -> bool:
        """Whether to look again."""
        if self._has_run:
            return False
        if self._parent_now() == self._parent:
            return True
        self._leave(EXIT_USAGE)
        return False


_watches: Final[list[OrphanWatch]] = []


def watch_forks() -> None:
    """Let each process that this one forks have a watch. Locust loads its locustfile, then forks its workers."""
    if not hasattr(os, "register_at_fork"):
        return
    # A parent that dies at once is no child's parent any more when the child asks for the first time.
    # A worker's own children inherit these hooks: their parent is the worker, and no longer the one that came first.
    parents = [os.getpid()]
    os.register_at_fork(before=lambda: parents.__setitem__(0, os.getpid()), after_in_child=lambda: _watch(parents[0]))


def run_began() -> None:
    """A run has begun in this process."""
    for watch in _watches:
        watch.run_began()


def _watch(parent: int) -> None:
    watch = OrphanWatch(parent)
    _watches[:] = [watch]
    sleep = monkey.get_original("time", "sleep")

    def look() -> None:
        while watch.look():
            sleep(LOOK_EVERY_S)

    # A thread of the system's: Locust's greenlets have not begun yet, and wait for the master once they have.
    monkey.get_original("_thread", "start_new_thread")(look, ())
