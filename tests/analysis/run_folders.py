"""Small hand-made run folders for the tests of the analysis' shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attempts.checksums import list_files
from attempts.locks import only_process, store_lock
from attempts.schema import COLUMNS

START_S = 1_790_000_000 // 60 * 60
_ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
# Rows of a frame: by their labels, or by a yes or no of each.
Where: TypeAlias = "int | list[int] | slice | pd.Index[Any] | npt.NDArray[np.bool_] | pd.Series[bool]"


def put(rows: pd.DataFrame, which: Where, **values: Any) -> None:
    """Writes values into columns of the chosen rows."""
    for column, value in values.items():
        rows.loc[which, column] = value


def attempts(
    n: int = 2400,
    *,
    length_s: float = 90.0,
    timeouts: float = 0.0,
    budget_s: float = 10.0,
    hosts: int = 2,
    platforms: tuple[str, ...] = ("Windows", "Linux"),
    run_id: str = "run",
    seed: int = 1,
) -> pd.DataFrame:
    """Rows of a plain run: connects and exchanges, of which a share `timeouts` gets no answer."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, length_s, n))
    worker = rng.integers(0, hosts * len(platforms), n)
    connection = rng.integers(0, 40, n)
    delay_s = np.where(connection % 2 == 0, 0.0, 0.2)
    kind = np.where(rng.random(n) < 0.2, "connect", "exchange")
    timeout = rng.random(n) < timeouts
    rtt_s = 0.02 + 0.01 * rng.random(n) + delay_s
    took_s = rtt_s * (1 + rng.exponential(0.2, n)) + np.where(kind == "connect", 0.18, 0.0)
    connects = kind == "connect"
    frame = pd.DataFrame(
        {
            "run_id": run_id,
            "worker": [f"w{index}" for index in worker],
            "user": connection.astype("int64"),
            "connection": connection.astype("int64"),
            "subject": [f"user-{index:03}" for index in connection],
            "server_connection_id": None,
            "scenario": "steady",
            "kind": kind,
            "operation": np.where(connects, "connect", "ping"),
            "client": np.where(connection % 3 == 0, "websockets-asyncio", "websocket-client"),
            "delay_s": delay_s,
            "mitigation": "none",
            "retry": 0,
            "platform": [platforms[index % len(platforms)] for index in worker],
            "platform_detail": "test",
            "event_loop": "gevent-libev",
            "python": "3.11.7",
            "host": [f"host{index}" for index in worker],
            "site": "lab",
            "simulated": False,
            "scheduled_at": pd.to_datetime(START_S + at, unit="s", utc=True).round("us"),
            "duration_s": np.where(timeout, budget_s, took_s),
            "budget_s": budget_s,
            "outcome": np.where(timeout, "timeout", "ok"),
            "phase": np.where(connects, "welcome", "exchange"),
            "cause": pd.Series(["silent_peer" if late else None for late in timeout], dtype=object),
            "closed_by": None,
            "detail": None,
            "dns_s": np.where(connects, 0.001, np.nan),
            "tcp_s": np.where(connects, rtt_s, np.nan),
            "upgrade_s": np.where(connects & ~timeout, rtt_s * 1.1, np.nan),
            "welcome_s": np.where(connects & ~timeout, 0.17, np.nan),
            "rtt_s": rtt_s,
            "loop_lag_s": rng.exponential(0.004, n),
            "loop_blocked_s": 0.0,
            "cpu": 0.3,
            "open_connections": 40,
            "age_s": np.where(connects, np.nan, 5.0),
            "server_instance": None,
            "frames_in": 1,
            "frames_out": 1,
            "bytes_in": 100,
            "bytes_out": 50,
        }
    )
    frame["seq"] = frame.groupby("worker").cumcount()
    frame["started_at"] = frame["scheduled_at"]
    for column in COLUMNS:
        if column.name not in frame:
            frame[column.name] = None
    return frame[[column.name for column in COLUMNS]]


def health(seconds: int = 90, *, workers: int = 4, cpu: float = 0.4, lag_s: float = 0.01) -> pd.DataFrame:
    """Vitals of every worker, each second."""
    return pd.DataFrame(
        [
            {
                "worker": f"w{worker}",
                "at": pd.Timestamp(START_S + second, unit="s", tz="UTC"),
                "loop_lag_s": lag_s,
                "loop_blocked_s": 0.0,
                "cpu": cpu,
                "rss_bytes": 50_000_000,
                "queue_depth": 0,
                "open_connections": 40,
            }
            for worker in range(workers)
            for second in range(seconds)
        ],
        columns=[
            "worker", "at", "loop_lag_s", "loop_blocked_s", "cpu", "rss_bytes", "queue_depth", "open_connections",
        ],
    )  # fmt: skip


def manifest(rows: pd.DataFrame, **changes: Any) -> dict[str, Any]:
    """A `run.json` that balances with the rows."""
    outcomes = rows["outcome"].value_counts()
    counts = {name: int(outcomes.get(name, 0)) for name in ("ok", "timeout", "failed", "aborted")}
    return {
        "schema_version": 1,
        "run_id": str(rows["run_id"].iloc[0]) if len(rows) else "run",
        "command": ["locust", "--headless"],
        "ended": "run_time",
        "target": {"url": "ws://127.0.0.1:1/ws", "standin": True, "faults": ["slow_welcome"], "seed": 1},
        "accounting": {
            "planned": len(rows),
            "skipped": 0,
            "started": len(rows),
            **counts,
            "rows_written": len(rows),
            "rows_stored": len(rows),
            "balanced": True,
        },
        "workers": [],
        "settings": {},
        "problems": [],
    } | changes


def write_attempts(path: Path, rows: pd.DataFrame, *, version: int | None = 1) -> None:
    """One Parquet file of the attempts table; columns that `rows` lacks are left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    types = {column.name: _ARROW[column.type] for column in COLUMNS}
    schema = pa.schema([(name, types[name]) for name in rows.columns if name in types])
    extra = [name for name in rows.columns if name not in types]
    table = pa.Table.from_pandas(rows.drop(columns=extra), schema=schema, preserve_index=False)
    for name in extra:
        table = table.append_column(name, pa.array(rows[name]))
    metadata = {} if version is None else {b"schema_version": str(version).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    list_files(path.parent)


@contextmanager
def written_now(folder: Path) -> Iterator[None]:
    """A store is at work in the run's folder, as while a run goes on."""
    (folder / "spool").mkdir(exist_ok=True)
    with only_process(store_lock(folder)):
        yield


def corrupt(path: Path) -> None:
    """Spoil a Parquet file's pages, and not its footer; it was written so, as its checksum says."""
    content = path.read_bytes()
    footer = 8 + int.from_bytes(content[-8:-4], "little")
    path.write_bytes(content[:100] + b"U" * (len(content) - footer - 100) + content[-footer:])
    list_files(path.parent)


def write_run(
    folder: Path,
    rows: pd.DataFrame,
    *,
    run_json: dict[str, Any] | None = None,
    vitals: pd.DataFrame | None = None,
    version: int | None = 1,
) -> Path:
    """A run folder; without `run_json` and `vitals` it holds only attempts/."""
    write_attempts(folder / "attempts" / "part-0.parquet", rows, version=version)
    if run_json is not None:
        (folder / "run.json").write_text(json.dumps(run_json))
    if vitals is not None:
        (folder / "health").mkdir()
        vitals.to_parquet(folder / "health" / "part-0.parquet")
        list_files(folder / "health")
    return folder
