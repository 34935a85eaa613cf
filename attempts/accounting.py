"""Checks that the rows add up: a record that lost attempts must say so, for the lost ones are rarely the good ones.

    planned = started + skipped
    started = ok + timeout + failed + aborted
    rows written = rows stored, and `seq` runs 0, 1, 2 ... within each worker

Pure: counts in, sentences out. A count that nobody took is None, and its sum is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from attempts.intervals import Intervals, Range

_NAMED_RANGES: Final = 3  # of a worker's missing rows, so many ranges are named; the rest are counted


@dataclass(frozen=True, kw_only=True)
class WorkerRows:
    """What is stored of one worker.

    Attributes:
        stored: The `seq` that are in the table.
        doubled: Rows that are there more than once.
        rows_written: How many the worker says it wrote; None if it never said (it crashed, or still runs).
    """

    worker: str
    stored: Intervals = field(default_factory=Intervals)
    doubled: int = 0
    rows_written: int | None = None

    @property
    def missing(self) -> tuple[Range, ...]:
        """The rows known to be missing; those after the last one only if the worker said how many."""
        end = max((run.last for run in self.stored), default=-1)
        if self.rows_written is not None:
            end = max(end, self.rows_written - 1)
        return self.stored.gaps(first=0, last=end)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each thing that does not add up."""
        found = []
        missing = self.missing
        if missing:
            named = ", ".join(f"{r.first} to {r.last}" if len(r) > 1 else f"{r.first}" for r in missing[:_NAMED_RANGES])
            more = f" and {len(missing) - _NAMED_RANGES} more ranges" if len(missing) > _NAMED_RANGES else ""
            rows = sum(map(len, missing))
            found.append(f"Worker {self.worker}: {rows} rows are missing (seq {named}{more}).")
        last = max((run.last for run in self.stored), default=None)
        if self.rows_written is None:
            lost = "none is stored" if last is None else f"those after seq {last} may be missing"
            found.append(f"Worker {self.worker} never said how many rows it wrote (it crashed, or still runs): {lost}.")
        elif last is not None and last >= self.rows_written:
            found.append(f"Worker {self.worker} says it wrote {self.rows_written} rows, and more are stored.")
        if self.doubled:
            found.append(f"Worker {self.worker}: {self.doubled} rows are stored more than once.")
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """The sums of one run; None is "not counted".

    Attributes:
        planned: Attempts that were to start, and of these `skipped` were left out on purpose.
        outcomes: Finished attempts by outcome.
        rows_written: As the workers say.
        rows_stored: As the store says.
        workers: What is stored of each.
    """

    planned: int | None = None
    skipped: int | None = None
    started: int | None = None
    outcomes: Mapping[str, int] | None = None
    rows_written: int | None = None
    rows_stored: int | None = None
    workers: tuple[WorkerRows, ...] = ()

    @property
    def is_balanced(self) -> bool:
        """Every sum could be formed, and holds."""
        sums = self._sums()
        return not self.imbalances and all(total is not None and None not in parts.values() for _, total, parts in sums)

    @property
    def imbalances(self) -> tuple[str, ...]:
        """One sentence for each sum that does not hold and for each worker whose rows are not complete."""
        found = []
        for name, total, parts in self._sums():
            known = [part for part in parts.values() if part is not None]
            if total is None or len(known) < len(parts) or total == sum(known):
                continue
            sides = " + ".join(f"{count} {part}" for part, count in parts.items())
            found.append(f"{total} attempts {name}, but {sides}: {abs(total - sum(known))} are unaccounted for.")
        for worker in self.workers:
            found += worker.problems
        return tuple(found)

    def _sums(self) -> Iterable[tuple[str, int | None, Mapping[str, int | None]]]:
        outcomes: Mapping[str, int | None] = (
            dict.fromkeys(("ok", "timeout", "failed", "aborted"), 0) | dict(self.outcomes)
            if self.outcomes is not None
            else {"finished": None}
        )
        return (
            ("planned", self.planned, {"started": self.started, "skipped": self.skipped}),
            ("started", self.started, outcomes),
            ("written", self.rows_written, {"stored": self.rows_stored}),
        )
