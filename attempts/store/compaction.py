"""Joins a folder's parts while the run goes on, so that days of them are no thousands of files.

Each hour, and as soon as there are enough rows for a file of full size, parts become one file. It takes their place in
one step that is safe at any moment (`part_folder`): killed before it, the parts are there; after it, the file; in it,
both, and the ledgers say that they are the same. Nobody who has said that he reads the run (`locks.Reading`) ever sees
that step: it waits for the next pass.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from attempts.locks import replacing
from attempts.store.part_folder import PartFolder, StoreError

EVERY_S: Final = 3600.0
FULL_ROWS: Final = 250_000  # of one file: 400 MB of memory for two seconds, beside users who are measured


class PartFile(NamedTuple):
    """A part, and its rows."""

    path: Path
    rows: int


def due(parts: Sequence[PartFile], *, hour_is_over: bool) -> list[PartFile]:
    """The parts that shall become one file now; none if it is too early.

    The oldest that fit in a file, as soon as the next one does not; when the hour is over, also those that leave room.
    A part that fills more than half a file is as good as joined.
    """
    group: list[PartFile] = []
    rows = 0
    for part in parts:
        if part.rows > FULL_ROWS // 2:
            continue
        if rows + part.rows > FULL_ROWS:
            return group
        group.append(part)
        rows += part.rows
    return group if hour_is_over and len(group) > 1 else []


class Compaction:
    """The parts of one folder, joined as they come.

    Args:
        folder: Of one table.
        run: The folder that readers say they read.
    """

    def __init__(self, folder: PartFolder, run: Path) -> None:
        self._folder = folder
        self._run = run
        self._hour_began: float | None = None
        self._not_before = -math.inf
        self._rows: dict[Path, int] = {}

    def step(self, now: float) -> None:
        """Make one file, if it is time for one: a few seconds of work. Call it again after the next pass.

        What goes wrong here loses nothing, so it ends nothing: the parts stay, and it is tried again in an hour. A disk
        that is full stops the store where it stores.
        """
        if self._hour_began is None:
            self._hour_began = now
        if now < self._not_before:
            return
        parts = list(self._parts())
        full = due(parts, hour_is_over=False)
        is_hour_over = now - self._hour_began >= EVERY_S
        group = full or due(parts, hour_is_over=is_hour_over)
        with replacing(self._run) as may:
            if group and not may:
                return
        if is_hour_over and not full:
            self._hour_began = now
        if group:
            self._join([part.path for part in group], now)

    def _join(self, group: Sequence[Path], now: float) -> None:
        try:
            self._folder.join_parts(group, replacing=lambda: replacing(self._run))
        except (StoreError, OSError, pa.ArrowException):
            self._not_before = now + EVERY_S
        self._rows = {}  # the names of parts that are gone are given again

    def _parts(self) -> Iterator[PartFile]:
        """All of them in order; a footer is read once."""
        known, self._rows = self._rows, {}
        for path in self._folder.parts:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._rows[path] = known[path] if path in known else int(pq.read_metadata(path).num_rows)
                yield PartFile(path, self._rows[path])
