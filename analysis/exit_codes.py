"""Exit statuses of the analysis; the run that it belongs to ends with the same."""

from __future__ import annotations

from typing import Final

MET: Final = 0
BREACHED: Final = 1
USAGE: Final = 2  # as argparse has it
VOID: Final = 3  # nothing may be concluded
