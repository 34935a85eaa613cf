"""Bins of whole numbers, and lots that are drawn by a connection's number."""

import ibis
import pandas as pd
import pytest

from analysis.reduction.expressions import count_if, lot, step


def test_a_number_falls_into_the_bin_whose_lower_edge_it_reached_and_the_last_one_is_open() -> None:
    rows = ibis.memtable(pd.DataFrame({"n": [0, 31, 32, 39, 40, 127, 128, 9_999]}))
    bins = rows.select("n", bin=step(rows.n, ((32, 1), (128, 8), (0, 1_000)))).to_pandas()
    assert dict(bins.itertuples(index=False)) == {0: 0, 31: 31, 32: 32, 39: 32, 40: 40, 127: 120, 128: 0, 9_999: 9_000}


@pytest.mark.parametrize("one_in", [2, 7])
def test_lots_are_even_and_neighbours_neither_take_turns_nor_share_one(one_in: int) -> None:
    rows = ibis.memtable(pd.DataFrame({"connection": range(7_000)}))
    drawn = rows.select("connection", drawn=lot(rows.connection) % one_in == 0).to_pandas().sort_values("connection")
    assert drawn["drawn"].mean() == pytest.approx(1 / one_in, rel=0.05)
    changes = (drawn["drawn"] != drawn["drawn"].shift())[1:].mean()
    assert 0.2 < changes < 0.8


def test_nothing_meets_a_condition_in_no_rows() -> None:
    rows = ibis.memtable(pd.DataFrame({"n": pd.Series([], dtype="int64")}))
    assert rows.agg(count=count_if(rows.n > 0)).to_pandas()["count"].tolist() == [0]
