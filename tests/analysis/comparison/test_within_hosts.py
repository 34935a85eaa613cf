from typing import Any

import numpy as np
import pytest

from analysis.comparison.view import View, view_of
from analysis.comparison.within_hosts import difference, effects_by_host, over_hosts
from analysis.model import Criteria
from tests.analysis.tables_by_hand import sketched, with_cells
from tests.typed import known


def view(**given: Any) -> View:
    return view_of(sketched(2, **given), Criteria())


def test_every_host_has_its_own_difference_of_two_clients() -> None:
    found = view(suspect="client", effect=0.05)
    cells = found.compared
    own = effects_by_host(found, cells, cells.library == found.libraries.index("websocket-client"))
    assert set(own) == set(range(6))
    assert all(one.value == pytest.approx(0.05, abs=0.02) for one in own.values())
    whole = known(over_hosts("a against b", own))
    assert whole.sides[0].hosts == 6
    assert whole.estimate.value == pytest.approx(np.mean([one.value for one in own.values()]))


def test_sides_the_other_way_round_have_the_other_sign() -> None:
    found = view(suspect="client", effect=0.05)
    cells = found.compared
    exposed = cells.library == 0
    one, two = (known(over_hosts("x", effects_by_host(found, cells, side))).estimate for side in (exposed, ~exposed))
    assert one.value == pytest.approx(-two.value)
    assert one.interval()[0] == pytest.approx(-two.interval()[1])


def test_a_host_with_one_side_only_has_none_and_one_host_is_no_sample() -> None:
    tables = sketched(2)
    there = (tables.cells["host"] == "Linux-0") | (tables.cells["client"] == "websocket-client")
    found = view_of(with_cells(tables, client=np.where(there, tables.cells["client"], "websocket-client")), Criteria())
    cells = found.compared
    own = effects_by_host(found, cells, cells.library == 0)
    assert [found.hosts[h][0] for h in own] == ["Linux-0"]
    assert over_hosts("x", own) is None


def test_what_an_effect_is_more_than_itself_is_nothing_with_twice_the_variance() -> None:
    found = view()
    cells = found.compared
    one = effects_by_host(found, cells, cells.library == 0)[0]
    none = difference(one, one)
    assert none.value == 0.0
    assert none.variance == 2 * one.variance
    assert not none.scores.any()
