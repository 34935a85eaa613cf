"""The stand-in's ground truth, from JSON lines to a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from attempts.spool.spool import sync_folder
from attempts.store.part_folder import StoreError
from attempts.store.tables import METADATA

_BATCH_LINES: Final = 50_000  # a line is a connection's dict of some 15 entries: about 50 MB of them
_TYPES: Final[dict[type, pa.DataType]] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}


def store_truth(lines: Path, table: Path) -> tuple[int, int]:
    """Write the flat JSON objects of `lines` as one Parquet file.

    Columns are the keys, in the order they first appear; a key that a line lacks is null. Values of
    mixed or nested types become their JSON text. Two passes, so that memory stays bounded.

    Returns:
        (rows, lines that are no JSON object: one, at the end, is a writer that was cut short).

    Raises:
        StoreError: The disk refused.
    """
    temporary = table.with_name(table.name + ".tmp")
    try:
        schema, rejected = _schema_of(lines)
        rows = 0
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for batch in _batches(lines):
                writer.write_table(_table(batch, schema))
                rows += len(batch)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, table)
        sync_folder(table.parent)
    except (OSError, pa.ArrowException) as problem:
        temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {table}: {problem}") from problem
    return rows, rejected


def _objects(lines: Path) -> Iterator[dict[str, Any] | None]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with open(lines, "rb") as file:
        for line in file:
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield None


def _batches(lines: Path) -> Iterator[list[dict[str, Any]]]:
    objects = (entry for entry in _objects(lines) if entry is not None)
    while batch := list(islice(objects, _BATCH_LINES)):
        yield batch


def _schema_of(lines: Path) -> tuple[pa.Schema, int]:
    kinds: dict[str, set[type]] = {}
    rejected = 0
    for entry in _objects(lines):
        if entry is None:
            rejected += 1
            continue
        for name, value in entry.items():
            kinds.setdefault(name, set()).update(() if value is None else (_kind(value),))
    fields = [pa.field(name, _type_of(found)) for name, found in kinds.items()]
    return pa.schema(fields, metadata=METADATA), rejected


def _kind(value: object) -> type:
    is_wide = type(value) is int and not -(2**63) <= value < 2**63
    return dict if is_wide else type(value)


def _type_of(kinds: set[type]) -> pa.DataType:
    if kinds == {int, float}:
        return _TYPES[float]
    return _TYPES.get(next(iter(kinds)), pa.string()) if len(kinds) == 1 else pa.string()


def _table(batch: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays(
        [pa.array([_value(entry.get(f.name), f.type) for entry in batch], type=f.type) for f in schema],
        schema=schema,
    )


def _value(value: Any, type_: pa.DataType) -> Any:
    if value is None or not pa.types.is_string(type_) or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
