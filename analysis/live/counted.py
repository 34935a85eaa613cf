"""The stored files of a run that goes on, each counted once, and the sums of what is there now.

Files come while a run goes on, and several become one (`attempts.store.compaction`): a file that is gone takes its
counts with it, and the one in its place is counted as any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from analysis.reduction.tallies import Tally, read, total
from analysis.runs.engine import open_attempts
from attempts.locks import Reading

# Twenty bins a decade, from a tenth of a millisecond to a hundred seconds: each 12 % wide.
_LAG_EDGES: Final = np.logspace(-4, 2, 121)
_P99: Final = 0.99
_Counts = TypeVar("_Counts")


class Vitals(NamedTuple):
    """The load generators' seconds of one health file: lags in bins, and the largest of each."""

    lags: npt.NDArray[np.int64]
    lag_max_s: float | None
    cpu_max: float | None


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
        self._vitals = _updated(self._vitals, self.folder / "health", _vitals, missed)
        del reading
        self.unreadable = tuple(missed)
        return before != (set(self._tallies), set(self._vitals))

    @property
    def tally(self) -> Tally:
        """The attempts of all files."""
        return total(list(self._tallies.values()))

    @property
    def lag_p99_s(self) -> float | None:
        """The upper edge of the bin that holds the 99th percentile of lag, at most the largest; None: not measured."""
        lags = sum((one.lags for one in self._vitals.values()), np.zeros(len(_LAG_EDGES) + 1, dtype=np.int64))
        largest = self.lag_max_s
        if largest is None:
            return None
        at = int(np.searchsorted(lags.cumsum(), _P99 * lags.sum()))
        edge = float(_LAG_EDGES[at]) if at < len(_LAG_EDGES) else largest
        return round(min(edge, largest), 6)

    @property
    def lag_max_s(self) -> float | None:
        """The largest lag; None: none was measured."""
        return max((one.lag_max_s for one in self._vitals.values() if one.lag_max_s is not None), default=None)

    @property
    def cpu_max(self) -> float | None:
        """The largest CPU use, 1 = one core; None: none was measured."""
        return max((one.cpu_max for one in self._vitals.values() if one.cpu_max is not None), default=None)


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


def _vitals(path: Path) -> Vitals:
    import pandas as pd

    seconds = pd.read_parquet(path, columns=["loop_lag_s", "cpu"])
    lags = seconds["loop_lag_s"].dropna().to_numpy(dtype=float)
    cpus = seconds["cpu"].dropna().to_numpy(dtype=float)
    bins = np.bincount(np.searchsorted(_LAG_EDGES, lags), minlength=len(_LAG_EDGES) + 1).astype(np.int64)
    return Vitals(bins, float(lags.max()) if lags.size else None, float(cpus.max()) if cpus.size else None)
