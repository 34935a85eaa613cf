"""Checks that a run folder with two platforms shows both: pure functions over its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, order=True)
class Cell:
    """One combination of the plan on one platform."""

    platform: str
    client: str
    event_loop: str
    delay_s: float


def connects_by_cell(connects: Iterable[Mapping[str, Any]]) -> dict[Cell, Counter[str]]:
    """How the connects of each cell ended: `{cell: {outcome: count}}`.

    Args:
        connects: Rows of kind connect, with the columns that `Cell` names, and `outcome`.
    """
    cells: dict[Cell, Counter[str]] = {}
    for row in connects:
        cell = Cell(row["platform"], row["client"], row["event_loop"], row["delay_s"])
        cells.setdefault(cell, Counter())[row["outcome"]] += 1
    return dict(sorted(cells.items()))


def imbalance(connects: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The largest difference between two cells' connects, by host, over one block of the plan.

    By host and not by worker: a Locust worker deals one plan to all of its clients, but an asyncio client's process
    writes its rows as a worker of its own.

    Args:
        connects: Rows of kind connect and of one block, with `host`, `client`, `delay_s`, `mitigation`; one Locust
            worker on each host.
    """
    dealt: dict[str, Counter[tuple[str, float, str]]] = {}
    for row in connects:
        arms = (row["client"], row["delay_s"], row["mitigation"])
        dealt.setdefault(row["host"], Counter())[arms] += 1
    every = set().union(*dealt.values())
    return {
        host: max(counts[arms] for arms in every) - min(counts[arms] for arms in every)
        for host, counts in dealt.items()
    }


def read_rows(folder: Path, *columns: str) -> list[dict[str, Any]]:
    """Columns of a run's attempts, ordered by their start."""
    # Imported here: the Windows side imports this package, and has no pyarrow.
    import pyarrow.parquet as pq

    table = pq.read_table(sorted((folder / "attempts").glob("*.parquet")), columns=[*columns, "started_at"])
    rows: list[dict[str, Any]] = table.sort_by("started_at").to_pylist()
    return rows
