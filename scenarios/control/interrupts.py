"""What Ctrl-C does: the first ends the run in order, the next says what is going on, another one leaves it there.

Rows that are not stored yet are on the disk by then, so whoever leaves loses none of them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import gevent

from scenarios.exit_codes import EXIT_VOID


class Interrupts:
    """This process's handler of SIGINT, from its first run on.

    Args:
        end_run: Ends the run in order.
        is_ending: Whether the run is being ended already.
        folder: The run's folder; None = there is none, or other processes end it.
    """

    def __init__(
        self, end_run: Callable[[], object], *, is_ending: Callable[[], bool], folder: Callable[[], Path | None]
    ) -> None:
        self._end_run = end_run
        self._is_ending = is_ending
        self._folder = folder
        self._has_ended = False
        self._further = 0

    def install(self) -> None:
        """From now on; in the main thread."""
        signal.signal(signal.SIGINT, self.interrupted)

    def interrupted(self, *_: object) -> None:
        """Ctrl-C, or what a program does that ends its children.

        Raises:
            SystemExit: The third time.
        """
        if not self._has_ended and not self._is_ending():
            self._has_ended = True
            self._end_run()
            return
        self._has_ended = True
        self._further += 1
        if self._further == 1:
            self._say("the run is being stored and analysed; Ctrl-C once more leaves it as it is.")
            return
        folder = self._folder()
        if folder is not None:
            self._say(
                f"VOID: left before its end. No row is lost: python -m attempts.store {folder} stores what is not "
                f"stored yet, python -m analysis {folder} looks at it."
            )
        self._leave()

    def _leave(self) -> NoReturn:
        if self._further > 2:  # somebody holds the process that was told to leave
            sys.stdout.flush()
            os._exit(EXIT_VOID)
        raise SystemExit(EXIT_VOID)

    def _say(self, sentence: str) -> None:
        print(f"wsoak: {sentence}", file=sys.stderr, flush=True)


def interrupt_locust() -> None:
    """Raise KeyboardInterrupt where Locust waits for it, in its main greenlet, and in no user's."""
    hub = gevent.get_hub()
    main = hub.parent
    assert main is not None
    hub.loop.run_callback_threadsafe(main.throw, KeyboardInterrupt)
