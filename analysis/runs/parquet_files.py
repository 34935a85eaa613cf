"""The Parquet files of a run folder opened: which can be read as the contract's tables, and why others cannot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attempts.schema import COLUMNS, SCHEMA_VERSION, ColumnType

if TYPE_CHECKING:
    import pyarrow as pa


_ARROW_KINDS: Final[dict[ColumnType, str]] = {
    "string": "text",
    "int64": "number",
    "int32": "number",
    "double": "number",
    "bool": "bool",
    "timestamp": "timestamp",
}


# Without one of these a file says nothing: which run, where, what was tried, when, and how it ended. Other columns
# may be missing: what they would say was not measured.
ESSENTIAL: Final = (
    "run_id",
    "worker",
    "connection",
    "kind",
    "operation",
    "client",
    "delay_s",
    "platform",
    "host",
    "scheduled_at",
    "duration_s",
    "budget_s",
    "outcome",
)
# What is read of the workers' vitals.
VITALS: Final = frozenset({"worker", "at", "loop_lag_s", "cpu"})


class DatasetError(Exception):
    """What was named cannot be analysed by this wsoak: one sentence, exit status 2."""


def open_attempts_file(
    path: Path, run: str, problems: list[str], notes: list[str]
) -> tuple[frozenset[str], int] | None:
    """Columns and rows of one file; None where it cannot be used (and a problem says why)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    label = f"{run}/attempts/{path.name}"
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        problems.append(f"{label} is truncated or no Parquet file ({reason}): its rows are missing.")
        return None
    version = _schema_version(schema)
    if version is None:
        notes.append(f"{label} does not say its schema_version: read as version {SCHEMA_VERSION}.")
    elif version > SCHEMA_VERSION:
        raise DatasetError(from_the_future(label, version))
    wrong = [
        _mismatch(schema, column.name, column.type)
        for column in COLUMNS
        if column.name in ESSENTIAL or column.name in schema.names
    ]
    found = [reason for reason in wrong if reason]
    if found:
        problems.append(f"{label} is no attempts table ({'; '.join(found[:3])}): it was left out.")
        return None
    known = {column.name for column in COLUMNS}
    extra = sorted(set(schema.names) - known)
    if extra:
        notes.append(f"{label} has columns that are not in the contract; they were not read: {', '.join(extra)}.")
    missing = sorted(known - set(schema.names))
    if missing:
        notes.append(f"{label} lacks columns; they count as not measured: {', '.join(missing)}.")
    return frozenset(schema.names), rows


def why_unreadable(path: Path) -> str | None:
    """Why a Parquet file's pages cannot be read; None where they can."""
    import duckdb

    with duckdb.connect() as connection:
        try:
            # A sum over whole rows: every page is read, and none is kept.
            connection.execute("SELECT bit_xor(hash(row)) FROM read_parquet(?) AS row", [str(path)]).fetchone()
        except duckdb.Error as error:
            return str(error).splitlines()[0].replace(f'Failed to read file "{path}": ', "").removesuffix(".")
    return None


def _schema_version(schema: pa.Schema) -> int | None:
    raw = (schema.metadata or {}).get(b"schema_version")
    if raw is None:
        return None
    try:
        return int(raw)
    except ValueError:
        return None


def from_the_future(label: str, version: int) -> str:
    """That rows, or a run, were written by a newer wsoak."""
    return (
        f"{label} has schema_version {version} and this wsoak reads up to {SCHEMA_VERSION}: "
        "analyse it with the wsoak that wrote it, or a newer one."
    )


def _mismatch(schema: pa.Schema, name: str, wanted: ColumnType) -> str | None:
    """Why a column cannot be read as the contract's type; None where it can."""
    import pyarrow.types as kinds

    index = schema.get_field_index(name)
    if index < 0:
        return f"no column {name}"
    found = schema.field(index).type
    if kinds.is_dictionary(found):
        found = found.value_type
    fits = {
        "text": kinds.is_string(found) or kinds.is_large_string(found),
        "number": kinds.is_integer(found) or kinds.is_floating(found),
        "bool": kinds.is_boolean(found),
        "timestamp": kinds.is_timestamp(found),
    }[_ARROW_KINDS[wanted]]
    return None if fits or kinds.is_null(found) else f"column {name} is {found}, not {wanted}"


def health_files(folder: Path, run: str, notes: list[str]) -> tuple[Path, ...]:
    """The readable files of the workers' vitals; others are noted."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = []
    for path in sorted(folder.glob("*.parquet")):
        try:
            names = pq.read_schema(path).names
        except (OSError, pa.ArrowException):
            names = []
        if VITALS.issubset(names):
            files.append(path)
        else:
            notes.append(f"{run}/health/{path.name} holds no vitals that can be read: they are incomplete.")
    return tuple(files)
