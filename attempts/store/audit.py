"""Counts what is in the Parquet files from the files themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attempts.accounting import WorkerRows
from attempts.intervals import Intervals
from attempts.store.part_folder import ROW_GROUP_ROWS


@dataclass
class Stored:
    """Counts of the attempts table.

    Attributes:
        rows: In all files.
        outcomes: Rows by outcome.
        seqs: By worker, the rows that are there.
        doubled: By worker, rows that are there more than once.
    """

    rows: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    seqs: dict[str, Intervals] = field(default_factory=dict)
    doubled: dict[str, int] = field(default_factory=dict)


def count_rows(files: Iterable[Path]) -> Stored:
    """Read every row's worker, number and outcome, a row group at a time."""
    stored = Stored()
    for path in files:
        with pq.ParquetFile(path) as file:
            columns = ["worker", "seq", "outcome"]
            for batch in file.iter_batches(ROW_GROUP_ROWS, columns=columns, use_threads=False):
                _count_batch(batch, stored)
    return stored


def last_start(files: Iterable[Path]) -> int | None:
    """When the last of the rows began, microseconds since the epoch, by the files' footers; None = there is none."""
    found: list[int] = []
    for path in files:
        footer = pq.read_metadata(path)
        names = [footer.schema.column(number).name for number in range(footer.num_columns)]
        for group in range(footer.num_row_groups):
            statistics = footer.row_group(group).column(names.index("started_at")).statistics
            if statistics is not None and statistics.has_min_max:
                found.append(int(statistics.max_raw))
    return max(found, default=None)


def worker_rows(stored: Stored, rows_written: Mapping[str, int | None]) -> tuple[WorkerRows, ...]:
    """The stored rows of each worker beside what it says it wrote."""
    return tuple(
        WorkerRows(
            worker=worker,
            stored=stored.seqs.get(worker, Intervals()),
            doubled=stored.doubled.get(worker, 0),
            rows_written=rows_written.get(worker),
        )
        for worker in sorted({*stored.seqs, *rows_written})
    )


def runs_of(numbers: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers; the numbers in any order."""
    if len(numbers):
        unique = np.unique(numbers)
        breaks = np.flatnonzero(np.diff(unique) > 1)
        firsts = unique[np.concatenate(([0], breaks + 1))]
        lasts = unique[np.concatenate((breaks, [len(unique) - 1]))]
        yield from zip(firsts.tolist(), lasts.tolist(), strict=True)


def _count_batch(batch: pa.RecordBatch, stored: Stored) -> None:
    stored.rows += batch.num_rows
    for entry in pc.value_counts(_dictionary(batch.column("outcome")).dictionary_decode()).to_pylist():
        stored.outcomes[entry["values"]] = stored.outcomes.get(entry["values"], 0) + entry["counts"]
    workers = _dictionary(batch.column("worker"))
    codes = workers.indices.to_numpy()
    seqs = batch.column("seq").to_numpy()
    for code, worker in enumerate(workers.dictionary.to_pylist()):
        _count_worker(worker, seqs[codes == code], stored)


def _count_worker(worker: str, seqs: npt.NDArray[np.int64], stored: Stored) -> None:
    if not len(seqs):
        return
    unique = np.unique(seqs)
    doubled = len(seqs) - len(unique)
    known = stored.seqs.setdefault(worker, Intervals())
    for first, last in runs_of(unique):
        doubled += known.add(first, last)
    stored.doubled[worker] = stored.doubled.get(worker, 0) + doubled


def _dictionary(column: pa.Array) -> pa.DictionaryArray:
    return column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
