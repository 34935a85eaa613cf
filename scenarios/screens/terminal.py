"""The mode of this process's terminal, which Locust changes to read single keys, and which must be left as it was."""

from __future__ import annotations

import contextlib
from typing import Any, Final

_modes: Any
try:
    import termios as _modes
except ImportError:  # Windows
    _modes = None
REFUSALS: Final[tuple[type[Exception], ...]] = () if _modes is None else (_modes.error,)


def terminal_mode() -> Any:
    """The mode of the terminal that keys are read from; None = there is none."""
    if _modes is None:
        return None
    try:
        return _modes.tcgetattr(0)
    except REFUSALS:
        return None


def restore_terminal(mode: Any) -> None:
    """Put the terminal back into a mode: whoever leaves at once leaves it to others."""
    if mode is not None:
        with contextlib.suppress(*REFUSALS):
            _modes.tcsetattr(0, _modes.TCSANOW, mode)
