from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attempts import schema
from attempts.schema import Attempt, SchemaError
from attempts.spool.recorder import LATE_ROWS_S, Recorder
from attempts.spool.spool import Spool, SpoolError
from tests.attempts import recording
from tests.attempts.recording import connection_facts, exchange, health, read_all, worker_facts


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", clock=clock)
    yield spool
    recording.crash(spool)


@pytest.fixture
def recorder(spool: Spool, clock: Clock) -> Recorder:
    return Recorder(spool, worker_facts(), clock=clock)


def test_rows_are_numbered_and_counted(spool: Spool, recorder: Recorder) -> None:
    facts = recorder.connection(connection_facts())
    for outcome, cause in (("ok", None), ("failed", "reset"), ("ok", None), ("aborted", None)):
        recorder.write(exchange(facts, outcome=outcome, cause=cause))
    spool.close()
    assert [a.seq for s in read_all(spool.folder) for a in s.attempts] == [0, 1, 2, 3]
    assert recorder.rows_written == 4
    assert recorder.outcomes == {"ok": 2, "failed": 1, "aborted": 1, "timeout": 0}
    assert recorder.kinds["exchange"] == 4


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("kind", "connection"),
        ("outcome", "success"),
        ("phase", "ready"),
        ("cause", "reset"),
        ("closed_by", "me"),
        ("operation", None),
        ("operation", b"ping"),
        ("operation", "\ud800"),
        ("detail", "\ud800"),
        ("duration_s", -0.001),
        ("duration_s", float("nan")),
        ("duration_s", float("inf")),
        ("duration_s", "0.1"),
        ("duration_s", True),
        ("budget_s", 0.0),
        ("started_at", -1),
        ("started_at", 1.5),
        ("scheduled_at", 2**63),
        ("scheduled_at", 2**70),
        ("errno", 2**31),
        ("http_status", -1),
        ("open_connections", None),
        ("open_connections", 2**31),
        ("bytes_in", -1),
        ("cpu", -0.5),
        ("rtt_s", float("inf")),
        ("tls_s", -1.0),
        ("cause", object()),
    ],
)
def test_malformed_row_is_refused_where_it_is_written(
    recorder: Recorder, spool: Spool, column: str, value: object
) -> None:
    facts = recorder.connection(connection_facts())
    row = exchange(facts)
    setattr(row, column, value)
    with pytest.raises(SchemaError, match=column) as refused:
        recorder.write(row)
    assert repr(value) in str(refused.value)
    recorder.write(exchange(facts))
    spool.close()
    assert [a.seq for s in read_all(spool.folder) for a in s.attempts] == [0]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"outcome": "timeout", "cause": "silent_peer", "duration_s": 4.9, "budget_s": 5.0}, "duration_s"),
        ({"outcome": "timeout", "duration_s": 5.0, "budget_s": 5.0}, "cause"),
        ({"outcome": "failed"}, "cause"),
        ({"outcome": "aborted", "cause": "reset"}, "cause"),
    ],
)
def test_row_whose_columns_contradict_each_other_is_refused(
    recorder: Recorder, row: dict[str, Any], column: str
) -> None:
    with pytest.raises(SchemaError, match=f"^{column} = "):
        recorder.write(exchange(recorder.connection(connection_facts()), **row))


def test_row_without_facts_of_this_recorder_is_refused(recorder: Recorder) -> None:
    with pytest.raises(SchemaError, match="facts = 7"):
        recorder.write(exchange(7))


def test_malformed_facts_and_health_are_refused(recorder: Recorder) -> None:
    with pytest.raises(SchemaError, match="delay_s"):
        recorder.connection(connection_facts(delay_s=-1.0))
    with pytest.raises(SchemaError, match="queue_depth"):
        recorder.health(schema.Health(1, 0.0, 0.0, None, None, None, None, -1, 0))


@given(recording.attempts())
def test_every_row_of_the_contract_passes_the_check(row: Attempt) -> None:
    schema.check(row)


@given(recording.attempts(), st.data())
def test_check_names_the_column_that_breaks_its_rule(row: Attempt, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(row.__struct_fields__))
    setattr(row, name, data.draw(st.sampled_from([b"bytes", [], {"a": 1}, 2**64, float("nan")])))
    with pytest.raises(SchemaError, match=f"^{name} = "):
        schema.check(row)


def test_facts_of_a_living_connection_are_kept_however_long_it_is_silent(recorder: Recorder, clock: Clock) -> None:
    held = recorder.connection(connection_facts(0))
    for n in range(1, 50):
        clock.now += LATE_ROWS_S
        other = recorder.connection(connection_facts(n))
        recorder.write(exchange(other, kind="hold", phase="hold"))
    recorder.write(exchange(held))


def test_facts_of_an_ended_connection_serve_its_late_rows_and_are_then_forgotten(
    recorder: Recorder, clock: Clock
) -> None:
    ended = recorder.connection(connection_facts(0))
    recorder.write(exchange(ended, kind="hold", phase="hold"))
    clock.now += LATE_ROWS_S - 1
    recorder.connection(connection_facts(1))
    recorder.write(exchange(ended, kind="close", phase="close"))
    clock.now += 2
    recorder.connection(connection_facts(2))
    with pytest.raises(SchemaError, match="facts"):
        recorder.write(exchange(ended, kind="close", phase="close"))


def test_memory_of_ended_connections_does_not_grow(recorder: Recorder, spool: Spool, clock: Clock) -> None:
    def connect_and_fail(n: int) -> None:
        clock.now += 1.0
        recorder.connection(connection_facts(n))
        number = recorder.connection(connection_facts(n, server_instance="a"))
        recorder.write(exchange(number, kind="connect", phase="tcp", outcome="failed", cause="refused"))

    for n in range(1000):
        connect_and_fail(n)
    spool.flush()
    sizes = [len(recorder._facts), len(recorder._number_of), len(recorder._connection_of)]
    assert max(sizes) <= 2 * LATE_ROWS_S + 4


def test_grown_facts_hold_for_the_later_rows_only(recorder: Recorder, spool: Spool) -> None:
    early = recorder.connection(connection_facts(0))
    recorder.write(exchange(early))
    late = recorder.connection(connection_facts(0, server_instance="b"))
    recorder.write(exchange(late))
    spool.close()
    (segment,) = read_all(spool.folder)
    assert [segment.facts[a.facts].server_instance for a in segment.attempts] == [None, "b"]


def test_rows_nobody_flushes_are_an_error_and_not_a_leak(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attempts.spool.recorder.MAX_WAITING_ROWS", 10)
    facts = recorder.connection(connection_facts())
    for _ in range(11):
        recorder.write(exchange(facts))
    with pytest.raises(SpoolError, match="11 rows wait"):
        recorder.health(health())


def test_two_recorders_share_a_spool(spool: Spool) -> None:
    for worker in ("parent", "child"):
        recorder = Recorder(spool, worker_facts(worker))
        recorder.write(exchange(recorder.connection(connection_facts())))
    spool.close()
    found = read_all(spool.folder)
    assert {s.worker.worker for s in found if s.worker} == {"parent", "child"}
    assert [a.seq for s in found for a in s.attempts] == [0, 0]
    with pytest.raises(ValueError, match="has a recorder already"):
        Recorder(spool, worker_facts("child"))
