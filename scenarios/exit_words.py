"""How a child process ended, in words."""

from __future__ import annotations

import signal


def how_ended(status: int | None) -> str:
    """The end of a sentence: "ended with exit status 3", "was killed by SIGKILL", "has not ended".

    Args:
        status: As `Popen.returncode` has it: negative = the signal that killed it; None = it runs.
    """
    if status is None:
        return "has not ended"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
