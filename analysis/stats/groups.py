"""Sums by group over plain arrays: the few hundred group-bys of a verdict, without a frame for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Numbers = Ints | Floats

# A table of all combinations that there could be is quicker than sorting those that there are, while it has fewer
# places than this, or than so many a row.
SMALL_TABLE: Final = 4096
PLACES_A_ROW: Final = 8


def sums(group: Ints, values: Numbers | Bools, size: int = 0) -> Floats:
    """Sum of the values of each group.

    Args:
        group: (rows,) whole numbers from 0.
        values: (rows,).
        size: At least so many groups.

    Returns:
        (groups,) where groups is the larger of `size` and the highest group plus one.
    """
    # Without rows NumPy counts in whole numbers.
    return cast("Floats", np.bincount(group, weights=values, minlength=size).astype(np.float64, copy=False))


def combined(*keys: Ints) -> tuple[Ints, int]:
    """One whole number from 0 for each combination of keys that occurs, and how many there are.

    Args:
        keys: Each (rows,), whole numbers from 0.
    """
    if not keys or len(keys[0]) == 0:
        return np.zeros(0, dtype=np.int64), 0
    joint, size = keys[0], int(keys[0].max()) + 1
    for key in keys[1:]:
        levels = int(key.max()) + 1
        joint, size = joint * levels + key, size * levels
    if size > max(SMALL_TABLE, PLACES_A_ROW * len(joint)):
        unique, inverse = np.unique(joint, return_inverse=True)
        return inverse.astype(np.int64), len(unique)
    is_there = np.zeros(size, dtype=np.bool_)
    is_there[joint] = True
    place = np.cumsum(is_there, dtype=np.int64) - 1
    return place[joint], int(place[-1]) + 1


def first_of(group: Ints, values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """A value that is the same within a group, once a group."""
    out = np.zeros(size, dtype=values.dtype)
    out[group] = values
    return out


def counts_of(frame: pd.DataFrame, column: str) -> Ints:
    """A column of whole numbers as an array."""
    counts: Ints = frame[column].to_numpy(dtype=np.int64)
    return counts


def coded(values: pd.Series[Any]) -> tuple[Ints, tuple[Any, ...]]:
    """Whole numbers from 0 for the values in sorted order, and the values; null is -1."""
    codes, uniques = pd.factorize(values, sort=True, use_na_sentinel=True)
    return codes.astype(np.int64), tuple(uniques)


def coded_as(values: pd.Series[Any], names: Sequence[Any]) -> Ints:
    """Place of each value among the names; -1: it is not there."""
    places: Ints = pd.Index(names).get_indexer(pd.Index(values)).astype(np.int64)
    return places


def coded_pair(first: pd.Series[Any], second: pd.Series[Any]) -> tuple[Ints, tuple[tuple[Any, Any], ...]]:
    """As `coded`, for pairs of non-null values."""
    one, ones = coded(first)
    two, twos = coded(second)
    joint = one * max(1, len(twos)) + two
    unique, inverse = np.unique(joint, return_inverse=True)
    pairs = tuple((ones[int(u) // len(twos)], twos[int(u) % len(twos)]) for u in unique)
    return inverse.astype(np.int64), pairs


def overlap(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    """How much two distributions share, 0 (nothing) to 1 (the same): sum of the smaller shares."""
    one, two = np.asarray(first, float), np.asarray(second, float)
    if one.sum() <= 0 or two.sum() <= 0:
        return 0.0
    return float(np.minimum(one / one.sum(), two / two.sum()).sum())


def share_of(part: float | Floats, whole: float | Floats) -> float:
    """A part of a whole; 0 of nothing."""
    return float(part) / float(whole) if whole else 0.0
