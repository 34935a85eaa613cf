"""A process whose wall clock is wrong, or is set while it runs: libfaketime in front of its C library."""

from __future__ import annotations

import os
from pathlib import Path

# Where Debian and its kin (of every machine's kind), Fedora, and an administrator put it.
PLACES = ("usr/lib/*/faketime", "usr/lib64/faketime", "usr/lib/faketime", "usr/local/lib/faketime")
LIBRARY = "libfaketimeMT.so.1"


def library() -> str:
    """Its path; empty: it is not installed."""
    found = (path for place in PLACES for path in Path("/").glob(f"{place}/{LIBRARY}"))
    return str(next(found, ""))


class WrongClock:
    """A wall clock that is off by some seconds, for one process and those that it starts.

    Timers (CLOCK_MONOTONIC) are right, as they are on a machine whose clock is wrong.

    Args:
        file: Where the offset is kept.
        offset_s: What it is off by at first.
    """

    def __init__(self, file: Path, offset_s: float) -> None:
        self._file = file
        self.set(offset_s)

    def set(self, offset_s: float) -> None:
        """From now on the clock is off by so much."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset_s:+g}s\n")
        os.replace(new, self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process go by it."""
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
