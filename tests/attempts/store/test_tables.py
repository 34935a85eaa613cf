from __future__ import annotations

import dataclasses

import pytest

from attempts.schema import COLUMNS, Health
from attempts.spool.frames import Segment
from attempts.store.tables import ATTEMPTS_SCHEMA, HEALTH_SCHEMA, attempts_table, health_table, joined
from tests.attempts.recording import EPOCH_US, connection_facts, exchange, health, worker_facts

SEGMENT = Segment(
    worker=worker_facts(),
    facts={4: connection_facts(0, delay_s=0.08), 7: connection_facts(1, server_instance="b")},
    attempts=[exchange(7, EPOCH_US + 1), exchange(4, EPOCH_US)],
    health=[health()],
)


def test_the_three_parts_of_a_row_are_joined() -> None:
    table, lost = attempts_table(SEGMENT)
    assert lost == 0
    assert table.schema == ATTEMPTS_SCHEMA
    assert table.column_names == [c.name for c in COLUMNS]
    rows = table.select(["worker", "connection", "delay_s", "server_instance", "site", "operation"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("w0", 1, 0.0, "b", None, "ping"),
        ("w0", 0, 0.08, None, None, "ping"),
    ]


def test_rows_whose_facts_are_lost_are_counted_and_left_out() -> None:
    table, lost = attempts_table(dataclasses.replace(SEGMENT, facts={4: connection_facts()}))
    assert (table.num_rows, lost) == (1, 1)


def test_rows_of_nobody_are_refused() -> None:
    for make in (attempts_table, health_table):
        with pytest.raises(ValueError, match="the frame that names its worker is damaged"):
            make(dataclasses.replace(SEGMENT, worker=None))


def test_health_has_the_worker_in_front_and_its_own_nulls() -> None:
    table = health_table(SEGMENT)
    assert table.schema == HEALTH_SCHEMA
    assert table.column_names == ["worker", *Health.__struct_fields__]
    assert {f.name for f in HEALTH_SCHEMA if f.nullable} == {
        "cpu",
        "rss_bytes",
        "greenlets",
        "file_descriptors",
        "ephemeral_ports",
    }
    assert str(HEALTH_SCHEMA.field("at").type) == "timestamp[us, tz=UTC]"


def test_tables_are_joined_in_the_order_asked_for() -> None:
    table, _ = attempts_table(SEGMENT)
    whole = joined([table, table.slice(1)], schema=ATTEMPTS_SCHEMA, by=("started_at",))
    assert whole.column("connection").to_pylist() == [0, 0, 1]
    assert joined([], schema=ATTEMPTS_SCHEMA, by=("started_at",)).num_rows == 0
