"""Logarithmic bins: what falls into one lies between its edges."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from analysis.reduction.log_bins import edge_s, log_bin, middle_s


@pytest.mark.parametrize("per_decade", [20, 40])
def test_a_duration_lies_between_the_edges_of_its_bin(per_decade: int) -> None:
    durations_us = np.geomspace(1.7, 9e7, 200)
    rows = ibis.memtable(pd.DataFrame({"us": durations_us}))
    bins = rows.select("us", bin=log_bin(rows.us, per_decade)).to_pandas()
    assert (edge_s(bins["bin"], per_decade) <= bins["us"] / 1e6).all()
    assert (bins["us"] / 1e6 <= edge_s(bins["bin"] + 1, per_decade)).all()


def test_everything_under_a_microsecond_is_in_the_first_bin() -> None:
    rows = ibis.memtable(pd.DataFrame({"us": [0, 1]}))
    assert rows.select(bin=log_bin(rows.us, 20)).to_pandas()["bin"].tolist() == [0, 0]


def test_the_middle_is_the_geometric_one() -> None:
    (middle,) = middle_s(pd.Series([40]), 20)
    assert middle**2 == pytest.approx(edge_s(40.0, 20) * edge_s(41.0, 20))


def test_a_decade_is_ten_times_as_long() -> None:
    assert edge_s(60.0, 20) == pytest.approx(10 * edge_s(40.0, 20))
