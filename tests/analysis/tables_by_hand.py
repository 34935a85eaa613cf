"""Tables for the tests of the verdict: sketched runs, and what can be done to them."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.model import Decision, State
from analysis.planning.sketch import Sketch
from analysis.planning.sketched_tables import sketched_tables
from analysis.planning.tables_of_cells import tables_of
from analysis.reduction.tables import Tables

# A run of two minutes on one host.
SHORT = {"minutes": 2, "hosts": 1, "platforms": ("Linux",), "clients": ("websocket-client",), "delays_us": (0,)}
# Yes or no for each row of a frame.
Mask: TypeAlias = "pd.Series[bool] | npt.NDArray[np.bool_]"


@functools.cache
def sketched(seed: int = 1, **given: Any) -> Tables:
    """A run of the sketch; the same object for the same arguments."""
    return sketched_tables(Sketch(**given), np.random.default_rng(seed))


def frames(tables: Tables) -> dict[str, pd.DataFrame]:
    return {name: frame for name, frame in vars(tables).items() if isinstance(frame, pd.DataFrame)}


def on_every_frame(tables: Tables, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Tables:
    """The tables with every frame changed by one function."""
    changed: dict[str, Any] = {name: change(frame) for name, frame in frames(tables).items()}
    return replace(tables, **changed)


def no_attempts() -> Tables:
    """A run without a single attempt."""
    return on_every_frame(sketched(), lambda frame: frame.iloc[:0])


def with_cells(tables: Tables, **columns: Any) -> Tables:
    """The tables that go with changed cells (columns are functions of the cells)."""
    return tables_of(tables.cells.assign(**columns), np.random.default_rng(1))


def only(tables: Tables, keep: Callable[[pd.DataFrame], Mask]) -> Tables:
    """The rows of all frames for which `keep(frame)` holds; frames without its columns stay."""

    def chosen(frame: pd.DataFrame) -> pd.DataFrame:
        try:
            return frame[keep(frame)].reset_index(drop=True)
        except KeyError:
            return frame

    return on_every_frame(tables, chosen)


def renamed(tables: Tables, column: str, names: Mapping[str, str]) -> Tables:
    """Other names in one column of every frame."""

    def change(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{column: frame[column].map(names)}) if column in frame else frame

    return on_every_frame(tables, change)


def states(decision: Decision) -> dict[str, State]:
    return {name: finding.state for name, finding in decision.claims.items()}


def one_minute(tables: Tables, minutes: int = 1) -> Tables:
    first = int(tables.cells["minute"].min())
    cells = tables.cells[tables.cells["minute"] < first + minutes].reset_index(drop=True)
    return tables_of(cells, np.random.default_rng(1))


def with_sessions(
    tables: Tables,
    died: Mapping[str, int],
    *,
    sessions: int = 2000,
    cause: str = "reset",
    where: Callable[[pd.DataFrame], Mask] = lambda cells: cells["n"] > 0,
) -> Tables:
    """The tables with so many sessions of each platform, of which some died; spread over its arms, hosts and minutes.

    Args:
        tables: A run.
        died: For each platform how many.
        sessions: Of each platform.
        cause: Of those that died.
        where: Cells whose sessions alone die.
    """
    rng = np.random.default_rng(1)
    held, ended = [], []
    cells = tables.cells[tables.cells["kind"] == "connect"]
    for platform, dead in died.items():
        mine = cells[cells["platform"] == platform]
        drawn = mine.iloc[rng.integers(0, len(mine), sessions)]
        hit = mine[where(mine)]
        held.append(drawn.assign(n=1, auth=0, auth_fresh=0, explicit=0, format=0, failed=np.arange(sessions) < dead))
        ended.append(hit.iloc[rng.integers(0, len(hit), dead)])
    columns = list(tables.sessions.columns)
    rows = pd.concat(ended)
    second = rows["minute"].to_numpy() * 60.0 + rng.integers(0, 60, len(rows))
    holds = pd.DataFrame(
        {
            **{name: rows[name].to_numpy() for name in ("host", "platform", "client", "event_loop", "delay_us")},
            "chunk_minute": rows["minute"].to_numpy(),
            "by_peer": True,
            "died": True,
            "parity": rng.integers(0, 2, len(rows)),
            "duration_bin": rng.integers(10, 4000, len(rows)),
            "idle_bin": np.nan,
            "silence_bin": np.nan,
            "end_s": second,
            "cause": cause,
            "close_code": np.nan,
            "n": 1,
        }
    )
    together = pd.concat(held)[columns].reset_index(drop=True)
    return replace(tables, sessions=together.astype({"failed": "int64"}), holds=holds)


def moved(tables: Tables, column: str, mask: Mask, *, fails: bool = True) -> Tables:
    """All attempts of the mask's rows fail and are explained by the column."""
    hit = np.where(mask, tables.cells["n"], 0)
    rest = {name: np.where(mask, 0, tables.cells[name]) for name in ("residual", "timeouts")}
    return with_cells(tables, **{**rest, column: hit, "bad": np.where(mask, hit if fails else 0, tables.cells["bad"])})
