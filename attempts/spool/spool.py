"""Crash-safe segments on the worker's disk: what was flushed survives the process.

    reports/<run>/spool/<worker>-<n>.open     being written
    reports/<run>/spool/<worker>-<n>.spool    sealed: complete, will not change, may be shipped or stored

Users append to lists in memory and never touch the disk; one thread calls `Spool.flush` (every
`FLUSH_S`) and the bytes of a flush go to the operating system in one write. kill -9 loses at most what
was not flushed; a power cut at most what was not synced (`SYNC_S`).
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

from attempts.locks import lock_while_open

FLUSH_S: Final = 0.25  # the longest time that a row may live in memory only; the caller's period
SYNC_S: Final = 1.0  # the longest time that a row may live in the operating system's memory only
SEGMENT_BYTES: Final = 4 * 2**20  # about 30,000 rows: small to ship again, large against its header
SEGMENT_AGE_S: Final = 5.0  # only sealed segments are stored while the run goes on: the live view's delay

OPEN_SUFFIX: Final = ".open"
SEALED_SUFFIX: Final = ".spool"
_WORKER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class SpoolError(OSError):
    """Rows can no longer be kept (disk full, I/O error, spool closed): the run must not go on."""


class SegmentName(NamedTuple):
    """Which segment a file is: the `number`-th of `worker`, from 0."""

    worker: str
    number: int

    def __str__(self) -> str:
        return f"{self.worker}-{self.number:06d}"


def parse_segment_name(name: str) -> SegmentName | None:
    """The segment that a file name stands for; None for any other file."""
    stem, dot, suffix = name.rpartition(".")
    worker, dash, number = stem.rpartition("-")
    if dot + suffix not in (OPEN_SUFFIX, SEALED_SUFFIX) or not dash or not number.isdecimal():
        return None
    return SegmentName(worker, int(number)) if is_worker_name(worker) else None


def is_worker_name(worker: str) -> bool:
    """Whether a worker's id can stand in a file name on every platform."""
    return _WORKER_NAME.fullmatch(worker) is not None


class Source(Protocol):
    """Where a segment's bytes come from: a recorder's rows in memory (called by the flushing thread)."""

    def take(self, *, new_segment: bool, last: bool) -> bytes:
        """The frames to append now, b"" if there is nothing to say.

        Args:
            new_segment: These are a segment's first bytes: begin with its header, repeat all facts.
            last: Nothing follows: say so.
        """

    def taken(self) -> None:
        """The bytes of the last `take` are in the file: forget them."""


class Spool:
    """The spool folder of one process: one chain of segments for each recorder.

    `flush`, `sync` and `close` block on the disk: call them from one thread beside the users' (under
    gevent a `ThreadPool(1)` of its own), never from two at a time. Writing rows is safe meanwhile.

    Attributes:
        error: What ended the spool (a failure, or `close`), or None. Every later write and flush is
            refused with it; what had been flushed stays in its files, and is sealed where that is possible.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_age_s: float = SEGMENT_AGE_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.folder = folder
        self.error: SpoolError | None = None
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._clock = clock
        self._synced_at = clock()
        self._is_closed = False
        self._chains: list[_Chain] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise SpoolError(problem.errno, f"cannot make the spool folder {folder}: {problem}") from problem

    def attach(self, worker: str, source: Source) -> None:
        """Give `worker` its own chain of segments, filled from `source`.

        Raises:
            ValueError: The id cannot be a file name, or is in use.
        """
        if not is_worker_name(worker):
            raise ValueError(
                f"worker = {worker!r} cannot name a file: use 1 to 100 letters, digits, '.', '_' or '-', "
                "a letter or digit first"
            )
        if any(chain.worker == worker for chain in self._chains):
            raise ValueError(f"worker = {worker!r} has a recorder already: each needs an id of its own")
        self._chains.append(_Chain(self.folder, worker, source))

    def flush(self) -> None:
        """Hand what has been written so far to the operating system; sync and seal what is due.

        Raises:
            SpoolError: Now or earlier, the disk refused.
        """
        self.refuse()
        self._flush(last=False)

    def sync(self) -> None:
        """Flush, and wait until the disk has it.

        Raises:
            SpoolError: Now or earlier, the disk refused.
        """
        self.refuse()
        self._synced_at = -float("inf")
        self._flush(last=False)

    def close(self) -> None:
        """Flush the rest, mark the end of each worker, and seal. Later writes are refused.

        Raises:
            SpoolError: Now or earlier, the disk refused.
        """
        if self._is_closed:
            return
        self._is_closed = True
        failure = self.error
        # Before the last rows are taken: one that came after would be lost without a word.
        self.error = failure or SpoolError("the spool is closed: no row may be written any more")
        try:
            if failure is not None:
                self.refuse()
            self._flush(last=True)
        finally:
            for chain in self._chains:
                chain.abandon()

    def refuse(self) -> None:
        """Raise what ended the spool, if anything did. A new error each time: a traceback grows when raised again.

        Raises:
            SpoolError: See `error`.
        """
        if self.error is not None:
            raise SpoolError(str(self.error))

    def _flush(self, *, last: bool) -> None:
        now = self._clock()
        # The next chance comes in FLUSH_S: sync now if that would be too late.
        is_sync_due = last or now - self._synced_at > SYNC_S - FLUSH_S
        try:
            for chain in self._chains:
                chain.append(now, last=last)
                if last or chain.is_due(now, bytes_=self._segment_bytes, age_s=self._segment_age_s):
                    chain.seal()
                elif is_sync_due:
                    chain.sync()
                chain.rename_sealed()
        except OSError as problem:
            self.error = SpoolError(f"cannot keep rows in {self.folder}: {problem.strerror or problem}")
            raise self.error from problem
        if is_sync_due:
            self._synced_at = now


class _Chain:
    """One worker's segments, one after the other."""

    def __init__(self, folder: Path, worker: str, source: Source) -> None:
        self.worker = worker
        self._folder = folder
        self._source = source
        self._number = 0
        self._file: BinaryIO | None = None
        self._opened_at = 0.0
        self._bytes = 0
        self._is_dirty = False
        self._to_rename: list[Path] = []

    def append(self, now: float, *, last: bool) -> None:
        data = self._source.take(new_segment=self._file is None, last=last)
        if not data:
            return
        if self._file is None:
            self._file = open(self._path(), "xb", buffering=0)  # noqa: SIM115 - open for a segment's life
            lock_while_open(self._file)
            self._opened_at, self._bytes = now, 0
        self._is_dirty = True
        try:
            write_all(self._file, data)
        except OSError:
            # A whole frame or none: the reader would drop the torn one, but need not be troubled.
            with contextlib.suppress(OSError):
                self._file.truncate(self._bytes)
            raise
        self._bytes += len(data)
        self._source.taken()

    def is_due(self, now: float, *, bytes_: int, age_s: float) -> bool:
        return self._file is not None and (self._bytes >= bytes_ or now - self._opened_at >= age_s)

    def sync(self) -> None:
        if self._file is not None and self._is_dirty:
            os.fsync(self._file.fileno())
            self._is_dirty = False

    def seal(self) -> None:
        if self._file is None:
            return
        self.sync()
        self._file.close()
        self._file = None
        self._to_rename.append(self._path())
        self._number += 1

    def rename_sealed(self) -> None:
        """Windows refuses to rename a file that someone reads just then: what is left is tried again."""
        for path in tuple(self._to_rename):
            try:
                os.replace(path, path.with_suffix(SEALED_SUFFIX))
            except PermissionError:
                continue
            self._to_rename.remove(path)
            sync_folder(self._folder)

    def abandon(self) -> None:
        """Close after a failure, and seal what there is: what was flushed is whole."""
        with contextlib.suppress(OSError):
            self.seal()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None
        with contextlib.suppress(OSError):
            self.rename_sealed()

    def _path(self) -> Path:
        return self._folder / f"{SegmentName(self.worker, self._number)}{OPEN_SUFFIX}"


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write everything: an unbuffered file may take less than it was given (a disk that fills up)."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` outlive a power cut, where the platform has folders that can be synced."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def segments(folder: Path) -> Iterator[tuple[SegmentName, Path]]:
    """The segment files of a spool folder, by worker and number; sealed and open ones."""
    found = ((parse_segment_name(path.name), path) for path in folder.iterdir())
    yield from sorted((name, path) for name, path in found if name is not None)


def seal_abandoned(path: Path) -> bool:
    """Seal the open segment of a process that is gone; False if its writer lives.

    Where the sealed one is there already, it came complete by another way, and the open one is a part of it.
    """
    sealed = path.with_suffix(SEALED_SUFFIX)
    with open(path, "rb") as file:
        if os.name != "nt" and not lock_while_open(file):
            return False
    try:
        if sealed.exists():
            path.unlink()
        else:
            os.replace(path, sealed)
    except PermissionError:  # Windows: a file that its writer holds open cannot be renamed
        return False
    return True
