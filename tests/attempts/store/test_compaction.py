from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.intervals import Intervals
from attempts.locks import Reading
from attempts.spool.spool import SegmentName
from attempts.store import compaction
from attempts.store.compaction import EVERY_S, FULL_ROWS, Compaction, PartFile, due
from attempts.store.part_folder import PartFolder, StoredSegments, StoreError

SCHEMA = pa.schema([pa.field("seq", pa.int64())])


def parts_of(*rows: int) -> list[PartFile]:
    return [PartFile(Path(f"part-{n:05d}.parquet"), rows_of_it) for n, rows_of_it in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "hour_is_over", "expected"),
    [
        ([], True, []),
        ([10], True, []),
        ([10, 10], False, []),
        ([10, 10], True, [10, 10]),
        ([100_000, 100_000, 75_000], False, [100_000, 100_000]),
        ([100_000, 100_000, 50_000], False, []),
        ([10, 200_000, 10], True, [10, 10]),
        ([200_000, 250_000], True, []),
        ([125_000, 125_000, 1, 1], False, [125_000, 125_000]),
    ],
)
def test_parts_are_joined_when_they_fill_a_file_or_their_hour_is_over(
    rows: list[int], hour_is_over: bool, expected: list[int]
) -> None:
    assert [part.rows for part in due(parts_of(*rows), hour_is_over=hour_is_over)] == expected


@given(st.lists(st.integers(0, FULL_ROWS), max_size=60), st.booleans())
def test_a_joined_file_is_of_several_parts_in_order_and_never_too_large(rows: list[int], hour_is_over: bool) -> None:
    group = due(parts_of(*rows), hour_is_over=hour_is_over)
    assert len(group) != 1
    assert sum(part.rows for part in group) <= FULL_ROWS
    assert group == sorted(group)


@given(st.lists(st.integers(0, FULL_ROWS // 2), max_size=60))
def test_what_is_left_when_nothing_is_due_fits_in_one_file(rows: list[int]) -> None:
    left = parts_of(*rows)
    while group := due(left, hour_is_over=False):
        left = [part for part in left if part not in group]
    assert sum(part.rows for part in left) <= FULL_ROWS


class Killed(BaseException):
    """The process ends here."""


class Run:
    """A run folder with one table, whose store may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stored = 0
        folder.mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        self.parts = PartFolder(self.folder / "attempts", schema=SCHEMA, by=("seq",))
        self.compaction = Compaction(self.parts, self.folder)

    def add(self, rows: int) -> None:
        """One pass stores a segment of so many rows."""
        ledger = StoredSegments(rows={"w0": Intervals([(self.stored, self.stored + rows - 1)])})
        ledger.add_segment(SegmentName("w0", self.stored))
        self.parts.add([pa.table({"seq": range(self.stored, self.stored + rows)}, schema=SCHEMA)], ledger)
        self.stored += rows

    def rows(self) -> list[int]:
        return sorted(seq for path in self.parts.files for seq in pq.read_table(path)["seq"].to_pylist())

    def names(self) -> list[str]:
        return sorted(path.name for path in self.parts.files)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def test_the_parts_of_an_hour_become_one_file_when_it_is_over(run: Run) -> None:
    for minute in range(30):
        run.add(2)
        run.compaction.step(minute * 120.0)
    assert len(run.names()) == 30
    run.compaction.step(EVERY_S)
    assert run.names() == ["rows-00000.parquet"]
    run.add(2)
    run.compaction.step(EVERY_S + 60)
    assert run.names() == ["part-00000.parquet", "rows-00000.parquet"]
    assert run.rows() == list(range(run.stored))


def test_passes_that_leave_several_parts_are_joined_once_an_hour_and_not_each_time(run: Run) -> None:
    run.compaction.step(0.0)
    for step in range(3):
        run.add(1)
        run.add(1)
        run.compaction.step(EVERY_S + step)
    assert run.names() == [*(f"part-{n:05d}.parquet" for n in range(4)), "rows-00000.parquet"]


def test_a_day_of_passes_is_hundreds_of_files_at_most(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FULL_ROWS", 40)
    for one_pass in range(90):  # three hours, a pass each two minutes
        run.add(3)
        run.compaction.step(one_pass * 120.0)
    assert run.rows() == list(range(run.stored))
    assert len(run.names()) < 25


def test_rows_of_a_part_whose_name_was_another_ones_are_counted_anew(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "FULL_ROWS", 10)
    run.add(4)
    run.add(4)
    run.add(4)
    run.compaction.step(0.0)
    assert run.names() == ["part-00002.parquet", "rows-00000.parquet"]
    for _ in range(2):
        run.add(4)
        run.compaction.step(1.0)
    assert run.rows() == list(range(run.stored))


def test_nobody_who_reads_sees_the_files_change(run: Run) -> None:
    run.compaction.step(0.0)
    for _ in range(3):
        run.add(2)
    before = run.names()
    reading = Reading(run.folder)
    run.compaction.step(EVERY_S)
    assert run.names() == before
    del reading
    run.compaction.step(EVERY_S + 60)
    assert run.names() == ["rows-00000.parquet"]


def test_a_reader_who_comes_while_the_new_file_is_written_sees_no_change_either(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.compaction.step(0.0)
    for _ in range(2):
        run.add(2)
    came: list[Reading] = []
    write_table = pq.write_table

    def comes(*args: Any, **kwargs: Any) -> None:
        came.append(Reading(run.folder))
        write_table(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", comes)
        run.compaction.step(EVERY_S)
    assert run.names() == ["part-00000.parquet", "part-00001.parquet"]
    assert [path.name for path in (run.folder / "attempts").glob("*.tmp")] == []
    came.clear()
    run.compaction.step(EVERY_S * 2)
    assert run.names() == ["rows-00000.parquet"]


def test_a_disk_that_is_full_postpones_it_for_an_hour_and_loses_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    run.compaction.step(0.0)
    run.add(2)
    run.add(2)
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        run.compaction.step(EVERY_S)
        with pytest.raises(StoreError):
            run.add(2)
    run.compaction.step(EVERY_S * 2 - 1)
    assert len(run.names()) == 2
    run.compaction.step(EVERY_S * 2)
    assert run.names() == ["rows-00000.parquet"]
    assert run.rows() == list(range(run.stored))


@contextlib.contextmanager
def killed_before(patch: pytest.MonkeyPatch, change: int) -> Iterator[list[int]]:
    """The process ends before its n-th change to the disk; the list has how many are left then."""
    left = [change]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return step(*args, **kwargs)

        return count

    with patch.context() as steps, contextlib.suppress(Killed):
        for owner, name in ((os, "replace"), (os, "fsync"), (Path, "unlink"), (pq, "write_table")):
            steps.setattr(owner, name, counted(getattr(owner, name)))
        yield left


def test_killed_at_any_moment_no_row_is_lost_or_there_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change = 0
    while True:
        run = Run(tmp_path / str(change))
        run.compaction.step(0.0)
        for _ in range(4):
            run.add(3)
        with killed_before(monkeypatch, change) as left:
            run.compaction.step(EVERY_S)
        run.start()
        assert run.rows() == list(range(12)), change
        run.add(3)
        run.parts.join()
        assert run.rows() == list(range(15)), change
        assert run.parts.ledger.rows["w0"] == Intervals([(0, 14)])
        if left[0]:
            break
        change += 1
    assert change > 6


@given(data=st.data())
def test_however_passes_readers_and_kills_follow_each_other_each_row_is_there_once(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    now = 0.0
    reading: Reading | None = None
    seen: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "FULL_ROWS", 12)
        for _ in range(data.draw(st.integers(1, 12))):
            action = data.draw(st.sampled_from(["add", "add", "step", "kill", "read", "leave"]))
            if action == "add":
                run.add(data.draw(st.integers(1, 8)))
            elif action == "step":
                now += data.draw(st.sampled_from([10.0, EVERY_S]))
                run.compaction.step(now)
            elif action == "kill":
                with killed_before(patch, data.draw(st.integers(0, 9))):
                    run.compaction.step(now + EVERY_S)
                if reading is None:
                    run.start()
            elif action == "read" and reading is None:
                reading, seen = Reading(run.folder), run.parts.files
            elif action == "leave":
                reading, seen = None, []
            assert all(path.exists() for path in seen)
            assert run.rows() == list(range(run.stored))
    run.start()
    assert run.rows() == list(range(run.stored))
