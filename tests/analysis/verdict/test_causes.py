from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.model import CauseShare
from analysis.planning.sketch import Suspect
from analysis.reduction.tables import Tables
from tests.analysis.claims.rung_tables import asked, lost
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import sketched, with_cells
from tests.kit.examples import examples
from tests.typed import known


def shares(tables: Tables) -> dict[str, CauseShare]:
    """By cause; no claim need look at the data for them."""
    return {one.name: one for one in decided_alone(tables).causes}


@settings(max_examples=examples(1 / 8), deadline=None)
@given(st.sampled_from(["none", "latency", "platform", "platform_x_latency", "client"]), st.integers(1, 8))
def test_shares_are_disjoint_and_exhaust_the_failures(suspect: Suspect, seed: int) -> None:
    found = shares(sketched(seed, suspect=suspect, effect=0.03, minutes=20, hosts=2))
    assert sum(one.share for one in found.values()) == pytest.approx(1.0)
    for one in found.values():
        assert 0 <= one.share <= 1
        assert known(one.low) <= one.share + 0.05
        assert known(one.high) >= one.share - 0.05


def test_what_the_arms_add_is_latencys_where_all_platforms_show_it() -> None:
    found = shares(sketched(1, suspect="latency", effect=0.05, base_risk=0.001))
    assert found["latency"].share > 0.8


def test_what_one_platform_adds_is_the_interactions() -> None:
    found = shares(sketched(1, suspect="platform_x_latency", effect=0.05, base_risk=0.001))
    assert found["platform_x_latency"].share > 0.8


def test_named_causes_are_counted_as_they_are() -> None:
    tables = sketched(1, base_risk=0.0)
    third = [np.where(tables.cells.index % 3 == i, tables.cells["n"] // 2, 0) for i in range(3)]
    cells = tables.cells.assign(auth=third[0], client_loop=third[1], explicit=third[2], bad=np.sum(third, axis=0))
    found = shares(replace(tables, cells=cells))
    assert set(found) >= {"auth", "client_loop", "server"}
    assert found["auth"].share == pytest.approx(third[0].sum() / np.sum(third))


def test_what_the_way_lost_is_the_networks_unless_somebody_was_spared_it() -> None:
    tables = asked(sketched(1, base_risk=0.001))
    found = shares(lost(tables, 0.03))
    assert found["network"].share > 0.9
    spared = shares(lost(tables, 0.03, platform="Windows"))
    assert "network" not in spared
    assert sum(one.share for one in spared.values()) == pytest.approx(1.0)


def test_nothing_failed_has_no_shares() -> None:
    tables = sketched(1)
    assert decided_alone(with_cells(tables, bad=0, residual=0, timeouts=0)).causes == ()
