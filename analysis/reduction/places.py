"""Numbers for names: places, workers and arms are numbered, so that rows are joined and grouped by short keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.reduction.keys import PLACE_KEYS, WORKER_KEYS


def numbered(frame: pd.DataFrame, keys: Sequence[str], name: str) -> pd.DataFrame:
    """The different values of the keys, numbered from 0 in a column of this name."""
    distinct = frame[list(keys)].drop_duplicates(ignore_index=True)
    return distinct.assign(**{name: np.arange(len(distinct), dtype="int64")})


def places_of(census: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers of workers and their places for the join with rows (site ""), and the places' names."""
    waits = census[census["is_wait"]]
    places = numbered(waits, PLACE_KEYS, "place")
    numbers = numbered(waits, WORKER_KEYS, "worker_number").merge(places, on=list(PLACE_KEYS))
    return numbers.assign(site=numbers["site"].fillna("")), places


def telling(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The frame without the keys that it does not take to tell its lines apart.

    A join compares all keys it is given, in every row: a single run, one mitigation, or the host and the
    platform of a worker add nothing.
    """
    for name in keys:
        others = [key for key in keys if key != name and key in frame.columns]
        if others and not frame.duplicated(others).any():
            frame = frame.drop(columns=name)
    return frame
