"""Opens Parquet files, or rows in memory, as one Ibis table on an engine.

The engine is DuckDB, embedded, with bounded memory and a directory to spill to; or Spark, for runs that
outgrow one machine. Both are given the same expressions (`reduce.py`).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal

import ibis
import pyarrow as pa
from ibis.util import gen_name

Engine = Literal["duckdb", "spark"]

# Half of the 4 GB that a verdict on a hundred million rows may take: what DuckDB's buffers cannot hold goes
# to disk, and pandas, Arrow and the interpreter want the other half.
MEMORY_LIMIT: Final = "2GB"


class EngineError(RuntimeError):
    """The engine that was asked for cannot be had on this machine."""


def open_attempts(
    files: Iterable[str | os.PathLike[str]], *, engine: Engine = "duckdb", memory_limit: str = MEMORY_LIMIT
) -> ibis.Table:
    """One table over all rows of the files, columns matched by name. No row is read yet.

    Args:
        files: Readable Parquet files (`dataset.open_runs` says which are); at least one.
        engine: "duckdb" (embedded), or "spark" (PySpark's session: local, or what its configuration says).
        memory_limit: DuckDB's buffers ("2GB"); beyond it they spill to a temporary directory.

    Raises:
        ValueError: No file was given.
        EngineError: Spark was asked for and is not installed.
    """
    paths = [Path(file).resolve() for file in files]
    if not paths:
        raise ValueError("no Parquet file of attempts was named, and at least one is needed")
    if engine == "spark":
        return _on_spark([path.as_uri() for path in paths])
    return _duckdb(memory_limit).read_parquet([str(path) for path in paths], union_by_name=True)


def open_rows(rows: pa.Table, *, memory_limit: str = MEMORY_LIMIT) -> ibis.Table:
    """The same over an Arrow table in memory (simulated runs, the live view), on DuckDB."""
    backend = _duckdb(memory_limit)
    backend.con.register("rows", rows)
    return backend.table("rows")


def _duckdb(memory_limit: str) -> ibis.BaseBackend:
    spill = Path(tempfile.gettempdir()) / f"wsoak-spill-{os.getpid()}"
    backend = ibis.duckdb.connect(memory_limit=memory_limit, temp_directory=str(spill))
    # Zoned timestamps are cast by the session's zone; and keeping the rows in order would cost memory.
    backend.raw_sql("SET TimeZone = 'UTC'")
    backend.raw_sql("SET preserve_insertion_order = false")
    return backend


def _on_spark(addresses: list[str]) -> ibis.Table:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineError(
            "the engine spark needs PySpark, which is not installed: `pip install -r requirements-spark.txt`"
            " (and a Java runtime), or leave out --engine"
        ) from error
    # Zoned timestamps are cast by the session's zone, here too.
    settings: dict[str, Any] = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false"}
    session = SparkSession.builder.appName("wsoak").config(map=settings).getOrCreate()
    name = gen_name("attempts")
    session.read.option("mergeSchema", "true").parquet(*addresses).createOrReplaceTempView(name)
    return ibis.pyspark.connect(session).table(name)
