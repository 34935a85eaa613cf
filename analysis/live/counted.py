"""The stored files of a run that goes on, each counted once, and the sums of what is there now.

Files come while a run goes on, and several become one (`attempts.store.compaction`): a file that is gone takes its
counts with it, and the one in its place is counted as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from analysis.live import vitals
from analysis.live.vitals import Vitals
from analysis.reduction.tallies import Tally, read, total
from analysis.runs.engine import open_attempts
from attempts.locks import Reading

_Counts = TypeVar("_Counts")


class _File(NamedTuple):
    """What tells a file from another of the same name."""

    path: Path
    size: int
    written_ns: int


@dataclass
class Counted:
    """The counts of a run's files as they are now.

    Attributes:
        folder: Of the run.
        unreadable: Names of files that could not be read at the last refresh; they are tried again.
    """

    folder: Path
    unreadable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Nothing is counted yet."""
        self._tallies: dict[_File, Tally] = {}
        self._vitals: dict[_File, Vitals] = {}

    def refresh(self) -> bool:
        """Count the files that are new, and forget those that are gone; whether anything has changed."""
        before = (set(self._tallies), set(self._vitals))
        reading = Reading(self.folder)  # no file is replaced as long as it is there
        missed: list[str] = []
        self._tallies = _updated(self._tallies, self.folder / "attempts", _tally, missed)
        self._vitals = _updated(self._vitals, self.folder / "health", vitals.read, missed)
        del reading
        self.unreadable = tuple(missed)
        return before != (set(self._tallies), set(self._vitals))

    @property
    def tally(self) -> Tally:
        """The attempts of all files."""
        return total(list(self._tallies.values()))

    @property
    def vitals(self) -> Vitals:
        """The load generators' seconds of all files."""
        return vitals.total(list(self._vitals.values()))


def _updated(
    known: dict[_File, _Counts], folder: Path, count: Callable[[Path], _Counts], missed: list[str]
) -> dict[_File, _Counts]:
    found: dict[_File, _Counts] = {}
    for path in sorted(folder.glob("*.parquet")):
        try:
            stat = path.stat()
            file = _File(path, stat.st_size, stat.st_mtime_ns)
            found[file] = known[file] if file in known else count(path)
        except Exception:  # engines have errors of their own; the verdict says which file is corrupt
            missed.append(f"{folder.name}/{path.name}")
    return found


def _tally(path: Path) -> Tally:
    return read(open_attempts([path]))
