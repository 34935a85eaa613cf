"""Many simulated runs through one scan: most of a small run's reduction is the planning of its queries.

Each run's places and people get its number in front ("7|Windows"), the runs are reduced as one, and the
small tables are taken apart by that number. Each run's tables are those it would have had alone, but for
`totals`, which are counted again from its own tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.reduction.reduce import reduce
from analysis.reduction.tables import Tables
from analysis.runs.engine import open_rows

# Every name that a table of the reduction keys on, and the two that it counts by.
MARKED: Final = ("run_id", "worker", "subject", "host", "platform")
# Columns that hold such names among others: users among operations, and among the levels of what may differ.
MIXED: Final = ("subject", "level")
MARK: Final = "|"


def reduce_together(runs: Sequence[pa.Table]) -> list[Tables]:
    """The small tables of each run.

    Args:
        runs: Rows of the contract (`simulate.simulate_rows`), each of one run.
    """
    rows = pa.concat_tables([_marked(run, number) for number, run in enumerate(runs)])
    tables = reduce(open_rows(rows))
    names = [field.name for field in fields(Tables) if field.name not in ("totals", "notes")]
    split = {name: _taken_apart(getattr(tables, name), len(runs)) for name in names}
    return [_of_one(split, number, run) for number, run in enumerate(runs)]


def _of_one(split: Mapping[str, list[pd.DataFrame]], number: int, run: pa.Table) -> Tables:
    frames: dict[str, Any] = {name: parts[number] for name, parts in split.items()}
    return Tables(**frames, totals=_totals(frames["cells"], run))


def _marked(run: pa.Table, number: int) -> pa.Table:
    for name in MARKED:
        values = run[name].combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        marked = pc.binary_join_element_wise(pa.scalar(str(number)), values, MARK)
        run = run.set_column(run.column_names.index(name), name, marked)
    return pa.table({name: _plain(run[name]) for name in run.column_names})


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _taken_apart(frame: pd.DataFrame, runs: int) -> list[pd.DataFrame]:
    if len(frame) == 0:
        return [frame] * runs
    plain = frame.copy()
    number = np.zeros(len(frame), dtype=np.int64)
    for name in dict.fromkeys((*MIXED, *MARKED)):
        if name in frame.columns:
            codes, values = pd.factorize(frame[name])
            marks = [str(value).partition(MARK) for value in values]
            if name not in MIXED:
                number = np.array([int(mark) for mark, _, _ in marks], dtype=np.int64)[codes]
            plain[name] = np.array([rest if sign else mark for mark, sign, rest in marks], dtype=object)[codes]
    order = np.argsort(number, kind="stable")
    cuts = np.searchsorted(number[order], np.arange(1, runs))
    return [plain.iloc[part].reset_index(drop=True) for part in np.split(order, cuts)]


def _totals(cells: pd.DataFrame, run: pa.Table) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "attempts": [int(cells["n"].sum())],
            "rows": [run.num_rows],
            "timeouts": [int(cells["timeouts"].sum())],
            "aborted": [pc.sum(pc.equal(_plain(run["outcome"]), "aborted")).as_py() or 0],
            "dropped_tail": [0],
            "retries": [int(cells["retries"].sum())],
            "hosts": [int(cells["host"].nunique())],
            "first_minute": [cells["minute"].min()],
            "last_minute": [cells["minute"].max()],
            "simulated": [0],
        }
    )
