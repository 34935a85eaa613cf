"""A folder of Parquet files that knows which segments it holds.

Theory of operation. Every file carries in its metadata which rows it holds and from which segments, so
"is this row stored?" is answered by the very rename that stored it: there is no second file to keep in
step, and a crash at any moment leaves either the segment or its rows, or both and the knowledge that they
are the same. Files are written under a temporary name, synced, read back and compared, then renamed.

    part-00007.parquet   as segments came in
    rows-00000.parquet   several parts joined: each hour (`compaction`), and when the run is over

A part of which a joined file holds all is a leftover of a crash, and is removed when the folder is
opened. While a joined file takes its parts' place (milliseconds) a reader that has not said that it reads
(`attempts.locks.Reading`) may see rows twice; (worker, seq) tells.

The SHA-256 of each file is in `SHA256SUMS` before the file is there, so no file is ever without one; a line whose file
never came is a leftover, too. What a part holds is joined only while it is what was written: else a flipped bit would
get a checksum of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from attempts.checksums import digest_of, read_list, write_list
from attempts.intervals import Intervals
from attempts.spool.spool import SegmentName, sync_folder
from attempts.store.tables import METADATA, joined

ROW_GROUP_ROWS: Final = 122_880  # DuckDB's vector of row groups: one thread's share of a scan
JOINED_ROWS: Final = 500_000  # of one joined file at most: 30 MB on disk, half a GB of memory while it is made
LARGE_ROWS: Final = 50_000  # a part of so many rows stays as it is: joining a day of them would take minutes
_LEDGER_KEY: Final = b"wsoak_segments"
_TEMPORARY: Final = ".tmp"


@contextlib.contextmanager
def _always() -> Iterator[bool]:
    yield True


class StoreError(Exception):
    """Rows cannot be stored: the disk refused, or what was read back is not what was written."""


@dataclass
class StoredSegments:
    """What one or several files hold.

    Attributes:
        segments: By worker, the numbers of its segments.
        rows: By worker, the `seq` of its rows.
        rows_written: By worker that ended, how many rows it wrote in all.
        tallies: By worker that ended and said so, its process' counts (`frames.EndFrame`).
        dropped_bytes: Of those segments, what could not be read.
        problems: Sentences about rows of those segments that are lost.
    """

    segments: dict[str, Intervals] = field(default_factory=dict)
    rows: dict[str, Intervals] = field(default_factory=dict)
    rows_written: dict[str, int] = field(default_factory=dict)
    tallies: dict[str, dict[str, int]] = field(default_factory=dict)
    dropped_bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def add_segment(self, name: SegmentName) -> None:
        """Note that the rows of this segment are held."""
        self.segments.setdefault(name.worker, Intervals()).add(name.number)

    def holds(self, name: SegmentName) -> bool:
        """Whether the rows of this segment are held."""
        return name.worker in self.segments and name.number in self.segments[name.worker]

    def holds_all_of(self, other: StoredSegments) -> bool:
        """Whether all that `other` holds is held.

        Its segments are not enough: a fuller copy of one may have come after a shorter one was stored.
        """
        return (
            _are_within(other.segments, self.segments)
            and _are_within(other.rows, self.rows)
            and other.rows_written.items() <= self.rows_written.items()
        )

    def add(self, other: StoredSegments) -> None:
        """Note all that `other` notes."""
        for mine, others in ((self.segments, other.segments), (self.rows, other.rows)):
            for worker, runs in others.items():
                known = mine.setdefault(worker, Intervals())
                for run in runs:
                    known.add(run.first, run.last)
        self.rows_written |= other.rows_written
        self.tallies |= other.tallies
        self.dropped_bytes += other.dropped_bytes
        self.problems += other.problems

    def encoded(self) -> bytes:
        """As the value of a file's metadata."""
        sets = {name: {w: list(runs) for w, runs in vars(self)[name].items()} for name in ("segments", "rows")}
        return msgspec.json.encode(vars(self) | sets)

    @classmethod
    def decoded(cls, data: bytes) -> StoredSegments:
        """From the value of a file's metadata."""
        entries: dict[str, Any] = msgspec.json.decode(data)
        for name in ("segments", "rows"):
            entries[name] = {worker: Intervals(runs) for worker, runs in entries[name].items()}
        return cls(**entries)


class PartFolder:
    """The Parquet files of one table in one run.

    Attributes:
        ledger: What all of them hold.
        changed: The files that are not what was written; known once they were joined.
    """

    def __init__(self, folder: Path, *, schema: pa.Schema, by: tuple[str, ...]) -> None:
        self.folder = folder
        self.ledger = StoredSegments()
        self.changed: list[Path] = []
        self._schema = schema
        self._by = by
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"*{_TEMPORARY}"):
            leftover.unlink()
        done = [read_ledger(path) for path in self._files("rows")]
        for ledger in done:
            self.ledger.add(ledger)
        for part in self._files("part"):
            ledger = read_ledger(part)
            if self.ledger.holds_all_of(ledger):
                part.unlink()
            else:
                self.ledger.add(ledger)
        self._digests = self._known_digests()

    def add(self, tables: Iterable[pa.Table], ledger: StoredSegments) -> int:
        """Store tables as one part; returns its rows. Their segments are held when this returns."""
        table = joined(tables, schema=self._schema, by=self._by)
        temporary = self._write(self._next("part"), table, ledger)
        self._publish(temporary)
        self.ledger.add(ledger)
        return int(table.num_rows)

    def join(self) -> None:
        """Join small parts to few files of a size that analysis likes."""
        self.changed = self.files_changed(self.files)
        for group in _grouped([part for part in self.parts if part not in self.changed]):
            self.join_parts(group)
        sync_folder(self.folder)

    def join_parts(
        self, group: Sequence[Path], *, replacing: Callable[[], AbstractContextManager[bool]] = _always
    ) -> bool:
        """Make one file of several parts, which are removed; False if they were left.

        Args:
            group: Parts of this folder.
            replacing: Says whether the parts may be replaced as long as its block lasts; asked when the new file is
                ready, so that the block is short.
        """
        if self.files_changed(group):
            return False
        ledger = StoredSegments()
        for part in group:
            ledger.add(read_ledger(part))
        tables = (pq.read_table(part, use_threads=False) for part in group)
        table = joined(tables, schema=self._schema, by=self._by)
        temporary = self._write(self._next("rows"), table, ledger)
        with replacing() as may:
            if not may:
                temporary.unlink()
                del self._digests[temporary.name.removesuffix(_TEMPORARY)]
                write_list(self.folder, self._digests)
                return False
            self._publish(temporary)
            for part in group:
                part.unlink()
                del self._digests[part.name]
            write_list(self.folder, self._digests)
        return True

    def files_changed(self, files: Iterable[Path]) -> list[Path]:
        """Those of them that are not what was written."""
        return [path for path in files if digest_of(path) != self._digests.get(path.name)]

    @property
    def parts(self) -> list[Path]:
        """Those that are not joined yet, in the order in which they came."""
        return list(self._files("part"))

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [*self._files("rows"), *self._files("part")]

    def _files(self, kind: str) -> Iterator[Path]:
        yield from sorted(self.folder.glob(f"{kind}-*.parquet"))

    def _next(self, kind: str) -> Path:
        numbers = [int(path.stem.partition("-")[2]) for path in self._files(kind)]
        return self.folder / f"{kind}-{max(numbers, default=-1) + 1:05d}.parquet"

    def _write(self, path: Path, table: pa.Table, ledger: StoredSegments) -> Path:
        """Write, sync and verify a file under its temporary name."""
        temporary = path.with_name(path.name + _TEMPORARY)
        metadata = {**METADATA, _LEDGER_KEY: ledger.encoded()}
        try:
            write_parquet(temporary, table, metadata)
            digest = digest_of(temporary)
            _verify(temporary, table)
            self._digests[path.name] = digest
            write_list(self.folder, self._digests)
        except (OSError, pa.ArrowException) as problem:
            self._digests.pop(path.name, None)
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StoreError(f"cannot write {path}: {_first_line(problem)}") from problem
        return temporary

    def _known_digests(self) -> dict[str, str]:
        """The list as it is, without files that are not there; for a folder of before there were lists, a new one."""
        listed, files = read_list(self.folder), self.files
        if listed is None:
            digests = {path.name: digest_of(path) for path in files}
        else:
            digests = {path.name: listed[path.name] for path in files if path.name in listed}
        if digests != (listed or {}):
            write_list(self.folder, digests)
        return digests

    def _publish(self, temporary: Path) -> None:
        os.replace(temporary, temporary.with_name(temporary.name.removesuffix(_TEMPORARY)))
        sync_folder(self.folder)


def write_parquet(path: Path, table: pa.Table, metadata: Mapping[bytes, bytes]) -> None:
    """Write one Parquet file and wait until the disk has it."""
    pq.write_table(
        table.replace_schema_metadata(dict(metadata)),
        path,
        row_group_size=ROW_GROUP_ROWS,
        compression="zstd",
    )
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def read_ledger(path: Path) -> StoredSegments:
    """What a file of ours says that it holds.

    Raises:
        StoreError: It is no Parquet file, or none of ours.
    """
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException) as problem:
        raise StoreError(f"{path} cannot be read ({_first_line(problem)}): move it away") from problem
    if _LEDGER_KEY not in metadata:
        raise StoreError(f"{path} does not say which segments it holds, so it is not the store's: move it away")
    return StoredSegments.decoded(metadata[_LEDGER_KEY])


def _verify(path: Path, table: pa.Table) -> None:
    """Read a file back and compare it with what was to be written, a column at a time."""
    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows != table.num_rows:
            raise StoreError(f"{path} holds {file.metadata.num_rows} rows instead of {table.num_rows}")
        for name in table.column_names:
            found = file.read(columns=[name], use_threads=False).column(name)
            if not _plain(found).equals(_plain(table.column(name))):
                raise StoreError(f"{path} does not hold column {name} as it was written")


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Values instead of a dictionary's numbers: reading gives each row group a dictionary of its own."""
    return pc.cast(column, pa.string()) if pa.types.is_dictionary(column.type) else column


def _grouped(parts: list[Path]) -> Iterator[list[Path]]:
    """Small parts, in order, that fit in a joined file together."""
    group: list[Path] = []
    rows = 0
    for part in parts:
        more = pq.read_metadata(part).num_rows
        if more >= LARGE_ROWS:
            continue
        if rows + more > JOINED_ROWS:
            yield group
            group, rows = [], 0
        group.append(part)
        rows += more
    if len(group) > 1:
        yield group


def _are_within(sets: Mapping[str, Intervals], others: Mapping[str, Intervals]) -> bool:
    """Whether each worker's numbers are all among those that `others` has of it."""
    return all(
        not any(others.get(worker, Intervals()).gaps(first=run.first, last=run.last) for run in runs)
        for worker, runs in sets.items()
    )


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0].rstrip(".")
