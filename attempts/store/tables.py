"""Segments as Arrow tables: the three parts of a row joined, in the order of the contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import pyarrow as pa

from attempts.schema import COLUMNS, SCHEMA_VERSION, Attempt, Column, ConnectionFacts, Health, WorkerFacts
from attempts.spool.frames import Segment
from attempts.spool.time_line import TimeLine

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_TYPES: Final[dict[str, pa.DataType]] = {
    "string": _TEXT,
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_HEALTH_TYPES: Final[dict[type, pa.DataType]] = {int: pa.int64(), float: pa.float64()}

ATTEMPTS_SCHEMA: Final = pa.schema([pa.field(c.name, _TYPES[c.type], nullable=c.nullable) for c in COLUMNS])


def _health_field(field: msgspec.structs.FieldInfo) -> pa.Field:
    if field.name == "at":
        return pa.field("at", _TYPES["timestamp"], nullable=False)
    nullable = field.type not in _HEALTH_TYPES
    plain = next(t for t in _HEALTH_TYPES if t == field.type or t in getattr(field.type, "__args__", ()))
    return pa.field(field.name, _HEALTH_TYPES[plain], nullable=nullable)


HEALTH_SCHEMA: Final = pa.schema(
    [pa.field("worker", _TEXT, nullable=False), *map(_health_field, msgspec.structs.fields(Health))]
)
METADATA: Final = {b"schema_version": str(SCHEMA_VERSION).encode()}


def attempts_table(segment: Segment) -> tuple[pa.Table, int]:
    """The rows of one segment, and how many had to be left out because their facts are lost.

    Raises:
        ValueError: The segment's worker is lost: no row can be told whose it is.
    """
    worker = _worker_of(segment)
    rows = [attempt for attempt in segment.attempts if attempt.facts in segment.facts]
    place = {number: n for n, number in enumerate(segment.facts)}
    at = pa.array([place[row.facts] for row in rows], type=pa.int32())
    facts = list(segment.facts.values())
    arrays = [_column(column, worker, facts, at, rows) for column in COLUMNS]
    return pa.Table.from_arrays(arrays, schema=ATTEMPTS_SCHEMA), len(segment.attempts) - len(rows)


def health_table(segment: Segment) -> pa.Table:
    """The vitals of one segment.

    Raises:
        ValueError: The segment's worker is lost.
    """
    worker = _worker_of(segment)
    fields = [field for field in HEALTH_SCHEMA if field.name != "worker"]
    arrays = [pa.array([getattr(h, f.name) for h in segment.health], type=f.type) for f in fields]
    return pa.Table.from_arrays([_constant(worker.worker, _TEXT, len(segment.health)), *arrays], schema=HEALTH_SCHEMA)


def on_time_line(segment: Segment) -> Segment:
    """The segment with its wall times on the run's time line, by what its worker knew of its clock."""
    if not segment.clock:
        return segment
    corrected = TimeLine(segment.clock).corrected
    for row in segment.attempts:
        row.scheduled_at, row.started_at = corrected(row.scheduled_at), corrected(row.started_at)
    health = [msgspec.structs.replace(second, at=corrected(second.at)) for second in segment.health]
    return dataclasses.replace(segment, health=health)


def joined(tables: Iterable[pa.Table], *, schema: pa.Schema, by: Sequence[str]) -> pa.Table:
    """The tables as one, in the order of the columns `by`, each column in one piece."""
    # An empty one first: so that no table at all is a table of no rows.
    whole = pa.concat_tables([schema.empty_table(), *tables]).unify_dictionaries().combine_chunks()
    return whole.sort_by([(name, "ascending") for name in by]).combine_chunks()


def _worker_of(segment: Segment) -> WorkerFacts:
    if segment.worker is None:
        raise ValueError("the frame that names its worker is damaged")
    return segment.worker


def _column(
    column: Column, worker: WorkerFacts, facts: list[ConnectionFacts], at: pa.Array, rows: list[Attempt]
) -> pa.Array:
    type_ = _TYPES[column.type]
    if column.level == "worker":
        return _constant(getattr(worker, column.name), type_, len(rows))
    if column.level == "connection":
        return _array([getattr(f, column.name) for f in facts], type_).take(at)
    return _array([getattr(row, column.name) for row in rows], type_)


def _array(values: list[Any], type_: pa.DataType) -> pa.Array:
    if type_ == _TEXT:
        return pa.array(values, type=pa.string()).dictionary_encode()
    return pa.array(values, type=type_)


def _constant(value: Any, type_: pa.DataType, rows: int) -> pa.Array:
    return _array([value], type_).take(pa.nulls(rows, pa.int32()).fill_null(0))
