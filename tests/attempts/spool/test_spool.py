from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts.spool.recorder import Recorder
from attempts.spool.spool import SEGMENT_AGE_S, SegmentName, Spool, SpoolError, parse_segment_name
from tests.attempts.recording import (
    EPOCH_US,
    connection_facts,
    crash,
    exchange,
    health,
    kill_a_writer,
    read_all,
    record,
    worker_facts,
)

ROOT = Path(__file__).parents[3]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_flushed_rows_are_in_the_file_before_it_is_sealed(tmp_path: Path) -> None:
    record(tmp_path, 3, close=False)
    assert names(tmp_path) == ["w0-000000.open"]
    (segment,) = read_all(tmp_path)
    assert [a.seq for a in segment.attempts] == [0, 1, 2]
    assert segment.health == [health()]
    assert segment.worker == worker_facts()
    assert segment.rows_written is None


def test_closing_seals_the_segment_and_says_how_many_rows_there_were(tmp_path: Path) -> None:
    record(tmp_path, 3)
    assert names(tmp_path) == ["w0-000000.spool"]
    assert read_all(tmp_path)[0].rows_written == 3


def test_worker_that_wrote_nothing_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    Recorder(spool, worker_facts())
    spool.flush()
    assert names(tmp_path) == []
    spool.close()
    assert read_all(tmp_path)[0].rows_written == 0


def test_segment_is_sealed_at_its_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=1000)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    for n in range(30):
        recorder.write(exchange(facts, EPOCH_US + n))
        spool.flush()
    spool.close()
    found = read_all(tmp_path)
    assert len(found) > 3
    assert [a.seq for s in found for a in s.attempts] == list(range(30))
    assert all(s.facts and s.worker for s in found), "every segment with rows stands alone"


def test_segment_is_sealed_at_its_age(tmp_path: Path) -> None:
    now = [0.0]
    spool = Spool(tmp_path, clock=lambda: now[0])
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    recorder.write(exchange(facts))
    spool.flush()
    now[0] = SEGMENT_AGE_S
    spool.flush()
    assert names(tmp_path) == ["w0-000000.spool"]


def test_segment_that_somebody_reads_on_windows_is_sealed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(13, "The process cannot access the file")

    spool = Spool(tmp_path, segment_bytes=1)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        for _ in range(2):
            recorder.write(exchange(facts))
            spool.flush()
    assert names(tmp_path) == ["w0-000000.open", "w0-000001.open"]
    spool.flush()
    assert names(tmp_path) == ["w0-000000.spool", "w0-000001.spool"]
    spool.close()
    assert [a.seq for s in read_all(tmp_path) for a in s.attempts] == [0, 1]


def test_spool_is_synced_when_it_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    synced: list[float] = []
    monkeypatch.setattr(os, "fsync", lambda _descriptor: synced.append(now[0]))
    spool = Spool(tmp_path, clock=lambda: now[0])
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    while now[0] < 3.0:
        recorder.write(exchange(facts))
        spool.flush()
        now[0] += 0.25
    assert synced == [1.0, 2.0]
    now[0] = 2.8  # the flush after this one might come later than a second after the last sync
    recorder.write(exchange(facts))
    spool.flush()
    assert synced == [1.0, 2.0, 2.8]
    recorder.write(exchange(facts))
    spool.sync()
    assert synced == [1.0, 2.0, 2.8, 2.8]
    crash(spool)


def test_rows_written_while_another_thread_flushes_are_all_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=20_000)
    recorder = Recorder(spool, worker_facts())
    done = threading.Event()

    def keep_flushing() -> None:
        while not done.is_set():
            spool.flush()

    flusher = threading.Thread(target=keep_flushing)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many switches in the middle of things as can be had
    try:
        flusher.start()
        for n in range(100):
            facts = recorder.connection(connection_facts(n))
            for _ in range(100):
                recorder.write(exchange(facts))
    finally:
        sys.setswitchinterval(interval)
        done.set()
        flusher.join()
    spool.close()
    found = read_all(tmp_path)
    assert [a.seq for s in found for a in s.attempts] == list(range(10_000))
    assert [s.facts[a.facts].connection for s in found for a in s.attempts] == [n // 100 for n in range(10_000)]


def test_write_after_close_is_refused(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    spool.close()
    spool.close()
    with pytest.raises(SpoolError, match="closed"):
        recorder.write(exchange(facts))


def test_row_that_comes_while_the_spool_closes_is_refused_and_not_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    refused = []

    class Late:
        def take(self, *, new_segment: bool, last: bool) -> bytes:
            with pytest.raises(SpoolError, match="closed"):
                recorder.write(exchange(facts))
            refused.append(last)
            return b""

        def taken(self) -> None:
            raise AssertionError("there was nothing to take")

    spool.attach("late", Late())
    recorder.write(exchange(facts))
    spool.close()
    assert refused == [True]
    assert recorder.rows_written == 1
    assert read_all(tmp_path)[0].rows_written == 1


def test_existing_segment_is_never_overwritten(tmp_path: Path) -> None:
    record(tmp_path, 1, close=False)
    with pytest.raises(SpoolError, match="cannot keep rows"):
        record(tmp_path, 1, close=False)
    assert len(read_all(tmp_path)[0].attempts) == 1


@pytest.mark.parametrize("worker", ["", "a/b", "../x", ".x", "a b", "x" * 101])
def test_worker_id_that_cannot_name_a_file_is_refused(tmp_path: Path, worker: str) -> None:
    with pytest.raises(ValueError, match="cannot name a file"):
        Recorder(Spool(tmp_path), worker_facts(worker))


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True), st.integers(0, 10**9))
def test_segment_names_survive_the_round_trip(worker: str, number: int) -> None:
    name = SegmentName(worker, number)
    assert parse_segment_name(f"{name}.spool") == parse_segment_name(f"{name}.open") == name


@pytest.mark.parametrize("name", ["END", "x.spool", "store.lock", "w-1.parquet", "w-x.spool", "-1.spool"])
def test_other_files_are_no_segments(name: str) -> None:
    assert parse_segment_name(name) is None


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from attempts.spool.recorder import Recorder
    from attempts.spool.spool import Spool, SpoolError
    from tests.attempts.recording import connection_facts, exchange, worker_facts

    spool = Spool(Path(sys.argv[1]))
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    flushed = 0
    try:
        while True:
            for _ in range(10):
                recorder.write(exchange(facts))
            spool.flush()
            flushed = recorder.rows_written
    except SpoolError as problem:
        print("flush:", problem)
    for again in (lambda: recorder.write(exchange(facts)), spool.flush, spool.close):
        try:
            again()
            print("not refused")
        except SpoolError as problem:
            print("again:", problem)
    print(flushed)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
def test_full_disk_is_loud_and_harms_nothing_that_was_flushed(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    *said, flushed = ran.stdout.splitlines()
    assert [line.split(": cannot keep rows in")[0] for line in said] == ["flush", "again", "again", "again"]
    (segment,) = read_all(tmp_path)
    assert len(segment.attempts) == int(flushed) > 0
    assert segment.torn_bytes == 0
    assert names(tmp_path) == ["w0-000000.spool"]


def test_killed_writer_leaves_everything_up_to_its_last_flush(tmp_path: Path) -> None:
    flushed = kill_a_writer(tmp_path)
    rows = [a.seq for s in read_all(tmp_path) for a in s.attempts]
    assert rows == list(range(len(rows)))
    assert len(rows) >= flushed
