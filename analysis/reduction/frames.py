"""Small tables as data frames: executed in a fixed order, summed, or empty."""

from __future__ import annotations

import ibis
import pandas as pd


def frame_of(table: ibis.Table) -> pd.DataFrame:
    """Executed, and in the order of its columns."""
    return in_order(table.to_pandas())


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """In the order of its columns: engines return groups in any order."""
    return frame.sort_values(list(frame.columns), ignore_index=True)


def empty_frame(columns: str) -> pd.DataFrame:
    """No lines of these columns, which are named in one string."""
    return pd.DataFrame({name: pd.Series(dtype="int64") for name in columns.split()})


def sums_by(frame: pd.DataFrame, keys: list[str], counts: list[str]) -> pd.DataFrame:
    """The sums of some columns by the values of others; null is a value as any other."""
    return frame.groupby(keys, dropna=False, observed=True)[counts].sum().reset_index()
