"""One run's rows on their way from spool segments to Parquet."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from attempts.intervals import Intervals, Range
from attempts.manifest import read_manifest
from attempts.spool.frames import NotASegment, Segment, read_segment
from attempts.spool.spool import OPEN_SUFFIX, SEALED_SUFFIX, SegmentName, seal_abandoned, segments, sync_folder
from attempts.store import audit
from attempts.store.audit import runs_of
from attempts.store.compaction import Compaction
from attempts.store.part_folder import PartFolder, StoredSegments
from attempts.store.tables import ATTEMPTS_SCHEMA, HEALTH_SCHEMA, attempts_table, health_table, on_time_line
from attempts.store.truth import store_truth

BATCH_BYTES: Final = 32 * 2**20  # of segments in one part: about 200,000 rows, 400 MB while it is made
OnStored = Callable[[pa.Table | None, pa.Table | None], None]
_SHOWN_GAPS: Final = 100  # of these the summary names the rows; all are counted


class Store:
    """The tables of one run folder, and how segments get into them.

    Args:
        run: The folder.
        on_stored: Told of rows and of vitals (None: there are none) once they are in the tables, of each once.

    Attributes:
        problems: Sentences on segments that are left where they are.
    """

    def __init__(self, run: Path, on_stored: OnStored | None = None) -> None:
        self._on_stored = on_stored
        self.problems: dict[str, str] = {}
        self._run = run
        self._spool = run / "spool"
        self._attempts = PartFolder(run / "attempts", schema=ATTEMPTS_SCHEMA, by=("started_at", "seq"))
        self._health = PartFolder(run / "health", schema=HEALTH_SCHEMA, by=("at",))
        self._compactions = [Compaction(folder, run) for folder in (self._attempts, self._health)]

    def store_segments(self, *, final: bool) -> None:
        """Store the sealed segments; when `final`, also those that a dead worker left unsealed.

        Raises:
            StoreError: The disk refused; no segment whose rows are not stored has been removed.
        """
        if not self._spool.is_dir():
            return
        if final:
            self._seal_abandoned()
        sealed = [(name, path) for name, path in segments(self._spool) if path.suffix == SEALED_SUFFIX]
        for batch in _batches(sealed):
            self._store_batch(batch)

    def compact(self, now: float) -> None:
        """Join parts of hours that are over, at most one file of each table: call it after each pass.

        Args:
            now: Seconds on a clock that never goes back.
        """
        for compaction in self._compactions:
            compaction.step(now)

    def finish(self) -> dict[str, Any]:
        """Join the files, store the truth, count what is there. Returns what `attempts.store` prints."""
        self._attempts.join()
        self._health.join()
        truth_rows, notes = self._store_truth()
        changed = [*self._attempts.changed, *self._health.changed]
        stored = audit.count_rows([path for path in self._attempts.files if path not in changed])
        last_at = audit.last_start([path for path in self._attempts.files if path not in changed])
        workers = audit.worker_rows(stored, self._rows_written())
        gaps = [(rows.worker, gap) for rows in workers for gap in rows.missing]
        return {
            "rows_stored": stored.rows,
            "health_rows": sum(pq.read_metadata(path).num_rows for path in self._health.files if path not in changed),
            "dropped_bytes": self._attempts.ledger.dropped_bytes,
            "missing_rows": sum(len(gap) for _, gap in gaps),
            "gaps": [{"worker": w, "first": g.first, "last": g.last} for w, g in islice(gaps, _SHOWN_GAPS)],
            "outcomes": stored.outcomes,
            "workers": {
                w.worker: {
                    "rows_stored": len(w.stored) + w.doubled,
                    "rows_written": w.rows_written,
                    "tally": self._attempts.ledger.tallies.get(w.worker),
                    "is_whole": w.rows_written is not None and not w.problems,
                }
                for w in workers
            },
            "last_at": None if last_at is None else moment(last_at),
            "truth_rows": truth_rows,
            "notes": notes,
            "problems": [
                *self._attempts.ledger.problems,
                *self.problems.values(),
                *(
                    f"{path.parent.name}/{path.name} is not what was written (its SHA-256 is another than in "
                    "SHA256SUMS): its rows do not count."
                    for path in changed
                ),
                *(sentence for rows in workers for sentence in rows.problems),
            ],
        }

    def _seal_abandoned(self) -> None:
        """Seal the open segments of processes that are gone."""
        for name, path in segments(self._spool):
            if path.suffix != OPEN_SUFFIX:
                continue
            if seal_abandoned(path):
                self.problems.pop(path.name, None)
            else:
                self.problems[path.name] = (
                    f"Segment {name} is still being written: stop its worker, then run the store again."
                )

    def _store_batch(self, batch: list[tuple[SegmentName, Path]]) -> None:
        rows: list[pa.Table] = []
        vitals: list[pa.Table] = []
        rows_ledger, vitals_ledger = StoredSegments(), StoredSegments()
        done: list[tuple[Path, bool]] = []
        for name, path in batch:
            try:
                segment = self._read(name, path)
                table, lost_rows = attempts_table(self._new_rows(segment, rows_ledger))
                is_known = self._attempts.ledger.holds(name)
                is_end_new = segment.rows_written is not None and name.worker not in self._attempts.ledger.rows_written
                if table.num_rows or is_end_new or not is_known:
                    rows.append(table)
                    _note(rows_ledger, name, table, segment)
                if not is_known:
                    _note_losses(rows_ledger, name, segment, lost_rows)
                if not self._health.ledger.holds(name) and segment.health:
                    vitals.append(health_table(segment))
                    vitals_ledger.add_segment(name)
            except (NotASegment, OSError, ValueError) as problem:
                self.problems[path.name] = f"Segment {path.name} was not stored: it {problem}."
                continue
            self.problems.pop(path.name, None)
            done.append((path, segment.damaged_bytes > 0 or lost_rows > 0))
        if vitals:
            self._health.add(vitals, vitals_ledger)
        if rows:
            self._attempts.add(rows, rows_ledger)
        if self._on_stored is not None:
            self._on_stored(pa.concat_tables(rows) if rows else None, pa.concat_tables(vitals) if vitals else None)
        for path, is_damaged in done:
            self._remove(path, keep=is_damaged)
        sync_folder(self._spool)

    def _read(self, name: SegmentName, path: Path) -> Segment:
        segment = read_segment(path.read_bytes())
        if segment.worker is not None and segment.worker.worker != name.worker:
            raise NotASegment(f"holds rows of worker {segment.worker.worker}, which its name does not say")
        run_id = read_manifest(self._run).get("run_id")
        if segment.worker is not None and run_id is not None and segment.worker.run_id != run_id:
            raise NotASegment(f"belongs to run {segment.worker.run_id}, and this folder is run {run_id}")
        return on_time_line(segment)

    def _new_rows(self, segment: Segment, batch: StoredSegments) -> Segment:
        """The segment without the rows that are stored already or are in this batch.

        A segment may come a second time: a store was killed, an acknowledgement was lost, somebody
        collected a copy.
        """
        worker = segment.worker.worker if segment.worker is not None else ""
        known = [ledger.rows[worker] for ledger in (self._attempts.ledger, batch) if worker in ledger.rows]
        if segment.attempts:
            all_ = Range(segment.attempts[0].seq, segment.attempts[-1].seq)
            known = [rows for rows in known if rows.gaps(first=all_.first, last=all_.last) != (all_,)]
        if not known:
            return segment
        new = [row for row in segment.attempts if not any(row.seq in rows for rows in known)]
        return dataclasses.replace(segment, attempts=new)

    def _remove(self, path: Path, *, keep: bool) -> None:
        """Take a stored segment out of the spool. A damaged one is kept for people, out of the way."""
        if keep:
            damaged = self._run / "damaged"
            damaged.mkdir(exist_ok=True)
            os.replace(path, damaged / path.name)
        else:
            path.unlink()

    def _store_truth(self) -> tuple[int | None, list[str]]:
        lines = self._run / "truth.jsonl"
        if not lines.exists():
            return None, []
        rows, rejected = store_truth(lines, self._run / "truth.parquet")
        return rows, [f"{rejected} lines of truth.jsonl are no JSON objects and were left out."] if rejected else []

    def _rows_written(self) -> dict[str, int | None]:
        """By worker: how many rows it wrote, as itself or as run.json says; None if neither does."""
        written: dict[str, int | None] = dict.fromkeys(self._attempts.ledger.segments)
        for entry in read_manifest(self._run).get("workers") or []:
            if isinstance(entry, dict) and isinstance(entry.get("worker"), str):
                written[entry["worker"]] = entry.get("rows_written")
        return written | self._attempts.ledger.rows_written


def moment(at_us: int) -> str | None:
    """Microseconds since the epoch as `run.json` has a moment, 2026-11-23T15:45:00.000000Z; None past 9999."""
    try:
        at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us)
    except OverflowError:
        return None
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _batches(sealed: list[tuple[SegmentName, Path]]) -> Iterator[list[tuple[SegmentName, Path]]]:
    """The segments in portions that fit in memory as tables."""
    batch: list[tuple[SegmentName, Path]] = []
    size = 0
    for name, path in sealed:
        batch.append((name, path))
        size += path.stat().st_size
        if size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _note(ledger: StoredSegments, name: SegmentName, table: pa.Table, segment: Segment) -> None:
    """Enter a segment and its rows in the ledger."""
    ledger.add_segment(name)
    rows = ledger.rows.setdefault(name.worker, Intervals())
    for first, last in runs_of(table.column("seq").to_numpy()):
        rows.add(first, last)
    if segment.rows_written is not None:
        ledger.rows_written[name.worker] = segment.rows_written
        if segment.tally is not None:
            ledger.tallies[name.worker] = segment.tally


def _note_losses(ledger: StoredSegments, name: SegmentName, segment: Segment, lost_rows: int) -> None:
    """Enter what of a segment could not be read."""
    ledger.dropped_bytes += segment.torn_bytes + segment.damaged_bytes
    if segment.torn_bytes:
        ledger.problems.append(f"Segment {name} was cut short in its last {segment.torn_bytes} bytes; these are lost.")
    if segment.damaged_bytes or lost_rows:
        ledger.problems.append(
            f"Segment {name} is damaged: {segment.damaged_bytes} bytes are unreadable, and {lost_rows} rows "
            "have lost the facts of their connection; the file is kept in damaged/."
        )
