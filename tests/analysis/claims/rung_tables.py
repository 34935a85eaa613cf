"""Runs, as small tables, whose timeouts have rungs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.reduction.tables import Tables
from analysis.stats.groups import Bools
from tests.analysis.tables_by_hand import with_cells


def inside(cells: pd.DataFrame, only: Mapping[str, Any]) -> Bools:
    """Rows in which each column has the value, or one of the values, that is named."""
    chosen: Bools = np.ones(len(cells), dtype=np.bool_)
    for column, value in only.items():
        chosen &= cells[column].isin(value if isinstance(value, list) else [value]).to_numpy()
    return chosen


def asked(tables: Tables, **counts: Any) -> Tables:
    """The kernel was asked of each timeout, and says it of none that it was lost on the way, but for what is given."""
    told = {"placed": tables.cells["timeouts"], "may_be_way": 0}
    return with_cells(tables, **told | counts)


def lost(
    tables: Tables, share: float = 0.03, *, facts: Sequence[str] = ("on_way", "may_be_way"), seed: int = 1, **only: Any
) -> Tables:
    """A share more of the attempts runs out and has these facts, in the cells that `only` names."""
    cells = tables.cells
    drawn = np.random.default_rng(seed).binomial(cells["n"] - cells["bad"], share)
    hit = np.where(inside(cells, only), drawn, 0)
    counted = ("bad", "timeouts", "placed") if "client_loop" in facts else ("bad", "timeouts", "placed", "residual")
    more = {name: cells[name] + hit for name in counted}
    return with_cells(tables, **more, **{name: cells[name] + hit for name in facts})


def with_addresses(tables: Tables, share_of: Mapping[str, float]) -> Tables:
    """The target's addresses by name, and of each the share of its attempts that was lost on the way."""
    by_host = tables.cells.groupby(["host", "platform", "site"], as_index=False)["n"].sum()
    parts = [
        by_host.assign(peer_address=name, n=by_host["n"] // len(share_of), on_way=(by_host["n"] * share).astype(int))
        for name, share in share_of.items()
    ]
    return replace(tables, peers=pd.concat(parts, ignore_index=True))
