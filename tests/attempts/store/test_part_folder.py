from __future__ import annotations

import contextlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.checksums import FILE_NAME, check, read_list, write_list
from attempts.intervals import Intervals
from attempts.spool.spool import SegmentName
from attempts.store.part_folder import PartFolder, StoredSegments, StoreError, read_ledger

SCHEMA = pa.schema([pa.field("at", pa.int64()), pa.field("text", pa.dictionary(pa.int32(), pa.string()))])

sets = st.dictionaries(
    st.sampled_from(["w0", "w1", "w2"]), st.lists(st.tuples(st.integers(0, 9), st.integers(10, 20))).map(Intervals)
)
ledgers = st.builds(
    StoredSegments,
    segments=sets,
    rows=sets,
    rows_written=st.dictionaries(st.text(max_size=3), st.integers(0, 2**62)),
    tallies=st.dictionaries(
        st.text(max_size=3), st.dictionaries(st.sampled_from(["ok", "started"]), st.integers(0, 9))
    ),
    dropped_bytes=st.integers(0, 2**62),
    problems=st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
)


def table(*rows: tuple[int, str]) -> pa.Table:
    return pa.table({"at": [at for at, _ in rows], "text": [text for _, text in rows]}).cast(SCHEMA)


def of(*names: SegmentName) -> StoredSegments:
    ledger = StoredSegments()
    for name in names:
        ledger.add_segment(name)
    return ledger


def folder(path: Path) -> PartFolder:
    return PartFolder(path, schema=SCHEMA, by=("at",))


@given(ledgers)
def test_ledger_survives_a_files_metadata(ledger: StoredSegments) -> None:
    assert StoredSegments.decoded(ledger.encoded()) == ledger


@given(sets, sets)
def test_ledger_of_two_holds_all_of_each(one: dict[str, Intervals], other: dict[str, Intervals]) -> None:
    both = StoredSegments()
    both.add(StoredSegments(segments=one))
    both.add(StoredSegments(segments=other))
    assert both.holds_all_of(StoredSegments(segments=one))
    assert both.holds_all_of(StoredSegments(segments=other))
    extra = of(SegmentName("w0", 21))
    assert not both.holds_all_of(extra)


def test_parts_are_sorted_within_and_numbered_in_order(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    assert parts.add([table((3, "c"), (1, "a")), table((2, "b"))], of(SegmentName("w0", 0))) == 3
    assert parts.add([], of(SegmentName("w0", 1))) == 0
    assert [path.name for path in parts.files] == ["part-00000.parquet", "part-00001.parquet"]
    assert pq.read_table(parts.files[0]).to_pylist() == [
        {"at": n, "text": t} for n, t in ((1, "a"), (2, "b"), (3, "c"))
    ]
    assert folder(tmp_path).ledger == parts.ledger


def test_half_written_file_of_a_killed_store_is_removed(tmp_path: Path) -> None:
    (tmp_path / "part-00000.parquet.tmp").write_bytes(b"half")
    assert folder(tmp_path).files == []
    assert list(tmp_path.iterdir()) == []


def test_parts_that_a_joined_file_took_in_are_removed(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    for n in range(2):
        parts.add([table((n, "x"))], of(SegmentName("w0", n)))
    leftovers = {path: path.read_bytes() for path in parts.files}
    parts.join()
    for path, data in leftovers.items():
        path.write_bytes(data)
    again = folder(tmp_path)
    assert [path.name for path in again.files] == ["rows-00000.parquet"]
    assert again.ledger == parts.ledger


def test_a_part_with_more_rows_of_a_segment_than_the_joined_file_is_no_leftover(tmp_path: Path) -> None:
    """A worker's disk may hold a longer copy of a segment than what was stored of it."""
    parts = folder(tmp_path)
    short, long = of(SegmentName("w0", 0)), of(SegmentName("w0", 0))
    short.rows["w0"] = Intervals([(0, 1)])
    long.rows["w0"] = Intervals([(2, 5)])
    long.rows_written["w0"] = 6
    parts.add([table((0, "x"))], short)
    parts.add([table((1, "x"))], of(SegmentName("w0", 1)))
    parts.join()
    parts.add([table((2, "y"))], long)
    again = folder(tmp_path)
    assert [path.name for path in again.files] == ["rows-00000.parquet", "part-00000.parquet"]
    assert again.ledger == parts.ledger


def test_an_end_that_only_a_part_knows_keeps_it(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    for n in range(2):
        parts.add([table((n, "x"))], of(SegmentName("w0", n)))
    parts.join()
    ended = of(SegmentName("w0", 1))
    ended.rows_written["w0"] = 2
    parts.add([], ended)
    assert folder(tmp_path).ledger.rows_written == {"w0": 2}


def test_parts_are_left_where_they_may_not_be_replaced(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    for n in range(2):
        parts.add([table((n, "x"))], of(SegmentName("w0", n)))
    before = parts.files
    assert not parts.join_parts(before, replacing=lambda: contextlib.nullcontext(False))
    assert sorted(tmp_path.glob("*.parquet")) == before
    assert whole(tmp_path)


def test_parquet_of_somebody_else_is_refused(tmp_path: Path) -> None:
    pq.write_table(table((1, "a")), tmp_path / "part-00000.parquet")
    with pytest.raises(StoreError, match="not the store's: move it away"):
        read_ledger(tmp_path / "part-00000.parquet")


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def whole(path: Path) -> bool:
    found = check(path, path.glob("*.parquet"))
    return found.is_listed and not any(found[1:])


def test_each_file_has_its_checksum_before_and_after_it_is_joined(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    for number in range(3):
        parts.add([table((number, "a"))], of(SegmentName("w0", number)))
        assert whole(tmp_path)
    parts.join()
    assert whole(tmp_path)
    assert len(parts.files) == 1


def test_what_a_part_holds_is_not_joined_once_a_bit_of_it_has_flipped(tmp_path: Path) -> None:
    parts = folder(tmp_path)
    for number in range(3):
        parts.add([table((number, "a"))], of(SegmentName("w0", number)))
    changed = tmp_path / "part-00001.parquet"
    flip(changed, 8 * 6)
    parts.join()
    assert parts.changed == [changed]
    assert check(tmp_path, parts.files).changed == {changed.name}
    assert sum(pq.read_metadata(path).num_rows for path in parts.files if path != changed) == 2


def test_a_line_whose_file_never_came_is_forgotten_when_the_folder_is_opened(tmp_path: Path) -> None:
    folder(tmp_path).add([table((1, "a"))], of(SegmentName("w0", 0)))
    write_list(tmp_path, {**(read_list(tmp_path) or {}), "part-00001.parquet": "0" * 64})
    folder(tmp_path)
    assert whole(tmp_path)


def test_the_files_of_an_older_wsoak_get_checksums(tmp_path: Path) -> None:
    folder(tmp_path).add([table((1, "a"))], of(SegmentName("w0", 0)))
    (tmp_path / FILE_NAME).unlink()
    folder(tmp_path)
    assert whole(tmp_path)
