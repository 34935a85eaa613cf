from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attempts.checksums import FILE_NAME, check
from attempts.schema import COLUMNS, Attempt, ConnectionFacts, Health, WorkerFacts
from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool
from attempts.spool.time_line import ClockKnot
from attempts.store import part_folder as parts
from attempts.store import segment_store
from attempts.store.part_folder import StoreError, read_ledger
from attempts.store.segment_store import Store
from tests.attempts import recording
from tests.attempts.recording import EPOCH_US, connection_facts, crash, exchange, kill_a_writer, record, worker_facts

TYPES = {
    "string": "dictionary<values=string, indices=int32, ordered=0>",
    "int64": "int64",
    "int32": "int32",
    "double": "double",
    "bool": "bool",
    "timestamp": "timestamp[us, tz=UTC]",
}


def store_all(run: Path) -> dict[str, Any]:
    store = Store(run)
    store.store_segments(final=True)
    return store.finish()


def parts_of(run: Path, table: str = "attempts") -> list[Path]:
    return sorted((run / table).glob("*.parquet"))


def rows_of(run: Path, table: str = "attempts") -> list[dict[str, Any]]:
    """All rows, with times as whole microseconds: Python's dates end in the year 9999."""
    found = pq.read_table(parts_of(run, table))
    for name in ("scheduled_at", "started_at", "at"):
        if name in found.column_names:
            at = found.schema.get_field_index(name)
            found = found.set_column(at, name, found.column(name).cast("int64"))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def expected_row(worker: WorkerFacts, facts: ConnectionFacts, row: Attempt) -> dict[str, Any]:
    carried = {"worker": worker, "connection": facts, "attempt": row}
    return {c.name: getattr(carried[c.level], c.name) for c in COLUMNS}


Written = list[tuple[ConnectionFacts, list[Attempt]]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    worker=recording.workers,
    written=st.lists(st.tuples(recording.connections, st.lists(recording.attempts(), max_size=4)), max_size=4),
    vitals=st.lists(recording.healths, max_size=3),
    flush_every=st.integers(1, 5),
)
def test_every_row_survives_recorder_spool_store_and_parquet(
    tmp_path_factory: pytest.TempPathFactory,
    worker: WorkerFacts,
    written: Written,
    vitals: list[Health],
    flush_every: int,
) -> None:
    run = tmp_path_factory.mktemp("run")
    spool = Spool(run / "spool", segment_bytes=600)
    recorder = Recorder(spool, worker)
    expected = []
    for facts, rows in written:
        number = recorder.connection(facts)
        for row in rows:
            row.facts = number
            recorder.write(row)
            expected.append(expected_row(worker, facts, row))
            if recorder.rows_written % flush_every == 0:
                spool.flush()
    for one in vitals:
        recorder.health(one)
    spool.close()

    summary = store_all(run)

    found = sorted(rows_of(run), key=lambda row: row["seq"])
    assert found == expected
    assert [list(row) for row in found] == [[c.name for c in COLUMNS]] * len(expected)
    health = sorted(rows_of(run, "health"), key=repr) if vitals else []
    assert health == sorted(({"worker": worker.worker} | msgspec.structs.asdict(one) for one in vitals), key=repr)
    assert summary["problems"] == []
    assert summary["rows_stored"] == len(expected)
    assert list((run / "spool").iterdir()) == []


def test_file_has_the_columns_types_order_and_version_of_the_contract(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    for offset in (5, 1, 3):
        recorder.write(exchange(facts, EPOCH_US + offset))
    spool.close()
    store_all(tmp_path)
    (file,) = parts_of(tmp_path)
    schema = pq.read_schema(file)
    assert schema.names == [c.name for c in COLUMNS]
    assert [str(t) for t in schema.types] == [TYPES[c.type] for c in COLUMNS]
    assert [field.nullable for field in schema] == [c.nullable for c in COLUMNS]
    assert schema.metadata[b"schema_version"] == b"1"
    assert pq.read_metadata(file).row_group(0).column(0).compression == "ZSTD"
    assert [row["started_at"] - EPOCH_US for row in rows_of(tmp_path)] == [1, 3, 5]
    assert [row["seq"] for row in rows_of(tmp_path)] == [1, 2, 0]


def test_storing_again_changes_nothing(tmp_path: Path) -> None:
    record(tmp_path / "spool", 5)
    first = store_all(tmp_path)
    files = sorted(tmp_path.rglob("*.parquet"))
    assert store_all(tmp_path) == first
    assert sorted(tmp_path.rglob("*.parquet")) == files


def test_segment_that_arrives_again_is_not_stored_twice(tmp_path: Path) -> None:
    record(tmp_path / "spool", 5)
    (segment,) = (tmp_path / "spool").iterdir()
    data = segment.read_bytes()
    first = store_all(tmp_path)
    segment.write_bytes(data)
    assert store_all(tmp_path) == first
    assert not segment.exists()


def test_longer_copy_of_a_stored_segment_brings_only_its_new_rows(tmp_path: Path) -> None:
    """Somebody collected a segment while its worker still wrote it."""
    spool = Spool(tmp_path / "worker")
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    (tmp_path / "run" / "spool").mkdir(parents=True)
    copy = tmp_path / "run" / "spool" / "w0-000000.spool"
    for rows in (2, 3):
        for _ in range(rows):
            recorder.write(exchange(facts))
        spool.flush()
        shutil.copy(tmp_path / "worker" / "w0-000000.open", copy)
        store_all(tmp_path / "run")
    spool.close()
    shutil.copy(tmp_path / "worker" / "w0-000000.spool", copy)
    summary = store_all(tmp_path / "run")
    assert [row["seq"] for row in rows_of(tmp_path / "run")] == [0, 1, 2, 3, 4]
    assert summary["problems"] == []


def test_small_parts_are_joined_in_order_of_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for n in range(3):
        record(tmp_path / "spool", 4, worker=f"w{n}", start_us=EPOCH_US + 2 * n)
        store.store_segments(final=False)
    assert len(parts_of(tmp_path)) == 3
    summary = store.finish()
    (joined,) = parts_of(tmp_path)
    assert joined.name == "rows-00000.parquet"
    times = [row["started_at"] for row in rows_of(tmp_path)]
    assert times == sorted(times)
    assert summary["rows_stored"] == 12
    assert summary["health_rows"] == 3
    assert summary["problems"] == []
    assert read_ledger(joined).rows_written == {"w0": 4, "w1": 4, "w2": 4}


def test_large_parts_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LARGE_ROWS", 10)
    store = Store(tmp_path)
    for n, rows in enumerate((4, 10, 5, 12)):
        record(tmp_path / "spool", rows, worker=f"w{n}")
        store.store_segments(final=False)
    assert store.finish()["rows_stored"] == 31
    assert [path.name for path in parts_of(tmp_path)] == [
        "part-00001.parquet",
        "part-00003.parquet",
        "rows-00000.parquet",
    ]


def test_joined_files_and_batches_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "JOINED_ROWS", 10)
    monkeypatch.setattr(segment_store, "BATCH_BYTES", 1)
    for n in range(6):
        record(tmp_path / "spool", 4, worker=f"w{n}")
    assert store_all(tmp_path)["rows_stored"] == 24
    assert [pq.read_metadata(path).num_rows for path in parts_of(tmp_path)] == [8, 8, 8]


def test_rows_of_a_lost_segment_are_named_as_missing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", segment_bytes=1)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    for _ in range(5):
        recorder.write(exchange(facts))
        spool.flush()
    spool.close()
    (tmp_path / "spool" / "w0-000001.spool").unlink()
    (tmp_path / "spool" / "w0-000004.spool").unlink()
    summary = store_all(tmp_path)
    assert summary["missing_rows"] == 2
    assert summary["gaps"] == [{"worker": "w0", "first": 1, "last": 1}, {"worker": "w0", "first": 4, "last": 4}]
    assert summary["problems"] == ["Worker w0: 2 rows are missing (seq 1, 4)."]


def test_worker_that_the_run_names_and_that_sent_nothing_is_missing(tmp_path: Path) -> None:
    record(tmp_path / "spool", 2)
    manifest = {
        "run_id": "run-1",
        "workers": [{"worker": "w0", "rows_written": 2}, {"worker": "w9", "rows_written": 7}],
    }
    (tmp_path / "run.json").write_bytes(msgspec.json.encode(manifest))
    summary = store_all(tmp_path)
    assert summary["missing_rows"] == 7
    assert summary["workers"]["w9"] == {"rows_stored": 0, "rows_written": 7, "tally": None, "is_whole": False}


@pytest.mark.parametrize("manifest", [b"", b"[]", b'{"workers": null}', b'{"workers": [1, {"worker": 2}, {}]}'])
def test_run_file_that_says_nothing_of_use_is_passed_over(tmp_path: Path, manifest: bytes) -> None:
    record(tmp_path / "spool", 2)
    (tmp_path / "run.json").write_bytes(manifest)
    assert store_all(tmp_path)["problems"] == []


def test_torn_truth_is_a_note_and_no_missing_row(tmp_path: Path) -> None:
    record(tmp_path / "spool", 2)
    (tmp_path / "truth.jsonl").write_text('{"a": 1}\n{"a"', encoding="utf-8")
    summary = store_all(tmp_path)
    assert summary["truth_rows"] == 1
    assert summary["notes"] == ["1 lines of truth.jsonl are no JSON objects and were left out."]
    assert summary["problems"] == []


def test_crashed_worker_gives_its_rows_and_a_problem(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3, close=False)
    summary = store_all(tmp_path)
    assert summary["rows_stored"] == 3
    (problem,) = summary["problems"]
    assert "w0 never said how many rows it wrote" in problem


def test_everything_that_a_killed_worker_flushed_is_stored(tmp_path: Path) -> None:
    flushed = kill_a_writer(tmp_path / "spool")
    summary = store_all(tmp_path)
    assert summary["rows_stored"] >= flushed > 0
    assert summary["missing_rows"] == 0
    assert summary["gaps"] == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_torn_tail_is_counted_and_said(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3, close=False)
    (segment,) = (tmp_path / "spool").iterdir()
    with open(segment, "ab") as file:
        file.write(b"\xf5\xae\x0a\x9c half a fra")
    summary = store_all(tmp_path)
    assert summary["dropped_bytes"] == 15
    assert summary["rows_stored"] == 3
    assert "cut short in its last 15 bytes" in summary["problems"][0]
    assert not (tmp_path / "damaged").exists()


def test_damaged_segment_is_kept_for_people_and_its_other_rows_are_stored(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    for _ in range(3):
        recorder.write(exchange(facts))
        spool.flush()
    spool.close()
    (segment,) = (tmp_path / "spool").iterdir()
    data = bytearray(segment.read_bytes())
    data[-150] ^= 1  # in the last row
    segment.write_bytes(data)
    summary = store_all(tmp_path)
    assert summary["rows_stored"] == 2
    assert summary["missing_rows"] == 1
    assert summary["dropped_bytes"] > 0
    assert any("is damaged" in problem for problem in summary["problems"])
    assert (tmp_path / "damaged" / segment.name).read_bytes() == data
    assert store_all(tmp_path) == summary, "what was lost is not forgotten"


def test_rows_whose_facts_are_damaged_are_missing_and_said(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    (segment,) = (tmp_path / "spool").iterdir()
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b"user-0", b"user-1"))
    summary = store_all(tmp_path)
    assert summary["rows_stored"] == 0
    assert summary["missing_rows"] == 3
    assert any("3 rows have lost the facts of their connection" in problem for problem in summary["problems"])
    assert (tmp_path / "damaged" / segment.name).exists()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("w0-000000.spool", b"something else altogether", "it is not a spool segment"),
        ("w9-000000.spool", None, "it holds rows of worker w0, which its name does not say"),
    ],
)
def test_foreign_segment_is_left_alone_and_said(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    record(tmp_path / "spool", 1)
    (segment,) = (tmp_path / "spool").iterdir()
    content = content or segment.read_bytes()
    segment.unlink()
    (tmp_path / "spool" / name).write_bytes(content)
    for _ in range(2):
        summary = store_all(tmp_path)
        assert any(reason in problem for problem in summary["problems"])
        assert (tmp_path / "spool" / name).read_bytes() == content


def test_segment_of_another_run_is_left_alone_and_said(tmp_path: Path) -> None:
    record(tmp_path / "spool", 1)
    (tmp_path / "run.json").write_bytes(msgspec.json.encode({"run_id": "run-2"}))
    summary = store_all(tmp_path)
    assert "it belongs to run run-1, and this folder is run run-2" in summary["problems"][0]
    assert summary["rows_stored"] == 0


@pytest.mark.skipif(os.name == "nt", reason="there the open file itself refuses")
def test_segment_whose_writer_lives_is_left_alone_and_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    recorder.write(exchange(facts))
    spool.flush()
    summary = store_all(tmp_path)
    assert "w0-000000 is still being written" in summary["problems"][0]
    recorder.write(exchange(facts))
    spool.close()
    summary = store_all(tmp_path)
    assert summary["rows_stored"] == 2
    assert summary["problems"] == []


def test_open_segment_beside_its_sealed_one_is_a_part_of_it(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    sealed = tmp_path / "spool" / "w0-000000.spool"
    sealed.with_suffix(".open").write_bytes(sealed.read_bytes()[:200])
    summary = store_all(tmp_path)
    assert summary["rows_stored"] == 3
    assert summary["problems"] == []
    assert list((tmp_path / "spool").iterdir()) == []


def test_foreign_parquet_among_the_rows_is_refused_and_nothing_is_removed(tmp_path: Path) -> None:
    record(tmp_path / "spool", 3)
    (tmp_path / "attempts").mkdir()
    (tmp_path / "attempts" / "part-00000.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(StoreError, match="cannot be read"):
        Store(tmp_path)
    assert len(list((tmp_path / "spool").iterdir())) == 1


def test_file_that_reads_back_differently_is_not_taken_for_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = parts.write_parquet

    def write_one_row_less(path: Path, table: Any, metadata: Any) -> None:
        write(path, table.slice(1), metadata)

    def write_one_value_wrong(path: Path, table: Any, metadata: Any) -> None:
        at = table.schema.get_field_index("bytes_in")
        wrong = table.column("bytes_out").cast("int64")
        write(path, table.set_column(at, table.schema.field("bytes_in"), wrong), metadata)

    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, worker_facts())
    recorder.write(exchange(recorder.connection(connection_facts()), bytes_in=1, bytes_out=2))
    spool.close()
    for wrong in (write_one_row_less, write_one_value_wrong):
        monkeypatch.setattr(parts, "write_parquet", wrong)
        with pytest.raises(StoreError, match="instead of|as it was written"):
            store_all(tmp_path)
        assert len(list((tmp_path / "spool").iterdir())) == 1
    monkeypatch.setattr(parts, "write_parquet", write)
    assert store_all(tmp_path)["rows_stored"] == 1


class Killed(BaseException):
    """The process ends here."""


def test_store_that_is_killed_before_any_of_its_steps_stores_every_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kill the store before its n-th change to the disk, for every n, then run it again to the end."""
    record(tmp_path / "late", 4, worker="w1")
    (late,) = (tmp_path / "late").iterdir()

    def two_passes(run: Path) -> None:
        store = Store(run)
        store.store_segments(final=False)
        shutil.copy(late, run / "spool")
        store.store_segments(final=True)
        store.finish()

    killed_at = 0
    while True:
        run = tmp_path / str(killed_at)
        record(run / "spool", 3, worker="w0")
        with monkeypatch.context() as patch:
            steps = Steps(patch, killed_at)
            with contextlib.suppress(Killed):
                two_passes(run)
            steps.disarm()
        shutil.copy(late, run / "spool")  # also where it was stored already
        summary = store_all(run)
        assert sorted((row["worker"], row["seq"]) for row in rows_of(run)) == [
            *(("w0", n) for n in range(3)),
            *(("w1", n) for n in range(4)),
        ], killed_at
        assert len(rows_of(run, "health")) == 2, killed_at
        assert summary["problems"] == [], killed_at
        left = [path for path in run.rglob("*") if path.is_file() and path.suffix != ".parquet"]
        assert sorted(left) == [run / "attempts" / FILE_NAME, run / "health" / FILE_NAME], killed_at
        for table in ("attempts", "health"):
            assert not any(check(run / table, parts_of(run, table))[1:]), killed_at
        if not steps.was_killed:
            break
        killed_at += 1
    assert killed_at > 15


def test_rows_and_vitals_of_an_hour_that_is_over_are_joined_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.compact(0.0)
    for number in range(3):
        record(tmp_path / "spool", 2, worker=f"w{number}")
        store.store_segments(final=False)
        store.compact(60.0 * number)
    assert [len(parts_of(tmp_path, table)) for table in ("attempts", "health")] == [3, 3]
    store.compact(3600.0)
    for table, rows in (("attempts", 6), ("health", 3)):
        assert {path.name for path in (tmp_path / table).iterdir()} == {"rows-00000.parquet", FILE_NAME}
        assert len(rows_of(tmp_path, table)) == rows
    assert store.finish()["problems"] == []


class Steps:
    """Counts the changes that the store makes to the disk, and kills it before one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, kill_at: int) -> None:
        self.was_killed = False
        self._left: int | None = kill_at
        for owner, name in ((os, "replace"), (os, "fsync"), (Path, "unlink"), (pq, "write_table")):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def disarm(self) -> None:
        self._left = None

    def _counted(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            if self._left is not None:
                if self._left == 0:
                    self.was_killed = True
                    raise Killed
                self._left -= 1
            return step(*args, **kwargs)

        return counted


def test_full_disk_stops_the_store_and_no_segment_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path / "spool", 3)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        with pytest.raises(StoreError, match="No space left"):
            store_all(tmp_path)
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["w0-000000.spool"]
    assert store_all(tmp_path)["rows_stored"] == 3


def test_unsealed_spool_of_a_killed_process_is_only_taken_at_the_end(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    recorder = Recorder(spool, worker_facts())
    recorder.write(exchange(recorder.connection(connection_facts())))
    spool.flush()
    crash(spool)
    store = Store(tmp_path)
    store.store_segments(final=False)
    assert list((tmp_path / "attempts").iterdir()) == []
    store.store_segments(final=True)
    assert store.finish()["rows_stored"] == 1


def record_by_a_clock_that_is_ahead(folder: Path) -> None:
    """Ten rows in two segments by a clock 60 s ahead, which the worker finds out within the second one."""
    spool = Spool(folder, segment_bytes=1)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    at = EPOCH_US + 60_000_000
    for n in range(5):
        recorder.write(exchange(facts, at + n))
    spool.flush()
    recorder.clock([ClockKnot(at, 60_000_000, 900)])
    for n in range(5, 10):
        recorder.write(exchange(facts, at + n, scheduled_at=at + n - 3))
    recorder.health(recording.health(at + 9))
    spool.close()


def test_wall_times_are_stored_on_the_runs_time_line_and_durations_as_they_were(tmp_path: Path) -> None:
    record_by_a_clock_that_is_ahead(tmp_path / "spool")
    assert store_all(tmp_path)["problems"] == []
    rows = sorted(rows_of(tmp_path), key=lambda row: row["seq"])
    # What was sealed before anybody knew stays as it was.
    assert [row["started_at"] - EPOCH_US for row in rows] == [*range(60_000_000, 60_000_005), *range(5, 10)]
    assert [row["scheduled_at"] - EPOCH_US for row in rows[5:]] == [*range(2, 7)]
    assert {row["duration_s"] for row in rows} == {0.01}
    assert [row["at"] - EPOCH_US for row in rows_of(tmp_path, "health")] == [9]


def test_a_segment_that_is_brought_later_is_corrected_like_the_others(tmp_path: Path) -> None:
    record_by_a_clock_that_is_ahead(tmp_path / "outbox")
    (tmp_path / "run" / "spool").mkdir(parents=True)
    segment = tmp_path / "outbox" / "w0-000001.spool"
    store_all(tmp_path / "run")
    shutil.copy(segment, tmp_path / "run" / "spool")
    store_all(tmp_path / "run")
    assert [row["started_at"] - EPOCH_US for row in rows_of(tmp_path / "run")] == [*range(5, 10)]


def test_each_segment_has_all_that_is_known_of_the_clock(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=1)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    knots = [ClockKnot(EPOCH_US, 60_000_000, 900), ClockKnot(EPOCH_US + 7, 60_003_000, 900)]
    for known in (knots[:1], knots, knots):
        recorder.clock(known)
        recorder.write(exchange(facts))
        spool.flush()
    spool.close()
    assert [list(segment.clock) for segment in recording.read_all(tmp_path)[:3]] == [knots[:1], knots, knots]
