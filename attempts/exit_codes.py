"""Exit statuses of the commands that collect rows: `python -m attempts.store` and `python -m attempts.collect`."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
# As argparse has it: what was asked for cannot be done.
EXIT_USAGE: Final = 2
# Some rows are missing, or cannot be read.
EXIT_MISSING: Final = 3
