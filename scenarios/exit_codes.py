"""Exit statuses of the processes that run a soak."""

from __future__ import annotations

from typing import Final

EXIT_MET: Final = 0
# As argparse has it: what was asked for cannot be done.
EXIT_USAGE: Final = 2
# Nothing may be concluded from the run.
EXIT_VOID: Final = 3
# The relay did not keep the delays that were asked of it, so that its run is void.
EXIT_BROKEN_PROMISE: Final = 3
