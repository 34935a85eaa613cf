"""What Ctrl-C, SIGTERM and a closed terminal do: the first ends the run in order, one more Ctrl-C leaves it as it is.

Rows that are not stored yet are on the disk by then, so whoever leaves loses none of them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent

from scenarios.exit_codes import EXIT_VOID
from scenarios.screens.terminal import restore_terminal, terminal_mode
from scenarios.screens.voice import is_gone, say, settle, silence

# Windows has none: a console that is closed there ends its processes.
_HANGUP: Final = getattr(signal, "SIGHUP", None)


class Interrupts:
    """This process's handlers of signals, from its first run on.

    Args:
        end_run: Ends the run in order.
        is_ending: Whether the run is being ended already.
        folder: The run's folder; None = there is none, or other processes end it.
        leave_unjudged: Ends what analyses the run: a process of its own, which hears no Ctrl-C.
        leave: Ends the process with this exit status at once: an exception would have to get past all who wait.
    """

    def __init__(
        self,
        end_run: Callable[[], object],
        *,
        is_ending: Callable[[], bool],
        folder: Callable[[], Path | None],
        leave_unjudged: Callable[[], object],
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._end_run = end_run
        self._is_ending = is_ending
        self._folder = folder
        self._leave_unjudged = leave_unjudged
        self._leave = leave
        self._interrupts = 0
        self._terminal: Any = None
        self._is_hung_up = False

    def install(self) -> None:
        """From now on; in the main thread.

        Locust puts a handler of SIGTERM in the place of this one, but where a shape makes the load only when that is
        over: until then a SIGTERM would end the process and leave no verdict.
        """
        self._terminal = terminal_mode()
        signal.signal(signal.SIGINT, self.interrupted)
        signal.signal(signal.SIGTERM, self.terminated)
        if _HANGUP is not None and signal.getsignal(_HANGUP) is not signal.SIG_IGN:  # which nohup(1) sets
            signal.signal(_HANGUP, self.hung_up)

    def interrupted(self, *_: object) -> None:
        """Ctrl-C, or what a program does that ends its children."""
        self._interrupts += 1
        folder = self._folder()
        if self._interrupts == 1:
            if not self._is_ending():
                self._end_run()
            if folder is not None:  # else its verdict stands already, or other processes store and judge it
                say("wsoak: the run is being ended, stored and analysed; Ctrl-C once more leaves it as it is.")
            return
        if folder is not None:
            say(
                f"wsoak: VOID: left before its end. No row is lost: python -m attempts.store {folder} stores what is "
                f"not stored yet, python -m analysis {folder} looks at it."
            )
        settle()
        restore_terminal(self._terminal)
        # At the very end: whoever waits for it would take its death for a failure, and start another.
        self._leave_unjudged()
        self._leave(EXIT_VOID)

    def terminated(self, *_: object) -> None:
        """SIGTERM: the run ends in order."""
        if not self._is_ending():
            self._end_run()

    def hung_up(self, *_: object) -> None:
        """The terminal was closed: whatever is said from now on leads nowhere, and the run ends as by SIGTERM.

        The kernel says so, and the shell may say it again.
        """
        for stream in (sys.stdout, sys.stderr):
            if is_gone(stream):
                silence(stream)
        if not self._is_hung_up:
            self._is_hung_up = True
            os.kill(os.getpid(), signal.SIGTERM)


def interrupt_locust() -> None:
    """Raise KeyboardInterrupt where Locust waits for it, in its main greenlet, and in no user's."""
    hub = gevent.get_hub()
    main = hub.parent
    assert main is not None
    hub.loop.run_callback_threadsafe(main.throw, KeyboardInterrupt)
