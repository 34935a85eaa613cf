"""A worker's rows that wait to be shipped: how much they may become before its load ends.

While the master is away they pile up on the worker's disk. Load that fills a disk ends badly for whoever else lives on
that machine, and for the rows; so it ends before.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, NamedTuple

GB: Final = 10**9
# Room that is left to others, and to the rows of the users that are being stopped.
LEAST_FREE_GB: Final = 0.25


class Fill(NamedTuple):
    """How full an outbox is, in bytes: what it holds, and what its disk has left."""

    held: int
    free: int


def fill_of(folder: Path) -> Fill:
    """Look at the disk. Blocks.

    Raises:
        OSError: If it cannot be looked at.
    """
    held = 0
    for path in folder.iterdir():
        try:
            held += path.stat().st_size
        except FileNotFoundError:  # shipped just now
            continue
    return Fill(held, shutil.disk_usage(folder).free)


def why_full(fill: Fill, *, limit_gb: float, folder: Path) -> str:
    """Why no more rows may be written, in a sentence with the way out; empty: there is room."""
    if fill.held >= limit_gb * GB:
        return (
            f"The rows that wait to be shipped in {folder} have reached {fill.held / GB:.3g} GB, the limit of "
            f"--outbox-gb {limit_gb:g}: the load ends before it fills the disk. "
            "Give more, or mend the way to the master."
        )
    if fill.free < LEAST_FREE_GB * GB:
        return (
            f"The disk of {folder} has {fill.free / GB:.2f} GB left, and wsoak leaves {LEAST_FREE_GB:g} GB to others: "
            "the load ends. Make room, or name another disk with --reports-dir on this machine."
        )
    return ""
