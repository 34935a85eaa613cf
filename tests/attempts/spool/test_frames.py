from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attempts.spool import frames
from attempts.spool.frames import NotASegment, read_segment
from attempts.spool.recorder import Recorder
from attempts.spool.spool import Spool, segments
from tests.attempts.recording import EPOCH_US, connection_facts, exchange, worker_facts


def test_truncated_segment_gives_the_rows_of_its_whole_frames(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    ends = []
    for _ in range(4):
        recorder.write(exchange(facts))
        spool.flush()
        ends.append(next(segments(tmp_path))[1].stat().st_size)
    spool.close()
    whole = next(segments(tmp_path))[1].read_bytes()
    for size in range(len(whole) + 1):
        segment = read_segment(whole[:size])
        assert len(segment.attempts) == sum(end <= size for end in ends)
        assert segment.damaged_bytes == 0
        assert segment.torn_bytes < size or size < 10
    assert read_segment(whole).torn_bytes == 0


@settings(max_examples=300)
@given(st.data())
def test_flipped_byte_costs_one_frame_at_most_and_is_counted(flushed_segment: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(flushed_segment) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = bytearray(flushed_segment)
    damaged[position] ^= flip
    whole, segment = read_segment(flushed_segment), read_segment(bytes(damaged))
    frames_kept = [segment.worker == whole.worker, segment.facts == whole.facts, segment.rows_written == 20]
    lost_rows = 20 - len(segment.attempts)
    assert [a for a in whole.attempts if a in segment.attempts] == segment.attempts
    assert lost_rows in (0, 5)
    assert frames_kept.count(False) + lost_rows / 5 <= 1
    if position >= 10:  # beyond the file's header
        assert segment.damaged_bytes + segment.torn_bytes > 0


@given(st.binary(max_size=300), st.integers(0, 3))
def test_garbage_between_frames_is_passed_over_and_counted(flushed_segment: bytes, garbage: bytes, where: int) -> None:
    starts = [n for n in range(len(flushed_segment)) if flushed_segment.startswith(b"\xf5\xae\x0a\x9c", n)]
    cut = starts[where]
    segment = read_segment(flushed_segment[:cut] + garbage + flushed_segment[cut:])
    assert segment.attempts == read_segment(flushed_segment).attempts
    assert segment.damaged_bytes == len(garbage)


@pytest.fixture(scope="module")
def flushed_segment(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Four flushes of five rows each, then the end."""
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder)
    recorder = Recorder(spool, worker_facts())
    facts = recorder.connection(connection_facts())
    for _ in range(4):
        for _ in range(5):
            recorder.write(exchange(facts, EPOCH_US + recorder.rows_written))
        spool.flush()
    spool.close()
    return next(segments(folder))[1].read_bytes()


@pytest.mark.parametrize("data", [b"PAR1 and more", b"\x00" * 100, b"wsoak but not quite"])
def test_foreign_file_is_refused(data: bytes) -> None:
    with pytest.raises(NotASegment, match="not a spool segment"):
        read_segment(data)


def test_segment_of_another_schema_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(frames, "SCHEMA_VERSION", 2)
        data = frames.file_header(2) + frames.worker_frame(b"\x90")
    for part in (data, data[:10]):
        with pytest.raises(NotASegment, match=r"version 2, and this one reads 1: store it with the wsoak that wrote"):
            read_segment(part)


def test_whole_frame_that_is_not_of_the_schema_is_refused() -> None:
    data = frames.file_header() + frames.frame(frames.ATTEMPTS, b"\x91\x01")
    with pytest.raises(NotASegment, match="not of schema 1"):
        read_segment(data)


def test_frame_of_an_unknown_type_is_passed_over() -> None:
    data = frames.file_header() + frames.frame(99, b"of a later version") + frames.end_frame(7)
    assert read_segment(data).rows_written == 7


def test_marker_inside_a_payload_is_no_frame() -> None:
    inner = frames.end_frame(1)
    data = frames.file_header() + frames.frame(99, inner) + frames.end_frame(2)
    assert read_segment(data).rows_written == 2
    found, torn, damaged = frames.read_frames(data)
    assert [f.type for f in found] == [99, frames.END]
    assert (torn, damaged) == (0, 0)


@given(st.lists(st.tuples(st.integers(6, 255), st.binary(max_size=50))))
def test_frames_survive_the_round_trip(written: list[tuple[int, bytes]]) -> None:
    data = frames.file_header() + b"".join(frames.frame(*one) for one in written)
    assert frames.read_frames(data) == (written, 0, 0)


def test_the_last_word_of_a_worker_has_its_counts_and_one_of_before_has_none() -> None:
    data = frames.file_header() + frames.end_frame(2, {"started": 2, "ok": 2})
    assert read_segment(data).tally == {"started": 2, "ok": 2}
    of_before = frames.file_header() + frames.frame(frames.END, msgspec.msgpack.encode([2]))
    assert (read_segment(of_before).rows_written, read_segment(of_before).tally) == (2, None)
