"""Attempts of a run, row by row, and the tables that they are reduced to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.reduction.variants import VARIANTS
from analysis.runs.engine import open_rows
from attempts.schema import COLUMNS, Column
from tests.analysis import reduce_oracle as oracle

START_US = int(datetime(2026, 1, 5, 9, 0, tzinfo=UTC).timestamp() * 1e6)
ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def arrow(rows: list[oracle.Row], columns: tuple[Column, ...] = COLUMNS) -> pa.Table:
    arrays = {c.name: pa.array([row[c.name] for row in rows], ARROW[c.type]) for c in columns}
    return pa.table(arrays)


def as_dict(frame: pd.DataFrame, counts: list[str]) -> dict[tuple[Any, ...], dict[str, int]]:
    keys = [name for name in frame.columns if name not in counts]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return {tuple(_plain(row[k]) for k in keys): {c: row[c] for c in counts if row[c]} for row in rows}


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value == int(value) else value


def without_zeros(table: Mapping[tuple[Any, ...], Mapping[str, int]]) -> dict[tuple[Any, ...], dict[str, int]]:
    return {key: {name: int(value) for name, value in count.items() if value} for key, count in table.items()}


DEALT_COUNTS = ["m", "n", "nn", *(f"{sum_of}_{name}" for name in VARIANTS for sum_of in ("x", "nx", "xx"))]


def a_row(**given: Any) -> oracle.Row:
    row: oracle.Row = {c.name: None for c in COLUMNS}
    row |= {
        "run_id": "run-1",
        "worker": "w1",
        "seq": 0,
        "user": 1,
        "connection": 1,
        "subject": "anna",
        "scenario": "session",
        "kind": "connect",
        "operation": "connect",
        "client": "websocket-client",
        "delay_s": 0.1,
        "mitigation": "none",
        "retry": 0,
        "platform": "Windows",
        "event_loop": "gevent-libev",
        "python": "3.11.9",
        "host": "h1",
        "simulated": False,
        "scheduled_at": START_US,
        "started_at": START_US,
        "duration_s": 0.5,
        "budget_s": 10.0,
        "outcome": "ok",
        "phase": "welcome",
        "loop_lag_s": 0.001,
        "loop_blocked_s": 0.0,
        "open_connections": 1,
    }
    return row | given


# Rows end where the last one does; this one, long after the others, leaves nothing of them in the tail.
LATE = a_row(kind="close", operation="close", seq=1, scheduled_at=START_US + 600_000_000, started_at=None)


def tables_of(*rows: oracle.Row, end: datetime | None = None) -> Tables:
    return reduce(open_rows(arrow(list(rows))), ends={"run-1": end} if end else {})


def tried(n: int, bad: int, **given: Any) -> list[oracle.Row]:
    return [a_row(**given, **({"outcome": "failed", "cause": "reset"} if i < bad else {})) for i in range(n)]


def many_rows(count: int = 3000) -> list[oracle.Row]:
    rng = np.random.default_rng(5)
    return [
        a_row(
            seq=n,
            worker=f"w{n % 4}",
            host=f"h{n % 4}",
            platform=("Windows", "Linux")[n % 2],
            connection=n // 5,
            subject=f"user-{n // 5 % 40}",
            kind="connect" if n % 5 == 0 else "exchange",
            operation="connect" if n % 5 == 0 else "ping",
            delay_s=float(rng.choice([0.0, 0.1, 0.3])),
            scheduled_at=START_US + n * 200_000,
            started_at=START_US + n * 200_000,
            outcome="timeout" if rng.random() < 0.1 else "ok",
            cause=None,
            rtt_s=float(rng.uniform(0.03, 0.05)),
            server_instance=f"i{n % 3}",
        )
        for n in range(count)
    ]


# When the run of many rows was to end: its last minute is cut off.
MANY_END = {"run-1": datetime.fromtimestamp(START_US / 1e6, UTC) + timedelta(minutes=9)}
