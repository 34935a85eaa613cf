"""Ibis expressions that several group-bys share: counts of a condition, bins of whole numbers."""

from __future__ import annotations

from typing import Any, Final

import ibis

from analysis.reduction.explain import NUMBER_OF

OF_THE_TARGET: Final = (NUMBER_OF["explicit"], NUMBER_OF["residual"])


def count_if(condition: Any) -> Any:
    """How many rows meet a condition; 0 of none."""
    return condition.ifelse(1, 0).sum().fill_null(0)


def sum_if(moments: ibis.Table, condition: Any) -> Any:
    """How many waits are in the moments that meet a condition; 0 of none."""
    return condition.ifelse(moments.n, 0).sum().fill_null(0)


def lot(connection: Any) -> Any:
    """A number that is drawn by a connection's own, evenly: to take one in so many, or halves, alike in every run.

    The high bits of a linear congruential step (Knuth, TAOCP 2, 3.2.1): neighbours fall on either side.
    """
    return (connection % 2**31 * 1_103_515_245 + 12_345) // 65_536


def step(value: Any, steps: tuple[tuple[int, int], ...]) -> Any:
    """The lower edge of a whole number's bin; `steps` are (below, width), the last one open-ended."""
    closed = [(value < below, value // width * width) for below, width in steps[:-1]]
    return ibis.cases(*closed, else_=value // steps[-1][1] * steps[-1][1])
